"""The rows that show and choose a model: the choice, "Open file...", and its card."""

from pathlib import Path

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QFileDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_emcad.networks.card import READ_SUFFIXES, ModelCard
from napari_emcad.widgets.desk.model import ModelPick
from napari_emcad.widgets.kit.forms import NarrowCombo, enable, text

FILES = f"Models ({' '.join(f'*{suffix}' for suffix in READ_SUFFIXES)});;All files (*)"


class ModelChoice(QWidget):
    """The choice, a button that opens a file, the card in one line, and (i) for all of it."""

    def __init__(self, pick: ModelPick, parent: QWidget | None = None):
        super().__init__(parent)
        self._pick = pick
        self.combo = NarrowCombo()
        self.open_button = QPushButton("Open file...")
        self.open_button.setToolTip(f"Choose a checkpoint: {', '.join(READ_SUFFIXES[:-1])} or {READ_SUFFIXES[-1]}.")
        self._line = text()
        self._info = QPushButton("(i)")
        self._info.setFixedWidth(34)
        self._lay_out()
        self.open_button.clicked.connect(self._ask)
        self._info.clicked.connect(self._show_card)
        self.combo.currentIndexChanged.connect(self._on_index)
        pick.offers_changed.connect(self._fill)
        pick.changed.connect(self._update)
        self._fill()

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

    def _fill(self) -> None:
        with QSignalBlocker(self.combo):
            self.combo.clear()
            for words, path in self._pick.offers.items():
                self.combo.addItem(words, path)
        self._update()

    def _on_index(self, _index: int) -> None:
        self._pick.path = self.combo.currentData()

    def _update(self) -> None:
        pick = self._pick
        with QSignalBlocker(self.combo):
            self.combo.setCurrentIndex(list(pick.offers.values()).index(pick.path) if pick.offers else -1)
        self.combo.setToolTip(str(pick.path or "Models that have a name, then files used lately."))
        self._line.setText(pick.line)
        for part in (self._line, self._info):
            part.setVisible(pick.path is not None or not pick.is_optional)
        unread = "The model has not been read yet." if pick.path else "No model is chosen."
        enable(self._info, "" if pick.card else unread, card_text(pick.card))

    def _ask(self) -> None:
        folder = str(self._pick.path.parent) if self._pick.path else ""
        path, _ = QFileDialog.getOpenFileName(self, "Open a model", folder, FILES)
        if path:
            self._pick.open_file(Path(path))

    def _show_card(self) -> None:
        if self._pick.card is not None:
            CardDialog(self._pick.card, self).exec()


class CardDialog(QDialog):
    """Shows every fact of a card."""

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
    """Return every fact that is stated, one a line."""
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
