"""Shapes of fragments and segments: moments, extents and ends; those of a segment are summed up from its fragments."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.ids import Ids
from napari_emcad.core.progress import Job, Stopwatch
from napari_emcad.core.volume import FragmentVolume

MOMENTS = 9
"""Sums over voxels: 1, z, y, x, zz, yy, xx, zy, zx."""

ACROSS = (2, 3)
"""Sections further on in which a neuron may go on that is not seen in between."""

STRIDE = 2
"""Pixels: every so many are compared between sections further apart."""


@dataclass(frozen=True)
class FragmentShapes:
    """Moments and extents of fragments, and which lie over each other with one or two sections between them.

    Attributes
    ----------
    moments : (n + 1, MOMENTS) float64
        Sums over the voxels of each fragment.
    start, stop : (n + 1,) int64
        First section, and the one after the last; 0 and 0 where there is no such fragment.
    depth : int
        Sections of the volume.
    over : (k, 4) int64
        Fragment, fragment in a later section, sections from one to the other, and pixels in which they overlap.
    over_at : (k, 3) int64
        A voxel (z, y, x) of the first of both where they do.
    """

    moments: NDArray[np.float64]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    depth: int
    over: NDArray[np.int64]
    over_at: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.start)


def find_fragment_shapes(fragments: FragmentVolume, n: int) -> Job[FragmentShapes]:
    """Find the shapes of fragments 1..n of a volume (z, y, x), section by section."""
    depth, height, width = fragments.shape
    y, x = (axis.ravel().astype(np.float64) for axis in np.indices((height, width)))
    moments, start, stop = np.zeros((n + 1, MOMENTS)), np.zeros(n + 1, np.int64), np.zeros(n + 1, np.int64)
    over = [(np.empty((0, 4), np.int64), np.empty((0, 3), np.int64))]
    before: list[Ids] = []  # sections before, thinned out; the last one first
    watch = Stopwatch("shapes", depth)
    for z in range(depth):
        section = fragments[z]
        low, sums = _plane_sums(section, y, x)
        ids = low + np.flatnonzero(sums[:, 0])
        ids = ids[ids > 0]
        one, at_y, at_x, yy, xx = sums[ids - low].T
        moments[ids] += np.stack([one, z * one, at_y, at_x, z * z * one, yy, xx, z * at_y, z * at_x], axis=1)
        start[ids[stop[ids] == 0]] = z
        stop[ids] = z + 1
        thin = section[::STRIDE, ::STRIDE]
        over += [_overlaps(before[d - 1], thin, z, d) for d in ACROSS if d <= len(before)]
        before = [thin, *before[: max(ACROSS) - 1]]
        yield watch.at(z + 1)
    rows, places = (np.concatenate(column) for column in zip(*over, strict=True))
    return FragmentShapes(moments, start, stop, depth, rows, places)


def _plane_sums(section: Ids, y: NDArray[np.float64], x: NDArray[np.float64]) -> tuple[int, NDArray[np.float64]]:
    """Return the smallest id of a section, and for it and each above: voxels and sums of y, x, yy and xx."""
    inside = section[section > 0]
    low = int(inside.min()) if inside.size else 0
    ids = np.where(section > 0, section - low + 1, 0).ravel().astype(np.int64)
    sums = [np.bincount(ids, weights) for weights in (None, y, x, y * y, x * x)]
    return low, np.stack(sums, axis=1)[1:].astype(np.float64, copy=False)


def _overlaps(one: Ids, other: Ids, z: int, distance: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return which ids of a thinned section lie over those of section z, as rows of `over` and `over_at`."""
    place = np.flatnonzero((one > 0) & (other > 0) & (one != other))
    key = one.ravel()[place].astype(np.uint64) << np.uint64(32) | other.ravel()[place].astype(np.uint64)
    order = np.argsort(key, kind="stable")
    found, first, number = np.unique(key[order], return_index=True, return_counts=True)
    u, v = (found >> np.uint64(32)).astype(np.int64), (found & np.uint64(0xFFFFFFFF)).astype(np.int64)
    y, x = np.unravel_index(place[order[first + number // 2]], one.shape)
    rows = np.stack([u, v, np.full(len(u), distance), number * STRIDE**2], axis=1)
    return rows, np.stack([np.full(len(u), z - distance), y * STRIDE, x * STRIDE], axis=1).astype(np.int64)


@dataclass(frozen=True)
class SegmentShapes:
    """The shapes of segments, rows by segment id.

    Attributes
    ----------
    moments : (s, MOMENTS) float64
    start, stop : (s,) int64
        First section, and the one after the last.
    low_end, high_end : (s, MOMENTS) float64
        Moments of the fragments in the first and in the last section alone.
    """

    moments: NDArray[np.float64]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    low_end: NDArray[np.float64]
    high_end: NDArray[np.float64]

    @classmethod
    def of(cls, shapes: FragmentShapes, table: Ids) -> "SegmentShapes":
        """Return the shapes of the segments in a table, (n + 1,)."""
        n = min(len(shapes), len(table))
        there = np.flatnonzero((shapes.stop[:n] > 0) & (table[:n] > 0))
        segment, count = table[there].astype(np.int64), int(table.max(initial=0)) + 1
        start, stop = np.full(count, shapes.depth), np.zeros(count, np.int64)
        np.minimum.at(start, segment, shapes.start[there])
        np.maximum.at(stop, segment, shapes.stop[there])
        moments = shapes.moments[there]
        is_low, is_high = shapes.start[there] == start[segment], shapes.stop[there] == stop[segment]
        sums = [_sums(moments[kind], segment[kind], count) for kind in (slice(None), is_low, is_high)]
        return cls(sums[0], start, stop, sums[1], sums[2])


def _sums(rows: NDArray[np.float64], group: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    return np.stack([np.bincount(group, column, count) for column in rows.T], axis=1)


def centre(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the centres (z, y, x), (k, 3), of things with these moments, (k, MOMENTS)."""
    found: NDArray[np.float64] = moments[:, 1:4] / np.maximum(moments[:, :1], 1)
    return found


def spread(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the standard deviations on z, y and x, (k, 3)."""
    found: NDArray[np.float64] = np.sqrt(
        np.maximum(moments[:, 4:7] / np.maximum(moments[:, :1], 1) - centre(moments) ** 2, 0)
    )
    return found


def slope(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by how many pixels (y, x) things move from one section to the next, (k, 2), by least squares."""
    middle = centre(moments)
    together = moments[:, 7:9] / np.maximum(moments[:, :1], 1) - middle[:, :1] * middle[:, 1:]
    of_z = spread(moments)[:, :1] ** 2
    found: NDArray[np.float64] = np.where(of_z > 0, together / np.maximum(of_z, 1e-9), 0)
    return found
