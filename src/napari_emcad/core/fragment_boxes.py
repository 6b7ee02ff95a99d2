"""Where fragments lie, so that nobody looks through a volume for one."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects

from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import Job, Stopwatch

SLAB = 4_000_000
"""Voxels in which fragments are sought at once."""


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
        return cls(np.full((n + 1, 3), np.iinfo(np.int32).max, np.int32), np.zeros((n + 1, 3), np.int32))

    def __len__(self) -> int:
        return len(self.start)

    def box_of(self, members: NDArray) -> Box:
        """The box around these fragments; empty where there is none of them."""
        known = members[self.stop[members, 0] > 0]
        if not len(known):
            return Box((0, 0, 0), (0, 0, 0))
        return Box(tuple(self.start[known].min(0).tolist()), tuple(self.stop[known].max(0).tolist()))

    def changed(self, boxes: Mapping[int, Box]) -> "FragmentBoxes":
        """With other boxes for some fragments, of which there may be more than before."""
        more = max(0, max(boxes, default=0) + 1 - len(self))
        made = FragmentBoxes(*(np.pad(ends, ((0, more), (0, 0))) for ends in (self.start, self.stop)))
        for fragment, box in boxes.items():
            made.start[fragment], made.stop[fragment] = box.start, box.stop
        return made


def fragment_boxes(fragments: NDArray[np.uint32]) -> Job[FragmentBoxes]:
    """Bounding boxes of all fragments of a volume (z, y, x), found slab by slab.

    Strategy: SciPy finds boxes in one pass but holds the interpreter meanwhile; between slabs others get their turn.
    """
    depth = max(1, SLAB // max(1, fragments[:1].size))
    boxes, watch = FragmentBoxes.none(0), Stopwatch("fragments", len(fragments))
    for z in range(0, len(fragments), depth):
        ids, start, stop = _boxes_in(fragments[z : z + depth], z)
        boxes = _grown(boxes, int(ids.max(initial=0)))
        boxes.start[ids] = np.minimum(boxes.start[ids], start)
        boxes.stop[ids] = np.maximum(boxes.stop[ids], stop)
        yield watch.at(min(z + depth, len(fragments)))
    return boxes


def _boxes_in(slab: NDArray[np.uint32], z: int) -> tuple[NDArray, NDArray, NDArray]:
    """The fragments of a slab that begins at section z: ids, first voxels, and those after the last, (k, 3)."""
    found = [(i, place) for i, place in enumerate(find_objects(slab), start=1) if place is not None]
    ends = [[(s.start, s.stop) for s in place] for _, place in found]
    ends = np.array(ends, np.int32).reshape(-1, 3, 2)
    ends[:, 0] += z
    return np.array([i for i, _ in found], np.int64), ends[..., 0], ends[..., 1]


def _grown(boxes: FragmentBoxes, n: int) -> FragmentBoxes:
    """With room for fragments 1..n."""
    if n < len(boxes):
        return boxes
    more = FragmentBoxes.none(n - len(boxes))
    return FragmentBoxes(np.concatenate([boxes.start, more.start]), np.concatenate([boxes.stop, more.stop]))
