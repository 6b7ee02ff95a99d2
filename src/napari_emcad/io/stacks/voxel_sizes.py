"""Voxel sizes as files state them, in nanometres."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from napari_emcad.core.geometry import VoxelSize

_SPELLINGS = {
    0.1: ("å", "angstrom", "angstroem", "a"),
    1.0: ("nm", "nanometer", "nanometre"),
    1e3: ("um", "micron", "micrometer", "micrometre", "\N{MICRO SIGN}m", "\N{GREEK SMALL LETTER MU}m", "\\u00b5m"),
    1e6: ("mm", "millimeter", "millimetre"),
    1e7: ("cm", "centimeter", "centimetre"),
    1e9: ("m", "meter", "metre"),
    25.4e6: ("in", "inch"),
}
_NANOMETRES = {word: nm for nm, words in _SPELLINGS.items() for word in words}


def nanometres(unit: object) -> float | None:
    """How many nm a unit of length is; None for pixels and for what is not a length.

    >>> nanometres("micron"), nanometres("pixel")
    (1000.0, None)
    """
    word = unit.decode(errors="replace") if isinstance(unit, bytes) else str(unit)
    word = word.strip().lower()
    return _NANOMETRES.get(word) or _NANOMETRES.get(word.removesuffix("s"))


def voxel_size(lengths: Iterable[Any], units: Iterable[object]) -> VoxelSize | None:
    """Three edge lengths (z, y, x) in their units, in nm; None where one is not known or not positive."""
    sizes = place(lengths, units)
    return VoxelSize(*sizes) if sizes and min(sizes) > 0 else None


def place(lengths: Iterable[Any], units: Iterable[object]) -> tuple[float, float, float] | None:
    """Three coordinates (z, y, x) in their units, in nm; None where one is not known."""
    try:
        factors = [nanometres(unit) for unit in units]
        found = [_converted(float(n), f) for n, f in zip(lengths, factors, strict=True) if f]
    except (TypeError, ValueError):
        return None
    return tuple(found) if len(found) == 3 and all(map(math.isfinite, found)) else None


def _converted(length: float, factor: float) -> float:
    """In nm, without the last bits that a factor brings in: 0.041 um is 41 nm, not 41.00000000000001."""
    return length if factor == 1 else float(f"{length * factor:.12g}")


def of_attributes(attributes: Mapping[str, Any]) -> VoxelSize | None:
    """The voxel size in the attributes of an HDF5 or Zarr array, (z, y, x).

    `voxel_size_nm` is ours, `resolution` that of CREMI and `voxel_size` that of funlib (both nm unless `units`
    says otherwise), `element_size_um` that of Fiji's HDF5 plugin.
    """
    stated = attributes.get("units", attributes.get("unit", "nm"))
    known = {"voxel_size_nm": "nm", "resolution": stated, "voxel_size": stated, "element_size_um": "um"}
    sizes = [voxel_size(_last_three(attributes[key]), _last_three(known[key])) for key in known if key in attributes]
    return next((size for size in sizes if size), None)


def offset_of_attributes(attributes: Mapping[str, Any]) -> tuple[float, float, float] | None:
    """Where the first voxel of an HDF5 or Zarr array begins, nm (z, y, x); None where its attributes do not say.

    `offset` is that of CREMI's padded files and of funlib. Without a `resolution` or `voxel_size` beside it, it may be
    anything, and is left alone.
    """
    if "offset" not in attributes or not {"resolution", "voxel_size"} & set(attributes):
        return None
    units = attributes.get("units", attributes.get("unit", "nm"))
    return place(_last_three(attributes["offset"]), _last_three(units))


def _last_three(values: Any) -> list[Any]:
    """Those of z, y, x, from a list that may have channels before them, or from one value for all."""
    values = [values] if isinstance(values, str | bytes) else np.ravel(values).tolist()
    return values * 3 if len(values) == 1 else values[-3:]
