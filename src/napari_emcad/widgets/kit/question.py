"""A question in a panel, with two answers; no dialog that takes the window away."""

from collections.abc import Callable

from qtpy.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_emcad.widgets.kit.forms import text


class Question(QFrame):
    """Hidden until something is asked; the last question counts."""

    def __init__(self, yes: str, no: str, parent: QWidget | None = None):
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self._then: Callable[[], None] | None = None
        self._words = text()
        self.yes_button, self.no_button = QPushButton(yes), QPushButton(no)
        buttons = QHBoxLayout()
        for button in (self.yes_button, self.no_button):
            buttons.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 4, 6, 4)
        column.addWidget(self._words)
        column.addLayout(buttons)
        self.yes_button.clicked.connect(self._on_yes)
        self.no_button.clicked.connect(self.drop)
        self.setVisible(False)

    @property
    def words(self) -> str:
        """What is asked; empty where nothing is."""
        return self._words.text() if self._then else ""

    def ask(self, words: str, then: Callable[[], None]) -> None:
        """Ask; `then` is called where the answer is yes."""
        self._words.setText(words)
        self._then = then
        self.setVisible(True)

    def drop(self) -> None:
        """Ask no more."""
        self._then = None
        self.setVisible(False)

    def _on_yes(self) -> None:
        then = self._then
        self.drop()
        then()
