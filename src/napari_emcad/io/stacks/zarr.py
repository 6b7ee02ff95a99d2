"""Stacks in Zarr, format 2 and 3, in folders and behind URLs: arrays, groups and OME-Zarr images.

A chunk that is not there counts as the array's fill value, as Zarr has it: writers leave empty chunks out.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.metadata.array_attributes import read_offset, read_voxel_size
from napari_emcad.io.metadata.lengths import point_in_nm, voxel_size_in_nm
from napari_emcad.io.read_errors import READ_ERRORS, first_line
from napari_emcad.io.stacks import remote_zarr as remote
from napari_emcad.io.stacks.choose_dataset import DatasetEntry, choose_dataset, openable_names
from napari_emcad.io.stacks.lazy_array import LazyArray, wrap_array
from napari_emcad.io.stacks.locations import Location, Url
from napari_emcad.io.stacks.open_dataset import OpenDataset, metadata_stamp

_MARKS = ("zarr.json", ".zarray", ".zgroup")

Node = zarr.Array | zarr.Group


def open_zarr(where: Location, dataset: str | None) -> OpenDataset:
    """Open an array, or one of a group's: the finest level of an OME-Zarr image, or the one that stands to reason.

    Raises
    ------
    UserError
        Where it cannot be read, has no such array, or several to choose from.
    """
    found = open_zarr_node(where)
    with _explain_errors(where):
        name = dataset if isinstance(found, zarr.Array) else _choose_name(where, dataset, found)
        return _open_array(where, found, name)


def open_zarr_levels(where: Location) -> list[OpenDataset]:
    """The levels of an OME-Zarr image, the finest first; none where it is no such image.

    Raises
    ------
    UserError
        Where it cannot be read.
    """
    found = open_zarr_node(where)
    with _explain_errors(where):
        return (
            [] if isinstance(found, zarr.Array) else [_open_array(where, found, name) for name in _level_names(found)]
        )


def zarr_stack_names(where: Location) -> list[str]:
    """The arrays of a Zarr group that can be opened as (z, y, x)."""
    found = open_zarr_node(where)
    with _explain_errors(where):
        return [] if isinstance(found, zarr.Array) else openable_names(_entries(found))


def is_zarr(path: Path) -> bool:
    """Whether a folder is a Zarr array or group."""
    return any((path / mark).is_file() for mark in _MARKS)


def open_zarr_node(where: Location) -> Node:
    """The array or group in a folder or behind a URL, to read.

    Raises
    ------
    UserError
        Where it cannot be read.
    """
    if isinstance(where, Url):
        return remote.open_remote_zarr(where)
    with _explain_errors(where):
        return zarr.open(where, mode="r")


@contextmanager
def _explain_errors(where: Location) -> Iterator[None]:
    """What goes wrong while metadata is read, in one sentence."""
    if isinstance(where, Url):
        with remote.explain_errors(where):
            yield
        return
    try:
        yield
    except (*READ_ERRORS, TypeError) as error:
        raise UserError(
            f"{where}: the Zarr folder cannot be read ({first_line(error)}); "
            "it may be damaged, copy or export it again."
        ) from error


def _open_array(where: Location, found: Node, name: str | None) -> OpenDataset:
    """One array: that which was found, or the one of this name in the group that was found."""
    array = found if isinstance(found, zarr.Array) else found[name]
    size, offset = _placed(found.attrs, name)
    size = size or read_voxel_size(array.attrs) or read_voxel_size(found.attrs)
    offset = offset or read_offset(array.attrs)
    return OpenDataset(_lazy_array(where, array, name), size, name, _stamp(where, array, name), offset)


def _lazy_array(where: Location, array: zarr.Array, name: str | None) -> LazyArray:
    told = str(where) if name is None else f"{where}, {name}"
    if isinstance(where, Url):
        return wrap_array(told, remote.RemoteArray(array), mend=remote.REMEDY)
    return wrap_array(told, array)


def _entries(group: zarr.Group) -> list[DatasetEntry]:
    members = group.members(max_depth=None)
    return [DatasetEntry(name, m.shape, m.dtype) for name, m in sorted(members) if isinstance(m, zarr.Array)]


def _choose_name(where: Location, dataset: str | None, group: zarr.Group) -> str:
    """Of the array meant; the group is listed only where it has to be, as not every server can."""
    wish = dataset or next(iter(_level_names(group)), None)
    if wish and isinstance(group.get(wish), zarr.Array):
        return wish.strip("/")
    return choose_dataset(where, wish, _entries(group))


def _level_names(group: zarr.Group) -> list[str]:
    return [level["path"] for level in _multiscale(group.attrs).get("datasets", [])]


def _multiscale(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The first image of OME-Zarr's metadata (0.5 keeps it under "ome"); empty where there is none."""
    images = attributes.get("ome", attributes).get("multiscales", [])
    return images[0] if images else {}


def _placed(
    attributes: Mapping[str, Any], name: str | None
) -> tuple[VoxelSize | None, tuple[float, float, float] | None]:
    """Voxel size and offset of one level in nm, as OME-Zarr says them: of the level, then of the whole image."""
    image = _multiscale(attributes)
    level = next((d for d in image.get("datasets", []) if d["path"] == name), {})
    units = [axis.get("unit") if isinstance(axis, dict) else None for axis in image.get("axes", [])[-3:]]
    scales, moves = ([_said(part, kind) for part in (level, image)] for kind in ("scale", "translation"))
    size = np.prod([scale for scale in scales if scale], axis=0) if any(scales) else ()
    first, whole = (move or [0.0] * 3 for move in moves)
    offset = np.array(first) * (scales[1] or 1.0) + whole if any(moves) else ()
    return voxel_size_in_nm(size, units), point_in_nm(offset, units)


def _said(part: Mapping[str, Any], kind: str) -> list[float] | None:
    """The first scale or translation of a level or an image (z, y, x), in its axes' units."""
    found = (t[kind][-3:] for t in part.get("coordinateTransformations", []) if t.get("type") == kind)
    return next(found, None)


def _stamp(where: Location, array: zarr.Array, name: str | None) -> tuple[int, int | str]:
    """Of the array's own metadata: its chunks may be millions of files."""
    if isinstance(where, Url):
        return metadata_stamp(array.metadata.to_dict())
    folder = where / (name or "")
    stats = [(folder / mark).stat() for mark in _MARKS if (folder / mark).is_file()]
    return sum(s.st_size for s in stats), max((s.st_mtime_ns for s in stats), default=0)
