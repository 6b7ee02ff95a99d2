"""The history of a session: what was done, newest first; what is undone is grey."""

import time

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QBrush
from qtpy.QtWidgets import QListWidget, QListWidgetItem, QWidget

from napari_emcad.proofreading.rows import LogRow
from napari_emcad.proofreading.session import Session
from napari_emcad.widgets.proofread.history_text import edit_text

SHOWN = 500
"""Rows that are listed at most."""

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
        in_force = set(session.in_force)
        edits = [row for row in session.log.rows if row.kind not in ("undo", "redo")]
        for row in edits[: -SHOWN - 1 : -1]:
            self.addItem(self._item(row, row.seq in in_force))

    def _item(self, row: LogRow, is_in_force: bool) -> QListWidgetItem:
        clock = time.strftime("%H:%M", time.localtime(row.time))
        item = QListWidgetItem(f"{clock}  {edit_text(row)}{'' if is_in_force else '  (undone)'}")
        item.setData(Qt.ItemDataRole.UserRole, row)
        if not is_in_force:
            item.setForeground(QBrush(Qt.GlobalColor.gray))
        return item

    def _on_clicked(self, item: QListWidgetItem) -> None:
        self.chosen.emit(item.data(Qt.ItemDataRole.UserRole))
