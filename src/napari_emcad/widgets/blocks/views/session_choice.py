"""The row that shows and chooses a session folder: a new name, or a session that is not finished."""

from pathlib import Path

from qtpy.QtCore import QSignalBlocker
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QMenu, QToolButton, QWidget

from napari_emcad.widgets.blocks.block_session import BlockSession
from napari_emcad.widgets.kit.session_place import SUFFIX

FILES = "Sessions (*.emcad)"


class SessionChoice(QWidget):
    """A path, and a button that looks for one."""

    def __init__(self, session: BlockSession, parent: QWidget | None = None):
        super().__init__(parent)
        self._session = session
        self._path, self._browse = QLineEdit(), QToolButton()
        self._path.setToolTip(f"Folder of the session, a name that ends in {SUFFIX}; an unfinished session is resumed.")
        self._browse.setText("...")
        self._browse.setStyleSheet("QToolButton::menu-indicator { image: none; }")  # it would lie over the text
        self._browse.setToolTip("Choose a new name, or a session that is not finished.")
        menu = QMenu(self)
        new, unfinished = QAction("New session ...", menu), QAction("Unfinished session ...", menu)
        new.triggered.connect(self._ask_new)
        unfinished.triggered.connect(self._ask_unfinished)
        menu.addActions([new, unfinished])
        self._browse.setMenu(menu)
        self._browse.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._path, 1)
        row.addWidget(self._browse)
        self._path.textChanged.connect(self._on_text)
        session.changed.connect(self._update)
        self._update()

    @property
    def _typed(self) -> Path | None:
        text = self._path.text().strip()
        return Path(text).expanduser() if text else None

    def _on_text(self, _text: str) -> None:
        self._session.folder = self._typed

    def _update(self) -> None:
        """Show the folder, and leave alone what is being typed."""
        folder = self._session.folder
        if folder != self._typed:
            with QSignalBlocker(self._path):
                self._path.setText("" if folder is None else str(folder))
                self._path.setCursorPosition(len(self._path.text()))

    def _ask_new(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "New session", str(self._session.folder or ""), FILES)
        if name:
            self._session.folder = Path(name).with_suffix(SUFFIX)

    def _ask_unfinished(self) -> None:
        folder = self._session.folder
        name = QFileDialog.getExistingDirectory(self, "Unfinished session", str(folder.parent) if folder else "")
        if name:
            self._session.folder = Path(name)
