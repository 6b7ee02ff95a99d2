"""Voxel size and place of a TIFF stack, as the programs that write TIFF state them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.metadata.lengths import Length, Point, point_in_nm, voxel_size_in_nm, voxel_size_notes
from napari_emcad.io.metadata.tiff_description import record_of

_RESOLUTION_UNITS = {2: "inch", 3: "cm", 4: "mm", 5: "um"}
_PRINT = 72.0
"""Pixels an inch that programs write where they know nothing."""


@dataclass(frozen=True)
class TiffPlace:
    """Size and place of voxels.

    Attributes
    ----------
    voxel_size : VoxelSize or None
        In nm; None if the file does not say.
    source : str
        Where it is stated, in words; empty if it is not.
    offset : (z, y, x) or None
        Place of the first voxel in nm; None if the file does not say.
    notes : tuple of str
        What is stated and cannot be used, as sentences.
    """

    voxel_size: VoxelSize | None = None
    source: str = ""
    offset: Point | None = None
    notes: tuple[str, ...] = ()


def read_tiff_place(tiff: tifffile.TiffFile, image: int = 0) -> TiffPlace:
    """Read the voxel size and the place of a TIFF stack.

    Strategy: our own record, then what a program states in a form of its own (OME-XML, LSM, MetaMorph, Micro-Manager),
    then ImageJ's lines or tifffile's JSON, which need the resolution tags as well. The first that states a size of all
    three axes counts; else the first that states anything is what the notes are about.

    Parameters
    ----------
    tiff : TiffFile
    image : int
        Number of the image, in files that hold several.
    """
    found = None
    for place in _stated_places(tiff, image):
        if place.voxel_size:
            return place
        found = found or (place if place.notes else None)
    return found or TiffPlace()


def _stated_places(tiff: tifffile.TiffFile, image: int) -> Iterator[TiffPlace]:
    record = record_of(tiff)
    yield _place("TIFF of napari-emcad", record.get("voxel_size_nm") or (), ["nm"] * 3, record.get("offset_nm"))
    if tiff.is_ome:
        yield _of_ome(tiff.ome_metadata or "", image)
    if tiff.is_lsm:
        lsm = tiff.lsm_metadata or {}
        yield _place("LSM metadata", [lsm.get(f"VoxelSize{axis}") for axis in "ZYX"], ["m"] * 3)
    if tiff.is_stk:
        yield _of_metamorph(tiff.stk_metadata or {})
    if tiff.is_imagej:
        yield _of_imagej(tiff.imagej_metadata or {}, tiff.pages.first)
    if tiff.is_micromanager or tiff.is_ndtiff:
        yield _of_micromanager(tiff)
    shaped = tiff.shaped_metadata
    if shaped:
        yield _of_json(shaped[min(image, len(shaped) - 1)], tiff.pages.first)


def _place(source: str, lengths: Sequence[Length], units: Sequence[object], offset: Any = None) -> TiffPlace:
    size = voxel_size_in_nm(lengths, units)
    place = point_in_nm(offset, ["nm"] * 3) if offset is not None else None
    return TiffPlace(size, source if size else "", place if size else None, voxel_size_notes(lengths, units))


def _of_imagej(stated: Mapping[str, Any], page: tifffile.TiffPage) -> TiffPlace:
    """Combine ImageJ's lines with the resolution tags: pixels a unit on y and x, whatever ResolutionUnit says.

    Without a `unit` it is that of ResolutionUnit, as ImageJ has it; a negative `spacing` says that the sections were
    taken from below, and is as long. The origin is a place in pixels.
    """
    unit = stated.get("unit") or _unit_of_tag(page)
    units = [stated.get("zunit") or unit, stated.get("yunit") or unit, unit]
    lengths = [_absolute(stated.get("spacing")), *_pixel_sizes(page)]
    place = _place("ImageJ metadata", lengths, units)
    origin = [_number(stated.get(f"{axis}origin", 0)) for axis in "zyx"]
    if not place.voxel_size or not any(origin) or None in origin:
        return place
    z, y, x = (-(n or 0) * size + 0.0 for n, size in zip(origin, place.voxel_size, strict=True))
    return TiffPlace(place.voxel_size, place.source, (z, y, x))


def _of_json(stated: Mapping[str, Any], page: tifffile.TiffPage) -> TiffPlace:
    """Combine tifffile's JSON with the resolution tags; inches are its default, and mean nothing beside a `unit`."""
    unit, tag = stated.get("unit"), page.tags.valueof("ResolutionUnit", default=1)
    across = _RESOLUTION_UNITS[tag] if tag in (3, 4, 5) else unit
    lengths = [_absolute(stated.get("spacing")), *_pixel_sizes(page)] if unit else []
    return _place("metadata of tifffile", lengths, [stated.get("zunit", unit), across, across])


