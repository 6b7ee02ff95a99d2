"""Where fragments lie, so that nobody looks through a volume for one."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import Job, Stopwatch

NEVER = np.iinfo(np.int32).max
"""Where what is not there begins."""

ROOM = 1 << 12
"""Fragments for which there is room in tables that had to get longer: ten million are not copied for each of them."""


@dataclass(frozen=True)
class FragmentBoxes:
    """Bounding boxes of fragments, half open, in voxels (z, y, x); stop = 0 where there is no such fragment.

    Attributes
    ----------
    start, stop : (n + 1, 3) int32
    """

    start: NDArray[np.int32]
    stop: NDArray[np.int32]

    @classmethod
    def none(cls, n: int) -> "FragmentBoxes":
        """For fragments 1..n of which nothing is known."""
        return cls(np.full((n + 1, 3), NEVER, np.int32), np.zeros((n + 1, 3), np.int32))

    def __len__(self) -> int:
        return len(self.start)

    def box_of(self, members: NDArray) -> Box:
        """The box around these fragments; empty where there is none of them."""
        known = members[self.stop[members, 0] > 0]
        if not len(known):
            return Box((0, 0, 0), (0, 0, 0))
        return Box(tuple(self.start[known].min(0).tolist()), tuple(self.stop[known].max(0).tolist()))

    def changed(self, boxes: Mapping[int, Box]) -> "FragmentBoxes":
        """With other boxes for some fragments, of which there may be more than before: these, where there is room."""
        more, made = max(0, max(boxes, default=0) + 1 - len(self)), self
        if more or not self.start.flags.writeable:
            made = FragmentBoxes(*(np.pad(ends, ((0, more + ROOM), (0, 0))) for ends in (self.start, self.stop)))
        for fragment, box in boxes.items():
            made.start[fragment], made.stop[fragment] = box.start, box.stop
        return made


def find_fragment_boxes(fragments: NDArray[np.uint32]) -> Job[FragmentBoxes]:
    """Bounding boxes of all fragments of a volume (z, y, x), found section by section.

    Strategy: a row of voxels of one fragment counts by its ends; the fragments are the columns of tables, which have
    room for twice as many whenever there are more.
    """
    start, stop, n = np.full((3, 1), NEVER, np.int32), np.zeros((3, 1), np.int32), 0
    watch = Stopwatch("fragments", len(fragments))
    for z, section in enumerate(fragments):
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


def _rows_in(section: NDArray[np.uint32], z: int) -> tuple[NDArray[np.intp], list[tuple[NDArray, NDArray]]]:
    """The fragment of each row of voxels that one fragment fills, and its first and last voxel: on z, on y, on x."""
    voxels, width = section.ravel(), section.shape[1]
    is_first = np.concatenate([[True], voxels[1:] != voxels[:-1]])
    is_first[::width] = True
    first = np.flatnonzero(is_first)
    last = np.append(first[1:], len(voxels)) - 1
    filled = np.flatnonzero(voxels[first])
    first, last = first[filled].astype(np.int32), last[filled].astype(np.int32)
    y, sections = first // width, np.full(len(first), z, np.int32)
    return voxels[first].astype(np.intp), [(sections, sections), (y, y), (first - y * width, last - y * width)]
