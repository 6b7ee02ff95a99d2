"""The history of a session: what was done, newest first; what is undone is grey."""

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QBrush
from qtpy.QtWidgets import QListWidget, QListWidgetItem, QWidget

from napari_emcad.proofreading.rows import LogRow
from napari_emcad.proofreading.session import Session
from napari_emcad.widgets.proofread.history_text import HistoryLine, history_lines

HEIGHT = 110
"""Pixels."""


class HistoryList(QListWidget):
    """Edits of a session.

    Signals
    -------
    chosen : LogRow
        A person wants to see where it was made.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self.setFixedHeight(HEIGHT)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # keys stay with the canvas
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.itemClicked.connect(self._on_clicked)

    @property
    def marked(self) -> LogRow | None:
        """The edit that is marked."""
        item = self.currentItem()
        return item.data(Qt.ItemDataRole.UserRole) if item is not None else None

    def put(self, session: Session) -> None:
        """Show the edits of a session."""
        self.clear()
        for line in history_lines(session):
            self.addItem(_item(line))

    def _on_clicked(self, item: QListWidgetItem) -> None:
        self.chosen.emit(item.data(Qt.ItemDataRole.UserRole))


def _item(line: HistoryLine) -> QListWidgetItem:
    item = QListWidgetItem(line.words)
    item.setData(Qt.ItemDataRole.UserRole, line.row)
    if not line.is_in_force:
        item.setForeground(QBrush(Qt.GlobalColor.gray))
    return item
