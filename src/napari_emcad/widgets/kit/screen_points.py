"""Points that are as large on the screen at any zoom."""

from typing import Any

import numpy as np
from napari.layers import Points as NapariPoints
from numpy.typing import NDArray

LARGE = 1000
"""Diameter of a point in voxels, more than the screen allows at any zoom."""


class Points(NapariPoints):
    """Points of so many pixels; what napari shows at Home does not grow with them.

    Their name is that of napari's own, as it finds icons and menus by it. There is no lower limit of their size, since
    napari draws a point of size 0 where a section has none.

    Parameters
    ----------
    pixels : int
        Diameter on the screen.
    **look
        Keyword arguments of napari's points.
    """

    def __init__(self, pixels: int, **look: Any):
        super().__init__(np.empty((0, 3)), size=LARGE, canvas_size_limits=(0, pixels), **look)

    @property
    def _extent_data_augmented(self) -> NDArray[np.float64]:
        """The extent of the places themselves; napari adds half a point."""
        extent: NDArray[np.float64] = self._extent_data
        return extent
