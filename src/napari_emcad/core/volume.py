"""Arrays that are read or written by slices, wherever their voxels lie: in memory, in a file or behind a URL."""

from types import EllipsisType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.geometry import Shape

Key = int | slice | EllipsisType | tuple[int | slice | EllipsisType, ...]
"""An index of whole numbers and slices: all that volumes are asked for."""


class Volume(Protocol):
    """A volume (z, y, x) that is read by slices: a NumPy array, or anything that gives NumPy arrays when sliced."""

    @property
    def shape(self) -> Shape:
        """Voxels on z, y, x."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the voxels."""
        ...

    def __getitem__(self, key: Key, /) -> NDArray[Any]: ...


class AffinityVolume(Protocol):
    """Affinities (3, z, y, x) that are read by slices: channels z, y, x, to the previous voxel, uint8 (value x 255)."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Channels, then voxels on z, y, x."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        ...

    def __getitem__(self, key: Key, /) -> NDArray[Any]: ...


class Writable(Protocol):
    """An array that results are written to by slices, such as a NumPy or a Zarr array."""

    def __setitem__(self, key: Key, values: NDArray[Any], /) -> None: ...
