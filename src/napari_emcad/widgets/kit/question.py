"""A question in a panel, with two answers; no dialog that takes the window away."""

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_emcad.widgets.kit.forms import text


class Question(QFrame):
    """Hidden until something is asked; the last question counts.

    Signals
    -------
    accepted
        The answer is yes.
    dropped
        A person has answered no.
    """

    accepted = Signal()
    dropped = Signal()

    def __init__(self, yes: str, no: str, parent: QWidget | None = None):
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.words = ""
        self._label = text()
        self.yes_button, self.no_button = QPushButton(yes), QPushButton(no)
        buttons = QHBoxLayout()
        for button in (self.yes_button, self.no_button):
            buttons.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 4, 6, 4)
        column.addWidget(self._label)
        column.addLayout(buttons)
        self.yes_button.clicked.connect(self._on_yes)
        self.no_button.clicked.connect(self._on_no)
        self.setVisible(False)

    def put(self, words: str) -> None:
        """Ask; empty words ask nothing."""
        if words != self.words:
            self.words = words
            self._label.setText(words)
            self.setVisible(bool(words))

    def drop(self) -> None:
        """Ask no more."""
        self.put("")

    def _on_yes(self) -> None:
        self.drop()
        self.accepted.emit()

    def _on_no(self) -> None:
        self.drop()
        self.dropped.emit()
