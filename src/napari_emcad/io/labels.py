"""Neurons as a label TIFF: section by section, compressed, with voxel size and provenance."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.progress import Job, Stopwatch, drive
from napari_emcad.io.beside import written_beside
from napari_emcad.io.tiff_description import described, read_record, resolution
from napari_emcad.io.zarr import is_zarr, zarr_node

_CLASSIC_BYTES = 2**32 - 2**26
"""Beyond 4 GB, less room for the directories, a TIFF has to be a BigTIFF."""
_LAYOUT = {"compression": "zlib", "photometric": "minisblack", "metadata": None, "software": "napari-emcad"}
"""Strips and no predictor: what every reader knows, and what suits labels."""


def write_labels(
    path: Path | str,
    labels: Any,
    voxel_size: VoxelSize | None,
    provenance: Mapping[str, Any],
    max_id: int | None = None,
) -> Path:
    """Write labels as TIFF: `writing_labels` to its end."""
    return drive(writing_labels(path, labels, voxel_size, provenance, max_id))


def writing_labels(
    path: Path | str,
    labels: Any,
    voxel_size: VoxelSize | None,
    provenance: Mapping[str, Any],
    max_id: int | None = None,
) -> Job[Path]:
    """Write labels as a deflate-compressed TIFF; never more than one section is in memory.

    uint16 up to id 65,535, else uint32; a BigTIFF where the uncompressed voxels exceed 4 GB. `open_volume` reads the
    voxel size back to the last digit, `read_provenance` the provenance.

    Parameters
    ----------
    path : path
        An existing file is replaced at the very end; until then, and whenever it fails, it stays as it is.
    labels : array-like (z, y, x), integer or bool
        Needs `shape`, `dtype` and `labels[z]`; 0 = none; not modified.
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
    dtype = _dtype(path, (yield from _largest(labels)) if max_id is None else max_id)
    depth = labels.shape[0]
    uncompressed = int(np.prod(labels.shape, dtype=np.int64)) * dtype.itemsize
    watch, done = Stopwatch("export", depth), 0
    with (
        written_beside(path, lambda part: part.stat().st_size * depth // done if done else uncompressed) as part,
        tifffile.TiffWriter(part, bigtiff=uncompressed > _CLASSIC_BYTES) as tiff,
    ):
        for done, section in enumerate(_sections(path, labels, dtype), start=1):
            text = described(labels.shape, voxel_size, {"kind": "labels", "provenance": dict(provenance)})
            tiff.write(section, description=text if done == 1 else None, **_LAYOUT, **resolution(voxel_size))
            yield watch.at(done)
    return path


def read_provenance(path: Path | str) -> dict[str, Any]:
    """The provenance in a label TIFF or in affinities; empty where a file carries none."""
    path = Path(path)
    record = zarr_node(path).attrs if is_zarr(path) else read_record(path)
    return dict(record.get("provenance") or {})


def is_label_tiff(path: Path | str) -> bool:
    """Whether a file was written by `write_labels`."""
    return read_record(Path(path)).get("kind") == "labels"


def _check(path: Path, labels: Any) -> None:
    if path.is_dir():
        raise UserError(f"{path}: a file is needed for the labels, this is a folder; add a name such as labels.tif.")
    if len(labels.shape) != 3 or 0 in labels.shape or np.dtype(labels.dtype).kind not in "bui":
        raise UserError(
            f"{path}: whole-number labels (z, y, x) are needed, got shape {tuple(labels.shape)} of {labels.dtype}; "
            "choose the labels of a stack."
        )


def _largest(labels: Any) -> Job[int]:
    """The largest id; without a look at the voxels where the type holds none above 65,535."""
    if np.dtype(labels.dtype).itemsize == 1 or labels.dtype == np.uint16:
        return 0
    watch, largest = Stopwatch("largest id", labels.shape[0]), 0
    for z in range(labels.shape[0]):
        largest = max(largest, int(np.max(labels[z])))
        yield watch.at(z + 1)
    return largest


def _dtype(path: Path, max_id: int) -> np.dtype:
    fits = [t for t in (np.uint16, np.uint32) if max_id <= np.iinfo(t).max]
    if not fits:
        raise UserError(f"{path}: ids up to 4,294,967,295 can be written, got {max_id:,}; renumber the labels.")
    return np.dtype(fits[0])


def _sections(path: Path, labels: Any, dtype: np.dtype) -> Iterator[NDArray]:
    """Each section in the type of the file, with every id as it was."""
    for z in range(labels.shape[0]):
        section = np.asarray(labels[z])
        least, most = int(section.min()), int(section.max())
        if least < 0 or most > np.iinfo(dtype).max:
            raise UserError(
                f"{path}: ids from 0 to {np.iinfo(dtype).max:,} are needed, got {least if least < 0 else most:,} in "
                f"section {z}; renumber the labels."
            )
        yield section.astype(dtype, copy=False)
