"""Labels as a TIFF, or as one TIFF a section: compressed, with voxel size and provenance."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.progress import Job, drive
from napari_emcad.core.volume import Volume
from napari_emcad.io.atomic import write_beside
from napari_emcad.io.labels.label_volume import LabelVolume, check_labels, find_largest_id
from napari_emcad.io.labels.own_folders import check_folder_target
from napari_emcad.io.labels.tiff_pages import PageLayout, write_pages
from napari_emcad.io.metadata.tiff_description import description_text, mark_of, read_record, resolution_tags

_CLASSIC_BYTES = 2**32 - 2**26
"""Size beyond which a TIFF has to be a BigTIFF: 4 GB, less room for the directories."""

EXACT_FLOAT = 2**24
"""The largest whole number up to which 32-bit floats hold all: ImageJ shows 32-bit ids as such floats."""

_SECTION = re.compile(r"section_\d{5,}\.tif")

_KIND = "labels"
"""Kind of our own TIFF, in its record."""


def write_labels(
    path: Path | str,
    labels: Volume,
    voxel_size: VoxelSize | None,
    provenance: Mapping[str, Any],
    max_id: int | None = None,
) -> Path:
    """Write labels as TIFF: `write_tiff` to its end.

    Parameters
    ----------
    path : path
    labels : Volume (z, y, x), integer or bool
        Not modified; 0 = none.
    voxel_size : VoxelSize or None
        In nm; None = unknown.
    provenance : mapping
        JSON.
    max_id : int, optional
        The largest id, if it is known: spares a first pass over the sections.
    """
    return drive(write_tiff(Path(path), LabelVolume(labels, voxel_size, provenance, largest=max_id)))


def write_tiff(path: Path, volume: LabelVolume) -> Job[Path]:
    """Write labels as a deflate-compressed TIFF; never more than some rows of a section are in memory.

    uint16 up to id 65,535, else uint32; a BigTIFF if the uncompressed voxels exceed 4 GB. `open_stack` reads the
    voxel size back to the last digit, `read_provenance` the provenance.

    Parameters
    ----------
    path : Path
        An existing file is replaced at the very end; until then, and whenever it fails, it stays as it is.
    volume : LabelVolume
        Its values are read by bands, `values[z0:z1, y0:y1]`, several at once.

    Yields
    ------
    Progress
        Stage "export", in sections ("largest id" before, if that is looked for). Closing removes what was written.

    Returns
    -------
    Path
        The path that was given.

    Raises
    ------
    UserError
        If the ids do not fit, the disk is full, or the folder is missing or may not be written to.
    """
    labels = volume.values
    check_tiff_target(path)
    check_labels(path, labels)
    largest = yield from find_largest_id(volume)
    dtype = _choose_dtype(path, largest)
    depth, uncompressed, done = labels.shape[0], _count_bytes(labels.shape, dtype), 0
    first = _describe(labels.shape, volume, largest)
    with (
        write_beside(path, lambda part: part.stat().st_size * depth // done if done else uncompressed) as part,
        tifffile.TiffWriter(part, bigtiff=uncompressed > _CLASSIC_BYTES) as tiff,
    ):

        def write(z: int, strips: Iterator[bytes], layout: PageLayout) -> None:
            nonlocal done
            done = z + 1
            text = None if z else first
            tiff.write(strips, description=text, **layout, **resolution_tags(volume.voxel_size))

        yield from write_pages(path, labels, dtype, write)
    return path


def write_sections(folder: Path, volume: LabelVolume) -> Job[Path]:
    """Write labels as one TIFF a section into a new folder, named by their number in the stack: section_00046.tif.

    Each is as `write_tiff` writes it, at its own place; `open_stack` opens the folder, with its voxel size and place.

    Raises
    ------
    UserError
        See `write_tiff`; also if the folder is there already, and holds more than an older export.
    """
    labels, size = volume.values, volume.voxel_size
    check_sections_target(folder)
    check_labels(folder, labels)
    largest = yield from find_largest_id(volume)
    dtype = _choose_dtype(folder, largest)
    shape = (1, *labels.shape[1:])
    is_big = _count_bytes(shape, dtype) > _CLASSIC_BYTES
    with write_beside(folder, lambda _: _count_bytes(labels.shape, dtype)) as part:
        part.mkdir()

        def write(z: int, strips: Iterator[bytes], layout: PageLayout) -> None:
            text = _describe(shape, volume, largest, z)
            with tifffile.TiffWriter(part / f"section_{volume.start[0] + z:05}.tif", bigtiff=is_big) as tiff:
                tiff.write(strips, description=text, **layout, **resolution_tags(size))

        yield from write_pages(folder, labels, dtype, write)
    return folder


def _describe(shape: Sequence[int], volume: LabelVolume, largest: int, first: int = 0) -> str:
    """Return the description of a file that holds the labels from section `first` on."""
    size, (z, y, x) = volume.voxel_size, volume.offset_nm
    place = (z + first * size.z, y, x) if size else None
    return description_text(shape, size, _KIND, volume.provenance, place, largest)


def check_tiff_target(path: Path) -> None:
    """Refuse a folder where a file is to be.

    Raises
    ------
    UserError
    """
    if path.is_dir():
        raise UserError(f"{path}: a file is needed for the labels, this is a folder; add a name such as labels.tif.")


def check_sections_target(folder: Path) -> None:
    """Refuse a folder with anything else in it than sections of an older export.

    Raises
    ------
    UserError
    """
    check_folder_target(folder, "folder of sections", _is_own_series)


def rounded_ids_note(path: Path) -> str:
    """Say that ImageJ will not tell some ids of a written TIFF or folder of sections apart; empty if it does."""
    file = min((f for f in path.iterdir() if _SECTION.fullmatch(f.name)), default=path) if path.is_dir() else path
    largest = read_record(file).get("largest_id", 0) if file.is_file() else 0
    if largest <= EXACT_FLOAT:
        return ""
    signed = ", and programs with signed numbers show those above 2,147,483,647 as negative" if largest >= 2**31 else ""
    return (
        f"{path}: holds ids up to {largest:,}; ImageJ rounds ids above {EXACT_FLOAT:,}{signed}; "
        "renumber the labels for it, or choose OME-Zarr."
    )


def _is_own_series(folder: Path) -> bool:
    return all(_SECTION.fullmatch(file.name) and mark_of(read_record(file)) for file in folder.iterdir())


def _count_bytes(shape: Sequence[int], dtype: np.dtype[Any]) -> int:
    """Return the bytes of labels of this shape, uncompressed."""
    return math.prod(shape) * dtype.itemsize


def _choose_dtype(path: Path, max_id: int) -> np.dtype[Any]:
    fits = [t for t in (np.uint16, np.uint32) if max_id <= np.iinfo(t).max]
    if not fits:
        raise UserError(
            f"{path}: ids up to 4,294,967,295 can be written as TIFF, got {max_id:,}; choose OME-Zarr, "
            "or renumber the labels."
        )
    return np.dtype(fits[0])
