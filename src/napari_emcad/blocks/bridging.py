"""Fragments of a block where a section shows nothing, from those around it, whichever blocks they lie in.

What is read is what the blocks have found themselves, which is never written again: a block may be bridged in any
order, and again.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.blocks import Blocks
from napari_emcad.core.bridging import bridged_section, bridged_sections
from napari_emcad.core.fragment_boxes import find_fragment_boxes
from napari_emcad.core.geometry import Box, triple
from napari_emcad.core.ids import Ids
from napari_emcad.core.progress import drive
from napari_emcad.core.sections.pairing import PlannedBox
from napari_emcad.core.sections.plan import Plane
from napari_emcad.core.volume import FragmentVolume


class Bridged(NamedTuple):
    """Voxels that fragments have gained in a block.

    Attributes
    ----------
    ids : (k,) Ids
        Of the volume, rising.
    voxels : (k,) int64
    start, stop : (k, 3) int32
        Bounding boxes of what they have gained, half open, counted in the volume.
    """

    ids: Ids
    voxels: NDArray[np.int64]
    start: NDArray[np.int32]
    stop: NDArray[np.int32]


class NumberedFragments:
    """Fragments that are numbered in each block alone, read by their ids in the volume.

    Parameters
    ----------
    local : FragmentVolume
        Numbered 1..n in each block.
    blocks : Blocks
    first : (blocks + 1,) int64
        Fragments of the blocks before each.
    dtype : dtype
        Of the ids.
    """

    def __init__(self, local: FragmentVolume, blocks: Blocks, first: NDArray[np.int64], dtype: np.dtype[np.generic]):
        self._local, self._blocks, self._first, self._dtype = local, blocks, first, dtype

    def read(self, z: int, plane: Plane) -> Ids:
        """Return the fragments (y, x) of a part of a section."""
        y, x = plane
        seen = Box((z, y.start, x.start), (z + 1, y.stop, x.stop))
        if 0 in seen.shape:
            return np.zeros(seen.shape[1:], self._dtype)
        ids = self._local[seen.slices][0].astype(self._dtype)
        for number in self._blocks.touching(seen):
            _, *part = shared_box(self._blocks.box(number), seen).within(seen).slices
            ids[part[0], part[1]] += np.where(ids[part[0], part[1]], self._dtype.type(self._first[number]), 0)
        return ids


def bridge_block(fragments: Ids, box: Box, planned: PlannedBox, around: NumberedFragments) -> Bridged:
    """Write the fragments of neighbouring sections where the sections of a block show nothing.

    Parameters
    ----------
    fragments : (z, y, x) Ids
        Of the block; written.
    box : Box
        The block, in the box that is planned.
    planned : PlannedBox
        Of all blocks together.
    around : NumberedFragments
    """
    sections = [z for z in bridged_sections(planned) if box.start[0] <= z < box.stop[0]]
    _, *plane = box.slices
    made = np.zeros((len(sections), *fragments.shape[1:]), fragments.dtype)
    for k, z in enumerate(sections):
        made[k] = bridged_section(around.read, planned, z, (plane[0], plane[1]))
        np.copyto(fragments[z - box.start[0]], made[k], where=made[k] > 0)
    return _gained(made, np.array([*sections, 0]), box)


def shared_box(one: Box, other: Box) -> Box:
    """Return the voxels of both boxes."""
    return Box(triple(map(max, one.start, other.start)), triple(map(min, one.stop, other.stop)))


def _gained(made: Ids, sections: NDArray[np.integer], box: Box) -> Bridged:
    """Return what fragments have gained in sections of a block."""
    ids = np.unique(made[made > 0])
    number = np.searchsorted(np.append(np.zeros(1, ids.dtype), ids), made).astype(np.uint32)
    voxels = np.bincount(number.ravel(), minlength=len(ids) + 1)[1:]
    boxes = drive(find_fragment_boxes(number))
    start, stop = boxes.start[1:].copy(), boxes.stop[1:].copy()
    start[:, 0], stop[:, 0] = sections[start[:, 0]], sections[stop[:, 0] - 1] + 1
    start[:, 1:] += np.array(box.start[1:], np.int32)
    stop[:, 1:] += np.array(box.start[1:], np.int32)
    return Bridged(ids, voxels, start, stop)
