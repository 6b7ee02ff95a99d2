"""A part of the dock under a heading that folds it."""

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSizePolicy, QToolButton, QVBoxLayout, QWidget

from napari_emcad.widgets.kit.forms import light

_STYLE = """
QToolButton { font-weight: bold; text-align: left; padding: 4px; border: 0; border-left: 4px solid transparent; }
QToolButton[next="true"] { border-left-color: #3fa34d; }
"""


class Section(QWidget):
    """A heading that folds the content under it."""

    def __init__(self, title: str, content: QWidget, is_open: bool = True, parent: QWidget | None = None):
        super().__init__(parent)
        self.content = content
        self._heading = QToolButton()
        self._heading.setText(title)
        self._heading.setCheckable(True)
        self._heading.setAutoRaise(True)
        self._heading.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._heading.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._heading.setStyleSheet(_STYLE)
        self._heading.toggled.connect(self._fold)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self._heading)
        column.addWidget(content)
        self._heading.setChecked(is_open)
        self._fold(is_open)

    @property
    def is_open(self) -> bool:
        """True while the content is visible."""
        return self._heading.isChecked()

    def open(self) -> None:
        """Show the content."""
        self._heading.setChecked(True)

    def light(self, is_lit: bool) -> None:
        """Mark the section as the one in which to go on, or no more."""
        light(self._heading, is_lit)

    def fold(self) -> None:
        """Hide the content."""
        self._heading.setChecked(False)

    def _fold(self, is_open: bool) -> None:
        self.content.setVisible(is_open)
        self._heading.setArrowType(Qt.ArrowType.DownArrow if is_open else Qt.ArrowType.RightArrow)
