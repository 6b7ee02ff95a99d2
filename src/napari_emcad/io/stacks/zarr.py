"""Stacks in Zarr, format 2 and 3, in folders, in zip files and behind URLs: arrays, groups and OME-Zarr images.

A chunk that is not there counts as the array's fill value, as Zarr has it: writers leave empty chunks out.
"""

import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import zarr

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.metadata.arrangement import Arrangement
from napari_emcad.io.metadata.array_attributes import read_mark, read_offset, read_voxel_size, stated_offsets
from napari_emcad.io.metadata.axes import known_names, read_axis_names
from napari_emcad.io.metadata.coordinates import AxisCoordinates, place_of_coordinates
from napari_emcad.io.metadata.lengths import Point
from napari_emcad.io.metadata.n5 import level_number
from napari_emcad.io.metadata.ome_groups import says_image, says_labels
from napari_emcad.io.metadata.ome_zarr import notes_on_level, place_of_level
from napari_emcad.io.stacks import remote_zarr
from napari_emcad.io.stacks.axes import arrange_axes
from napari_emcad.io.stacks.choose_dataset import DatasetEntry, choose_dataset, openable_names
from napari_emcad.io.stacks.folders_below import first_entries, is_folder
from napari_emcad.io.stacks.lazy_array import LazyArray, wrap_array
from napari_emcad.io.stacks.locations import Location, Url
from napari_emcad.io.stacks.open_dataset import Holds, OpenDataset, metadata_stamp
from napari_emcad.io.stacks.stack_selection import ANY, StackSelection
from napari_emcad.io.stacks.zarr_images import ImageLevel, ZarrImages
from napari_emcad.io.stacks.zarr_limits import limit_chunks
from napari_emcad.io.stacks.zarr_tree import (
    MARKS,
    ZarrNode,
    ZarrTree,
    explain_errors,
    has_arrays_below,
    has_mark,
    is_zarr_zip,
)


def open_zarr(where: Location, wish: StackSelection = ANY) -> OpenDataset:
    """Open an array, or one of a group's: the finest level of an OME-Zarr image, or what `choose_dataset` finds.

    Raises
    ------
    UserError
        If it cannot be read, has no such array, or several to choose from.
    """
    tree = ZarrTree(where)
    try:
        with explain_errors(where):
            images = ZarrImages(tree)
            path, notes = _find_array(tree, images, wish)
            return _open_dataset(tree, images, path, wish, notes)
    except BaseException:
        tree.close()
        raise


def open_zarr_levels(where: Location, wish: StackSelection = ANY) -> list[OpenDataset]:
    """Open the levels of an OME-Zarr image, the finest first; none if it is no such image, or a coarser level of one.

    Raises
    ------
    UserError
        If it cannot be read.
    """
    tree = ZarrTree(where)
    with explain_errors(where):
        images = ZarrImages(tree)
        path, _ = _find_array(tree, images, wish)
        found = images.level_at(path, above=False)
        names = found.level_names if found and found.level_names[0] == path else []
        return [_open_dataset(tree, images, name, wish) for name in names]


def zarr_stack_names(where: Location) -> list[str]:
    """Return the names of the arrays in a Zarr group that can be opened as (z, y, x); of an image the finest level."""
    tree = ZarrTree(where)
    with explain_errors(where):
        names = [] if isinstance(tree.root, zarr.Array) else openable_names(_list_entries(tree, ZarrImages(tree)))
    tree.close()
    return names


def zarr_arrays(where: Location) -> list[DatasetEntry]:
    """Return the arrays in a Zarr store, of whatever axes; of an image the finest level."""
    tree = ZarrTree(where)
    with explain_errors(where):
        images = ZarrImages(tree)
        found = [
            entry._replace(offsets=_stated_offsets(tree, images, entry.name)) for entry in _list_entries(tree, images)
        ]
    tree.close()
    return found


def is_zarr(path: Path) -> bool:
    """Return True if a folder is a Zarr array or group."""
    return has_mark(path)


def holds_zarr(path: Path) -> bool:
    """Return True if a folder or zip file is a Zarr array or group, or if there are such in a folder without images."""
    return is_zarr(path) or is_zarr_zip(path) or (_may_be_group(path) and has_arrays_below(path))


