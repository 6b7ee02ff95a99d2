"""What the ImageDescription of a TIFF says: the voxel size, and the record that our own files carry.

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
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.metadata.lengths import voxel_size_in_nm

_OURS = "napari-emcad="


def description_text(shape: Sequence[int], size: VoxelSize | None, record: Mapping[str, Any]) -> str:
    """The description of a file of ours, ASCII.

    Parameters
    ----------
    shape : (z, y, x)
    size : VoxelSize or None
        In nm.
    record : mapping
        What `record_of` gives back, besides `shape` and `voxel_size_nm`.
    """
    lines = ["ImageJ=1.54f", f"slices={shape[0]}", "loop=false"]
    if size:
        lines += [f"spacing={size.z / 1000:.12g}", "unit=um"]
    whole = {"shape": list(shape), "voxel_size_nm": list(size) if size else None, **record}
    return "\n".join([*lines, _OURS + json.dumps(whole, default=_plain), ""])


def resolution_tags(size: VoxelSize | None) -> dict[str, Any]:
    """The resolution tags that belong to `description_text`, for tifffile: pixels a micrometre, x first."""
    return {"resolution": (1000 / size.x, 1000 / size.y), "resolutionunit": "NONE"} if size else {}


def _plain(value: Any) -> Any:
    """What JSON has no form for: numpy's numbers as numbers, all else (paths, dates) as text."""
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else str(value)


def record_of(tiff: tifffile.TiffFile) -> dict[str, Any]:
    """The record in a file of ours; empty in any other."""
    lines = [line for line in tiff.pages.first.description.splitlines() if line.startswith(_OURS)]
    try:
        record = json.loads(lines[0].removeprefix(_OURS)) if lines else {}
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def read_record(path: Path) -> dict[str, Any]:
    """`record_of` a file on disk; empty where it is no TIFF of ours."""
    try:
        with tifffile.TiffFile(path) as tiff:
            return record_of(tiff)
    except (OSError, ValueError, tifffile.TiffFileError):
        return {}


def tiff_voxel_size(tiff: tifffile.TiffFile) -> VoxelSize | None:
    """The voxel size in nm from our record, OME-XML, ImageJ's lines or tifffile's JSON; None where z is not said."""
    ours = record_of(tiff).get("voxel_size_nm")
    if ours:
        return voxel_size_in_nm(ours, ["nm"] * 3)
    if tiff.is_ome:
        return _of_ome(tiff.ome_metadata or "")
    stated = tiff.imagej_metadata if tiff.is_imagej else (tiff.shaped_metadata or ({},))[0]
    return _of_spacing(stated or {}, tiff.pages.first)


def _of_spacing(stated: Mapping[str, Any], page: tifffile.TiffPage) -> VoxelSize | None:
    """From `spacing`, `unit` and the resolution tags: pixels a unit on y and x, whatever ResolutionUnit says."""
    pixels = [_ratio(page, tag) for tag in ("YResolution", "XResolution")]
    if "spacing" not in stated or not all(pixels):
        return None
    return voxel_size_in_nm([stated["spacing"], *(1 / n for n in pixels)], [stated.get("unit")] * 3)


def _ratio(page: tifffile.TiffPage, tag: str) -> float:
    numerator, denominator = page.tags.valueof(tag, default=(0, 1))
    return numerator / denominator if denominator else 0.0


def _of_ome(xml: str) -> VoxelSize | None:
    try:
        elements = ElementTree.fromstring(xml).iter()
    except ElementTree.ParseError:
        return None
    pixels = next((e.attrib for e in elements if e.tag.endswith("Pixels")), {})
    sizes = [pixels.get(f"PhysicalSize{axis}") for axis in "ZYX"]
    return voxel_size_in_nm(sizes, [pixels.get(f"PhysicalSize{axis}Unit", "um") for axis in "ZYX"])
