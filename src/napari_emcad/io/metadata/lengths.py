"""Voxel sizes as files state them, in nanometres."""

import math
from collections.abc import Iterable
from typing import Any

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


def voxel_size_in_nm(lengths: Iterable[Any], units: Iterable[object]) -> VoxelSize | None:
    """Three edge lengths (z, y, x) in their units, in nm; None where one is not known or not positive."""
    sizes = point_in_nm(lengths, units)
    return VoxelSize(*sizes) if sizes and min(sizes) > 0 else None


def point_in_nm(lengths: Iterable[Any], units: Iterable[object]) -> tuple[float, float, float] | None:
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
