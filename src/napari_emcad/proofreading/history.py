"""The edits of a log that are in force, and those that are undone."""

from collections.abc import Sequence

from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.rows import LogRow
from napari_emcad.proofreading.state import State


class History:
    """Keeps the state in step with the log, row by row; undo and redo are rows, too, which name an edit by its seq.

    Parameters
    ----------
    rows : sequence of LogRow
        The rows of the log, in the order of their seq; it grows with the log.
    state : State
        Follows the rows.

    Attributes
    ----------
    in_force : list of int
        Seq of the edits that are not undone, in the order they were made.
    undone : list of int
        Seq of the edits that can be redone; the last one is next.
    """

    def __init__(self, rows: Sequence[LogRow], state: State):
        self.in_force: list[int] = []
        self.undone: list[int] = []
        self._rows, self._state = rows, state
        self._is_out_of_order = False

    def row(self, seq: int) -> LogRow:
        """Return the row of an edit."""
        return self._rows[seq - 1]

    def rows_in_force(self) -> list[LogRow]:
        """Return the rows of the edits in force."""
        return [self.row(seq) for seq in self.in_force]

    def check_undo(self, seq: int | None) -> int:
        """Return the seq of the edit to undo: the one named, else the last one in force.

        Raises
        ------
        Refused
            If there is none, or a later edit changed the same fragments.
        """
        if not self.in_force:
            raise Refused("undo: there is nothing to undo.")
        seq = self.in_force[-1] if seq is None else seq
        if seq not in self.in_force:
            raise Refused(f"undo: edit {seq} is not in force.")
        effect = self.row(seq).effect
        for later in map(self.row, self.in_force[self.in_force.index(seq) + 1 :]):
            if later.effect.touches(effect):
                raise Refused(f"undo: edit {later.seq} ({later.kind}) changed the same; undo that one first.")
        return seq

    def check_redo(self) -> int:
        """Return the seq of the edit to redo: the one that was undone last.

        Raises
        ------
        Refused
            If there is none.
        """
        if not self.undone:
            raise Refused("redo: there is nothing to redo.")
        return self.undone[-1]

    def follow(self, row: LogRow) -> None:
        """Change the state as the next row of the log says."""
        if row.kind == "undo":
            self._take_back(row.input["seq"])
        elif row.kind == "redo":
            self.undone.remove(row.input["seq"])
            self._apply(row.input["seq"])
        else:
            self.undone.clear()
            self._apply(row.seq)

    def _apply(self, seq: int) -> None:
        self._state.apply(self.row(seq).effect)
        self.in_force.append(seq)
        if self._is_out_of_order:
            self._state.settle()

    def _take_back(self, seq: int) -> None:
        self._is_out_of_order |= seq != self.in_force[-1]
        self._state.take_back(self.row(seq).effect, in_order=not self._is_out_of_order)
        self.in_force.remove(seq)
        self.undone.append(seq)
