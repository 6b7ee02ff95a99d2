"""Lengths with a unit, as files state them, in nanometres."""

import math
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import SupportsFloat

from napari_emcad.core.geometry import Voxel, VoxelSize

Point = tuple[float, float, float]
"""A place in nm: z, y, x."""

Length = str | SupportsFloat | None
"""A number as files state it; text that holds a number is one."""

_USUAL = {"nm": 1.0, "nanometer": 1.0, "um": 1e3, "micrometer": 1e3, "micron": 1e3, "mm": 1e6}
"""Units that nearly all files state: they spare half a second, which Pint needs for its registry."""

_NO_LENGTHS = {"", "none", "null", "pixel", "pixels", "px", "voxel", "voxels", "vx", "reference frame", "dimensionless"}
"""Words by which programs say that there is no unit."""

_NO_WORD = {"", "none"}
"""Units that were left out; the other words say on purpose that a length is none."""

_SPELLINGS = {
    "a": "angstrom",
    "å": "angstrom",
    "ang": "angstrom",
    "angstroem": "angstrom",
    "nanom": "nm",
    "µ": "um",
    "u": "um",
}
"""Spellings that Pint does not know, or takes for something else: to it, "a" is a year."""

_LONGEST = 40
"""Letters of a unit's name; Pint looks at a longer word for minutes."""

_WORD = re.compile(r"[^\W\d_]+")
_ESCAPED = re.compile(r"\\u([0-9a-f]{4})")


def nanometres(unit: object) -> float | None:
    """Return the nanometres in a unit of length; None for pixels and for anything that is no length.

    Capitals do not count, and a plural is as good as its singular. Units are those of Pint.

    >>> nanometres("micron"), nanometres("pixel")
    (1000.0, None)
    """
    word = _plain_word(unit)
    if word in _NO_LENGTHS:
        return None
    return _USUAL.get(word) or _ask_pint(_SPELLINGS.get(word, word))


def _plain_word(unit: object) -> str:
    """Return a unit in small letters, with the micro signs that files escape as ImageJ does."""
    text = unit.decode(errors="replace") if isinstance(unit, bytes) else str(unit)
    word = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text.strip().lower())
    return word.replace("\N{GREEK SMALL LETTER MU}", "\N{MICRO SIGN}").removesuffix(".")


@lru_cache(maxsize=64)
def _ask_pint(word: str) -> float | None:
    if len(word) > _LONGEST or not _WORD.fullmatch(word):  # Pint would calculate what a file writes, such as 9**9**9
        return None
    import pint  # half a second, and for rare units alone

    try:
        length = pint.get_application_registry().Quantity(1.0, word).to("nanometer").magnitude
    except (pint.PintError, AttributeError, ValueError):
        return None
    return float(f"{length:.12g}")


def voxel_size_in_nm(lengths: Iterable[Length], units: Iterable[object]) -> VoxelSize | None:
    """Convert three edge lengths (z, y, x) in their units to nm; None if one is unknown or not positive."""
    sizes = point_in_nm(lengths, units)
    return VoxelSize(*sizes) if sizes and min(sizes) > 0 else None


def voxel_size_notes(lengths: Sequence[Length], units: Sequence[object]) -> tuple[str, ...]:
    """Say why edge lengths (z, y, x) in their units are no voxel size; nothing if they are, or if none is stated.

    Returns
    -------
    tuple of str
        Sentences that follow the name of a file: 'its unit "foo" of z is not known: the voxel size is left out.'
    """
    if len(lengths) != 3 or len(units) != 3 or voxel_size_in_nm(lengths, units):
        return ()
    stated = {axis: _positive(length) for axis, length in zip("zyx", lengths, strict=True)}
    words = {axis: _plain_word(unit) for axis, unit in zip("zyx", units, strict=True)}
    strange = [
        axis for axis in "zyx" if stated[axis] and words[axis] not in _NO_LENGTHS and not nanometres(words[axis])
    ]
    notes = [
        f'its unit "{unit[:_LONGEST]}" of {_and(axis for axis in strange if words[axis] == unit)} is not known: '
        "the voxel size is left out."
        for unit in dict.fromkeys(words[axis] for axis in strange)
    ]
    known = [axis for axis in "zyx" if stated[axis] and nanometres(words[axis])]
    if set(words.values()) <= _NO_WORD and all(stated.values()) and any(float(length or 1) != 1 for length in lengths):
        return (f"its voxel size of {' x '.join(f'{float(n or 0):g}' for n in lengths)} has no unit: it is left out.",)
    missing = [axis for axis in "zyx" if axis not in (*known, *strange)]
    if missing and known:
        notes.append(f"it states no size of a voxel on {_and(missing)}: that on {_and(known)} is left out.")
    return tuple(notes)


def _positive(length: Length) -> bool:
    try:
        return length is not None and 0 < float(length) < math.inf
    except (TypeError, ValueError):
        return False


def _and(axes: Iterable[str]) -> str:
    *first, last = axes
    return f"{', '.join(first)} and {last}" if first else last


def point_in_nm(coordinates: Iterable[Length], units: Iterable[object]) -> Point | None:
    """Convert three coordinates (z, y, x) in their units to nm; None if one is unknown."""
    factors = [nanometres(unit) for unit in units]
    try:
        pairs = [(n, f) for n, f in zip(coordinates, factors, strict=True) if f and n is not None]
        z, y, x = (_convert(float(n), f) for n, f in pairs)
    except (TypeError, ValueError):
        return None
    return (z, y, x) if all(map(math.isfinite, (z, y, x))) else None


def start_in_nm(start: Voxel, size: VoxelSize, origin: Sequence[float] | None = None) -> Point:
    """Return a place in voxels (z, y, x) of this size in nm; `origin` is that of voxel 0, in voxels, None = 0."""
    z, y, x = ((a + b) * n for a, b, n in zip(start, origin or (0, 0, 0), size, strict=True))
    return z, y, x


def _convert(length: float, factor: float) -> float:
    """Return a length in nm without the last bits that a factor brings in: 0.041 um is 41 nm, not 41.00000000000001."""
    return length if factor == 1 else float(f"{length * factor:.12g}")
