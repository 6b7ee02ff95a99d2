"""Labels as Zarr: an OME-Zarr image, version 0.5 or 0.4, or a plain array."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import zarr

from napari_emcad.core.geometry import Shape, VoxelSize, triple
from napari_emcad.core.progress import Job
from napari_emcad.io.atomic import write_beside
from napari_emcad.io.labels.label_colours import label_colours
from napari_emcad.io.labels.label_volume import LabelVolume, check_labels
from napari_emcad.io.labels.levels import LabelLevel, level_steps, write_levels
from napari_emcad.io.labels.own_folders import check_folder_target, has_only
from napari_emcad.io.labels.zarr_array import create_labels_array, create_sharded_labels
from napari_emcad.io.metadata.array_attributes import place_attributes
from napari_emcad.io.metadata.ome_zarr import label_attributes
from napari_emcad.io.stacks.zarr import is_zarr, open_zarr_node
from napari_emcad.io.zarr_arrays import as_volume

OmeVersion = Literal["0.4", "0.5"]
"""Versions of OME-Zarr that are written."""

EDGE = 2048
"""Pixels a side of a chunk of an array without shards, which is of one section: a chunk is a file."""

_METADATA = {".zgroup", ".zattrs", ".zmetadata", ".zarray", "zarr.json", "c"}


def write_ome_zarr(path: Path, volume: LabelVolume, version: OmeVersion = "0.5") -> Job[Path]:
    """Write labels with all their levels, by blocks; an older export is replaced.

    Version 0.5 is Zarr format 3, its chunks small and together in shards, so that there are few files; 0.4 is format
    2, and its chunks are parts of single sections. Colours are left out where there are too many of them.

    Raises
    ------
    UserError
        If there are no labels, the name is taken by something else, the disk is full, or the folder is missing or
        may not be written to.
    """
    check_labels(path, volume.values)
    check_zarr_target(path)
    steps = level_steps(volume.values.shape[1:])
    colours = {label: rgb.tolist() for label, rgb in label_colours(volume).items()}
    attributes = label_attributes("labels", steps, volume.voxel_size, volume.offset_nm, version, colours)
    attributes["provenance"] = dict(volume.provenance)
    create = _create_level if version == "0.4" else _create_sharded
    with write_beside(path, lambda _: 2 * volume.nbytes) as part:
        zarr.create_group(part, zarr_format=2 if version == "0.4" else 3, attributes=attributes)
        yield from write_levels(volume.values, [create(part / str(n), volume, step) for n, step in enumerate(steps)])
    return path


def write_zarr(path: Path, volume: LabelVolume) -> Job[Path]:
    """Write labels as one Zarr array, format 2, by blocks; an older export is replaced.

    Its attributes say voxel size and offset as other programs read them, see `place_attributes`.

    Raises
    ------
    UserError
        See `write_ome_zarr`.
    """
    check_labels(path, volume.values)
    check_zarr_target(path)
    size = volume.voxel_size
    attributes: dict[str, Any] = {"provenance": dict(volume.provenance)}
    if size:
        attributes |= place_attributes(size, volume.offset_nm)
    with write_beside(path, lambda _: volume.nbytes) as part:
        yield from write_levels(volume.values, [_create_level(part, volume, 1, size, **attributes)])
    return path


def check_zarr_target(path: Path) -> None:
    """Refuse to replace anything but an older export, to which nobody has added anything.

    Raises
    ------
    UserError
    """
    check_folder_target(path, "Zarr folder", _is_own)


def _is_own(path: Path) -> bool:
    return is_zarr(path) and has_only(path, _METADATA, numbered=True) and "provenance" in open_zarr_node(path).attrs


def _create_level(
    path: Path, volume: LabelVolume, step: int, size: VoxelSize | None = None, **attributes: Any
) -> LabelLevel:
    shape, dtype = _shape_of_level(volume, step), np.dtype(volume.values.dtype)
    array = create_labels_array(path, shape, dtype, size, (1, EDGE, EDGE), **attributes)
    return LabelLevel(as_volume(array), triple(array.chunks), step)


def _create_sharded(path: Path, volume: LabelVolume, step: int) -> LabelLevel:
    array = create_sharded_labels(path, _shape_of_level(volume, step), np.dtype(volume.values.dtype))
    return LabelLevel(as_volume(array), triple(array.shards or array.chunks), step)


def _shape_of_level(volume: LabelVolume, step: int) -> Shape:
    depth, *plane = volume.values.shape
    return triple((depth, *(-(-n // step) for n in plane)))
