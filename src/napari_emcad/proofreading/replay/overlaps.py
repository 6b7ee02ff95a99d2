"""Voxels that the fragments of one session share with those of another on the same stack."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.fragment_boxes import FragmentBoxes
from napari_emcad.core.geometry import Box, Voxel, triple
from napari_emcad.core.ids import FragmentId, Ids, as_ids
from napari_emcad.core.sections.pairing import PlannedBox
from napari_emcad.core.volume import FragmentVolume


@dataclass(frozen=True)
class SharedVoxels:
    """The new fragments that share voxels with an old one, in the order of their ids.

    Attributes
    ----------
    new : (k,) Ids
        0 = none.
    voxels : (k,) int64
        Number of voxels that they share.
    seen : (k,) int64
        Number of those that were seen in both sessions, and not made up in one.
    run : (k,) int64
        Length of the longest row of such voxels along x that were seen in both sessions; 0 if none was.
    middle : (k, 3) int64
        The voxel (z, y, x) in the middle of that row, or of the longest one that was not seen: well inside both.
    """

    new: Ids
    voxels: NDArray[np.int64]
    seen: NDArray[np.int64]
    run: NDArray[np.int64]
    middle: NDArray[np.int64]


class Overlaps:
    """Counts the voxels that fragments share, of each old one when it is first asked for, in its box.

    Parameters
    ----------
    old, new : (z, y, x) Ids
        Fragments, of one shape; not modified.
    boxes : FragmentBoxes
        Boxes of the old fragments.
    plans : sequence of PlannedBox or None
        The plans for the sections of both; None = all are used as they are.
    """

    def __init__(
        self,
        old: FragmentVolume,
        new: FragmentVolume,
        boxes: FragmentBoxes,
        plans: Sequence[PlannedBox | None] = (),
    ):
        self._old, self._new, self._boxes = old, new, boxes
        self._plans = [plan for plan in plans if plan is not None]
        self._found: dict[int, SharedVoxels] = {}

    def shared_with(self, fragment: FragmentId) -> SharedVoxels:
        """Return what shares voxels with an old fragment."""
        if fragment not in self._found:
            self._found[fragment] = self._count(fragment)
        return self._found[fragment]

    def voxels_in_new(self, fragments: Ids, n: int) -> NDArray[np.int64]:
        """Return the voxels that old fragments have in each new one, (n,) by its id; [0] = in none."""
        found = [self.shared_with(FragmentId(fragment)) for fragment in fragments.tolist()]
        return _counts_in_new([(one.new, one.voxels) for one in found], n)

    def seen_in_new(self, fragments: Ids, n: int) -> NDArray[np.int64]:
        """Return the same of those voxels alone that were seen in both sessions."""
        found = [self.shared_with(FragmentId(fragment)) for fragment in fragments.tolist()]
        return _counts_in_new([(one.new, one.seen) for one in found], n)

    def made_up_in_new(self, n: int) -> NDArray[np.int64]:
        """Return the voxels of each new fragment, (n,), that were not seen in one of the sessions."""
        found = np.zeros(n, np.int64)
        for z in self._bridged_sections():
            box = Box((z, 0, 0), (z + 1, *self._new.shape[1:]))
            found += np.bincount(self._new[box.slices][self._bridged(box)], minlength=n)
        return found

    def voxel_inside(self, fragment: FragmentId) -> Voxel:
        """Return a voxel (z, y, x) well inside an old fragment, where it was seen if it was seen anywhere."""
        found = self.shared_with(fragment)
        return triple(found.middle[np.argmax(found.run)])

    def forget(self, changed: Iterable[FragmentId]) -> None:
        """Count anew what shares voxels with new fragments that were drawn anew."""
        changed = list(changed)
        self._found = {old: one for old, one in self._found.items() if not np.isin(one.new, changed).any()}

    def _count(self, fragment: FragmentId) -> SharedVoxels:
        """Count what an old fragment shares.

        Strategy: only runs of equal voxels are sorted, which are some twenty times fewer than voxels.
        """
        box = self._boxes.box_of(np.array([fragment]) if fragment else np.empty(0, int))
        bridged = self._bridged(box)
        ids, lengths, middle = _find_runs(self._old[box.slices], self._new[box.slices], fragment, bridged)
        is_seen = ~bridged[tuple(middle.T)]
        order = np.lexsort((lengths, is_seen, ids))
        found, first = np.unique(ids[order], return_index=True)
        last = order[np.append(first[1:], len(order))[: len(first)] - 1]
        voxels, seen = (_sums(counts[order], first) for counts in (lengths, lengths * is_seen))
        return SharedVoxels(found, voxels, seen, lengths[last] * is_seen[last], middle[last] + box.start)

    def _bridged(self, box: Box) -> NDArray[np.bool_]:
        """Return True for voxels (z, y, x) that were not seen in one of the sessions."""
        bridged = np.zeros(box.shape, bool)
        for plan in self._plans:
            bridged |= plan.within(box).bridged()
        return bridged

    def _bridged_sections(self) -> list[int]:
        marks = [plan.plan.left_out | plan.plan.missing.any(axis=(1, 2)) for plan in self._plans]
        here = [mark[plan.box.slices[0]] for mark, plan in zip(marks, self._plans, strict=True)]
        return np.flatnonzero(np.any(here, axis=0)).tolist() if here else []


def _counts_in_new(found: Sequence[tuple[Ids, NDArray[np.int64]]], n: int) -> NDArray[np.int64]:
    """Return the sum of counts of each new fragment, (n,), from new fragments and their counts."""
    new = np.concatenate([as_ids([]), *(ids for ids, _ in found)])
    return np.bincount(new, np.concatenate([np.empty(0), *(counts for _, counts in found)]), n).astype(np.int64)


def _sums(counts: NDArray[np.int64], first: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the sum of each run of counts that begins at one of these places."""
    return np.add.reduceat(counts, first) if len(first) else np.empty(0, np.int64)


def _find_runs(
    old: Ids, new: Ids, fragment: FragmentId, bridged: NDArray[np.bool_]
) -> tuple[Ids, NDArray[np.int64], NDArray[np.int64]]:
    """Find the rows of voxels along x that are in an old fragment and in one new one, and all bridged or all not.

    Returns
    -------
    ids, lengths : (k,)
        The new fragment, and the number of voxels.
    middle : (k, 3) int64
        The voxel (z, y, x) in the middle.
    """
    ids, counts, middles = [as_ids([])], [np.empty(0, np.int64)], [np.empty((0, 3), np.int64)]
    for z in range(len(old)):
        y, x = np.nonzero(old[z] == fragment)
        there = new[z][y, x]
        made_up = bridged[z][y, x]
        is_new = np.append(True, (there[1:] != there[:-1]) | (made_up[1:] != made_up[:-1]))
        starts = np.flatnonzero((np.diff(y, prepend=-1) != 0) | (np.diff(x, prepend=-1) != 1) | is_new)
        lengths = np.diff(np.append(starts, len(there)))
        middle = starts + lengths // 2
        ids.append(there[starts])
        counts.append(lengths)
        middles.append(np.stack([np.full(len(starts), z), y[middle], x[middle]], axis=1))
    return np.concatenate(ids), np.concatenate(counts), np.concatenate(middles)
