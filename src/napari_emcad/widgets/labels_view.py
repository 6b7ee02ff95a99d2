"""Neurons as napari shows them: fragments and a table that says to which neuron each belongs."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from napari.layers import Labels
from numpy.typing import DTypeLike, NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.segmentation import label_dtype


class FragmentLabels:
    """An array-like (z, y, x) whose voxels are table[fragments]: a new table is a new labelling, and no voxel moves.

    Parameters
    ----------
    fragments : (z, y, x) uint32
        1..n without gaps, 0 = none; neither copied nor modified.
    table : (n + 1,) uint32
        Neuron of each fragment, 0 for none; copied.
    dtype : dtype, optional
        uint16 up to 65,535 fragments and ids, else uint32: napari draws these fastest.
    """

    ndim = 3

    def __init__(self, fragments: NDArray[np.uint32], table: NDArray, dtype: DTypeLike | None = None):
        self.fragments = fragments
        self._table = table.astype(dtype or label_dtype(max(len(table) - 1, int(table.max(initial=0)))))

    @property
    def table(self) -> NDArray:
        """A copy of the table in use, (n + 1,)."""
        return self._table.copy()

    def holds(self, table: NDArray[np.uint32]) -> bool:
        """Whether a table can be shown: of the same length, and no id too large for the dtype."""
        return len(table) == len(self._table) and int(table.max(initial=0)) <= np.iinfo(self.dtype).max

    def show(self, table: NDArray[np.uint32]) -> None:
        """Take another table of the same length; refresh the layer after it."""
        self._table[:] = table

    @property
    def is_mapped(self) -> bool:
        """Whether the fragments are too many to be read: only what is looked at is."""
        return isinstance(self.fragments, np.memmap)

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.fragments.shape

    @property
    def dtype(self) -> np.dtype:
        return self._table.dtype

    @property
    def size(self) -> int:
        return self.fragments.size

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return len(self.fragments)

    def __iter__(self) -> Iterator[NDArray]:
        return (self[z] for z in range(len(self)))

    def __getitem__(self, key: Any) -> NDArray:
        return self._table[self.fragments[key]]

    def __setitem__(self, key: Any, value: Any) -> None:
        raise UserError("neurons: these are computed from fragments and cannot be painted on; duplicate the layer.")

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray:
        if copy is False:
            raise ValueError("neurons: an array without a copy is not possible, they are looked up in a table.")
        return self._table[self.fragments].astype(dtype or self.dtype, copy=False)


OVERVIEW = 1 << 24
"""Voxels that napari draws in 3D without a wait that is felt."""


class Level(FragmentLabels):
    """A level of a pyramid, of which a box is another level: napari takes all sections of its canvas, then one."""

    def __init__(self, view: FragmentLabels, fragments: NDArray[np.uint32]):
        self.fragments, self._table = fragments, view._table  # the very table of the view, which it follows

    def __getitem__(self, key: Any) -> "NDArray | Level":
        if isinstance(key, tuple) and all(isinstance(k, slice) for k in key):
            return Level(self, self.fragments[key])
        return super().__getitem__(key)


def pyramid(view: FragmentLabels) -> list[FragmentLabels]:
    """The view, then every second pixel of it on y and x and so on down to `OVERVIEW` voxels; all follow its table.

    Napari draws the last one in 3D: of mapped fragments that is a voxel of nothing. No voxel is copied.
    """
    fragments = [view.fragments]
    while fragments[-1].size > OVERVIEW and min(fragments[-1].shape[1:]) > 1:
        fragments.append(fragments[-1][:, ::2, ::2])
    if view.is_mapped:
        fragments.append(np.zeros((1, 1, 1), np.uint32))
    return [Level(view, level) for level in fragments] if fragments[1:] else [view]


def replace_data(layer: Labels, data: FragmentLabels | list[FragmentLabels]) -> None:
    """Give a layer other voxels of the same shape.

    It goes on at the same level: napari takes the last one, but the corners of what is seen of the one before.
    """
    level = layer.data_level
    layer.data = data
    if layer.multiscale:
        layer.data_level = level
    layer.editable = False


class Part:
    """A box of an array-like (z, y, x), cut out section by section as it is read."""

    ndim = 3

    def __init__(self, array: Any, box: Box):
        self._array, self._box = array, box
        self.shape, self.dtype = box.shape, np.dtype(array.dtype)

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[NDArray]:
        return (self[z] for z in range(len(self)))

    def __getitem__(self, z: int) -> NDArray:
        """Section z of the part, (y, x)."""
        if not 0 <= z < len(self):
            raise IndexError(f"section {z} lies outside {len(self)} sections.")
        first, *plane = self._box.slices
        return np.asarray(self._array[(first.start + z, *plane)])
