"""Bounding boxes of fragments, so that nobody looks through a volume for one."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.geometry import Box, triple
from napari_emcad.core.ids import FragmentId, Ids
from napari_emcad.core.progress import Job, Stopwatch
from napari_emcad.core.volume import Volume

NEVER = np.iinfo(np.int32).max
"""The start of the box of a fragment that is not there."""

ROOM = 1 << 12
"""Spare fragments of a table that had to grow, so that ten million are not copied for each new one."""


@dataclass(frozen=True)
class FragmentBoxes:
    """Bounding boxes of fragments, half open, in voxels (z, y, x); stop = 0 if there is no such fragment.

    Attributes
    ----------
    start, stop : (n + 1, 3) int32
    """

    start: NDArray[np.int32]
    stop: NDArray[np.int32]

    @classmethod
    def none(cls, n: int) -> "FragmentBoxes":
        """Return boxes for fragments 1..n of which nothing is known."""
        return cls(np.full((n + 1, 3), NEVER, np.int32), np.zeros((n + 1, 3), np.int32))

    def __len__(self) -> int:
        return len(self.start)

    def box_of(self, members: NDArray[np.integer]) -> Box:
        """Return the box around these fragments; an empty one if none of them is there."""
        known = members[self.stop[members, 0] > 0]
        if not len(known):
            return Box((0, 0, 0), (0, 0, 0))
        return Box(triple(self.start[known].min(0)), triple(self.stop[known].max(0)))

    def changed(self, boxes: Mapping[FragmentId, Box]) -> "FragmentBoxes":
        """Return the boxes with those of some fragments replaced; new fragments make the table longer.

        This table itself is changed and returned if it has room for them.
        """
        more, result = max(0, max(boxes, default=0) + 1 - len(self)), self
        if more or not self.start.flags.writeable:
            result = FragmentBoxes(*(np.pad(ends, ((0, more + ROOM), (0, 0))) for ends in (self.start, self.stop)))
        for fragment, box in boxes.items():
            result.start[fragment], result.stop[fragment] = box.start, box.stop
        return result


def find_fragment_boxes(fragments: Volume) -> Job[FragmentBoxes]:
    """Find the bounding boxes of all fragments of a volume (z, y, x), section by section.

    Strategy: a row of voxels of one fragment counts by its ends; the fragments are the columns of tables, which are
    made longer for twice as many whenever there are more.
    """
    start, stop, n = np.full((3, 1), NEVER, np.int32), np.zeros((3, 1), np.int32), 0
    depth = fragments.shape[0]
    watch = Stopwatch("fragments", depth)
    for z in range(depth):
        section = fragments[z]
        n = max(n, int(section.max(initial=0)))
        if n >= start.shape[1]:
            more = ((0, 0), (0, 2 * n))
            start, stop = np.pad(start, more, constant_values=NEVER), np.pad(stop, more)
        ids, ends = _rows_in(section, z)
        for axis, (first, last) in enumerate(ends):
            np.minimum.at(start[axis], ids, first)
            np.maximum.at(stop[axis], ids, last + 1)
        yield watch.at(z + 1)
    return FragmentBoxes(*(np.ascontiguousarray(ends[:, : n + 1].T) for ends in (start, stop)))


def _rows_in(section: Ids, z: int) -> tuple[NDArray[np.intp], list[tuple[NDArray[np.int32], NDArray[np.int32]]]]:
    """Return the fragment of each row of voxels that one fragment fills, and its first and last voxel on z, y, x."""
    voxels, width = section.ravel(), section.shape[1]
    is_first = np.concatenate([[True], voxels[1:] != voxels[:-1]])
    is_first[::width] = True
    first = np.flatnonzero(is_first)
    last = np.append(first[1:], len(voxels)) - 1
    filled = np.flatnonzero(voxels[first])
    first, last = first[filled].astype(np.int32), last[filled].astype(np.int32)
    y, sections = first // width, np.full(len(first), z, np.int32)
    return voxels[first].astype(np.intp), [(sections, sections), (y, y), (first - y * width, last - y * width)]
