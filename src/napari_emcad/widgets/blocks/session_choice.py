"""The row that shows and chooses a session folder: a new name, or a session that is not finished."""

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QMenu, QToolButton, QWidget

from napari_emcad.widgets.kit.session_place import SUFFIX

FILES = "Sessions (*.emcad)"


class SessionChoice(QWidget):
    """A path, and a button that looks for one.

    Signals
    -------
    changed
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self._path, self._look = QLineEdit(), QToolButton()
        self._path.setToolTip(f"Folder of the session, a name that ends in {SUFFIX}; an unfinished session is resumed.")
        self._look.setText("...")
        self._look.setStyleSheet("QToolButton::menu-indicator { image: none; }")  # it would lie over the text
        self._look.setToolTip("Choose a new name, or a session that is not finished.")
        menu = QMenu(self)
        new, unfinished = QAction("New session ...", menu), QAction("Unfinished session ...", menu)
        new.triggered.connect(self._ask_new)
        unfinished.triggered.connect(self._ask_unfinished)
        menu.addActions([new, unfinished])
        self._look.setMenu(menu)
        self._look.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._path, 1)
        row.addWidget(self._look)
        self._path.textChanged.connect(self._on_text)

    @property
    def folder(self) -> Path | None:
        """The folder named; None if none is."""
        text = self._path.text().strip()
        return Path(text).expanduser() if text else None

    @folder.setter
    def folder(self, folder: Path | None) -> None:
        self._path.setText("" if folder is None else str(folder))
        self._path.setCursorPosition(len(self._path.text()))

    def _on_text(self, _text: str) -> None:
        self.changed.emit()

    def _ask_new(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "New session", str(self.folder or ""), FILES)
        if name:
            self.folder = Path(name).with_suffix(SUFFIX)

    def _ask_unfinished(self) -> None:
        start = str(self.folder.parent) if self.folder else ""
        name = QFileDialog.getExistingDirectory(self, "Unfinished session", start)
        if name:
            self.folder = Path(name)
