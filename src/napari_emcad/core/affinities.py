"""Affinities: values and the offsets they belong to, always together.

An affinity at voxel v on channel c says how likely v and v + offsets[c] lie in the same neuron:
1 = same, 0 = a boundary lies between them. Offsets are (z, y, x) in voxels and point backwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.volume import AffinityVolume

Offset = tuple[int, int, int]
"""A step from a voxel to its partner: z, y, x, in voxels."""

NEAREST: tuple[Offset, ...] = ((-1, 0, 0), (0, -1, 0), (0, 0, -1))
"""The three offsets that agglomeration uses: to the previous voxel on z, y and x."""

UNKNOWN = 128
"""The affinity x 255 of voxels for which none was predicted."""


@dataclass(frozen=True)
class Affinities:
    """Affinity values with their offsets.

    Attributes
    ----------
    values : AffinityVolume (c, z, y, x)
        uint8 (value x 255) or float32 in [0, 1].
    offsets : tuple of (z, y, x)
        One a channel, in voxels.
    """

    values: AffinityVolume
    offsets: tuple[Offset, ...] = NEAREST

    def __post_init__(self) -> None:
        if len(self.values.shape) != 4 or self.values.shape[0] != len(self.offsets):
            raise ValueError(
                f"offsets: one per affinity channel is needed, got {len(self.offsets)} for affinities of shape "
                f"{tuple(self.values.shape)}; pass affinities as (channel, z, y, x) with their own offsets."
            )


def shifted(offset: Sequence[int]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return slices `here`, `there` such that array[there] is array[here] moved by `offset`, on any number of axes.

    >>> here, there = shifted((0, -1, 2))
    """
    here = tuple(slice(max(0, -o), None if o <= 0 else -o) for o in offset)
    there = tuple(slice(max(0, o), None if o >= 0 else o) for o in offset)
    return here, there


def affinities_of_labels(labels: NDArray, offsets: Sequence[Offset] = NEAREST) -> NDArray[np.bool_]:
    """Return the affinities of a labelling: True if both voxels of a pair carry the same label that is not 0.

    Parameters
    ----------
    labels : (z, y, x) integer
        0 = boundary or unlabelled.
    offsets : sequence of (z, y, x)
        In voxels.

    Returns
    -------
    (c, z, y, x) bool
        False where the partner lies outside the volume.
    """
    result = np.zeros((len(offsets), *labels.shape), dtype=bool)
    for channel, offset in zip(result, offsets, strict=True):
        here, there = shifted(offset)
        channel[here] = (labels[here] == labels[there]) & (labels[here] != 0)
    return result


def without_borders(labels: NDArray) -> NDArray:
    """Return labels with 0 wherever a 3 x 3 neighbourhood in a section holds two different neurons.

    Parameters
    ----------
    labels : (z, y, x) integer
        0 = boundary or unlabelled; not modified.

    Returns
    -------
    (z, y, x), the dtype of `labels`
    """
    top = np.iinfo(labels.dtype).max
    largest = _over_neighbours(np.maximum, labels)
    smallest = _over_neighbours(np.minimum, np.where(labels == 0, top, labels))
    return np.where((smallest != largest) & (largest != 0), 0, labels)


def _over_neighbours(extreme: np.ufunc, labels: NDArray) -> NDArray:
    """Return the largest or smallest label in each 3 x 3 neighbourhood of a section.

    Done by shifting: scipy's filters round ids above 2**53.
    """
    for step in ((0, 1, 0), (0, 0, 1)):
        here, there = shifted(step)
        result = labels.copy()
        result[here] = extreme(result[here], labels[there])
        result[there] = extreme(result[there], labels[here])
        labels = result
    return labels
