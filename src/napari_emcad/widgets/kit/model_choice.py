"""Which model: one that has a name, a recent one, or a file; with what its card says."""

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QFileDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_emcad.core.errors import UserError
from napari_emcad.networks.card import ModelCard, Role, card_beside
from napari_emcad.networks.zoo import BUNDLED, available_models, bundled_models
from napari_emcad.widgets.kit.forms import NarrowCombo, enable, text
from napari_emcad.widgets.kit.jobs import Ended, JobRunner, one_step
from napari_emcad.widgets.kit.remembered import Remembered

FILES = "Models (*.pt *.ckpt *.pth);;All files (*)"

SEGMENTING: Sequence[Role] = ("student", "teacher")
"""Roles of networks that predict affinities."""


class ModelChoice(QWidget):
    """The model row: choice, Open file..., the card in one line, and (i) for all of it.

    Parameters
    ----------
    remembered : Remembered
    roles : sequence of "student" and "teacher"
        What is wanted. Models that are known to be something else are not offered; a file of such is refused in
        `why_not`.
    nothing : str
        Words for no model at all, offered first; empty where there has to be one.

    Signals
    -------
    changed
        Another model is chosen, or its card has been read.
    failed : Exception
        A file is no model.
    """

    changed = Signal()
    failed = Signal(object)

    def __init__(
        self,
        remembered: Remembered,
        roles: Sequence[Role] = SEGMENTING,
        nothing: str = "",
        parent: QWidget | None = None,
    ):
        super().__init__(parent)
        self._remembered, self._roles, self._nothing = remembered, roles, nothing
        self._reader = JobRunner(self)
        self._cards: dict[Path, ModelCard] = {}
        self._reading: Path | None = None
        self._unread: Path | None = None
        self.combo = NarrowCombo()
        self.open_button = QPushButton("Open file...")
        self.open_button.setToolTip("Choose a checkpoint: .pt, .ckpt or .pth.")
        self._line = text()
        self._info = QPushButton("(i)")
        self._info.setFixedWidth(34)
        self._lay_out()
        self.open_button.clicked.connect(self._ask)
        self._info.clicked.connect(self._show_card)
        self._fill(None)
        self.combo.currentIndexChanged.connect(self._on_choice)

    @property
    def path(self) -> Path | None:
        """The weights file chosen; None where there is none."""
        return self.combo.currentData()

    @property
    def card(self) -> ModelCard | None:
        """What is known of it; None until it has been read."""
        return self._cards.get(self.path)

    @property
    def why_not(self) -> str:
        """Why this model cannot be what is wanted; empty where it can, or where that is not known yet."""
        if self.path is None:
            return "" if self._nothing else f'Choose a {self._wanted} first: press "Open file...".'
        if self.path == self._unread:
            return "This file is no model; choose another one."
        return self._wrong_role

    def open_file(self, path: Path) -> None:
        """Choose a file; it is read anew."""
        path = Path(path).expanduser().absolute()
        self._cards.pop(path, None)
        self._unread = None
        self._fill(path)
        self._on_choice()

    def refresh(self) -> None:
        """Offer what there is now, such as a model that has just been kept; the choice stays."""
        before = self.path
        self._fill(before)
        if self.path != before:
            self._on_choice()

    def read_card(self) -> None:
        """Read the card of the model chosen, in a thread."""
        if self.path is None or self.card is not None or self._reader.running:
            return
        self._reading = self.path
        self._reader.start(one_step(_inspected, self.path), self._on_card)

    def close_reader(self) -> None:
        """Stop reading."""
        self._reader.close()

    def remember(self) -> None:
        """The model chosen has been used."""
        if self.path is not None and self.path not in available_models().values():
            self._remembered.used(self.path)

    def _lay_out(self) -> None:
        first, second = QHBoxLayout(), QHBoxLayout()
        first.addWidget(self.combo, 1)
        first.addWidget(self.open_button)
        second.addWidget(self._line, 1)
        second.addWidget(self._info)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        for row in (first, second):
            row.setSpacing(6)
            column.addLayout(row)

    @property
    def _wanted(self) -> str:
        return " or ".join(self._roles)

    @property
    def _wrong_role(self) -> str:
        """One sentence where the model is known to be something else than wanted."""
        card = self.card
        if card is None or card.role in self._roles:
            return ""
        needed = f"A {self._wanted} is needed, {self.combo.currentText()} is"
        if card.role == "foreground":
            return f"{needed} the network {card.architecture}; choose another one."
        return f"{needed} a {card.role}; choose it as the {card.role}."

    def _fill(self, chosen: Path | None) -> None:
        files = self._files(chosen)
        with QSignalBlocker(self.combo):
            self.combo.clear()
            if self._nothing:
                self.combo.addItem(self._nothing, None)
            for name, path in files.items():
                self.combo.addItem(name, path)
            place = list(files.values()).index(chosen) + bool(self._nothing) if chosen else 0
            self.combo.setCurrentIndex(place if self.combo.count() else -1)
        self._show_line()

    def _files(self, chosen: Path | None) -> dict[str, Path]:
        """Words -> file, in the order in which they are offered."""
        ours = bundled_models()
        named = {f"bundled: {n}" if n in ours and n != BUNDLED else n: path for n, path in available_models().items()}
        files = {name: path for name, path in named.items() if path == chosen or self._may_be_wanted(path)}
        lately = [path for path in self._remembered.models if self._may_be_wanted(path)]
        for path in [*([chosen] if chosen else []), *lately]:
            if path not in files.values():
                files[path.name if path.name not in files else str(path)] = path
        return files

    def _may_be_wanted(self, path: Path) -> bool:
        """Whether it is of a role that is wanted, as far as is known without reading the weights."""
        try:
            card = self._cards.get(path) or card_beside(path)
        except UserError:
            return True  # it is told what is wrong when it is chosen
        return card is None or card.role in self._roles

    def _on_choice(self) -> None:
        self._show_line()
        self.changed.emit()
        self.read_card()

    def _on_card(self, ended: Ended) -> None:
        if ended.error is not None:
            self._unread = self._reading
            self.failed.emit(ended.error)
        else:
            path, card = ended.result
            self._cards[path] = card
        self._show_line()
        self.changed.emit()
        if self.path != self._unread:
            self.read_card()

    def _show_line(self) -> None:
        if self.path is None:
            self._line.setText("" if self._nothing else "There is none yet: open a file.")
        elif self.card is None:
            self._line.setText("no model" if self.path == self._unread else "reading ...")
        else:
            self._line.setText(self._wrong_role or self.card.summary())
        self.combo.setToolTip(str(self.path or "Models that have a name, then files used lately."))
        for part in (self._line, self._info):
            part.setVisible(self.path is not None or not self._nothing)
        unread = "The model has not been read yet." if self.path else "No model is chosen."
        enable(self._info, "" if self.card else unread, card_text(self.card))

    def _ask(self) -> None:
        folder = str(self.path.parent) if self.path else ""
        path, _ = QFileDialog.getOpenFileName(self, "Open a model", folder, FILES)
        if path:
            self.open_file(Path(path))

    def _show_card(self) -> None:
        CardDialog(self.card, self).exec()


class CardDialog(QDialog):
    """All that a card says."""

    def __init__(self, card: ModelCard, parent: QWidget | None = None):
        super().__init__(parent)
        self.setWindowTitle(card.title or "Model")
        self.setMinimumWidth(480)
        words = text(card_text(card))
        words.setTextInteractionFlags(words.textInteractionFlags().TextSelectableByMouse)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addWidget(words)
        column.addWidget(buttons)


def card_text(card: ModelCard | None) -> str:
    """Every fact that is stated, one a line."""
    if card is None:
        return ""
    facts = {field.title or name: getattr(card, name) for name, field in type(card).model_fields.items()}
    return "\n".join(f"{title}: {_value(value)}" for title, value in facts.items() if value not in (None, "", {}))


def _value(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {number:g}" for name, number in value.items())
    if isinstance(value, tuple):
        return " x ".join(f"{n:g}" for n in value) + " nm"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _inspected(path: Path) -> tuple[Path, ModelCard]:
    """Torch comes in here, in a thread."""
    from napari_emcad.networks.checkpoint import inspect

    if not path.is_file():
        raise UserError(f"model: {path} is not there any more; choose another file.")
    return path, inspect(path)
