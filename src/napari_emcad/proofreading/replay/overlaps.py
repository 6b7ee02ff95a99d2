"""How many voxels the fragments of one session share with those of another on the same stack."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.fragment_boxes import FragmentBoxes
from napari_emcad.core.ids import Ids, as_ids
from napari_emcad.core.volume import FragmentVolume


@dataclass(frozen=True)
class Shared:
    """The new fragments that share voxels with an old one, in the order of their ids.

    Attributes
    ----------
    new : (k,) Ids
        0 = none.
    voxels : (k,) int64
        That they share.
    run : (k,) int64
        The longest row of such voxels along x ...
    middle : (k, 3) int64
        ... and the voxel (z, y, x) in its middle: well inside both.
    """

    new: Ids
    voxels: NDArray[np.int64]
    run: NDArray[np.int64]
    middle: NDArray[np.int64]


class Overlaps:
    """Counts the voxels that fragments share, of each old one when it is first asked for, where it lies.

    Parameters
    ----------
    old, new : FragmentVolume (z, y, x)
        Fragments, of one shape; not modified.
    boxes : FragmentBoxes
        Of the old ones.
    """

    def __init__(self, old: FragmentVolume, new: FragmentVolume, boxes: FragmentBoxes):
        self._old, self._new, self._boxes = old, new, boxes
        self._found: dict[int, Shared] = {}

    def with_old(self, fragment: int) -> Shared:
        """What shares voxels with an old fragment."""
        if fragment not in self._found:
            self._found[fragment] = self._counted(fragment)
        return self._found[fragment]

    def shared(self, fragments: Ids, n: int) -> NDArray[np.int64]:
        """Voxels that old fragments have in each new one, (n,) by its id; [0] = in none."""
        found = [self.with_old(fragment) for fragment in fragments.tolist()]
        new = np.concatenate([as_ids([]), *(one.new for one in found)])
        return np.bincount(new, np.concatenate([np.empty(0), *(one.voxels for one in found)]), n).astype(np.int64)

    def inside(self, fragment: int) -> tuple[int, int, int]:
        """A voxel (z, y, x) well inside an old fragment."""
        found = self.with_old(fragment)
        return tuple(found.middle[np.argmax(found.run)].tolist())

    def redrawn(self, changed: Iterable[int]) -> None:
        """New fragments of these ids were drawn anew."""
        changed = list(changed)
        self._found = {old: one for old, one in self._found.items() if not np.isin(one.new, changed).any()}

    def _counted(self, fragment: int) -> Shared:
        """Strategy: only runs of equal voxels are sorted, which are some twenty times fewer than voxels."""
        places = self._boxes.box_of(np.array([fragment]) if fragment else np.empty(0, int)).slices
        old, new = self._old[places], self._new[places]
        start = [place.start for place in places]
        ids, lengths, middle = _runs(old, new, fragment)
        order = np.lexsort((lengths, ids))
        found, first = np.unique(ids[order], return_index=True)
        last = order[np.append(first[1:], len(order))[: len(first)] - 1]
        voxels = np.add.reduceat(lengths[order], first) if len(first) else np.empty(0, np.int64)
        return Shared(found, voxels, lengths[last], middle[last] + start)


def _runs(old: Ids, new: Ids, fragment: int) -> tuple[NDArray, NDArray, NDArray]:
    """Rows of voxels along x that are in an old fragment and in one new one: its id, how many, and the middle one."""
    parts = [(as_ids([]), np.empty(0, np.int64), np.empty((0, 3), np.int64))]
    for z in range(len(old)):
        y, x = np.nonzero(old[z] == fragment)
        ids = new[z][y, x]
        is_first = (np.diff(y, prepend=-1) != 0) | (np.diff(x, prepend=-1) != 1) | np.append(True, ids[1:] != ids[:-1])
        starts = np.flatnonzero(is_first)
        lengths = np.diff(np.append(starts, len(ids)))
        middle = starts + lengths // 2
        parts.append((ids[starts], lengths, np.stack([np.full(len(starts), z), y[middle], x[middle]], axis=1)))
    return tuple(map(np.concatenate, zip(*parts, strict=True)))
