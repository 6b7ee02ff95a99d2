"""Points that are as large on the screen at any zoom."""

from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from napari.layers import Points as NapariPoints
from numpy.typing import NDArray

from napari_emcad.widgets.kit.layers import LAYER_KIND, place_of

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


def add_points(viewer: ViewerModel, neurons: Labels, pixels: int, name: str, **look: Any) -> Points:
    """Add a layer of points, none yet, on the grid of the neurons; nobody edits it, and another layer stays active.

    Parameters
    ----------
    viewer : ViewerModel
    neurons : Labels
        The layer on whose grid they lie.
    pixels : int
        Diameter on the screen.
    name : str
        Name and kind of the layer.
    **look
        Keyword arguments of napari's points.
    """
    active = viewer.layers.selection.active
    layer = Points(pixels, name=name, metadata={LAYER_KIND: name}, **look, **place_of(neurons))
    layer.editable = False
    viewer.add_layer(layer)
    viewer.layers.selection.active = active or neurons
    return layer
