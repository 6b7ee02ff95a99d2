"""Arrays that are read or written by slices, wherever their voxels lie: in memory, in a file or behind a URL."""

from collections.abc import Iterator
from types import EllipsisType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.geometry import Shape, Slices

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


Voxels = tuple[NDArray[np.integer], NDArray[np.integer], NDArray[np.integer]]
"""Voxels as NumPy takes them: three arrays of one shape, with their z, y and x."""


class FragmentVolume(Protocol):
    """Fragments (z, y, x), ids of 4 or 8 bytes, 0 = none: in memory, or on disk and read as they are looked at."""

    @property
    def shape(self) -> Shape:
        """Voxels on z, y, x."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the ids, see `ids.Ids`."""
        ...

    @property
    def nbytes(self) -> int:
        """Bytes of all ids in memory."""
        ...

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[NDArray[Any]]: ...

    def __getitem__(self, key: Key | Voxels, /) -> NDArray[Any]: ...

    def __setitem__(self, key: Slices, values: NDArray[Any], /) -> None: ...
