"""An index of the segments that edits name, and of fragments where one is parted: no log is looked through for them."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.ids import SegmentId
from napari_emcad.proofreading.effects import Effect
from napari_emcad.proofreading.packed import ManyMoves


class NamedBy:
    """Finds the edits that may be about the same things."""

    def __init__(self) -> None:
        self._from, self._to, self._around, self._thresholds = _Seqs(), _Seqs(), _Seqs(), set[int]()

    def add(self, seq: int, effect: Effect) -> None:
        """Add an edit."""
        for move in effect.moves:
            self._from.add(move.before, seq)
            self._to.add(move.after, seq)
        for fragment in effect.parted_and_around().tolist():
            self._around.add(fragment, seq)
        if effect.threshold:
            self._thresholds.add(seq)

    def add_many(self, seqs: Sequence[int], many: ManyMoves) -> None:
        """Add edits that part nothing and move no threshold."""
        of_move = np.array(seqs, np.int64)[many.effect]
        self._from.add_many(many.before, of_move)
        self._to.add_many(many.after, of_move)

    def leading_to(self, segments: Iterable[SegmentId]) -> set[int]:
        """Return the edits that leave fragments in one of these segments."""
        return self._to.find(segments)

    def related_to(self, effect: Effect) -> set[int]:
        """Return the edits that may change the same or build on it.

        They find fragments in a segment where this one leaves some, part what touches a fragment that it parts, or
        move the threshold as it does.
        """
        found = self._from.find(move.after for move in effect.moves)
        found |= self._around.find(effect.parted_and_around().tolist())
        return found | self._thresholds if effect.threshold else found


class _Seqs:
    """Edits by a number that they name; many are sorted when one is first looked for."""

    def __init__(self) -> None:
        self._keys = self._seqs = np.empty(0, np.int64)
        self._unsorted: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
        self._single: dict[int, list[int]] = {}

    def add(self, key: int, seq: int) -> None:
        self._single.setdefault(key, []).append(seq)

    def add_many(self, keys: NDArray[np.int64], seqs: NDArray[np.int64]) -> None:
        self._unsorted.append((keys, seqs))

    def find(self, keys: Iterable[int]) -> set[int]:
        if self._unsorted:
            parts = zip((self._keys, self._seqs), *self._unsorted, strict=True)
            joined, seqs = (np.concatenate(part) for part in parts)
            order = np.argsort(joined, kind="stable")
            self._keys, self._seqs, self._unsorted = joined[order], seqs[order], []
        wanted = sorted(set(keys))
        starts, stops = np.searchsorted(self._keys, wanted), np.searchsorted(self._keys, wanted, "right")
        found = {seq for key in wanted for seq in self._single.get(key, ())}
        for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
            found.update(self._seqs[start:stop].tolist())
        return found
