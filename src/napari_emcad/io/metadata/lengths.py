"""Lengths with a unit, as files state them, in nanometres."""

import math
from collections.abc import Iterable
from typing import SupportsFloat

from napari_emcad.core.geometry import VoxelSize

Point = tuple[float, float, float]
"""A place in nm: z, y, x."""

Length = str | SupportsFloat | None
"""A number as files state it; text that holds a number is one."""

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
    """Return the nanometres in a unit of length; None for pixels and for anything that is no length.

    >>> nanometres("micron"), nanometres("pixel")
    (1000.0, None)
    """
    word = unit.decode(errors="replace") if isinstance(unit, bytes) else str(unit)
    word = word.strip().lower()
    return _NANOMETRES.get(word) or _NANOMETRES.get(word.removesuffix("s"))


def voxel_size_in_nm(lengths: Iterable[Length], units: Iterable[object]) -> VoxelSize | None:
    """Convert three edge lengths (z, y, x) in their units to nm; None if one is unknown or not positive."""
    sizes = point_in_nm(lengths, units)
    return VoxelSize(*sizes) if sizes and min(sizes) > 0 else None


def point_in_nm(coordinates: Iterable[Length], units: Iterable[object]) -> Point | None:
    """Convert three coordinates (z, y, x) in their units to nm; None if one is unknown."""
    factors = [nanometres(unit) for unit in units]
    try:
        pairs = [(n, f) for n, f in zip(coordinates, factors, strict=True) if f and n is not None]
        z, y, x = (_convert(float(n), f) for n, f in pairs)
    except (TypeError, ValueError):
        return None
    return (z, y, x) if all(map(math.isfinite, (z, y, x))) else None


def _convert(length: float, factor: float) -> float:
    """Return a length in nm without the last bits that a factor brings in: 0.041 um is 41 nm, not 41.00000000000001."""
    return length if factor == 1 else float(f"{length * factor:.12g}")
