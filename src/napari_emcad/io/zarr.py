"""Stacks in Zarr folders, format 2 and 3: arrays, groups and OME-Zarr images."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import zarr

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.datasets import Entry, chosen, stack_names
from napari_emcad.io.lazy import READ_ERRORS, Source, of_array
from napari_emcad.io.voxel_sizes import of_attributes, offset_of_attributes, voxel_size

_MARKS = ("zarr.json", ".zarray", ".zgroup")


def open_zarr(path: Path, dataset: str | None) -> Source:
    """Open an array, or one of a group's: the finest level of an OME-Zarr image, or the one that stands to reason.

    Raises
    ------
    UserError
        Where the folder cannot be read, has no such array, or several to choose from.
    """
    found = zarr_node(path)
    if isinstance(found, zarr.Array):
        array, name, size = found, dataset, of_attributes(found.attrs)
    else:
        name = _name(path, dataset, found)
        array = found[name]
        size = _scale(found.attrs, name) or of_attributes(array.attrs) or of_attributes(found.attrs)
    told = str(path) if name is None else f"{path}, {name}"
    offset = offset_of_attributes(array.attrs)
    return Source(of_array(told, array), size, name, _stamp(path / (name or "")), offset)


def zarr_stacks(path: Path) -> list[str]:
    """The arrays of a Zarr group that can be opened as (z, y, x)."""
    found = zarr_node(path)
    return [] if isinstance(found, zarr.Array) else stack_names(_entries(found))


def is_zarr(path: Path) -> bool:
    """Whether a folder is a Zarr array or group."""
    return any((path / mark).is_file() for mark in _MARKS)


def zarr_node(path: Path) -> zarr.Array | zarr.Group:
    """The array or group in a folder, to read.

    Raises
    ------
    UserError
        Where it cannot be read.
    """
    try:
        return zarr.open(path, mode="r")
    except (*READ_ERRORS, TypeError) as error:
        raise UserError(
            f"{path}: the Zarr folder cannot be read ({error}); it may be damaged, copy or export it again."
        ) from error


def _entries(group: zarr.Group) -> list[Entry]:
    members = group.members(max_depth=None)
    return [Entry(name, m.shape, m.dtype) for name, m in sorted(members) if isinstance(m, zarr.Array)]


def _name(path: Path, dataset: str | None, group: zarr.Group) -> str:
    levels = [] if dataset else _multiscale(group.attrs).get("datasets", [])
    return chosen(path, levels[0]["path"] if levels else dataset, _entries(group))


def _multiscale(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The first image of OME-Zarr's metadata (0.5 keeps it under "ome"); empty where there is none."""
    images = attributes.get("ome", attributes).get("multiscales", [])
    return images[0] if images else {}


def _scale(attributes: Mapping[str, Any], name: str) -> VoxelSize | None:
    """OME-Zarr's scale of one level, times that of the whole image, in its axes' units."""
    image = _multiscale(attributes)
    level = next((d for d in image.get("datasets", []) if d["path"] == name), {})
    scales = [t["scale"][-3:] for part in (level, image) for t in _scalings(part)]
    units = [axis.get("unit") if isinstance(axis, dict) else None for axis in image.get("axes", [])[-3:]]
    if not scales:
        return None
    lengths = [first * (scales[1][i] if len(scales) > 1 else 1) for i, first in enumerate(scales[0])]
    return voxel_size(lengths, units)


def _scalings(part: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [t for t in part.get("coordinateTransformations", []) if t.get("type") == "scale"]


def _stamp(array: Path) -> tuple[int, int]:
    """Of the array's own metadata: its chunks may be millions of files."""
    stats = [(array / mark).stat() for mark in _MARKS if (array / mark).is_file()]
    return sum(s.st_size for s in stats), max((s.st_mtime_ns for s in stats), default=0)
