"""The edits of a log that are in force, and those that are undone."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.ids import SegmentId
from napari_emcad.proofreading.effects import Effect
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.named_by import NamedBy
from napari_emcad.proofreading.notes import OpenNotes
from napari_emcad.proofreading.packed import ManyMoves, unpack_many
from napari_emcad.proofreading.plausible import Bounds
from napari_emcad.proofreading.rows import LogRow
from napari_emcad.proofreading.state import State

AT_A_TIME = 1 << 13
"""Edits that are unpacked together."""


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
    edits : list of int
        Seq of all edits, undone or not, in the order they were made; undo and redo are none.
    in_force : list of int
        Seq of the edits that are not undone, in the order they were made.
    undone : list of int
        Seq of the edits that can be redone; the last one is next.
    notes : OpenNotes
    """

    def __init__(self, rows: Sequence[LogRow], state: State):
        self.edits: list[int] = []
        self.in_force: list[int] = []
        self.undone: list[int] = []
        self.notes = OpenNotes()
        self._rows, self._state = rows, state
        self._in_force: set[int] = set()
        self._named_by = NamedBy()
        self._bounds = Bounds(len(state.base.sizes), state.base.fragments.shape)
        self._is_out_of_order = False

    def row(self, seq: int) -> LogRow:
        """Return the row of an edit."""
        return self._rows[seq - 1]

    def is_in_force(self, seq: int) -> bool:
        """Return True if an edit is not undone."""
        return seq in self._in_force

    def rows_in_force(self) -> list[LogRow]:
        """Return the rows of the edits in force."""
        return [self.row(seq) for seq in self.in_force]

    def rows_behind(self, segment: SegmentId) -> list[LogRow]:
        """Return the rows in force that moved fragments of a segment, in the order of their seq.

        Strategy: from a segment back to those that its fragments came from, and from these on; where a fragment was
        parted, back to what it was a part of, too.
        """
        is_ours, known = np.zeros(len(self._state.table), bool), 0
        is_ours[self._state.members(segment)] = True
        seqs = set[int]()
        while (count := int(np.count_nonzero(is_ours))) > known:  # what was parted came from elsewhere
            known, seqs = count, self._trace(segment, is_ours)
        return [self.row(seq) for seq in sorted(seqs)]

    def _trace(self, segment: SegmentId, is_ours: NDArray[np.bool_]) -> set[int]:
        """Return the edits that moved our fragments, marked in (n + 1,), which get those that they were parts of."""
        seqs, seen, segments, wanted = set[int](), set[int](), {segment}, {segment}
        while wanted:
            found = {seq for seq in self._named_by.leading_to(wanted) if self.is_in_force(seq)} - seen
            seen |= found
            rows = [self.row(seq) for seq in sorted(found, reverse=True)]
            movers = _plain_movers([row for row in rows if _is_of_many(row)], is_ours)
            movers += _other_movers([row for row in rows if not _is_of_many(row)], is_ours)
            seqs.update(seq for seq, _ in movers)
            wanted = {before for _, before in movers} - segments
            segments |= wanted
        return seqs

    def check_undo(self, seq: int | None) -> int:
        """Return the seq of the edit to undo: the one named, else the last one in force.

        Raises
        ------
        Refused
            If there is none, or a later edit changed the same fragments.
        """
        if not self.in_force:
            raise Refused("undo: there is nothing to undo.")
        if seq is None or seq == self.in_force[-1]:
            return self.in_force[-1]
        if not self.is_in_force(seq):
            raise Refused(f"undo: edit {seq} is not in force.")
        if built := self.built_on(seq):
            raise Refused(f"undo: edit {built[0].seq} ({built[0].kind}) changed the same; undo that one first.")
        return seq

    def built_on(self, seq: int) -> list[LogRow]:
        """Return the edits in force after one that changed the same, in the order they were made."""
        effect = self.row(seq).effect
        return [later for later in self._later(seq, effect) if later.effect.touches(effect)]

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

    def follow(self, row: LogRow, effect: Effect | None = None) -> None:
        """Change the state as the next row of the log says, whose effect may be given unpacked."""
        if row.kind in ("undo", "redo"):
            edit = self.row(row.input["seq"])
        else:
            edit = row
            self._named_by.add(row.seq, effect or row.effect)
        if row.kind == "undo":
            is_out_of_order = self._is_out_of_order or edit.seq != self.in_force[-1]
            self._state.take_back(edit.effect, in_order=not is_out_of_order)
        else:
            self._state.apply(effect or edit.effect)
            if self._is_out_of_order:
                self._state.settle()
        self._count(row)

    def follow_all(self) -> None:
        """Change the state as all rows of the log say, from the first; what is undone is not made at all."""
        for row in self._rows:
            self._count(row)
        undone = [row for row in self._rows if row.kind not in ("undo", "redo") and not self.is_in_force(row.seq)]
        with self._state.settle_once():
            self._unpack(undone, lambda many: self._state.reserve(many.after), self._reserve)
            self._unpack(self.rows_in_force(), self._state.apply_many, self._state.apply)
            if self._is_out_of_order:
                self._state.settle()

    # ---- inside ------------------------------------------------------------------------------------------------

    def _count(self, row: LogRow) -> None:
        """Note what is in force after the next row of the log."""
        if row.kind == "undo":
            seq = row.input["seq"]
            self._is_out_of_order |= seq != self.in_force[-1]
            self._drop(seq)
            self.undone.append(seq)
        elif row.kind == "redo":
            self.undone.remove(row.input["seq"])
            self._take(row.input["seq"])
        else:
            self.edits.append(row.seq)
            self.undone.clear()
            self._take(row.seq)

    def _take(self, seq: int) -> None:
        self.in_force.append(seq)
        self._in_force.add(seq)
        if self.row(seq).kind == "note":
            self.notes.add(self.row(seq))

    def _drop(self, seq: int) -> None:
        if seq == self.in_force[-1]:
            self.in_force.pop()
        else:
            self.in_force.remove(seq)
        self._in_force.remove(seq)
        if self.row(seq).kind == "note":
            self.notes.remove(self.row(seq))

    def _later(self, seq: int, effect: Effect) -> list[LogRow]:
        """Return the edits in force after one that may change the same, in the order they were made.

        Strategy: the first of those that move a fragment again finds it in the segment where this one left it.
        """
        named = {found for found in self._named_by.related_to(effect) if self.is_in_force(found)}
        if not named - {seq}:
            return []
        return [self.row(later) for later in self.in_force[self.in_force.index(seq) + 1 :] if later in named]

    def _unpack(
        self, rows: Sequence[LogRow], do_many: Callable[[ManyMoves], None], do_one: Callable[[Effect], None]
    ) -> None:
        """Hand on the effects of rows in their order: many at once that only move fragments, and others one by one."""
        for start in range(0, len(rows), AT_A_TIME):
            part = rows[start : start + AT_A_TIME]
            plain = [row for row in part if _is_of_many(row)]
            many = unpack_many([row.packed for row in plain if isinstance(row.packed, bytes)])
            self._bounds.check_many(many)
            self._named_by.add_many([row.seq for row in plain], many)
            done = 0
            for i, (place, row) in enumerate((p, r) for p, r in enumerate(part) if not _is_of_many(r)):
                do_many(many.between(done, place - i))
                done = place - i
                effect = row.effect
                self._bounds.check(effect)
                self._named_by.add(row.seq, effect)
                do_one(effect)
            do_many(many.between(done, len(plain)))

    def _reserve(self, effect: Effect) -> None:
        """Take note of the ids of an edit that is undone."""
        self._state.reserve([move.after for move in effect.moves])
        self._state.reserve_parts(effect.partings)
        if effect.threshold:
            self._state.settle()


def _plain_movers(rows: Sequence[LogRow], is_ours: NDArray[np.bool_]) -> list[tuple[int, SegmentId]]:
    """Return each edit that moves some of our fragments, with the segment that they come from."""
    many = unpack_many([row.packed for row in rows if isinstance(row.packed, bytes)])
    moved = np.bincount(np.repeat(np.arange(len(many.count)), many.count), is_ours[many.fragments], len(many.count))
    ours = moved > 0
    return [
        (rows[i].seq, SegmentId(s)) for i, s in zip(many.effect[ours].tolist(), many.before[ours].tolist(), strict=True)
    ]


def _other_movers(rows: Sequence[LogRow], is_ours: NDArray[np.bool_]) -> list[tuple[int, SegmentId]]:
    """Return the same of edits that may part fragments; what our fragments were parts of is marked as ours, too."""
    movers = []
    for row in rows:
        for parting in row.effect.partings:
            is_ours[parting.fragment] |= is_ours[list(parting.parts)].any()
        movers += [(row.seq, move.before) for move in row.effect.moves if is_ours[move.fragments].any()]
    return movers


def _is_of_many(row: LogRow) -> bool:
    return row.is_plain and isinstance(row.packed, bytes)
