"""Affinities as a colour image, composed as it is looked at."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


class ComposedAffinities:
    """An array-like (z, y, x, 3) over affinities (3, z, y, x) uint8: z is red, y green, x blue; nothing is copied.

    White is the inside of a neuron, black a boundary on all axes.
    """

    ndim = 4
    dtype = np.dtype(np.uint8)

    def __init__(self, affinities: NDArray[np.uint8]):
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
        return np.moveaxis(self.affinities, 0, -1)[key]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray:
        if copy is False:
            raise ValueError("affinities: a colour image without a copy is not possible.")
        return np.array(self[:], dtype or self.dtype)
