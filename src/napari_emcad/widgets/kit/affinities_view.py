"""Affinities as a colour image, composed as it is looked at."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_emcad.io.stacks.lazy_array import LazyArray


class ComposedAffinities:
    """An array-like (z, y, x, 3) over affinities (3, z, y, x) uint8: z is red, y green, x blue; nothing is copied.

    White is the inside of a neuron, black a boundary on all axes.
    """

    ndim = 4
    dtype = np.dtype(np.uint8)

    def __init__(self, affinities):
        self.affinities = affinities

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return (*self.affinities.shape[1:], 3)

    @property
    def size(self) -> int:
        return self.affinities.size

    @property
    def nbytes(self) -> int:
        return self.affinities.nbytes

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> NDArray[np.uint8]:
        *place, channel = _whole_key(key)
        return np.moveaxis(np.asarray(self.affinities[(slice(None), *place)]), 0, -1)[..., channel]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray:
        if copy is False:
            raise ValueError("affinities: a colour image without a copy is not possible.")
        return np.array(self[:], dtype or self.dtype)


def channel_of(affinities, channel: int) -> LazyArray:
    """One channel (z, y, x) of affinities (3, z, y, x) uint8; of those in a file only what is looked at is read."""
    return LazyArray("affinities", affinities.shape[1:], np.uint8, lambda place: affinities[(channel, *place)])


def _whole_key(key: Any) -> tuple[Any, Any, Any, Any]:
    """A key with something for each of the axes z, y, x and channel."""
    key = key if isinstance(key, tuple) else (key,)
    dots = next((i for i, part in enumerate(key) if part is ...), len(key))
    before, after = key[:dots], key[dots + 1 :]
    return *before, *(slice(None),) * (ComposedAffinities.ndim - len(before) - len(after)), *after
