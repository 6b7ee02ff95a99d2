"""Stacks of webKnossos: datasets with layers in Zarr, N5 or wkw, and single arrays in wkw."""

import os
import posixpath
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import zarr

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Shape, triple
from napari_emcad.io.metadata.arrangement import Arrangement
from napari_emcad.io.metadata.webknossos import PROPERTIES, WkDataset, WkLayer, WkMag, read_webknossos
from napari_emcad.io.read_errors import explain_read_errors, first_line
from napari_emcad.io.stacks import remote_zarr
from napari_emcad.io.stacks.axes import arrange_axes
from napari_emcad.io.stacks.choose_dataset import DatasetEntry, choose_dataset, openable_names
from napari_emcad.io.stacks.chunk_limits import check_chunk, check_count
from napari_emcad.io.stacks.lazy_array import FileArray, wrap_array
from napari_emcad.io.stacks.locations import Location, parse_location
from napari_emcad.io.stacks.n5 import N5Tree, open_n5_array
from napari_emcad.io.stacks.open_dataset import Holds, OpenDataset
from napari_emcad.io.stacks.stack_selection import ANY, StackSelection
from napari_emcad.io.stacks.tensorstore_arrays import chunk_shape
from napari_emcad.io.stacks.wkw import AXES, HEADER, WkwArray, is_wkw
from napari_emcad.io.stacks.zarr_limits import limit_chunks
from napari_emcad.io.stacks.zarr_tree import ZarrTree

_MOST_DEEP = 4
"""Folders above an array in which its dataset is looked for."""


def is_webknossos(where: Path) -> bool:
    """Return True if a folder is a dataset of webKnossos, a layer or an array of one, or an array in wkw."""
    return where.is_dir() and (is_wkw(where) or _find_root(where) is not None)


def open_webknossos(where: Path, wish: StackSelection = ANY) -> OpenDataset:
    """Open a resolution of a layer: the finest of the layer that is named, or of the only one with an image.

    Raises
    ------
    UserError
        If it cannot be read, has no such layer, or several to choose from.
    """
    with _explain_errors(where):
        if _find_root(where) is None:
            return _open_wkw(where, wish)
        opened = _Opened(where)
        level = opened.find(wish)
        return opened.open(level, wish)


def open_webknossos_levels(where: Path, wish: StackSelection = ANY) -> list[OpenDataset]:
    """Open the resolutions of a layer, the finest first; none if a coarser one is meant, or a single array.

    Raises
    ------
    UserError
        If it cannot be read.
    """
    with _explain_errors(where):
        if _find_root(where) is None:
            return []
        opened = _Opened(where)
        level = opened.find(wish)
        levels = [found for found in opened.levels() if found.layer.name == level.layer.name]
        is_finest = bool(levels) and levels[0].path == level.path != opened.inner
        return [opened.open(found, wish) for found in levels] if is_finest else []


def webknossos_stack_names(where: Path) -> list[str]:
    """Return the paths of the finest resolutions of the layers that can be opened as (z, y, x)."""
    with _explain_errors(where):
        return [] if _find_root(where) is None else openable_names(_Opened(where).entries())


class _Level(NamedTuple):
    """A resolution of a layer, and the path of its array in the dataset."""

    layer: WkLayer
    mag: WkMag
    path: str


