"""Boxes around many places, none of which overlap: a voxel to learn from is never one that is scored, too."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.geometry import Box, triple


def surroundings(
    places: tuple[NDArray[np.integer], NDArray[np.integer]],
    shape: Sequence[int],
    margin: Sequence[int] = (0, 0, 0),
    least: Sequence[int] = (1, 1, 1),
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return boxes grown by a margin and to a least size inside a volume; they are moved where it ends.

    Parameters
    ----------
    places : (k, 3) and (k, 3) integer
        First voxels (z, y, x) of the boxes, and those after the last.
    shape : (z, y, x)
        Shape of the volume.
    margin : (z, y, x)
        Voxels to add on each side, as far as the volume has them.
    least : (z, y, x)
        Least size of a box in voxels, as far as the volume has them.

    Returns
    -------
    (k, 3) and (k, 3) int64
    """
    start, stop = (np.asarray(ends, np.int64).reshape(-1, 3) for ends in places)
    start, stop = np.maximum(start - margin, 0), np.minimum(stop + margin, shape)
    size = np.minimum(np.maximum(stop - start, least), shape)
    corner = np.clip(start - (size - (stop - start) + 1) // 2, 0, shape - size)  # as `Box.around`
    return corner, corner + size


def disjoint_boxes(start: NDArray[np.int64], stop: NDArray[np.int64], largest: Sequence[int]) -> Iterator[Box]:
    """Yield boxes no larger than `largest` that hold all the given ones, (k, 3), and none of which overlap.

    Strategy: part what a plane parts without cutting any; cut what hangs together and is too large into equal lengths,
    and go on with what lies on each side. Millions of boxes take a few sorts.
    """
    if not len(start):
        return
    for axis in range(3):
        groups = _group_overlapping(start[:, axis], stop[:, axis])
        if len(groups) > 1:
            for group in groups:
                yield from disjoint_boxes(start[group], stop[group], largest)
            return
    box = Box(triple(start.min(0)), triple(stop.max(0)))
    if all(n <= most for n, most in zip(box.shape, largest, strict=True)):
        yield box
        return
    for side in _cut_at(start, stop, *_plane(box, largest)):
        yield from disjoint_boxes(*side, largest)


def _group_overlapping(start: NDArray[np.int64], stop: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return groups of intervals, (k,), that overlap or touch, directly or through others; in order of their starts."""
    order = np.argsort(start, kind="stable")
    reach = np.maximum.accumulate(stop[order])
    return np.split(order, np.flatnonzero(start[order][1:] > reach[:-1]) + 1)


def _plane(box: Box, largest: Sequence[int]) -> tuple[int, int]:
    """Return the axis on which a box is too large most, and where half of the equal lengths it is cut into end."""
    axis = int(np.argmax(np.divide(box.shape, largest)))
    length = box.shape[axis]
    pieces = -(-length // largest[axis])
    return axis, box.start[axis] + length * (pieces // 2) // pieces


def _cut_at(
    start: NDArray[np.int64], stop: NDArray[np.int64], axis: int, at: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield the parts of boxes before a plane, and then those behind it."""
    before, behind = start[:, axis] < at, stop[:, axis] > at
    ends, starts = stop[before].copy(), start[behind].copy()
    ends[:, axis] = np.minimum(ends[:, axis], at)
    starts[:, axis] = np.maximum(starts[:, axis], at)
    yield start[before], ends
    yield starts, stop[behind]
