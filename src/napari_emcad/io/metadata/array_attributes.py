"""Voxel size and offset as the attributes of HDF5 and Zarr arrays state them."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

import numpy as np

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.metadata.arrangement import IN_ORDER, Arrangement
from napari_emcad.io.metadata.lengths import Point, point_in_nm, voxel_size_in_nm

_WORDS = re.compile(r"[^\s,;\[\]()\"']+")
"""Numbers or units in one text: "40, 8, 8" and "[nm nm nm]"."""

_LENGTH = re.compile(r"\s*([0-9.eE+-]*)\s*(.*?)\s*")
"""A length with its unit in one text: "40 nm"."""

MARK: Final = "napari_emcad"
"""Key in the attributes of our own arrays: what they hold."""

LABELS_MARK: Final = "labels"
"""Its value for labels."""


def read_voxel_size(attributes: Mapping[str, object], arrangement: Arrangement = IN_ORDER) -> VoxelSize | None:
    """Read the voxel size (z, y, x) in nm from the attributes of an HDF5 or Zarr array; None if they do not say.

    `voxel_size_nm` is ours, `resolution` that of CREMI and `voxel_size` that of funlib (both nm unless `units`
    says otherwise), `element_size_um` that of Fiji's HDF5 plugin, `dimension_units` tensorstore's and `axistags`
    ilastik's. `arrangement` tells the order of the array's axes, in which the lengths are stated.
    """
    units = _stated_units(attributes)
    known = {"voxel_size_nm": "nm", "resolution": units, "voxel_size": units, "element_size_um": "um"}
    stated = [(attributes[key], unit) for key, unit in known.items() if key in attributes]
    stated += [_of_dimension_units(attributes), _of_axistags(attributes)]
    sizes = [
        voxel_size_in_nm(_of_space(lengths, arrangement), _of_space(unit, arrangement)) for lengths, unit in stated
    ]
    return next((size for size in sizes if size), None)


def read_offset(attributes: Mapping[str, object], arrangement: Arrangement = IN_ORDER) -> Point | None:
    """Read the start of the first voxel (z, y, x) in nm from the attributes of an array; None if they do not say.

    `offset` is that of CREMI's padded files and of funlib. Without a `resolution` or `voxel_size` beside it, it may be
    anything, and is left alone.
    """
    if "offset" not in attributes or not {"resolution", "voxel_size"} & set(attributes):
        return None
    units = _of_space(_stated_units(attributes), arrangement)
    return point_in_nm(_of_space(attributes["offset"], arrangement), units)


def stated_offsets(around: Iterable[Mapping[str, object]]) -> object:
    """Return what attributes say of the steps (z, y, x) that affinities are for; None if they do not say.

    `offsets` is ours and that of elf, `neighborhood` that of volara.

    Parameters
    ----------
    around : iterable of mapping
        Attributes of the array, then of the groups around it; the first that says them counts.
    """
    found = (attributes.get(key) for attributes in around for key in ("offsets", "neighborhood"))
    return next((offsets for offsets in found if offsets is not None), None)


def read_mark(attributes: Mapping[str, object]) -> Literal["labels"] | None:
    """Read what our own arrays say that they hold; None for anything else."""
    mark = attributes.get(MARK)
    text = mark.decode(errors="replace") if isinstance(mark, bytes) else mark
    return LABELS_MARK if text == LABELS_MARK else None


def place_attributes(size: VoxelSize, offset: Point, channels: bool = False) -> dict[str, Any]:
    """Return the attributes by which other programs know size and place of an array (z, y, x) in Zarr format 2.

    `voxel_size`, `offset`, `units` and `axis_names` are those of today's funlib.persistence, which marks axes without a
    length by "^", and of gunpowder; `resolution` is that of older ones and of CREMI; `_ARRAY_DIMENSIONS` is xarray's,
    and with `dimension_units` neuroglancer's.

    Parameters
    ----------
    size : VoxelSize
        In nm.
    offset : (z, y, x)
        Place of the first voxel in nm.
    channels : bool
        True if an axis of channels comes first.
    """
    first = ["c^"] if channels else []
    names = [*first, "z", "y", "x"]
    lengths = {"voxel_size": list(size), "resolution": list(size), "offset": list(offset), "units": ["nm"] * 3}
    units = [*("" for _ in first), *(f"{length:.12g} nm" for length in size)]
    return {**lengths, "axis_names": names, "_ARRAY_DIMENSIONS": names, "dimension_units": units}


def _of_dimension_units(attributes: Mapping[str, object]) -> tuple[list[str], list[str]]:
    """Read tensorstore's lengths with their units, such as "40 nm"; a unit alone is one of it."""
    texts = attributes.get("dimension_units")
    found = [_LENGTH.fullmatch(str(text)) for text in texts] if isinstance(texts, Sequence) else []
    return [part[1] or "1" if part else "" for part in found], [part[2] if part else "" for part in found]


def _of_axistags(attributes: Mapping[str, object]) -> tuple[list[object], list[object]]:
    """Read the pixel sizes in ilastik's axistags; units are in `axis_units`, or are what describes an axis."""
    axes = _parsed(attributes.get("axistags")).get("axes", [])
    tags = [axis for axis in axes if isinstance(axis, Mapping)] if isinstance(axes, list) else []
    units = _parsed(attributes.get("axis_units"))
    names = [units.get(str(tag.get("key"))) or tag.get("description") for tag in tags]
    return [tag.get("resolution") for tag in tags], names


def _parsed(value: object) -> Mapping[str, Any]:
    """Return a mapping that attributes keep as JSON; empty if it is none."""
    try:
        found = json.loads(value) if isinstance(value, str | bytes) else value
    except ValueError:
        return {}
    return found if isinstance(found, Mapping) else {}


def _stated_units(attributes: Mapping[str, object]) -> object:
    return attributes.get("units", attributes.get("unit", "nm"))


def _of_space(values: object, arrangement: Arrangement) -> list[Any]:
    """Return the values for z, y, x; one value counts for all three."""
    listed = np.ravel(np.asarray(values)).tolist()
    if len(listed) == 1 and isinstance(listed[0], str | bytes):
        text = listed[0].decode(errors="replace") if isinstance(listed[0], bytes) else listed[0]
        listed = _WORDS.findall(text) or [text]
    return listed * 3 if len(listed) == 1 else arrangement.of_space(listed)
