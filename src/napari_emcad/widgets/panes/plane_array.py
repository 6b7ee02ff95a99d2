"""A volume as napari slices it across y or x: an array whose planes come from `Planes`."""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.widgets.panes.planes import Planes

Finish = Callable[[NDArray[Any]], NDArray[Any]]
"""Turns voxels as they are kept into those that are shown."""


def as_they_are(values: NDArray[Any]) -> NDArray[Any]:
    """Return voxels that are shown as they are kept."""
    return values


class PlaneArray:
    """One resolution of a volume (z, y, x), or (z, y, x, colour), that gives planes across one axis and nothing else.

    Parameters
    ----------
    planes : Planes
    level : int
    dtype : dtype
        Type of the voxels that are shown.
    finish : callable
    box : (3 slices), optional
        The part of the volume that this array is; all of it by default.
    """

    def __init__(
        self,
        planes: Planes,
        level: int,
        dtype: DTypeLike,
        finish: Finish = as_they_are,
        box: tuple[slice, slice, slice] | None = None,
    ):
        whole = planes.levels[level].shape
        self._planes, self._level, self._finish = planes, level, finish
        self._box = box or (slice(0, whole[0]), slice(0, whole[1]), slice(0, whole[2]))
        self._tail: tuple[int, ...] = tuple(whole[3:])
        self.dtype = np.dtype(dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels on z, y, x, then the colours."""
        return *(part.stop - part.start for part in self._box), *self._tail

    @property
    def ndim(self) -> int:
        """3, or 4 with colours."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of values."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes that all of it would take in memory."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        raise UserError("panes: only one plane at a time is read here; take the layer of the main canvas.")

    def __getitem__(self, key: Any) -> Any:
        """Return the voxels of a plane if the key takes one alone, else a part of this array, of which none is read."""
        keys = (key if isinstance(key, tuple) else (key,))[:3]
        keys = keys + (slice(None),) * (3 - len(keys))
        z, y, x = (_part(one, box) for one, box in zip(keys, self._box, strict=True))
        across = (z, y, x)[self._planes.axis]
        if across.stop - across.start != 1:
            return PlaneArray(self._planes, self._level, self.dtype, self._finish, (z, y, x))
        plane = np.expand_dims(self._plane([z, y, x]), self._planes.axis)
        return plane[tuple(slice(None) if isinstance(one, slice) else 0 for one in keys)]

    def _plane(self, parts: list[slice]) -> NDArray[Any]:
        axis = self._planes.axis
        read = self._planes.read(self._level, parts[axis].start, parts[0], parts[3 - axis])
        return self._finish(read).astype(self.dtype, copy=False)


def _part(key: Any, box: slice) -> slice:
    """Return the part of a box that a number or a slice without a step takes."""
    length = box.stop - box.start
    if isinstance(key, slice):
        start, stop, step = key.indices(length)
        if step != 1:
            raise IndexError(f"slices without a step are needed here, got {key}.")
        return slice(box.start + start, box.start + max(start, stop))
    number = int(key)
    number += length if number < 0 else 0
    if not 0 <= number < length:
        raise IndexError(f"index {key} lies outside an axis of {length} voxels.")
    return slice(box.start + number, box.start + number + 1)
