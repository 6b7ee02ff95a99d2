"""Stacks in Zarr, format 2 and 3, in folders and behind URLs: arrays, groups and OME-Zarr images.

A chunk that is not there counts as the array's fill value, as Zarr has it: writers leave empty chunks out.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import zarr

from napari_emcad.core.errors import UserError
from napari_emcad.io.metadata.arrangement import Arrangement
from napari_emcad.io.metadata.array_attributes import read_offset, read_voxel_size
from napari_emcad.io.metadata.axes import known_names, read_axis_names
from napari_emcad.io.metadata.ome_zarr import OmeImage, place_of_level, read_image
from napari_emcad.io.read_errors import explain_header_errors
from napari_emcad.io.stacks import remote_zarr
from napari_emcad.io.stacks.axes import arrange_axes
from napari_emcad.io.stacks.choose_dataset import DatasetEntry, choose_dataset, openable_names
from napari_emcad.io.stacks.lazy_array import LazyArray, wrap_array
from napari_emcad.io.stacks.locations import Location, Url
from napari_emcad.io.stacks.open_dataset import OpenDataset, metadata_stamp
from napari_emcad.io.stacks.stack_selection import ANY, StackSelection

_MARKS = ("zarr.json", ".zarray", ".zgroup")
"""Files of which one makes a folder a Zarr array or group."""

ZarrNode = zarr.Array[Any] | zarr.Group


def open_zarr(where: Location, wish: StackSelection = ANY) -> OpenDataset:
    """Open an array, or one of a group's: the finest level of an OME-Zarr image, or what `choose_dataset` finds.

    Raises
    ------
    UserError
        If it cannot be read, has no such array, or several to choose from.
    """
    found = open_zarr_node(where)
    with _explain_errors(where):
        if isinstance(found, zarr.Array):
            return _open_dataset(where, found, found, wish)
        return _open_member(where, found, replace(wish, dataset=_choose_name(where, wish, found)))


def open_zarr_levels(where: Location) -> list[OpenDataset]:
    """Open the levels of an OME-Zarr image, the finest first; none if it is no such image.

    Raises
    ------
    UserError
        If it cannot be read.
    """
    found = open_zarr_node(where)
    with _explain_errors(where):
        if isinstance(found, zarr.Array):
            return []
        return [_open_member(where, found, StackSelection(name)) for name in _level_names(found)]


def zarr_stack_names(where: Location) -> list[str]:
    """Return the names of the arrays in a Zarr group that can be opened as (z, y, x)."""
    found = open_zarr_node(where)
    with _explain_errors(where):
        return [] if isinstance(found, zarr.Array) else openable_names(_list_entries(found))


def is_zarr(path: Path) -> bool:
    """Return True if a folder is a Zarr array or group."""
    return any((path / mark).is_file() for mark in _MARKS)


def open_zarr_node(where: Location) -> ZarrNode:
    """Open the array or group in a folder or behind a URL, to read.

    Raises
    ------
    UserError
        If it cannot be read.
    """
    if isinstance(where, Url):
        return remote_zarr.open_remote_zarr(where)
    with _explain_errors(where):
        return zarr.open(where, mode="r")


def open_zarr_array(where: Path) -> zarr.Array[Any]:
    """Open the array in a folder, to read.

    Raises
    ------
    UserError
        If it cannot be read, or is a group.
    """
    found = open_zarr_node(where)
    if isinstance(found, zarr.Group):
        raise UserError(f"{where}: a Zarr array is needed, got a group; it may be damaged, copy or export it again.")
    return found


def _explain_errors(where: Location) -> AbstractContextManager[None]:
    if isinstance(where, Url):
        return remote_zarr.explain_errors(where)
    return explain_header_errors(f"{where}: the Zarr folder", "it may be damaged, copy or export it again")


def _open_member(where: Location, group: zarr.Group, wish: StackSelection) -> OpenDataset:
    """Open the array that is named in a group."""
    array = group[wish.dataset or ""]
    if isinstance(array, zarr.Group):
        raise ValueError(f"{wish.dataset} is a group, not an array")
    return _open_dataset(where, group, array, wish)


def _open_dataset(where: Location, found: ZarrNode, array: zarr.Array[Any], wish: StackSelection) -> OpenDataset:
    """Open an array, with the place that it or the group that was found has in its metadata."""
    name, image = wish.dataset, read_image(found.attrs)
    shown = str(where) if name is None else f"{where}, {name}"
    arrangement = arrange_axes(shown, array.shape, _axes_of(array, image, name), wish)
    size, offset = place_of_level(image, name, arrangement)
    source = "OME-Zarr metadata" if size else "Zarr attributes"
    size = size or read_voxel_size(array.attrs, arrangement) or read_voxel_size(found.attrs, arrangement)
    return OpenDataset(
        _lazy_array(where, shown, array, arrangement),
        size,
        wish.named(name),
        _stamp(where, array, name),
        offset or read_offset(array.attrs, arrangement),
        size_source=source if size else "",
        notes=arrangement.notes,
    )


def _axes_of(array: zarr.Array[Any], image: OmeImage, name: str | None) -> Sequence[str] | None:
    """Return the names of an array's axes: those of the image that it is a level of, or its own."""
    if any(level.path == name for level in image.levels) and image.axis_names:
        return image.axis_names
    return read_axis_names(array.attrs) or known_names(getattr(array.metadata, "dimension_names", None))


def _lazy_array(where: Location, shown: str, array: zarr.Array[Any], arrangement: Arrangement) -> LazyArray:
    if isinstance(where, Url):
        remote = remote_zarr.RemoteArray(array)
        return wrap_array(shown, remote, arrangement, kind=remote_zarr.RemoteLazyArray)
    return wrap_array(shown, array, arrangement)


def _list_entries(group: zarr.Group) -> list[DatasetEntry]:
    image = read_image(group.attrs)
    members = sorted(group.members(max_depth=None))
    arrays = [(name, member) for name, member in members if isinstance(member, zarr.Array)]
    return [DatasetEntry(name, m.shape, m.dtype, _axes_of(m, image, name)) for name, m in arrays]


def _choose_name(where: Location, wish: StackSelection, group: zarr.Group) -> str:
    """Return the name of the array to open. List the group only when needed: not every server can list."""
    name = wish.dataset or next(iter(_level_names(group)), None)
    if name and isinstance(group.get(name), zarr.Array):
        return name.strip("/")
    return choose_dataset(where, replace(wish, dataset=name), _list_entries(group)).name


def _level_names(group: zarr.Group) -> list[str]:
    return [level.path for level in read_image(group.attrs).levels]


def _stamp(where: Location, array: zarr.Array[Any], name: str | None) -> tuple[int, int | str]:
    """Return the stamp of the array's own metadata: its chunks may be millions of files."""
    if isinstance(where, Url):
        return metadata_stamp(array.metadata.to_dict())
    folder = where / (name or "")
    stats = [(folder / mark).stat() for mark in _MARKS if (folder / mark).is_file()]
    return sum(s.st_size for s in stats), max((s.st_mtime_ns for s in stats), default=0)