def open_zarr_node(where: Location) -> ZarrNode:
    """Open the array or group in a folder or behind a URL, to read.

    Raises
    ------
    UserError
        If it cannot be read, or there is none.
    """
    found = ZarrTree(where).root
    if found is None:
        raise _nothing_there(where)
    return found


def open_zarr_array(where: Path) -> zarr.Array[Any]:
    """Open the array in a folder, to read.

    Raises
    ------
    UserError
        If it cannot be read, there is none, or it is a group.
    """
    found = open_zarr_node(where)
    if isinstance(found, zarr.Group):
        raise UserError(f"{where}: a Zarr array is needed, got a group; it may be damaged, copy or export it again.")
    return found


def wrap_zarr_array(
    where: Location,
    shown: str,
    array: zarr.Array[Any],
    arrangement: Arrangement,
    close: Callable[[], None] | None = None,
) -> LazyArray:
    """Wrap an array of a Zarr store as (z, y, x); `shown` begins the sentences of errors."""
    kind = remote_zarr.RemoteLazyArray if isinstance(where, Url) else LazyArray
    return wrap_array(shown, remote_zarr.CheckedArray(limit_chunks(shown, array)), arrangement, close, kind)


def zarr_axes(array: zarr.Array[Any]) -> list[str] | None:
    """Return the names that an array itself gives its axes; None if it gives none."""
    return read_axis_names(array.attrs) or known_names(getattr(array.metadata, "dimension_names", None))


def zarr_stamp(where: Location, array: zarr.Array[Any], path: str) -> tuple[int, int | str]:
    """Return the stamp of an array's own metadata: its chunks may be millions of files."""
    if isinstance(where, Url):
        return metadata_stamp(array.metadata.to_dict())
    folder = where / path
    files = [folder / mark for mark in MARKS if (folder / mark).is_file()] if where.is_dir() else [where]
    stats = [file.stat() for file in files]
    return sum(s.st_size for s in stats), max((s.st_mtime_ns for s in stats), default=0)


def _nothing_there(where: Location) -> UserError:
    if isinstance(where, Url):
        return remote_zarr.nothing_there(where)
    return UserError(
        f"{where}: a Zarr array or group is needed, and there is none; check the path, or whether it is damaged."
    )


def _may_be_group(path: Path) -> bool:
    """Return True if a folder may be a Zarr group without a file that says so: it holds folders alone."""
    if path.name.lower().endswith(".zarr"):
        return path.is_dir()
    return path.is_dir() and all(is_folder(entry) or entry.name.startswith(".") for entry in first_entries(path))


def _named(wish: StackSelection) -> str:
    return posixpath.normpath(wish.dataset.strip("/")) if wish.dataset and wish.dataset.strip("/") else ""


def _find_array(tree: ZarrTree, images: ZarrImages, wish: StackSelection) -> tuple[str, list[str]]:
    """Return the path of the array to open. List arrays only when needed: not every server can list."""
    path, notes = images.finest(_named(wish))
    found = tree.node(path)
    if isinstance(found, zarr.Array):
        return path, notes
    if isinstance(tree.where, Url) and tree.root is None:
        raise remote_zarr.nothing_there(tree.where)
    entries = _list_entries(tree, images, path)
    if not entries:  # there is nothing of that name: say what there is
        return choose_dataset(tree.where, replace(wish, dataset=path or None), _list_entries(tree, images)).name, notes
    return choose_dataset(tree.where, replace(wish, dataset=None), entries).name, notes


def _stated_offsets(tree: ZarrTree, images: ZarrImages, path: str) -> object:
    """Return the offsets of affinities that an array's attributes state, or those of the groups around it."""
    return stated_offsets((tree.attributes(path), *images.attributes_around(path)))


def _list_entries(tree: ZarrTree, images: ZarrImages, below: str = "") -> list[DatasetEntry]:
    """List the arrays below a path; of an image the finest level alone."""
    entries = []
    for path, array in tree.arrays(below).items():
        level = images.level_at(path, above=False)
        if level is None or level.level_names[0] == path:
            entries.append(DatasetEntry(path, array.shape, array.dtype, _axes_of(array, level), _holds(array, level)))
    return entries


