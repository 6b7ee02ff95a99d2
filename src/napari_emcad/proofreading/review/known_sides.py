"""The two sides of all that people decided: what was joined or parted by whatever means, and what was asked about.

Two questions are the same if they would change the same; so the sides are compared, not the places that were clicked.
Of each side a few fragments are kept that stand for equal shares of its voxels.
"""

from collections.abc import Collection, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.ids import Ids, SegmentId
from napari_emcad.proofreading.effects import Effect
from napari_emcad.proofreading.review.in_force import RowsInForce
from napari_emcad.proofreading.rows import LogRow

ALIKE = 0.5
"""Share of their voxels that the sides of two cuts have in common from which on the two are one question."""

STANDING_FOR = 12
"""Fragments that are kept of each side."""

Side = tuple[NDArray[np.int64], int]
"""Fragments that stand for equal shares of a side, and the voxels of the side."""


class KnownSides(RowsInForce):
    """The sides that rows of the log are about, and what each row says of them."""

    def __init__(self) -> None:
        super().__init__()
        self._fragments = np.empty((0, 2, STANDING_FOR), np.int64)
        self._voxels = np.empty((0, 2), np.float64)
        self._answers = np.empty(0, object)

    def add(self, rows: Sequence[LogRow], sizes: NDArray[np.int64]) -> None:
        """Add rows; `sizes` are the voxels of each fragment, (n + 1,)."""
        found = [(row.seq, *said) for row in rows for said in _read_sides(row, sizes)]
        if not found:
            return
        seqs, answers, near, far = zip(*found, strict=True)
        self.follow(seqs)
        self._answers = np.concatenate([self._answers, np.array(answers, object)])
        self._fragments = np.concatenate(
            [self._fragments, [[one[0], other[0]] for one, other in zip(near, far, strict=True)]]
        )
        self._voxels = np.concatenate(
            [self._voxels, [[one[1], other[1]] for one, other in zip(near, far, strict=True)]]
        )

    def find(
        self, answers: Collection[str], near: Ids, far: Ids, sizes: NDArray[np.int64], put_off_since: int
    ) -> int | None:
        """Return the seq of a row that gave one of these answers about nearly these sides; None if there is none.

        Parameters
        ----------
        answers : collection of str
        near, far : (k,) Ids
            Fragments of each side.
        sizes : (n + 1,) int64
            Voxels of each fragment.
        put_off_since : int
            The answer "later" counts in rows after this one.
        """
        is_later = self._answers == "later"
        rows = np.flatnonzero(
            self.counts & np.isin(self._answers, [*answers]) & (~is_later | (self.seqs > put_off_since))
        )
        if not len(rows):
            return None
        side = np.zeros(len(sizes), np.uint8)
        side[near], side[far] = 1, 2
        there = side[np.minimum(self._fragments[rows], len(sizes) - 1)]
        voxels, one, other = self._voxels[rows], float(sizes[near].sum()), float(sizes[far].sum())
        shared_near, shared_far = ((there == number).mean(axis=2) * voxels for number in (1, 2))
        straight = np.minimum(
            _overlap(shared_near[:, 0], voxels[:, 0], one), _overlap(shared_far[:, 1], voxels[:, 1], other)
        )
        crossed = np.minimum(
            _overlap(shared_near[:, 1], voxels[:, 1], one), _overlap(shared_far[:, 0], voxels[:, 0], other)
        )
        alike = rows[np.maximum(straight, crossed) > ALIKE]
        return int(self.seqs[alike[0]]) if len(alike) else None


def stand_for(fragments: Ids, sizes: NDArray[np.int64]) -> Side:
    """Return fragments that stand for equal shares of the voxels of some, and these voxels."""
    ends = np.cumsum(sizes[fragments])
    voxels = int(ends[-1]) if len(ends) else 0
    if not voxels:
        return np.zeros(STANDING_FOR, np.int64), 0
    shares = (np.arange(STANDING_FOR) + 0.5) * voxels / STANDING_FOR
    return fragments[np.searchsorted(ends, shares, "right")].astype(np.int64), voxels


def _read_sides(row: LogRow, sizes: NDArray[np.int64]) -> Iterator[tuple[str, Side, Side]]:
    """Yield what a row says, "join", "apart", "unknown" or "later", and both sides that it says it of."""
    edit_input = row.input
    if "sides" in edit_input:
        near, far = ((np.resize(ids, STANDING_FOR), voxels) for *ids, voxels in edit_input["sides"])
        yield edit_input["answer"], near, far
        return
    for answer, one, other in _sides_of(row.effect):
        yield answer, stand_for(one, sizes), stand_for(other, sizes)


def _sides_of(effect: Effect) -> Iterator[tuple[str, Ids, Ids]]:
    """Yield what an effect joins or parts: what was in two segments and is in one now, or the other way.

    What comes first keeps the id of the segment; all others are joined to that, or parted from it.
    """
    groups: dict[tuple[SegmentId, SegmentId], list[Ids]] = {}
    for move in effect.moves:
        groups.setdefault((move.before, move.after), []).append(move.fragments)
    from_one: dict[SegmentId, Ids] = {}
    in_one: dict[SegmentId, Ids] = {}
    for (before, after), parts in groups.items():
        fragments = np.sort(np.concatenate(parts))
        for known, segment, answer in ((from_one, before, "apart"), (in_one, after, "join")):
            if segment in known:
                yield answer, known[segment], fragments
            else:
                known[segment] = fragments


def _overlap(shared: NDArray[np.float64], one: NDArray[np.float64], other: float) -> NDArray[np.float64]:
    """Return what two sets share as a part of all they have: intersection over union."""
    return shared / np.maximum(one + other - shared, 1)
