"""Affinities as a colour image, composed as it is looked at."""

from math import prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_emcad.core.geometry import Slices
from napari_emcad.core.volume import AffinityVolume
from napari_emcad.io.stacks.lazy_array import LazyArray


class ComposedAffinities:
    """An array-like (z, y, x, 3) over affinities (3, z, y, x) uint8: z is red, y green, x blue; nothing is copied.

    White is the inside of a neuron, black a boundary on all axes.
    """

    ndim = 4
    dtype = np.dtype(np.uint8)

    def __init__(self, affinities: AffinityVolume):
        self.affinities = affinities

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Voxels on z, y, x, then the colours."""
        _, z, y, x = self.affinities.shape
        return z, y, x, 3

    @property
    def size(self) -> int:
        """Number of values."""
        return prod(self.affinities.shape)

    @property
    def nbytes(self) -> int:
        """Bytes that the whole image would take in memory."""
        return self.size

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> NDArray[np.uint8]:
        *place, channel = _whole_key(key)
        return np.moveaxis(np.asarray(self.affinities[(slice(None), *place)]), 0, -1)[..., channel]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("affinities: a colour image without a copy is not possible.")
        return np.array(self[:], dtype or self.dtype)


def channel_of(affinities: AffinityVolume, channel: int) -> LazyArray:
    """Return one channel (z, y, x) of affinities (3, z, y, x) uint8; only the part that is looked at is read."""

    def read(slices: Slices) -> NDArray[Any]:
        z, y, x = slices
        return affinities[channel, z, y, x]

    return LazyArray("affinities", affinities.shape[1:], np.uint8, read)


def _whole_key(key: Any) -> tuple[Any, Any, Any, Any]:
    """Return a key with an entry for each of the axes z, y, x and channel."""
    key = key if isinstance(key, tuple) else (key,)
    dots = next((i for i, part in enumerate(key) if part is ...), len(key))
    before, after = key[:dots], key[dots + 1 :]
    return *before, *(slice(None),) * (ComposedAffinities.ndim - len(before) - len(after)), *after
