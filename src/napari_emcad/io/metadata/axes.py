"""Names of the axes of an array, as the programs that write HDF5 and Zarr state them."""

from collections.abc import Mapping, Sequence
from typing import Any

from napari_emcad.io.json_text import parse_json


def read_axis_names(attributes: Mapping[str, object]) -> list[str] | None:
    """Read the names of an array's axes, in its own order, from its attributes; None if they do not say.

    `axistags` is ilastik's (vigra's), `axis_names` funlib's, `_ARRAY_DIMENSIONS` xarray's, `axes` that of N5 and of
    CellMap.
    """
    found = [_of_axistags(attributes.get("axistags"))]
    found += [_listed(attributes.get(key)) for key in ("axis_names", "_ARRAY_DIMENSIONS", "axes")]
    return next((names for names in found if names), None)


def known_names(names: Sequence[object] | None) -> list[str] | None:
    """Return names if y and x are among them; None for names that a program made up, such as dim_0."""
    words = [str(name).strip().lower().removesuffix("^") for name in names or ()]
    return words if {"y", "x"} <= set(words) else None


def _of_axistags(value: object) -> list[str] | None:
    try:
        tags: Any = parse_json(value) if isinstance(value, str | bytes) else value
        return known_names([axis["key"] for axis in tags["axes"]])
    except (ValueError, KeyError, TypeError):
        return None


def _listed(value: object) -> list[str] | None:
    if isinstance(value, str | bytes) or not hasattr(value, "__iter__"):
        return None
    return known_names([item.decode() if isinstance(item, bytes) else item for item in value])
