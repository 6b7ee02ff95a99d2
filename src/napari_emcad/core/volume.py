"""Arrays that are read or written by slices, wherever their voxels lie: in memory, in a file or behind a URL."""

from types import EllipsisType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Shape, Slices

SMALLEST_SECTION = 16
"""Pixels on y and x that a section for a student has at least: it pools four times by two."""

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


class AffinityStore(AffinityVolume, Writable, Protocol):
    """Affinities (3, z, y, x) that are written by one step and read by the next: in memory, or on disk."""


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

    def __getitem__(self, key: Key | Voxels, /) -> NDArray[Any]: ...

    def __setitem__(self, key: Slices, values: NDArray[Any], /) -> None: ...


def resolutions(volume: Volume) -> list[Volume]:
    """Return a volume, and the same at the lower resolutions that it knows of, the finest first."""
    return [volume, *getattr(volume, "coarser", ())]


def is_far(volume: Volume) -> bool:
    """Return True if a volume says that it lies behind a URL."""
    return bool(getattr(volume, "is_far", False))


def check_volume(volume: Volume, smallest: int = SMALLEST_SECTION) -> None:
    """Refuse anything but a stack of grey sections, of at least `smallest` pixels on y and x.

    Raises
    ------
    UserError
        One sentence that says what came and what to do.
    """
    shape: tuple[int, ...] = tuple(volume.shape)
    if len(shape) == 2:
        raise UserError(f"volume: a stack (z, y, x) is needed, got one 2D image {shape}; open it as (1, y, x).")
    if len(shape) in (3, 4) and shape[-1] in (3, 4):
        raise UserError(f"volume: grey values are needed, got a colour image {shape}; convert it to grey first.")
    if len(shape) != 3:
        raise UserError(f"volume: a stack (z, y, x) is needed, got {len(shape)} axes {shape}; choose one channel.")
    if 0 in shape:
        raise UserError(f"volume: it is empty, shape {shape}; choose another one.")
    if min(shape[1:]) < smallest:
        raise UserError(
            f"volume: sections of at least {smallest} x {smallest} pixels are needed, "
            f"got {shape[1]} x {shape[2]}; choose a larger stack."
        )
    if np.dtype(volume.dtype).kind not in "buif":
        raise UserError(f"volume: real numbers are needed, got dtype {volume.dtype}; convert it first.")
