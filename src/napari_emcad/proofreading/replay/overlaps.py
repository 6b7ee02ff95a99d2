"""Voxels that the fragments of one session share with those of another on the same stack."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.fragment_boxes import FragmentBoxes
from napari_emcad.core.geometry import Voxel, triple
from napari_emcad.core.ids import FragmentId, Ids, as_ids
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
    run : (k,) int64
        Length of the longest row of such voxels along x.
    middle : (k, 3) int64
        The voxel (z, y, x) in the middle of that row: well inside both.
    """

    new: Ids
    voxels: NDArray[np.int64]
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
    """

    def __init__(self, old: FragmentVolume, new: FragmentVolume, boxes: FragmentBoxes):
        self._old, self._new, self._boxes = old, new, boxes
        self._found: dict[int, SharedVoxels] = {}

    def shared_with(self, fragment: FragmentId) -> SharedVoxels:
        """Return what shares voxels with an old fragment."""
        if fragment not in self._found:
            self._found[fragment] = self._count(fragment)
        return self._found[fragment]

    def voxels_in_new(self, fragments: Ids, n: int) -> NDArray[np.int64]:
        """Return the voxels that old fragments have in each new one, (n,) by its id; [0] = in none."""
        found = [self.shared_with(FragmentId(fragment)) for fragment in fragments.tolist()]
        new = np.concatenate([as_ids([]), *(one.new for one in found)])
        return np.bincount(new, np.concatenate([np.empty(0), *(one.voxels for one in found)]), n).astype(np.int64)

    def voxel_inside(self, fragment: FragmentId) -> Voxel:
        """Return a voxel (z, y, x) well inside an old fragment."""
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
        ids, lengths, middle = _find_runs(self._old[box.slices], self._new[box.slices], fragment)
        order = np.lexsort((lengths, ids))
        found, first = np.unique(ids[order], return_index=True)
        last = order[np.append(first[1:], len(order))[: len(first)] - 1]
        voxels = np.add.reduceat(lengths[order], first) if len(first) else np.empty(0, np.int64)
        return SharedVoxels(found, voxels, lengths[last], middle[last] + box.start)


def _find_runs(old: Ids, new: Ids, fragment: FragmentId) -> tuple[Ids, NDArray[np.int64], NDArray[np.int64]]:
    """Find the rows of voxels along x that are in an old fragment and in one new one.

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
        is_new = np.append(True, there[1:] != there[:-1])
        starts = np.flatnonzero((np.diff(y, prepend=-1) != 0) | (np.diff(x, prepend=-1) != 1) | is_new)
        lengths = np.diff(np.append(starts, len(there)))
        middle = starts + lengths // 2
        ids.append(there[starts])
        counts.append(lengths)
        middles.append(np.stack([np.full(len(starts), z), y[middle], x[middle]], axis=1))
    return np.concatenate(ids), np.concatenate(counts), np.concatenate(middles)
