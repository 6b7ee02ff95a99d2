"""The history of a session: what was done, newest first; what is undone is grey."""

from typing import Any

from qtpy.QtCore import QAbstractListModel, QModelIndex, Qt, Signal
from qtpy.QtGui import QBrush
from qtpy.QtWidgets import QListView, QWidget

from napari_emcad.proofreading.rows import LogRow
from napari_emcad.proofreading.session import Session
from napari_emcad.widgets.proofread.history_text import HistoryLine, history_line

HEIGHT = 110
"""Pixels."""

AT_A_TIME = 200
"""Edits that are listed at first, and with each step to the end of the list."""


class HistoryModel(QAbstractListModel):
    """Edits as Qt's lists ask for them: words are made of those alone that are on screen."""

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self._session: Session | None = None
        self._edits = self._listed = 0

    def put(self, session: Session) -> None:
        """Show the edits of a session; new ones come in at the top."""
        new = len(session.edits) - self._edits
        if session is not self._session or not 0 <= new <= AT_A_TIME:
            self.beginResetModel()
            self._session, self._edits = session, len(session.edits)
            self._listed = min(self._edits, AT_A_TIME)
            self.endResetModel()
            return
        if new:
            self.beginInsertRows(QModelIndex(), 0, new - 1)
            self._edits, self._listed = self._edits + new, self._listed + new
            self.endInsertRows()
        if self._listed:  # others may be undone
            self.dataChanged.emit(self.index(0), self.index(self._listed - 1))

    def line(self, place: int) -> HistoryLine:
        """Return the edit at a place of the list, 0 = the newest."""
        assert self._session is not None, "without a session the list is empty"
        return history_line(self._session, self._session.edits[self._edits - 1 - place])

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return self._listed

    def canFetchMore(self, parent: QModelIndex) -> bool:
        return self._listed < self._edits

    def fetchMore(self, parent: QModelIndex) -> None:
        more = min(AT_A_TIME, self._edits - self._listed)
        self.beginInsertRows(QModelIndex(), self._listed, self._listed + more - 1)
        self._listed += more
        self.endInsertRows()

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role == Qt.ItemDataRole.DisplayRole:
            return self.line(index.row()).words
        if role == Qt.ItemDataRole.ForegroundRole and not self.line(index.row()).is_in_force:
            return QBrush(Qt.GlobalColor.gray)
        return None


class HistoryList(QListView):
    """Edits of a session.

    Attributes
    ----------
    lines : HistoryModel

    Signals
    -------
    chosen : LogRow
        A person wants to see where it was made.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self.lines = HistoryModel(self)
        self.setModel(self.lines)
        self.setUniformItemSizes(True)  # or each line would be made to be measured
        self.setFixedHeight(HEIGHT)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # keys stay with the canvas
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.clicked.connect(self._on_clicked)

    @property
    def marked(self) -> LogRow | None:
        """The edit that is marked."""
        index = self.currentIndex()
        return self.lines.line(index.row()).row if index.isValid() else None

    def put(self, session: Session) -> None:
        """Show the edits of a session, from the newest on."""
        self.lines.put(session)
        self.setCurrentIndex(QModelIndex())
        self.scrollToTop()

    def _on_clicked(self, index: QModelIndex) -> None:
        self.chosen.emit(self.lines.line(index.row()).row)
