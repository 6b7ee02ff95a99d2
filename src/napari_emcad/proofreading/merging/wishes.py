"""Wishes of several sessions of the same fragments: the edits of each beyond the history that all share."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from napari_emcad.proofreading.rows import EditInput, LogRow


class RowName(NamedTuple):
    """The name of an edit that it keeps in every session that it is merged into."""

    time: float
    user: str
    kind: str
    seq: int

    @classmethod
    def of(cls, row: LogRow) -> "RowName":
        """Return the name of a row; its seq is the one it had where it was made."""
        user, _, edit_input = row.user_duration_input
        return cls.with_details(row, user, edit_input)

    @classmethod
    def with_details(cls, row: LogRow, user: str, edit_input: EditInput) -> "RowName":
        """Return the name of a row whose details are unpacked."""
        return cls(row.time, user, row.kind, edit_input.get("original", ("", row.seq))[1])


@dataclass(frozen=True)
class Side:
    """One of the sessions that are merged.

    Attributes
    ----------
    name : str
        Its folder in words for people; no two have the same.
    rows : sequence of LogRow
        Its whole log.
    threshold : float
        The threshold before its first edit.
    """

    name: str
    rows: Sequence[LogRow]
    threshold: float
    in_force: dict[int, None] = field(init=False, repr=False)
    undone_by: dict[int, LogRow] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        in_force, undone_by = effective(self.rows)
        object.__setattr__(self, "in_force", in_force)
        object.__setattr__(self, "undone_by", undone_by)

    @cached_property
    def key(self) -> str:
        """A hash of its content, by which sessions are sorted: the place on the command line says nothing."""
        found = hashlib.sha256(repr(self.threshold).encode())
        for row in self.rows:
            packed = row.packed.encode() if isinstance(row.packed, str) else row.packed
            found.update(repr((row.seq, row.time, row.kind)).encode() + row.details + packed)
        return found.hexdigest()

    @cached_property
    def last_threshold(self) -> tuple[float, LogRow | None]:
        """The threshold as it is now, and the edit that moved it there."""
        moved = [self.rows[seq - 1] for seq in self.in_force if self.rows[seq - 1].kind == "threshold"]
        found = moved[-1].effect.threshold if moved else None
        return (found[1], moved[-1]) if found else (self.threshold, None)


_Key = tuple[float, str]
"""Time and kind of an edit: no two that differ in these are the same."""


class Wish(NamedTuple):
    """One edit that a session wants.

    Attributes
    ----------
    at : float
        Its time; never before that of an earlier edit of the same session, whatever the clock said.
    side : int
        The place of its session.
    order : int
        Its place among the wishes of its session.
    row : LogRow
        The edit; of an undo, the row that undoes.
    undoes : LogRow or None
        The edit that is to be undone.
    name : RowName
    duration_ms : float
    input : EditInput
        Of the row, unpacked once.
    """

    at: float
    side: int
    order: int
    row: LogRow
    undoes: LogRow | None
    name: RowName
    duration_ms: float
    input: EditInput


def effective(rows: Sequence[LogRow]) -> tuple[dict[int, None], dict[int, LogRow]]:
    """Return the seqs in force, in the order in which they came to be so, and what undid each of the others."""
    in_force: dict[int, None] = {}
    undone_by: dict[int, LogRow] = {}
    for row in rows:
        if row.kind not in ("undo", "redo"):
            in_force[row.seq] = None
            continue
        seq = row.input["seq"]
        if row.kind == "undo":
            del in_force[seq]
            undone_by[seq] = row
        else:
            in_force[seq] = None
            del undone_by[seq]
    return in_force, undone_by


def shared_history(sides: Sequence[Side]) -> int:
    """Return how many rows from the first on are the same in all sessions: they are copies of one up to there."""
    count = 0
    for rows in zip(*(side.rows for side in sides), strict=False):
        if len({_content(row) for row in rows}) > 1:
            break
        count += 1
    return count


def find_wishes(sides: Sequence[Side], shared: int) -> list[Wish]:
    """Return what the sessions want beyond the history that they share, in the order of time.

    What was made and undone again is wanted by nobody; what is undone in one session and known to another is an undo.
    """
    before = effective(sides[0].rows[:shared])[0]
    names = [{_key(row) for row in side.rows[shared:]} for side in sides]
    found: list[Wish] = []
    for place, side in enumerate(sides):
        others = set[_Key]().union(*(known for i, known in enumerate(names) if i != place))
        found += _wishes_of(place, side, shared, before, others)
    return sorted(found, key=lambda wish: wish[:3])


def _wishes_of(place: int, side: Side, shared: int, before: dict[int, None], others: set[_Key]) -> list[Wish]:
    edits = [side.rows[seq - 1] for seq in side.in_force if seq not in before]
    undone = [seq for seq in side.undone_by if seq in before or (seq > shared and _key(side.rows[seq - 1]) in others)]
    undos = [(side.undone_by[seq], side.rows[seq - 1]) for seq in undone]
    made = [(row, None) for row in edits] + undos
    latest, found = 0.0, list[Wish]()
    for row, undoes in sorted(made, key=lambda one: one[0].seq):
        if row.kind != "threshold" and (undoes is None or undoes.kind != "threshold"):
            latest = max(latest, row.time)
            user, duration_ms, edit_input = row.user_duration_input
            name = RowName.with_details(row, user, edit_input)
            found.append(Wish(latest, place, len(found), row, undoes, name, duration_ms, edit_input))
    return found


def _key(row: LogRow) -> _Key:
    return row.time, row.kind


def _content(row: LogRow) -> tuple[object, ...]:
    return row.time, row.kind, row.details, row.packed
