"""Measures of sections as plain arrays, so that they can be kept in files and passed between processes."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.sections.measures import SectionMeasure

Arrays = dict[str, NDArray[Any]]


def measures_to_arrays(measures: Sequence[SectionMeasure]) -> Arrays:
    """Return the measures of sections of one stack as arrays, whose first axis is the section.

    Arrays of several runs of sections, joined along that axis, are the measures of all of them.

    Raises
    ------
    ValueError
        If there are no measures.
    """
    if not measures:
        raise ValueError("measures: one at least is needed.")
    return {one.name: np.stack([getattr(m, one.name) for m in measures]) for one in fields(SectionMeasure)}


def measures_of_arrays(arrays: Mapping[str, NDArray[Any]]) -> list[SectionMeasure]:
    """Return the measures that `measures_to_arrays` made arrays of.

    Raises
    ------
    KeyError
        If an array is missing.
    """
    columns = {one.name: arrays[one.name] for one in fields(SectionMeasure)}
    depth = len(columns["picture"])
    return [SectionMeasure(**{name: _value(column[n]) for name, column in columns.items()}) for n in range(depth)]


def _value(entry: NDArray[Any]) -> Any:
    return entry if np.ndim(entry) else entry.item()
