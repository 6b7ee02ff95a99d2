"""The ImageDescription of our own TIFF, and the record in it.

Our files describe themselves as ImageJ does, with one line more: `napari-emcad={json}`. ImageJ's own TIFF is
uncompressed and has no uint32, so tifffile's `imagej=True` does not serve for labels; but Fiji, Bio-Formats and
tifffile take the voxel size (`spacing`, `unit`, XResolution, YResolution) and the number of slices from these lines
whatever the pixels are, and skip the line they do not know. `images=` is left out: older ImageJ takes it for
"all sections lie one behind the other, without directories", which is never so in a compressed file. ImageJ shows
uint32 as 32-bit float, exact up to id 16,777,216. The JSON holds the voxel size to the last digit.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict, TypeGuard

import numpy as np
import tifffile

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.json_text import parse_json
from napari_emcad.io.metadata.lengths import Point

_OURS = "napari-emcad="


class TiffRecord(TypedDict, total=False):
    """The record that our own TIFF carries.

    Attributes
    ----------
    shape : [z, y, x]
    voxel_size_nm : [z, y, x] or None
    offset_nm : [z, y, x] or None
        Place of the first voxel in the stack; None if it is not known.
    kind : str
        "labels".
    largest_id : int
        The largest id; 0 if it was not looked for, as all fit into 16 bits.
    provenance : dict
    """

    shape: list[int]
    voxel_size_nm: list[float] | None
    offset_nm: list[float] | None
    kind: str
    largest_id: int
    provenance: dict[str, Any]


class ResolutionTags(TypedDict, total=False):
    """Resolution as tifffile takes it: pixels a unit, x first."""

    resolution: tuple[float, float]
    resolutionunit: str


def description_text(
    shape: Sequence[int],
    size: VoxelSize | None,
    kind: str,
    provenance: Mapping[str, object],
    offset: Point | None = None,
    largest: int = 0,
) -> str:
    """Return the description of one of our own files, ASCII.

    Parameters
    ----------
    shape : (z, y, x)
    size : VoxelSize or None
        In nm; None = unknown.
    kind : str
        "labels".
    provenance : mapping
        Goes into the record as JSON.
    offset : (z, y, x), optional
        Place of the first voxel in the stack in nm; ImageJ shows it, too.
    largest : int
        The largest id; 0 = not known.
    """
    lines = ["ImageJ=1.54f", f"slices={shape[0]}", "loop=false"]
    if size:
        lines += [f"spacing={size.z / 1000:.12g}", "unit=um"]
    if size and offset and any(offset):
        lines += [f"{a}origin={-n / s:.12g}" for a, n, s in zip("zyx", offset, size, strict=True)]
    record = TiffRecord(
        shape=list(shape),
        voxel_size_nm=list(size) if size else None,
        offset_nm=list(offset) if offset else None,
        kind=kind,
        largest_id=largest,
        provenance=dict(provenance),
    )
    return "\n".join([*lines, _OURS + json.dumps(record, default=_as_json), ""])


def resolution_tags(size: VoxelSize | None) -> ResolutionTags:
    """Return the tags that belong to `description_text`, for tifffile: pixels a micrometre."""
    return {"resolution": (1000 / size.x, 1000 / size.y), "resolutionunit": "NONE"} if size else {}


def _as_json(value: object) -> Any:
    """Return a value that JSON has no form for: numpy's numbers as numbers, all else (paths, dates) as text."""
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else str(value)


def record_of(tiff: tifffile.TiffFile) -> TiffRecord:
    """Return the record in one of our own files; empty for any other file."""
    lines = [line for line in tiff.pages.first.description.splitlines() if line.startswith(_OURS)]
    try:
        record = parse_json(lines[0].removeprefix(_OURS)) if lines else {}
    except ValueError:
        return {}
    return record if _is_record(record) else {}


def mark_of(record: TiffRecord) -> Literal["labels"] | None:
    """Return what a record says that the file holds; None for any other file than ours."""
    return "labels" if record.get("kind") == "labels" else None


def _is_record(value: object) -> TypeGuard[TiffRecord]:
    return isinstance(value, dict)


def read_record(path: Path) -> TiffRecord:
    """Read the record of a file on disk; empty if it is no TIFF of ours."""
    try:
        with tifffile.TiffFile(path) as tiff:
            return record_of(tiff)
    except Exception:  # noqa: BLE001  what is damaged is none of ours, and opening it says so
        return {}
