"""What each neuron of a state is: its size and where it lies."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.fragment_boxes import FragmentBoxes
from napari_emcad.core.geometry import Box
from napari_emcad.proofreading.edits import State


@dataclass(frozen=True)
class Neurons:
    """All neurons of a state, in the order of their ids.

    Attributes
    ----------
    ids : (k,) uint32
    voxels : (k,) int64
    start, stop : (k, 3) int64
        Bounding boxes, half open, in voxels (z, y, x).
    done : (k,) bool
        Whether a neuron is locked.
    """

    ids: NDArray[np.uint32]
    voxels: NDArray[np.int64]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    done: NDArray[np.bool_]

    def box(self, index: int) -> Box:
        """Bounding box of a neuron."""
        return Box(tuple(self.start[index].tolist()), tuple(self.stop[index].tolist()))


def neurons_of(state: State, boxes: FragmentBoxes) -> Neurons:
    """The neurons of a state, whose fragments lie in these boxes."""
    fragments = np.flatnonzero((state.table > 0) & (state.sizes > 0))
    ids, index = np.unique(state.table[fragments], return_inverse=True)
    start, stop = np.full((len(ids), 3), np.iinfo(np.int64).max), np.zeros((len(ids), 3), np.int64)
    np.minimum.at(start, index, boxes.start[fragments])
    np.maximum.at(stop, index, boxes.stop[fragments])
    voxels = np.bincount(index, weights=state.sizes[fragments], minlength=len(ids)).astype(np.int64)
    return Neurons(ids, voxels, start, stop, np.isin(ids, list(state.locked)))