class _Opened:
    """A dataset, or a layer or an array of one, that was opened by its folder."""

    def __init__(self, where: Path):
        self.where, self.root = where, _find_root(where) or where
        inner = where.relative_to(self.root).as_posix()
        self.inner = "" if inner == "." else inner
        self.dataset: WkDataset = read_webknossos((self.root / PROPERTIES).read_bytes())

    def levels(self) -> Iterator[_Level]:
        """Give all resolutions, layer by layer, the finest first."""
        for layer in self.dataset.layers:
            for mag in layer.levels():
                yield _Level(layer, mag, layer.path_of(mag))

    def entries(self) -> list[DatasetEntry]:
        """Return the finest resolutions of the layers in the folder that was opened."""
        found = [_Level(layer, layer.levels()[0], "") for layer in self.dataset.layers if layer.mags]
        within = [level._replace(path=level.layer.path_of(level.mag)) for level in found]
        return [_entry(level, self.shown_path(level)) for level in within if _is_below(level.path, self.inner)]

    def shown_path(self, level: _Level) -> str:
        """Return the path of an array from the folder that was opened."""
        return level.path.removeprefix(self.inner).lstrip("/") if self.inner else level.path

    def find(self, wish: StackSelection) -> _Level:
        """Return the resolution that is meant."""
        named = (wish.dataset or "").strip("/")
        path = posixpath.join(self.inner, named) if named else self.inner
        for level in self.levels():
            names = {level.path, f"{level.layer.name}/{level.mag.name}", level.layer.name}
            if path and path in names:
                return level
        name = choose_dataset(self.where, wish, self.entries()).name
        return next(level for level in self.levels() if self.shown_path(level) == name)

    def open(self, level: _Level, wish: StackSelection) -> OpenDataset:
        """Open a resolution, cropped to the box of its layer."""
        layer, mag = level.layer, level.mag
        name = self.shown_path(level) or None
        shown = f"{self.where}, {name}" if name else str(self.where)
        first, last = layer.box.at(mag.mag)
        array, axes = _open_array(self.root, level, shown)
        whole = arrange_axes(shown, array.shape, axes, wish)
        box, notes = _crop(shown, whole, first, last)
        size, offset, left_out = self.dataset.place_of(layer, mag)
        stat = (self.root / PROPERTIES).stat()
        return OpenDataset(
            wrap_array(shown, _Cropped(array, whole, first), replace(whole, shape=box)),
            size,
            wish.named(name),
            (stat.st_size, stat.st_mtime_ns),
            offset,
            size_source="webKnossos properties" if size else "",
            holds=_holds(layer),
            notes=(*whole.notes, *notes, *left_out),
        )


@dataclass(frozen=True)
class _Cropped:
    """A part of an array, from a voxel (z, y, x) on (see `FileArray`)."""

    array: FileArray
    arrangement: Arrangement
    first: Shape

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.array.dtype)

    def __getitem__(self, key: tuple[int | slice, ...]) -> Any:
        moved = list(key)
        for axis, start in zip(self.arrangement.order, self.first, strict=True):
            part = moved[axis]
            if isinstance(part, slice):
                moved[axis] = slice(part.start + start, part.stop + start, part.step)
        return self.array[tuple(moved)]


def _crop(shown: str, whole: Arrangement, first: Shape, last: Shape) -> tuple[Shape, list[str]]:
    """Return the shape of a layer's box as far as the array goes, and what is left out."""
    ends = [min(end, length) for end, length in zip(last, whole.shape, strict=True)]
    shape = triple(end - start for start, end in zip(first, ends, strict=True))
    if min(first) < 0 or min(shape) < 1:
        raise UserError(f"{shown}: the bounding box of its layer lies outside the array; correct {PROPERTIES}.")
    if tuple(ends) == tuple(last):
        return shape, []
    return shape, ["its array ends before the bounding box of its layer: what lies beyond is left out."]


def _open_array(root: Path, level: _Level, shown: str) -> tuple[FileArray, list[str] | None]:
    """Open the array of a resolution, and return it with the names of its axes in its order."""
    where: Location = parse_location(level.path) if "://" in level.path else root / level.path
    kind = level.layer.kind
    if kind in ("zarr", "zarr3"):
        return _open_zarr(where, level, shown)
    if kind == "n5":
        store = open_n5_array(N5Tree(where), "", shown)
        check_chunk(shown, chunk_shape(store), store.dtype.numpy_dtype)
        names = level.layer.axis_names(level.mag, store.ndim)
        return _TensorStoreArray(store), names[::-1] if names else None
    if kind == "wkw" and isinstance(where, Path):
        x, y, z = _layer_ends(level)
        return WkwArray(where, (x, y, z)), list(AXES)
    raise UserError(f'{shown}: a layer in Zarr, N5 or wkw is needed, got "{kind}"; open {where} itself.')


