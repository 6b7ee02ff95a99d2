"""What each neuron of a state is: its size and where it lies."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.fragment_boxes import FragmentBoxes
from napari_emcad.proofreading.edits import State


@dataclass(frozen=True)
class Neurons:
    """All neurons of a state, in the order of their ids.

    Attributes
    ----------
    ids : (k,) uint32
    voxels : (k,) int64
    start, stop : (k, 3) int32
        Bounding boxes, half open, in voxels (z, y, x).
    done : (k,) bool
        Whether a neuron is locked.
    """

    ids: NDArray[np.uint32]
    voxels: NDArray[np.int64]
    start: NDArray[np.int32]
    stop: NDArray[np.int32]
    done: NDArray[np.bool_]


def neurons_of(state: State, boxes: FragmentBoxes) -> Neurons:
    """The neurons of a state, whose fragments lie in these boxes.

    Strategy: columns by the ids themselves, without sorting; a million fragments take 0.1 s.
    """
    there = np.flatnonzero((state.table > 0) & (state.sizes > 0))
    owner = state.table[there]
    voxels = np.bincount(owner, weights=state.sizes[there]).astype(np.int64)
    ids = np.flatnonzero(voxels).astype(np.uint32)
    start = _reduced(np.minimum, np.iinfo(np.int32).max, owner, boxes.start[there])
    stop = _reduced(np.maximum, 0, owner, boxes.stop[there])
    return Neurons(ids, voxels[ids], start[ids], stop[ids], np.isin(ids, list(state.locked)))


def _reduced(how: np.ufunc, first: int, owner: NDArray, values: NDArray[np.int32]) -> NDArray[np.int32]:
    """The least or largest (k, 3) values of each owner, (largest owner + 1, 3)."""
    found = np.full((3, int(owner.max(initial=0)) + 1), first, np.int32)
    for column, of in zip(found, values.T, strict=True):
        how.at(column, owner, of)
    return found.T
