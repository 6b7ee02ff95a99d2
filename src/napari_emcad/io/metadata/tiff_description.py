"""The ImageDescription of a TIFF: the voxel size that it states, and the record that our own files carry.

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
from typing import Any, TypedDict, TypeGuard
from xml.etree import ElementTree

import numpy as np
import tifffile

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.metadata.lengths import voxel_size_in_nm

_OURS = "napari-emcad="


class TiffRecord(TypedDict, total=False):
    """The record that our own TIFF carries.

    Attributes
    ----------
    shape : [z, y, x]
    voxel_size_nm : [z, y, x] or None
    kind : str
        "labels".
    provenance : dict
    """

    shape: list[int]
    voxel_size_nm: list[float] | None
    kind: str
    provenance: dict[str, Any]


class ResolutionTags(TypedDict, total=False):
    """Resolution as tifffile takes it: pixels a unit, x first."""

    resolution: tuple[float, float]
    resolutionunit: str


def description_text(shape: Sequence[int], size: VoxelSize | None, kind: str, provenance: Mapping[str, object]) -> str:
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
    """
    lines = ["ImageJ=1.54f", f"slices={shape[0]}", "loop=false"]
    if size:
        lines += [f"spacing={size.z / 1000:.12g}", "unit=um"]
    record = TiffRecord(
        shape=list(shape), voxel_size_nm=list(size) if size else None, kind=kind, provenance=dict(provenance)
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
        record = json.loads(lines[0].removeprefix(_OURS)) if lines else {}
    except ValueError:
        return {}
    return record if _is_record(record) else {}


def _is_record(value: object) -> TypeGuard[TiffRecord]:
    return isinstance(value, dict)


def read_record(path: Path) -> TiffRecord:
    """Read the record of a file on disk; empty if it is no TIFF of ours."""
    try:
        with tifffile.TiffFile(path) as tiff:
            return record_of(tiff)
    except (OSError, ValueError, tifffile.TiffFileError):
        return {}


def tiff_voxel_size(tiff: tifffile.TiffFile) -> VoxelSize | None:
    """Return the voxel size in nm from our record, OME-XML, ImageJ's lines or tifffile's JSON; None if z is missing."""
    ours = record_of(tiff).get("voxel_size_nm")
    if ours:
        return voxel_size_in_nm(ours, ["nm"] * 3)
    if tiff.is_ome:
        return _size_of_ome(tiff.ome_metadata or "")
    stated = tiff.imagej_metadata if tiff.is_imagej else (tiff.shaped_metadata or ({},))[0]
    return _size_of_spacing(stated or {}, tiff.pages.first)


def _size_of_spacing(stated: Mapping[str, Any], page: tifffile.TiffPage) -> VoxelSize | None:
    """Combine `spacing` and `unit` with the resolution tags: pixels a unit on y and x, whatever ResolutionUnit says."""
    pixels = [_ratio(page, tag) for tag in ("YResolution", "XResolution")]
    if "spacing" not in stated or not all(pixels):
        return None
    return voxel_size_in_nm([stated["spacing"], *(1 / n for n in pixels)], [stated.get("unit")] * 3)


def _ratio(page: tifffile.TiffPage, tag: str) -> float:
    numerator, denominator = page.tags.valueof(tag, default=(0, 1))
    return numerator / denominator if denominator else 0.0


def _size_of_ome(xml: str) -> VoxelSize | None:
    try:
        elements = ElementTree.fromstring(xml).iter()
    except ElementTree.ParseError:
        return None
    pixels = next((e.attrib for e in elements if e.tag.endswith("Pixels")), {})
    sizes = [pixels.get(f"PhysicalSize{axis}") for axis in "ZYX"]
    return voxel_size_in_nm(sizes, [pixels.get(f"PhysicalSize{axis}Unit", "um") for axis in "ZYX"])
