"""Neurons as a label TIFF, or as one TIFF a section: compressed, with voxel size and provenance."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.progress import Job, drive
from napari_emcad.io.atomic import write_beside
from napari_emcad.io.labels.label_volume import LabelVolume, check_labels, find_largest_id
from napari_emcad.io.labels.tiff_pages import write_pages
from napari_emcad.io.metadata.tiff_description import description_text, read_record, resolution_tags

_CLASSIC_BYTES = 2**32 - 2**26
"""Beyond 4 GB, less room for the directories, a TIFF has to be a BigTIFF."""


def write_labels(
    path: Path | str,
    labels: Any,
    voxel_size: VoxelSize | None,
    provenance: Mapping[str, Any],
    max_id: int | None = None,
) -> Path:
    """Write labels as TIFF: `write_tiff` to its end."""
    return drive(write_tiff(path, labels, voxel_size, provenance, max_id))


def write_tiff(
    path: Path | str,
    labels: Any,
    voxel_size: VoxelSize | None,
    provenance: Mapping[str, Any],
    max_id: int | None = None,
) -> Job[Path]:
    """Write labels as a deflate-compressed TIFF; never more than some rows of a section are in memory.

    uint16 up to id 65,535, else uint32; a BigTIFF where the uncompressed voxels exceed 4 GB. `open_stack` reads the
    voxel size back to the last digit, `read_provenance` the provenance.

    Parameters
    ----------
    path : path
        An existing file is replaced at the very end; until then, and whenever it fails, it stays as it is.
    labels : array-like (z, y, x), integer or bool
        Needs `shape`, `dtype` and `labels[z0:z1, y0:y1]`, several at once; 0 = none; not modified.
    voxel_size : VoxelSize or None
        In nm; None = unknown.
    provenance : mapping
        Goes into the file as JSON.
    max_id : int, optional
        Largest id, where it is known: spares a first pass over the sections.

    Yields
    ------
    Progress
        Stage "export", in sections ("largest id" before, where that is looked for). Closing removes what was written.

    Returns
    -------
    Path
        As given.

    Raises
    ------
    UserError
        Where the ids do not fit, the disk is full, or the folder is missing or may not be written to.
    """
    path = Path(path)
    _check(path, labels)
    dtype = _dtype(path, (yield from find_largest_id(labels)) if max_id is None else max_id)
    depth, uncompressed, done = labels.shape[0], _bytes(labels.shape, dtype), 0
    first, size = description_text(labels.shape, voxel_size, "labels", provenance), resolution_tags(voxel_size)
    with (
        write_beside(path, lambda part: part.stat().st_size * depth // done if done else uncompressed) as part,
        tifffile.TiffWriter(part, bigtiff=uncompressed > _CLASSIC_BYTES) as tiff,
    ):

        def write(z: int, strips: Iterator[bytes], layout: dict[str, Any]) -> None:
            nonlocal done
            done = z + 1
            tiff.write(strips, description=None if z else first, **layout, **size)

        yield from write_pages(path, labels, dtype, write)
    return path


def write_sections(folder: Path, volume: LabelVolume) -> Job[Path]:
    """Write labels as one TIFF a section into a new folder, named by their number in the stack: section_00046.tif.

    Each is as `write_tiff` writes it; `open_stack` opens the folder, with its voxel size.

    Raises
    ------
    UserError
        As `write_tiff`; also where the folder is there already and not empty.
    """
    _check_free(folder)
    check_labels(folder, volume.values)
    labels, size = volume.values, volume.voxel_size
    dtype = _dtype(folder, (yield from find_largest_id(labels)) if volume.largest is None else volume.largest)
    shape = (1, *labels.shape[1:])
    text, is_big = description_text(shape, size, "labels", volume.provenance), _bytes(shape, dtype) > _CLASSIC_BYTES
    with write_beside(folder, lambda _: _bytes(labels.shape, dtype)) as part:
        part.mkdir()

        def write(z: int, strips: Iterator[bytes], layout: dict[str, Any]) -> None:
            with tifffile.TiffWriter(part / f"section_{volume.start[0] + z:05}.tif", bigtiff=is_big) as tiff:
                tiff.write(strips, description=text, **layout, **resolution_tags(size))

        yield from write_pages(folder, labels, dtype, write)
    return folder


def is_label_tiff(path: Path | str) -> bool:
    """Whether a file was written by `write_labels`."""
    return read_record(Path(path)).get("kind") == "labels"


def _check(path: Path, labels: Any) -> None:
    if path.is_dir():
        raise UserError(f"{path}: a file is needed for the labels, this is a folder; add a name such as labels.tif.")
    check_labels(path, labels)


def _check_free(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder}: this name is taken; choose another folder for the sections.")


def _bytes(shape: Sequence[int], dtype: np.dtype) -> int:
    """Uncompressed."""
    return math.prod(shape) * dtype.itemsize


def _dtype(path: Path, max_id: int) -> np.dtype:
    fits = [t for t in (np.uint16, np.uint32) if max_id <= np.iinfo(t).max]
    if not fits:
        raise UserError(
            f"{path}: ids up to 4,294,967,295 can be written as TIFF, got {max_id:,}; choose OME-Zarr, "
            "or renumber the labels."
        )
    return np.dtype(fits[0])
