"""The message line at the foot of the dock: the last hint, result or error in one sentence that can be copied."""

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QFrame, QHBoxLayout, QPushButton, QWidget

from napari_emcad.widgets.desk.message import Message
from napari_emcad.widgets.kit.forms import restyle, text

_STYLE = """
#message { border: 0; border-left: 4px solid transparent; }
#message[kind="result"] { border-left-color: #3fa34d; }
#message[kind="error"] { border-left-color: #e5484d; }
"""


class MessageLine(QFrame):
    """Shows the desk's message, and copies it; an unforeseen error is copied with its details."""

    def __init__(self, message: Message, parent: QWidget | None = None):
        super().__init__(parent)
        self._message = message
        self.setObjectName("message")
        self.setStyleSheet(_STYLE)
        self._label = text()
        self._label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._copy = QPushButton("Copy")
        self._copy.setToolTip("Copy this sentence; with an unexpected error also its details.")
        self._copy.clicked.connect(self.copy)
        row = QHBoxLayout(self)
        row.setContentsMargins(6, 2, 2, 2)
        row.addWidget(self._label, 1)
        row.addWidget(self._copy, 0, Qt.AlignmentFlag.AlignTop)
        message.changed.connect(self._update)
        self._update()

    def copy(self) -> None:
        """Copy the message to the clipboard."""
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self._message.details)

    def _update(self) -> None:
        self._label.setText(self._message.text)
        self._copy.setVisible(bool(self._message.text) and self._message.kind != "hint")
        self.setProperty("kind", self._message.kind)
        restyle(self)
