"""Surfaces and sizes of all labels of a volume, one label after the other."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.fragment_boxes import FragmentBoxes, find_fragment_boxes
from napari_emcad.core.geometry import Slices, VoxelSize
from napari_emcad.core.progress import Job, Stopwatch
from napari_emcad.core.surfaces import Surface, whole_surface
from napari_emcad.core.volume import Volume
from napari_emcad.io.labels.label_volume import LabelPieces, LabelVolume
from napari_emcad.io.stacks.lazy_array import LazyArray


@dataclass(frozen=True)
class LabelSurfaces:
    """The labels of a volume, whose surfaces are made one by one.

    Attributes
    ----------
    ids : (k,) whole numbers
        Ascending, without 0.
    voxels : (k,) int64
        Voxels of each.
    """

    ids: NDArray[np.integer]
    voxels: NDArray[np.int64]
    _pieces: LabelPieces
    _boxes: FragmentBoxes
    _volume: LabelVolume

    def surfaces(self, size: VoxelSize) -> Iterator[Surface]:
        """Yield the surface of each label, in nm; the corner of the stack's first voxel is the origin."""
        present = np.flatnonzero((self._boxes.stop[:, 0] > 0) & (self._pieces.table[: len(self._boxes)] > 0))
        labels = self._pieces.table[present]
        order = np.argsort(labels, kind="stable")
        for members in np.split(present[order], np.flatnonzero(np.diff(labels[order])) + 1):
            if len(members):
                found = whole_surface(self._pieces.fragments, members, self._boxes, size, self._volume.grid_start)
                yield found.from_corner(size)


def find_labels(volume: LabelVolume) -> Job[LabelSurfaces]:
    """Find all labels of a volume, in two or three passes over its sections.

    Yields
    ------
    Progress
        Stages "ids" (unless the labels' pieces are known), "fragments" and "sizes", in sections.
    """
    pieces = volume.pieces or (yield from _number_labels(volume.values))
    boxes = yield from find_fragment_boxes(pieces.fragments)
    counts, depth = np.zeros(len(boxes), np.int64), pieces.fragments.shape[0]
    watch = Stopwatch("sizes", depth)
    for z in range(depth):
        counts += np.bincount(pieces.fragments[z].ravel().astype(np.int64), minlength=len(boxes))
        yield watch.at(z + 1)
    ids, which = np.unique(pieces.table[: len(boxes)], return_inverse=True)
    voxels = np.bincount(which, weights=counts, minlength=len(ids)).astype(np.int64)
    kept = (ids > 0) & (voxels > 0)
    return LabelSurfaces(ids[kept], voxels[kept], pieces, boxes, volume)


def _number_labels(labels: Volume) -> Job[LabelPieces]:
    """Number labels of any size from 1 on, as fragments of their own."""
    depth = labels.shape[0]
    ids, watch = np.zeros(1, labels.dtype if np.dtype(labels.dtype).kind != "b" else np.uint8), Stopwatch("ids", depth)
    for z in range(depth):
        ids = np.union1d(ids, np.unique(np.asarray(labels[z])))
        yield watch.at(z + 1)

    def read(slices: Slices) -> NDArray[np.uint32]:
        return np.searchsorted(ids, labels[slices]).astype(np.uint32)

    return LabelPieces(LazyArray("labels", labels.shape, np.uint32, read), ids)
