"""Voxel size and offset as the attributes of HDF5 and Zarr arrays state them."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

import numpy as np

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.metadata.arrangement import IN_ORDER, Arrangement
from napari_emcad.io.metadata.lengths import Point, point_in_nm, voxel_size_in_nm

_WORDS = re.compile(r"[^\s,;\[\]()\"']+")
"""Numbers or units in one text: "40, 8, 8" and "[nm nm nm]"."""

MARK: Final = "napari_emcad"
"""Key in the attributes of our own arrays: what they hold."""

LABELS_MARK: Final = "labels"
"""Its value for labels."""


def read_voxel_size(attributes: Mapping[str, object], arrangement: Arrangement = IN_ORDER) -> VoxelSize | None:
    """Read the voxel size (z, y, x) in nm from the attributes of an HDF5 or Zarr array; None if they do not say.

    `voxel_size_nm` is ours, `resolution` that of CREMI and `voxel_size` that of funlib (both nm unless `units`
    says otherwise), `element_size_um` that of Fiji's HDF5 plugin. `arrangement` tells the order of the array's axes,
    in which the lengths are stated.
    """
    units = _stated_units(attributes)
    known = {"voxel_size_nm": "nm", "resolution": units, "voxel_size": units, "element_size_um": "um"}
    sizes = [
        voxel_size_in_nm(_of_space(attributes[key], arrangement), _of_space(unit, arrangement))
        for key, unit in known.items()
        if key in attributes
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


def _stated_units(attributes: Mapping[str, object]) -> object:
    return attributes.get("units", attributes.get("unit", "nm"))


def _of_space(values: object, arrangement: Arrangement) -> list[Any]:
    """Return the values for z, y, x; one value counts for all three."""
    listed = np.ravel(np.asarray(values)).tolist()
    if len(listed) == 1 and isinstance(listed[0], str | bytes):
        text = listed[0].decode(errors="replace") if isinstance(listed[0], bytes) else listed[0]
        listed = _WORDS.findall(text) or [text]
    return listed * 3 if len(listed) == 1 else arrangement.of_space(listed)
