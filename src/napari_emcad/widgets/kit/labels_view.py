"""Neurons as napari shows them: fragments and a table with the neuron of each, looked up as they are read."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from napari.layers import Labels
from numpy.typing import DTypeLike, NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, Shape, Slices, triple
from napari_emcad.core.ids import Ids, id_dtype
from napari_emcad.core.live_cut import LiveCut
from napari_emcad.core.volume import FragmentVolume, Key, Voxels
from napari_emcad.io.labels.chunked import ChunkedLabels
from napari_emcad.io.sessions.fragment_levels import OVERVIEW
from napari_emcad.io.stacks.lazy_array import LazyArray
from napari_emcad.widgets.kit.array_part import part_of


@dataclass(frozen=True)
class Without:
    """A stand-in for a table (n + 1,) in which some fragments have no neuron; the table is not copied for that.

    Attributes
    ----------
    table : (n + 1,) integer
    fragments : (k,) Ids
        Fragments without a neuron.
    """

    table: NDArray[np.integer]
    fragments: Ids

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, fragments: Ids) -> NDArray[np.integer]:
        is_out = np.zeros(len(self), bool)
        is_out[self.fragments] = True
        return self.table[fragments] * ~is_out[fragments]


Table = NDArray[np.integer] | LiveCut | Without
"""The neuron of each fragment, (n + 1,), 0 for none: an array, or what stands for one while a person looks."""


@dataclass
class TableInUse:
    """The table that a view and all levels of its pyramid look up."""

    table: Table


class LabelView:
    """Labels (z, y, x) whose voxels are table[fragments], looked up as they are read.

    Parameters
    ----------
    fragments : FragmentVolume (z, y, x)
        1..n without gaps, 0 = none; neither copied nor modified.
    in_use : TableInUse
    dtype : dtype
        Type of the labels.
    """

    ndim = 3

    def __init__(self, fragments: FragmentVolume, in_use: TableInUse, dtype: DTypeLike):
        self.fragments, self.in_use, self.dtype = fragments, in_use, np.dtype(dtype)

    @property
    def lies_in_files(self) -> bool:
        """True if the fragments are too many for memory: only the part on screen is read."""
        return isinstance(self.fragments, ChunkedLabels)

    @property
    def shape(self) -> Shape:
        """Voxels on z, y, x."""
        return self.fragments.shape

    @property
    def size(self) -> int:
        """Number of voxels."""
        return prod(self.fragments.shape)

    @property
    def nbytes(self) -> int:
        """Bytes that all labels would take in memory."""
        return self.size * self.dtype.itemsize

    @property
    def table(self) -> NDArray[np.integer]:
        """A copy of the table in use, (n + 1,)."""
        return self.labels_of(np.arange(len(self.in_use.table)))

    def look_up(self, key: Key | Voxels) -> NDArray[np.integer]:
        """Read the labels of a part, or of single voxels."""
        return self.labels_of(self.fragments[key])

    def labels_of(self, fragments: Ids) -> NDArray[np.integer]:
        """Return the labels of fragments that have been read already."""
        return self.in_use.table[fragments].astype(self.dtype, copy=False)

    def snapshot(self) -> "FragmentLabels":
        """Return the labels as they stand now, whatever table is used later."""
        return FragmentLabels(self.fragments, self.table, self.dtype)

    def __len__(self) -> int:
        return self.fragments.shape[0]

    def __iter__(self) -> Iterator[NDArray[np.integer]]:
        return (self.look_up(z) for z in range(len(self)))

    def __setitem__(self, key: object, value: object) -> None:
        raise UserError("neurons: these are computed from fragments and cannot be painted on; duplicate the layer.")

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("neurons: an array without a copy is not possible, they are looked up in a table.")
        return self.look_up(...).astype(dtype or self.dtype, copy=False)


class FragmentLabels(LabelView):
    """Labels that can be given another table: that is another labelling, and no voxel moves.

    Parameters
    ----------
    fragments : FragmentVolume (z, y, x)
        1..n without gaps, 0 = none; neither copied nor modified.
    table : (n + 1,) Ids
        Neuron of each fragment, 0 for none; not copied if it has the dtype.
    dtype : dtype, optional
        uint32 if fragments and ids fit, which napari draws fastest in colours of our own; else int64.
    """

    def __init__(self, fragments: FragmentVolume, table: NDArray[np.integer], dtype: DTypeLike | None = None):
        dtype = dtype or id_dtype(max(len(table) - 1, int(table.max(initial=0))))
        super().__init__(fragments, TableInUse(table.astype(dtype, copy=False)), dtype)

    def __getitem__(self, key: Key | Voxels) -> NDArray[np.integer]:
        return self.look_up(key)

    def holds(self, table: NDArray[np.integer]) -> bool:
        """Return True if a table can be shown: it has the same length, and no id too large for the dtype."""
        is_wide = self.dtype.itemsize >= table.itemsize
        length = len(self.in_use.table)
        return len(table) == length and (is_wide or int(table.max(initial=0)) <= np.iinfo(self.dtype).max)

    def show(self, table: Table) -> None:
        """Take another table of the same length; refresh the layer after it, and whenever the table is changed."""
        self.in_use.table = table.astype(self.dtype, copy=False) if isinstance(table, np.ndarray) else table


class PyramidLevel(LabelView):
    """A level of a pyramid; napari cuts all sections of its canvas out of it, and then reads one of them."""

    def __getitem__(self, key: Key | Voxels) -> NDArray[np.integer] | LazyArray:
        if isinstance(key, tuple) and all(isinstance(k, slice) and k.step in (None, 1) for k in key):
            ends = [k.indices(n)[:2] for k, n in zip(key, self.shape, strict=True) if isinstance(k, slice)]
            return self._box(Box(triple(start for start, _ in ends), triple(stop for _, stop in ends)))
        return self.look_up(key)

    def _box(self, box: Box) -> LazyArray:
        fragments = part_of(self.fragments, box)

        def read(slices: Slices) -> NDArray[np.integer]:
            return self.labels_of(fragments[slices])

        return LazyArray("neurons", box.shape, self.dtype, read)


def pyramid(view: FragmentLabels) -> list[FragmentLabels] | list[PyramidLevel]:
    """Return the view alone if it is small; else levels of fewer and fewer voxels, all of which follow its table.

    The first level is the view's voxels, and each further one every second pixel on y and x, down to `OVERVIEW` voxels.
    Napari draws the last one in 3D. No voxel is copied.
    """
    finest = view.fragments
    fragments: list[FragmentVolume] = [*finest.levels] if isinstance(finest, ChunkedLabels) else [finest]
    while prod(fragments[-1].shape) > OVERVIEW and min(fragments[-1].shape[1:]) > 1:
        fragments.append(fragments[-1][:, ::2, ::2])
    return [PyramidLevel(level, view.in_use, view.dtype) for level in fragments] if fragments[1:] else [view]


LayerData = FragmentLabels | list[FragmentLabels] | list[PyramidLevel]
"""Data of a labels layer: a view, or the levels of its pyramid."""


def replace_data(layer: Labels, data: LayerData) -> None:
    """Give a layer other voxels of the same shape.

    Voxels of the same type come to lie under the views that the layer has, since napari takes long to be given others.
    Of another type, a pyramid stays at its level: napari takes the last one, but the corners of what is seen of the one
    before.
    """
    now, new = _levels(layer.data), _levels(data)
    if len(now) == len(new) and now[0].dtype == new[0].dtype:
        for old, level in zip(now, new, strict=True):
            old.fragments, old.in_use = level.fragments, level.in_use
        layer.refresh(extent=False)
        return
    level = layer.data_level
    layer.data = data
    if layer.multiscale:
        layer.data_level = level
    layer.editable = False


def _levels(data: Any) -> list[LabelView]:
    return [data] if isinstance(data, LabelView) else list(data)
