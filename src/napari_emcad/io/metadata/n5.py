"""Metadata of N5: attributes of arrays and of the groups around them, as the programs that write them have it.

Lengths and axes are (x, y, z) there, except in `transform`. Sources: the README of saalfeldlab/n5 (arrays),
saalfeldlab/n5-viewer (`pixelResolution`, `downsamplingFactors`, `scales`), BigDataViewer's N5 (`resolution`, factors of
all levels in one list), Fiji (`pixelWidth` and so on) and CellMap (`transform`, `multiscales`).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.metadata.arrangement import Arrangement
from napari_emcad.io.metadata.axes import known_names
from napari_emcad.io.metadata.lengths import Length, Point, point_in_nm, voxel_size_in_nm, voxel_size_notes

ATTRIBUTES = "attributes.json"
"""Name of the file that holds the attributes of an array or a group."""

Attributes = Mapping[str, Any]

_ARRAY = ("dimensions", "blockSize", "dataType")
_LEVEL = re.compile(r"s(\d+)")


class N5Place(NamedTuple):
    """The place of an array in nm, the words for where its voxel size is stated, and what is left out."""

    size: VoxelSize | None = None
    offset: Point | None = None
    source: str = ""
    notes: tuple[str, ...] = ()


def is_n5_array(attributes: Attributes) -> bool:
    """Return True if attributes are those of an array."""
    return all(key in attributes for key in _ARRAY)


def array_shape(attributes: Attributes) -> tuple[int, ...]:
    """Return the lengths of an array's axes, in Python's order.

    Raises
    ------
    ValueError
        If the attributes state none.
    """
    stated = attributes["dimensions"]
    if not isinstance(stated, list) or not all(type(n) is int and n >= 0 for n in stated):
        raise ValueError(f"dimensions are whole numbers in a list, got {str(stated)[:100]}")
    return tuple(stated[::-1])


def array_specification(attributes: Attributes) -> dict[str, Any]:
    """Return what tells how an array is stored, as version 2 of the format has it, without the rest."""
    stated = attributes.get("compression", attributes.get("compressionType", "raw"))
    compression = dict(stated) if isinstance(stated, Mapping) else {"type": stated}
    kept = {key: compression[key] for key in ("type", "useZlib") if key in compression}  # the rest is for writers
    return {key: attributes[key] for key in _ARRAY} | {"compression": _complete(kept)}


def _complete(compression: dict[str, Any]) -> dict[str, Any]:
    """Return a compression with what a reader is asked for, though only a writer uses it."""
    if compression.get("type") == "blosc":
        return compression | {"cname": "lz4", "clevel": 5, "shuffle": 1}
    return compression


def n5_axes(attributes: Attributes, around: Sequence[Attributes]) -> list[str] | None:
    """Return the names of an array's axes in reverse, which is Python's order; z, y, x of three; None if unknown."""
    number = len(array_shape(attributes))
    for stated in (attributes, *around):
        axes = stated.get("axes")
        names = known_names(axes) if isinstance(axes, list) and len(axes) == number else None
        if names:
            return names[::-1]
    return ["z", "y", "x"] if number == 3 else None


def level_paths(attributes: Attributes) -> list[str]:
    """Return the paths of the levels that a group lists, the finest first; none if it lists none."""
    try:
        return [str(level["path"]).strip("/") for level in attributes["multiscales"][0]["datasets"]]
    except (KeyError, IndexError, TypeError):
        return []


def level_number(path: str) -> int | None:
    """Return the number of a level from its name, such as s2; None if it has another name."""
    found = _LEVEL.fullmatch(path.rpartition("/")[2])
    return int(found[1]) if found else None


def says_n5_labels(attributes: Attributes, around: Sequence[Attributes]) -> bool:
    """Return True if an array or a group around it says that it holds labels, as Paintera writes it."""
    stated = (attributes, *around)
    painted = [found.get("painteraData") for found in stated]
    return "maxId" in attributes or any(isinstance(p, Mapping) and p.get("type") == "label" for p in painted)


def n5_place(path: str, attributes: Attributes, around: Sequence[Attributes], arrangement: Arrangement) -> N5Place:
    """Return the place of an array.

    Parameters
    ----------
    path : str
        Of the array in its group, such as s1.
    attributes, around
        Those of the array, and of the groups around it, the nearest first.
    arrangement : Arrangement
        Where the stack lies in the array with its axes in reverse.

    Strategy: `transform` tells the place of a level alone, so it comes first. Else the voxel size of the array is
    multiplied by its factors, that of a group by those of the level; the middle of a coarse voxel is that of the fine
    ones in it.
    """
    found = _transform(path, attributes, around)
    if found:
        return found
    own = _stated_lengths(attributes)
    factors = _factors(attributes.get("downsamplingFactors"))
    if own:
        return _scaled(own, factors, arrangement, f"N5 attribute {own.key}")
    for stated in around:
        factors = factors or _factors_of_level(stated, path)
        if lengths := _stated_lengths(stated):
            return _scaled(lengths, factors, arrangement, f"N5 attribute {lengths.key} of the group")
    return N5Place()


class _Lengths(NamedTuple):
    """Lengths as attributes state them: their key, voxel size, units and offset (x, y, z)."""

    key: str
    sizes: list[Length]
    units: list[Any]
    offset: list[Length] | None


def _stated_lengths(attributes: Attributes) -> _Lengths | None:
    pixels = attributes.get("pixelResolution")
    units = attributes.get("units", attributes.get("unit", "nm"))
    offset = attributes.get("offset")
    if isinstance(pixels, Mapping):
        return _lengths("pixelResolution", pixels.get("dimensions"), pixels.get("unit", pixels.get("units")), offset)
    if pixels is not None:
        return _lengths("pixelResolution", pixels, attributes.get("units", attributes.get("unit")), offset)
    if "resolution" in attributes:
        return _lengths("resolution", attributes["resolution"], units, offset)
    fiji = [attributes.get(key) for key in ("pixelWidth", "pixelHeight", "pixelDepth")]
    return _lengths("pixelWidth", fiji, attributes.get("pixelUnit"), None) if all(fiji) else None


def _lengths(key: str, sizes: Any, units: Any, offset: Any) -> _Lengths | None:
    if not isinstance(sizes, list) or not sizes:
        return None
    listed = units if isinstance(units, list) else [units] * len(sizes)
    moved = offset if isinstance(offset, list) and len(offset) == len(sizes) else None
    return _Lengths(key, sizes, listed, moved)


def _factors(stated: Any) -> list[float] | None:
    return stated if isinstance(stated, list) and stated and not isinstance(stated[0], list) else None


def _factors_of_level(attributes: Attributes, path: str) -> list[float] | None:
    """Return the factors that a group lists for one of its levels."""
    number = level_number(path)
    listed = attributes.get("scales", attributes.get("downsamplingFactors"))
    if number is None or not isinstance(listed, list) or number >= len(listed):
        return None
    return _factors(listed[number])


def _scaled(lengths: _Lengths, factors: list[float] | None, arrangement: Arrangement, source: str) -> N5Place:
    number = len(lengths.sizes)
    if factors and len(factors) != number:
        raise ValueError(f"{number} downsampling factors are needed, got {len(factors)}")
    steps = np.array(arrangement.of_space((factors or [1.0] * number)[::-1]), float)
    sizes = arrangement.of_space(lengths.sizes[::-1])
    units = arrangement.of_space(lengths.units[::-1])
    finest = voxel_size_in_nm(sizes, units)
    if not finest:
        return N5Place(notes=voxel_size_notes(sizes, units))
    start = point_in_nm(arrangement.of_space(lengths.offset[::-1]), units) if lengths.offset else None
    size = voxel_size_in_nm((steps * finest).tolist(), ["nm"] * 3)
    if start is None and factors is None:
        return N5Place(size, None, source)
    middle = np.array(start or (0.0, 0.0, 0.0)) + (steps - 1) / 2 * finest
    return N5Place(size, point_in_nm(middle.tolist(), ["nm"] * 3), source)


def _transform(path: str, attributes: Attributes, around: Sequence[Attributes]) -> N5Place | None:
    """Return the place that CellMap's `transform` states, of the array or in the list of its group."""
    if isinstance(attributes.get("transform"), Mapping):
        return _of_transform(attributes["transform"])
    for stated in around[:1]:
        for listed, level in zip(level_paths(stated), _datasets(stated), strict=True):
            if listed == path and isinstance(level.get("transform"), Mapping):
                return _of_transform(level["transform"])
    return None


def _datasets(attributes: Attributes) -> list[Any]:
    return attributes["multiscales"][0]["datasets"] if level_paths(attributes) else []


def _of_transform(transform: Attributes) -> N5Place:
    axes = [
        str(axis).lower() for axis in transform.get("axes") or ("zyx" if transform.get("ordering") != "F" else "xyz")
    ]
    places = [axes.index(axis) for axis in "zyx"]
    units = transform.get("units")
    words = units if isinstance(units, list) else [units] * len(axes)
    lengths, named = [transform["scale"][p] for p in places], [words[p] for p in places]
    move = transform.get("translate")
    start = point_in_nm([move[p] for p in places], named) if move else None
    size = voxel_size_in_nm(lengths, named)
    return N5Place(size, start, "N5 attribute transform" if size else "", voxel_size_notes(lengths, named))
