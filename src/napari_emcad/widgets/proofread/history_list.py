"""The history of a session: what was done, newest first; what is undone is grey."""

import time
from collections.abc import Callable, Iterable

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QBrush
from qtpy.QtWidgets import QListWidget, QListWidgetItem, QWidget

from napari_emcad.proofreading.rows import LogRow
from napari_emcad.proofreading.session import Session
from napari_emcad.widgets.proofread.keys import ANSWER_WORDS

SHOWN = 500
"""Rows that are listed."""

HEIGHT = 110


def told(row: LogRow) -> str:
    """An edit in a few words, such as "merge 77 <- 91"."""
    teller = _TELLERS.get(row.kind)
    return teller(row) if teller else row.kind


def _joined(row: LogRow) -> str:
    kept, *added = row.effect.moves
    return f"merge {kept.after} <- {_few([m.before for m in added])}"


def _parted(row: LogRow) -> str:
    moves = row.effect.moves
    return f"{row.kind} {moves[0].before} -> {_few(dict.fromkeys(m.after for m in moves))}"


def _walked(row: LogRow) -> str:
    kept, *others = row.effect.moves
    sign, ends = ("+", [m.before for m in others]) if row.input.get("upwards") else ("-", [m.after for m in others])
    return f"grow {kept.after} {sign} {_few(ends)}"


def _noted(row: LogRow) -> str:
    return f"to do {row.input['ticks']} ticked off" if "ticks" in row.input else f"to do {row.seq}"


def _few(ids: Iterable[int]) -> str:
    """At most three ids, and how many more there are."""
    ids = list(ids)
    more = f" and {len(ids) - 3} more" if len(ids) > 3 else ""
    return ", ".join(map(str, ids[:3])) + more


_TELLERS: dict[str, Callable[[LogRow], str]] = {
    "merge": _joined,
    "group": _joined,
    "split": _parted,
    "detach": _parted,
    "segment_threshold": _walked,
    "threshold": lambda row: "threshold {:.2f} -> {:.2f}".format(*row.effect.threshold),
    "lock": lambda row: f"done {row.input['segment']}",
    "unlock": lambda row: f"not done {row.input['segment']}",
    "decide": lambda row: f"review: {ANSWER_WORDS.get(row.input['answer'], row.input['answer'])}",
    "note": _noted,
}
"""What each kind of edit says."""


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
        item = QListWidgetItem(f"{clock}  {told(row)}{'' if is_in_force else '  (undone)'}")
        item.setData(Qt.ItemDataRole.UserRole, row)
        if not is_in_force:
            item.setForeground(QBrush(Qt.GlobalColor.gray))
        return item

    def _on_clicked(self, item: QListWidgetItem) -> None:
        self.chosen.emit(item.data(Qt.ItemDataRole.UserRole))