def _unit_of_tag(page: tifffile.TiffPage) -> str | None:
    """Return the unit of the resolution tags; None for the inches that programs write where they know nothing."""
    unit = _RESOLUTION_UNITS.get(page.tags.valueof("ResolutionUnit", default=1))
    is_placeholder = _ratio(page, "XResolution") in (_PRINT, 1.0)
    return None if unit == "inch" and is_placeholder else unit


def _pixel_sizes(page: tifffile.TiffPage) -> list[float | None]:
    """Return the size of a pixel on y and x in the file's unit; None for 1/1, which programs write as they know none.

    ImageJ itself writes 1 as 1000000/1000000.
    """
    pixels = [_ratio(page, tag) for tag in ("YResolution", "XResolution")]
    is_placeholder = all(page.tags.valueof(tag) == (1, 1) for tag in ("YResolution", "XResolution"))
    return [None, None] if is_placeholder else [1 / n if n else None for n in pixels]


def _ratio(page: tifffile.TiffPage, tag: str) -> float:
    value = page.tags.valueof(tag, default=(0, 1))
    if not isinstance(value, tuple) or len(value) != 2 or not value[1]:
        return 0.0
    return float(value[0] / value[1])


def _number(value: object) -> float | None:
    try:
        return float(str(value))
    except ValueError:
        return None


def _absolute(value: object) -> float | None:
    number = _number(value)
    return None if number is None else abs(number)


def _of_metamorph(stated: Mapping[str, Any]) -> TiffPlace:
    across = [stated.get("YCalibration"), stated.get("XCalibration")]
    steps = np.ravel(stated.get("ZDistance", ()))
    unit = str(stated.get("CalibrationUnits", "")).strip("\0 ") or "um"
    return _place("MetaMorph metadata", [steps[0] if len(steps) else None, *across], ["um", unit, unit])


def _of_micromanager(tiff: tifffile.TiffFile) -> TiffPlace:
    summary = (tiff.micromanager_metadata or {}).get("Summary") or {}
    of_page = tiff.pages.first.tags.valueof("MicroManagerMetadata", default={})
    pixel = summary.get("PixelSize_um") or (of_page.get("PixelSizeUm") if isinstance(of_page, Mapping) else None)
    return _place("Micro-Manager metadata", [summary.get("z-step_um"), pixel, pixel], ["um"] * 3)


def _of_ome(xml: str, image: int) -> TiffPlace:
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return TiffPlace()
    pixels = [element for element in root.iter() if element.tag.endswith("Pixels")]
    if image >= len(pixels):
        return TiffPlace()
    stated = pixels[image].attrib
    units = [stated.get(f"PhysicalSize{axis}Unit", "um") for axis in "ZYX"]
    place = _place("OME-XML", [stated.get(f"PhysicalSize{axis}") for axis in "ZYX"], units)
    return TiffPlace(place.voxel_size, place.source, _place_of_plane(pixels[image]), place.notes)


def _place_of_plane(pixels: ElementTree.Element) -> Point | None:
    """Return the place of the first plane in nm; None where it is stated in the microscope's own units."""
    planes = (element.attrib for element in pixels if element.tag.endswith("Plane"))
    first = next((plane for plane in planes if plane.get("TheZ", "0") == "0"), {})
    units = [first.get(f"Position{axis}Unit", "reference frame") for axis in "ZYX"]
    return point_in_nm([first.get(f"Position{axis}") for axis in "ZYX"], units)


def ome_files(xml: str) -> list[str]:
    """Return the names of the files in which OME-XML says that the planes of an image lie."""
    try:
        elements = list(ElementTree.fromstring(xml).iter())
    except ElementTree.ParseError:
        return []
    names = [element.get("FileName") for element in elements if element.tag.endswith("UUID")]
    return list(dict.fromkeys(name for name in names if name))