def _layer_ends(level: _Level) -> tuple[int, int, int]:
    """Return the voxel after the last (x, y, z) of a layer in one of its resolutions."""
    z, y, x = level.layer.box.at(level.mag.mag)[1]
    return x, y, z


def _open_zarr(where: Location, level: _Level, shown: str) -> tuple[FileArray, list[str] | None]:
    array = ZarrTree(where).root
    if not isinstance(array, zarr.Array):
        raise UserError(f"{shown}: a Zarr array is needed, and there is none; copy or export the dataset again.")
    stated = getattr(array.metadata, "dimension_names", None)
    names = [str(name) for name in stated] if stated and all(stated) else level.layer.axis_names(level.mag, array.ndim)
    return remote_zarr.CheckedArray(limit_chunks(shown, array)), names


class _TensorStoreArray:
    """An array of tensorstore, read when it is sliced (see `FileArray`)."""

    def __init__(self, store: Any):
        self._store, self.shape, self.dtype = store, tuple(store.shape), store.dtype.numpy_dtype

    def __getitem__(self, key: tuple[int | slice, ...]) -> Any:
        check_count(key, chunk_shape(self._store))
        return self._store[key].read().result()


def _entry(level: _Level, name: str) -> DatasetEntry:
    layer = level.layer
    first, last = layer.box.at(level.mag.mag)
    z, y, x = (end - start for start, end in zip(first, last, strict=True))
    channels = layer.channels or (3 if layer.values == "uint24" else 1)
    return DatasetEntry(name, (channels, x, y, z), _dtype(layer.values), AXES, _holds(layer))


def _dtype(values: str) -> np.dtype[Any]:
    word = {"uint24": "uint8", "float": "float32", "double": "float64", "": "uint8"}.get(values, values)
    try:
        return np.dtype(word)
    except TypeError:
        return np.dtype(object)


def _holds(layer: WkLayer) -> Holds | None:
    known: dict[str, Holds] = {"segmentation": "labels", "mask": "labels", "color": "image"}
    return known.get(layer.category)


def _find_root(where: Path) -> Path | None:
    """Return the folder of the dataset that a folder is, or is a layer or an array of; None if of none."""
    folder = where
    for _ in range(_MOST_DEEP):
        if os.path.lexists(folder / PROPERTIES):
            return folder if folder == where or _is_listed(folder, where) else None
        if folder.parent == folder:
            return None
        folder = folder.parent
    return None


def _is_listed(root: Path, where: Path) -> bool:
    """Return True if a dataset lists an array at a place, or below it; also if its list cannot be read."""
    inner = where.relative_to(root).as_posix()
    try:
        layers = read_webknossos((root / PROPERTIES).read_bytes()).layers
    except (OSError, ValueError, TypeError):
        return True
    return any(_is_below(layer.path_of(mag), inner) for layer in layers for mag in layer.mags)


def _is_below(path: str, upper: str) -> bool:
    return not upper or path == upper or path.startswith(f"{upper}/")


def _open_wkw(where: Path, wish: StackSelection) -> OpenDataset:
    """Open an array in wkw without a dataset around it, which says nothing of its size."""
    if wish.dataset:
        raise UserError(f'{where}: an array in wkw holds no datasets, "{wish.dataset}" is not in it; leave it out.')
    array = WkwArray(where)
    arrangement = arrange_axes(str(where), array.shape, AXES, wish)
    stat = (where / HEADER).stat()
    return OpenDataset(
        wrap_array(str(where), array, arrangement),
        None,
        wish.named(None),
        (stat.st_size, stat.st_mtime_ns),
        notes=(*arrangement.notes, f"it has no {PROPERTIES}: it goes to the end of its files."),
    )


def _explain_errors(where: Path) -> AbstractContextManager[None]:
    return explain_read_errors(
        f"{where}: the dataset of webKnossos", "it may be damaged, copy or export it again", first_line
    )