def _open_dataset(
    tree: ZarrTree, images: ZarrImages, path: str, wish: StackSelection, notes: Sequence[str] = ()
) -> OpenDataset:
    """Open an array, with the place that it or a group around it has in its metadata."""
    array = tree.node(path)
    if not isinstance(array, zarr.Array):
        raise ValueError(f'"{path}" is no array')
    where, shown = tree.where, f"{tree.where}, {path}" if path else str(tree.where)
    level = images.level_at(path, above=not read_voxel_size(array.attrs))
    arrangement = arrange_axes(shown, array.shape, _axes_of(array, level), wish)
    name = path.rpartition("/")[2] or where.name
    around = [] if _is_coarse(level, name) else images.attributes_around(path)
    place = _place(array, level, partial(_coordinates, tree, path, array), around, arrangement)
    return OpenDataset(
        wrap_zarr_array(where, shown, array, arrangement, tree.close),
        place.size,
        wish.named(path or None),
        zarr_stamp(where, array, path),
        place.offset,
        size_source=place.source,
        holds=_holds(array, level),
        notes=(*notes, *arrangement.notes, *place.notes),
    )


def _is_coarse(level: ImageLevel | None, name: str) -> bool:
    """Return True for a coarser level of an image, of which a group's voxel size is not."""
    if level:
        return level.image.levels[0].path != level.path
    return bool(level_number(name))


class _Place(NamedTuple):
    size: VoxelSize | None
    offset: Point | None
    source: str
    notes: Sequence[str] = ()


def _place(
    array: zarr.Array[Any],
    level: ImageLevel | None,
    coordinates: Callable[[], list[AxisCoordinates]],
    around: Iterable[Mapping[str, Any]],
    arrangement: Arrangement,
) -> _Place:
    """Return the place of an array: that of the level that it is, or what its attributes or those around it say.

    Between the two come the coordinates of its axes.
    """
    size, offset = place_of_level(level.image, level.path, arrangement) if level else (None, None)
    notes = notes_on_level(level.image, level.path, arrangement) if level else ()
    offset = offset or read_offset(array.attrs, arrangement)
    if size:
        return _Place(size, offset, "OME-Zarr metadata", notes)
    if size := read_voxel_size(array.attrs, arrangement):
        return _Place(size, offset, "Zarr attributes")
    size, start = place_of_coordinates(axes, arrangement) if (axes := coordinates()) else (None, None)
    if size:
        return _Place(size, start, "coordinates of the axes")
    if size := next(filter(None, (read_voxel_size(found, arrangement) for found in around)), None):
        return _Place(size, offset, "attributes of the Zarr group around it")
    return _Place(None, offset, "", notes)


def _coordinates(tree: ZarrTree, path: str, array: zarr.Array[Any]) -> list[AxisCoordinates]:
    """Read the arrays beside an array that are named as its axes, as xarray writes them; none if one is missing."""
    names = [str(name) for name in zarr_axes(array) or ()]
    found = [tree.node(posixpath.join(posixpath.dirname(path), name)) for name in names] if path else []
    arrays = [axis for axis in found if isinstance(axis, zarr.Array) and axis.ndim == 1 and axis.dtype.kind in "iuf"]
    if len(arrays) != array.ndim:
        return []
    return [
        AxisCoordinates.of_values(name, axis.attrs.get("units", ""), np.asarray(axis[:]))
        for name, axis in zip(names, arrays, strict=True)
    ]


def _axes_of(array: zarr.Array[Any], level: ImageLevel | None) -> Sequence[str] | None:
    """Return the names of an array's axes: those of the image that it is a level of, or its own."""
    return (level.image.axis_names if level else None) or zarr_axes(array)


def _holds(array: zarr.Array[Any], level: ImageLevel | None) -> Holds | None:
    """Return what an array says of itself, or the image that it is a level of; labels often come without a word."""
    if level is None:
        return read_mark(array.attrs)
    if read_mark(array.attrs) or says_labels(level.attributes, level.group):
        return "labels"
    return "image" if says_image(level.attributes) else None
