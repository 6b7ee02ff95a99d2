"""Neurons as napari shows them: fragments and a table that says to which neuron each belongs."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from napari.layers import Labels
from numpy.typing import DTypeLike, NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.ids import Ids
from napari_emcad.core.live_cut import LiveCut
from napari_emcad.core.segmentation import label_dtype
from napari_emcad.core.volume import Volume
from napari_emcad.io.labels.chunked import ChunkedLabels
from napari_emcad.io.sessions.fragment_levels import OVERVIEW
from napari_emcad.io.stacks.lazy_array import LazyArray, Slices


@dataclass(frozen=True)
class Without:
    """Stands for a table (n + 1,) in which some fragments have no neuron; it is not copied for that.

    Attributes
    ----------
    table : (n + 1,) integer
    fragments : (k,) Ids
    """

    table: NDArray
    fragments: Ids

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, fragments: Ids) -> NDArray:
        is_out = np.zeros(len(self), bool)
        is_out[self.fragments] = True
        return self.table[fragments] * ~is_out[fragments]


class FragmentLabels:
    """An array-like (z, y, x) whose voxels are table[fragments]: a new table is a new labelling, and no voxel moves.

    Parameters
    ----------
    fragments : Volume (z, y, x)
        1..n without gaps, 0 = none; neither copied nor modified.
    table : (n + 1,) Ids
        Neuron of each fragment, 0 for none; not copied where it has the dtype.
    dtype : dtype, optional
        uint16 up to 65,535 fragments and ids, else uint32 where they fit: napari draws these fastest.
    """

    ndim = 3

    def __init__(self, fragments: Volume, table: NDArray, dtype: DTypeLike | None = None):
        self.fragments = fragments
        self._table = table.astype(dtype or label_dtype(max(len(table) - 1, int(table.max(initial=0)))), copy=False)
        self.dtype = self._table.dtype

    @property
    def table(self) -> NDArray:
        """A copy of the table in use, (n + 1,)."""
        return self._looked_up(np.arange(len(self._table)))

    def holds(self, table: Ids) -> bool:
        """Whether a table can be shown: of the same length, and no id too large for the dtype."""
        is_wide = self.dtype.itemsize >= table.itemsize
        return len(table) == len(self._table) and (is_wide or int(table.max(initial=0)) <= np.iinfo(self.dtype).max)

    def show(self, table: Ids | LiveCut | Without) -> None:
        """Take another table of the same length; refresh the layer after it, and whenever the table is changed."""
        self._table = table.astype(self.dtype, copy=False) if isinstance(table, np.ndarray) else table

    @property
    def lies_in_files(self) -> bool:
        """Whether the fragments are too many to be read: only what is looked at is."""
        return isinstance(self.fragments, ChunkedLabels)

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.fragments.shape

    @property
    def size(self) -> int:
        return prod(self.fragments.shape)

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.fragments.shape[0]

    def __iter__(self) -> Iterator[NDArray]:
        return (self[z] for z in range(len(self)))

    def __getitem__(self, key: Any) -> NDArray:
        return self._looked_up(self.fragments[key])

    def __setitem__(self, key: Any, value: Any) -> None:
        raise UserError("neurons: these are computed from fragments and cannot be painted on; duplicate the layer.")

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray:
        if copy is False:
            raise ValueError("neurons: an array without a copy is not possible, they are looked up in a table.")
        return self[...].astype(dtype or self.dtype, copy=False)

    def _looked_up(self, fragments: Ids) -> NDArray:
        return self._table[fragments].astype(self.dtype, copy=False)


class Level(FragmentLabels):
    """A level of a pyramid, of which a box is another level: napari takes all sections of its canvas, then one."""

    def __init__(self, view: FragmentLabels, fragments: Volume):
        self.fragments, self._view, self.dtype = fragments, view, view.dtype

    def __getitem__(self, key: Any) -> "NDArray | Level":
        if isinstance(key, tuple) and all(isinstance(k, slice) and k.step in (None, 1) for k in key):
            ends = (k.indices(n)[:2] for k, n in zip(key, self.shape, strict=True))
            return Level(self._view, part_of(self.fragments, Box(*zip(*ends, strict=True))))
        return super().__getitem__(key)

    @property
    def _table(self) -> NDArray | LiveCut | Without:
        """That of the view, which it follows."""
        return self._view._table


def pyramid(view: FragmentLabels) -> list[FragmentLabels]:
    """The view, then every second pixel of it on y and x and so on down to `OVERVIEW` voxels; all follow its table.

    Napari draws the last one in 3D. No voxel is copied.
    """
    finest = view.fragments
    fragments: list[Volume] = [*finest.levels] if isinstance(finest, ChunkedLabels) else [finest]
    while prod(fragments[-1].shape) > OVERVIEW and min(fragments[-1].shape[1:]) > 1:
        fragments.append(fragments[-1][:, ::2, ::2])
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


def part_of(array: Any, box: Box) -> LazyArray:
    """A box of an array-like (z, y, x), cut out as it is read."""

    def read(slices: Slices) -> NDArray:
        moved = (slice(s.start + a, s.stop + a, s.step) for s, a in zip(slices, box.start, strict=True))
        return np.asarray(array[tuple(moved)])

    return LazyArray("labels", box.shape, array.dtype, read)
