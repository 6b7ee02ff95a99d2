"""Which model: a bundled one, a recent one, or a file; with what its card says."""

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QFileDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_emcad.core.errors import UserError
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.zoo import available
from napari_emcad.widgets.forms import NarrowCombo, enable, text
from napari_emcad.widgets.jobs import Ended, JobRunner, one_step
from napari_emcad.widgets.remembered import Remembered

FILES = "Models (*.pt *.ckpt *.pth);;All files (*)"


class ModelChoice(QWidget):
    """The model row: choice, Open file..., the card in one line, and (i) for all of it.

    Signals
    -------
    changed
        Another model is chosen, or its card has been read.
    failed : Exception
        A file is no model.
    """

    changed = Signal()
    failed = Signal(object)

    def __init__(self, remembered: Remembered, parent: QWidget | None = None):
        super().__init__(parent)
        self._remembered = remembered
        self._reader = JobRunner(self)
        self._cards: dict[Path, ModelCard] = {}
        self._unread: Path | None = None
        self.combo = NarrowCombo()
        self.combo.setToolTip("Models that come with the plugin, then files used lately.")
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
        """The weights file chosen; None where there is no model at all."""
        return self.combo.currentData()

    @property
    def card(self) -> ModelCard | None:
        """What is known of it; None until it has been read."""
        return self._cards.get(self.path)

    @property
    def why_not(self) -> str:
        """Why this model cannot segment; empty where it can, or where that is not known yet."""
        if self.path is None:
            return 'Choose a model first: press "Open file..." under Model.'
        if self.path == self._unread:
            return "This file is no model; choose another one."
        if self.card is not None and self.card.role != "student":
            return f"This model is a {self.card.architecture or self.card.role}; a student is needed to segment."
        return ""

    def open_file(self, path: Path) -> None:
        """Choose a file."""
        self._fill(Path(path).expanduser().absolute())
        self._on_choice()

    def read_card(self) -> None:
        """Read the card of the model chosen: at once where it lies beside the weights, else in a thread."""
        if self.path is None or self.card is not None or self._reader.running:
            return
        self._reader.start(one_step(_inspected, self.path), self._on_card)

    def close_reader(self) -> None:
        """Stop reading."""
        self._reader.close()

    def remember(self) -> None:
        """The model chosen has been used."""
        if self.path not in available().values():
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

    def _fill(self, chosen: Path | None) -> None:
        self.combo.blockSignals(True)
        self.combo.clear()
        files = {(f"bundled: {name}" if name != "bundled" else "bundled"): path for name, path in available().items()}
        for path in [*([chosen] if chosen else []), *self._remembered.models]:
            if path not in files.values():
                files[path.name if path.name not in files else str(path)] = path
        for name, path in files.items():
            self.combo.addItem(name, path)
        place = list(files.values()).index(chosen) if chosen else 0
        self.combo.setCurrentIndex(place if files else -1)
        self.combo.blockSignals(False)
        self._show_line()

    def _on_choice(self) -> None:
        self._show_line()
        self.changed.emit()
        self.read_card()

    def _on_card(self, ended: Ended) -> None:
        if ended.error is not None:
            self._unread = self.path
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
            self._line.setText("No model is installed yet: open a file.")
        elif self.card is None:
            self._line.setText("no model" if self.path == self._unread else "reading ...")
        else:
            self._line.setText(self.card.line())
        self.combo.setToolTip(str(self.path or "Models that come with the plugin, then files used lately."))
        enable(self._info, "" if self.card else "The model has not been read yet.", card_text(self.card))

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
