"""Labels as an OME-Zarr image, version 0.4: levels of which each has every second pixel of a section of the one before.

Sections stay: they are several times as thick as a pixel is wide. Labels are picked, not averaged.
Source: Moore et al., "OME-Zarr: a cloud-optimized bioimaging file format", Histochem. Cell Biol. 2023.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.progress import Job, Stopwatch
from napari_emcad.io.beside import written_beside
from napari_emcad.io.session_files import new_labels_array

SUFFIX = ".ome.zarr"

COARSEST = 512
"""Pixels: no level is made of one whose sections are no larger."""


def writing_ome_zarr(path: Path, labels, voxel_size: VoxelSize | None, provenance: Mapping[str, Any]) -> Job[Path]:
    """Write labels (z, y, x), read section by section, with all their levels; an existing folder is replaced.

    Raises
    ------
    UserError
        Where the disk is full, or the folder is missing or may not be written to.
    """
    steps, watch = _steps(labels.shape[1:]), Stopwatch("export", labels.shape[0])
    with written_beside(path, lambda _: 2 * int(np.prod(labels.shape)) * labels.dtype.itemsize) as part:
        zarr.create_group(part, zarr_format=2, attributes=_attributes(steps, voxel_size, provenance))
        levels = [_level(part / str(number), labels, step) for number, step in enumerate(steps)]
        for z in range(labels.shape[0]):
            section = np.asarray(labels[z])
            for level, step in zip(levels, steps, strict=True):
                level[z] = section[::step, ::step]
            yield watch.at(z + 1)
    return path


def _level(path: Path, labels, step: int) -> zarr.Array:
    depth, *plane = labels.shape
    return new_labels_array(path, (depth, *(-(-n // step) for n in plane)), labels.dtype, None)


def _steps(section: Sequence[int]) -> list[int]:
    """Of the levels, the finest first."""
    steps = [1]
    while max(section) > COARSEST * steps[-1]:
        steps.append(2 * steps[-1])
    return steps


def _attributes(steps: list[int], size: VoxelSize | None, provenance: Mapping[str, Any]) -> dict[str, Any]:
    unit = {"unit": "nanometer"} if size else {}
    z, y, x = size or (1, 1, 1)
    levels = [
        {"path": str(i), "coordinateTransformations": [{"type": "scale", "scale": [z, y * step, x * step]}]}
        for i, step in enumerate(steps)
    ]
    image = {
        "version": "0.4",
        "name": "labels",
        "axes": [{"name": axis, "type": "space", **unit} for axis in "zyx"],
        "datasets": levels,
    }
    return {"multiscales": [image], "image-label": {"version": "0.4"}, "provenance": dict(provenance)}
