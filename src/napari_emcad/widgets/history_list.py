"""The history of a session: what was done, newest first; what is undone is grey."""

import time

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QBrush
from qtpy.QtWidgets import QListWidget, QListWidgetItem, QWidget

from napari_emcad.proofreading.log import Row
from napari_emcad.proofreading.session import Session

SHOWN = 500
"""Rows that are listed."""

HEIGHT = 110


def told(row: Row) -> str:
    """An edit in a few words, such as "merge 77 <- 91"."""
    effect, moves = row.effect, row.effect.moves
    if row.kind == "merge":
        return f"merge {moves[0].after} <- {moves[-1].before}"
    if row.kind in ("split", "detach", "segment_threshold"):
        sides = ", ".join(str(s) for s in dict.fromkeys(m.after for m in moves))
        return f"{row.kind.replace('_', ' ')} {moves[0].before} -> {sides}"
    if row.kind == "threshold":
        return "threshold {:.2f} -> {:.2f}".format(*effect.threshold)
    if row.kind in ("lock", "unlock"):
        return f"{'done' if row.kind == 'lock' else 'not done'} {row.input['segment']}"
    return row.kind


class HistoryList(QListWidget):
    """Edits of a session.

    Signals
    -------
    chosen : Row
        A person wants to see where it was made.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self.setFixedHeight(HEIGHT)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # keys stay with the canvas
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.itemClicked.connect(self._on_clicked)

    def put(self, session: Session) -> None:
        """Show the edits of a session."""
        self.clear()
        in_force = set(session.in_force)
        edits = [row for row in session.log.rows if row.kind not in ("undo", "redo")]
        for row in edits[: -SHOWN - 1 : -1]:
            self.addItem(self._item(row, row.seq in in_force))

    def _item(self, row: Row, is_in_force: bool) -> QListWidgetItem:
        clock = time.strftime("%H:%M", time.localtime(row.time))
        item = QListWidgetItem(f"{clock}  {told(row)}{'' if is_in_force else '  (undone)'}")
        item.setData(Qt.ItemDataRole.UserRole, row)
        if not is_in_force:
            item.setForeground(QBrush(Qt.GlobalColor.gray))
        return item

    def _on_clicked(self, item: QListWidgetItem) -> None:
        self.chosen.emit(item.data(Qt.ItemDataRole.UserRole))
