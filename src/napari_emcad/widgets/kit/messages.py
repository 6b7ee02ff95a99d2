"""The message line: one sentence, the last result or error, to be copied."""

import traceback

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QFrame, QHBoxLayout, QPushButton, QWidget

from napari_emcad.core.errors import UserError
from napari_emcad.widgets.kit.forms import text

_STYLE = """
#message { border: 0; border-left: 4px solid transparent; }
#message[kind="result"] { border-left-color: #3fa34d; }
#message[kind="error"] { border-left-color: #e5484d; }
"""


class MessageLine(QFrame):
    """Shows one sentence; what is behind an error goes with it when it is copied."""

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self.setObjectName("message")
        self.setStyleSheet(_STYLE)
        self._details = ""
        self._label = text()
        self._label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._copy = QPushButton("Copy")
        self._copy.setToolTip("Copy this sentence; with an unexpected error also its details.")
        self._copy.clicked.connect(self.copy)
        row = QHBoxLayout(self)
        row.setContentsMargins(6, 2, 2, 2)
        row.addWidget(self._label, 1)
        row.addWidget(self._copy, 0, Qt.AlignmentFlag.AlignTop)
        self.say("")

    @property
    def text(self) -> str:
        """The sentence shown."""
        return self._label.text()

    @property
    def details(self) -> str:
        """What is copied."""
        return self._details

    @property
    def kind(self) -> str:
        """One of hint, result and error."""
        return self.property("kind")

    def say(self, sentence: str, kind: str = "hint") -> None:
        """Show a sentence: a "hint" on what to do next, a "result" or an "error"."""
        self._details = sentence
        self._label.setText(sentence)
        self._copy.setVisible(bool(sentence) and kind != "hint")
        self.setProperty("kind", kind)
        self.style().unpolish(self)
        self.style().polish(self)

    def result(self, sentence: str) -> None:
        """Show what was done."""
        self.say(sentence, "result")

    def error(self, error: Exception) -> None:
        """Show an error, with its traceback ready to be copied where it was not foreseen."""
        self.say(sentence_of(error), "error")
        if not isinstance(error, UserError):
            self._details = "".join(traceback.format_exception(error))

    def copy(self) -> None:
        """To the clipboard."""
        QApplication.clipboard().setText(self._details)


def sentence_of(error: Exception) -> str:
    """One sentence for an error."""
    if isinstance(error, UserError):
        return str(error)
    said = str(error).strip().splitlines()
    what = f"{type(error).__name__}: {said[0][:200]}" if said else type(error).__name__
    return f"Something went wrong that should not have ({what}); press Copy and report the details."
