"""Labels as Zarr: an OME-Zarr image, version 0.4, or a plain array."""

from pathlib import Path
from typing import Any

import numpy as np
import zarr

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize, triple
from napari_emcad.core.progress import Job
from napari_emcad.io.atomic import write_beside
from napari_emcad.io.labels.label_volume import LabelVolume, check_labels
from napari_emcad.io.labels.levels import LabelLevel, level_steps, write_levels
from napari_emcad.io.labels.zarr_array import create_labels_array
from napari_emcad.io.metadata.ome_zarr import image_attributes
from napari_emcad.io.stacks.zarr import is_zarr
from napari_emcad.io.zarr_arrays import as_volume

EDGE = 2048
"""Pixels a side of a chunk, which is of one section."""


def write_ome_zarr(path: Path, volume: LabelVolume) -> Job[Path]:
    """Write labels with all their levels, by blocks; an older Zarr folder is replaced.

    Raises
    ------
    UserError
        If there are no labels, the name is taken by something else, the disk is full, or the folder is missing or
        may not be written to.
    """
    _check(path, volume)
    steps = level_steps(volume.values.shape[1:])
    attributes = image_attributes("labels", steps, volume.voxel_size, volume.offset_nm)
    attributes |= {"image-label": {"version": "0.4"}, "provenance": dict(volume.provenance)}
    with write_beside(path, lambda _: 2 * volume.nbytes) as part:
        zarr.create_group(part, zarr_format=2, attributes=attributes)
        levels = [_create_level(part / str(number), volume, step) for number, step in enumerate(steps)]
        yield from write_levels(volume.values, levels)
    return path


def write_zarr(path: Path, volume: LabelVolume) -> Job[Path]:
    """Write labels as one Zarr array, format 2, by blocks; an older Zarr folder is replaced.

    Its attributes say voxel size and offset as funlib, gunpowder and CREMI do (`resolution`, `offset`, `units`).

    Raises
    ------
    UserError
        See `write_ome_zarr`.
    """
    _check(path, volume)
    size = volume.voxel_size
    attributes: dict[str, Any] = {"provenance": dict(volume.provenance)}
    if size:
        attributes |= {"resolution": list(size), "offset": list(volume.offset_nm), "units": ["nm"] * 3}
    with write_beside(path, lambda _: volume.nbytes) as part:
        yield from write_levels(volume.values, [_create_level(part, volume, 1, size, **attributes)])
    return path


def _check(path: Path, volume: LabelVolume) -> None:
    check_labels(path, volume.values)
    if path.exists() and not is_zarr(path):
        raise UserError(f"{path}: this name is taken by something that is no Zarr folder; choose another name.")


def _create_level(
    path: Path, volume: LabelVolume, step: int, size: VoxelSize | None = None, **attributes: Any
) -> LabelLevel:
    depth, *plane = volume.values.shape
    shape = triple((depth, *(-(-n // step) for n in plane)))
    array = create_labels_array(path, shape, np.dtype(volume.values.dtype), size, (1, EDGE, EDGE), **attributes)
    return LabelLevel(as_volume(array), triple(array.chunks), step)
