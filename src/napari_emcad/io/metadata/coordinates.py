"""Voxel size and place of an array, from the coordinates that its file gives for each axis (netCDF, NeXus, EMD)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.metadata.arrangement import Arrangement
from napari_emcad.io.metadata.lengths import Point, point_in_nm, voxel_size_in_nm

_UNEVEN = 1e-3
"""Part of a step by which coordinates may differ: they are often rounded to 32 bits."""


@dataclass(frozen=True)
class AxisCoordinates:
    """Coordinates along an axis.

    Attributes
    ----------
    name : str
        Of the axis; empty if it has none.
    unit : str
    start, step : float or None
        Of evenly spaced coordinates; None for others. The start is None where they go down.
    """

    name: str
    unit: str = ""
    start: float | None = None
    step: float | None = None

    @classmethod
    def of_values(cls, name: str, unit: object, values: ArrayLike) -> Self:
        """Take the coordinates of an axis, or its first two."""
        numbers = np.asarray(values, float).ravel()
        text = unit.decode(errors="replace") if isinstance(unit, bytes) else str(unit)
        word = text.strip("[] ").replace("_", "")  # EMD writes "[n_m]"
        steps = np.diff(numbers)
        if len(steps) == 0 or not steps[0] or np.ptp(steps) > _UNEVEN * abs(steps[0]) + 1e-6 * np.abs(numbers).max():
            return cls(name, word)
        step = float(f"{abs(numbers[-1] - numbers[0]) / len(steps):.6g}")
        return cls(name, word, float(numbers[0]) if steps[0] > 0 else None, step)


def place_of_coordinates(
    axes: Sequence[AxisCoordinates], arrangement: Arrangement
) -> tuple[VoxelSize | None, Point | None]:
    """Return voxel size and place of the first voxel (z, y, x) in nm; None where they are not stated of all three."""
    found = arrangement.of_space(axes)
    units = [axis.unit for axis in found]
    size = voxel_size_in_nm([axis.step for axis in found], units)
    return size, point_in_nm([axis.start for axis in found], units) if size else None
