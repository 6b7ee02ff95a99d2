"""The end of a neuron that was gone to, as a ring over it."""

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels

from napari_emcad.core.geometry import Voxel
from napari_emcad.widgets.kit.layers import remove_layer
from napari_emcad.widgets.kit.screen_points import Points, add_points

COLOUR = "#cc79a7"
"""Reddish purple of Okabe and Ito; places to do are yellow."""

PIXELS = 22
"""Diameter of the ring on the screen."""


class EndMark:
    """A layer with one place; between two places it is hidden, as that of the sides."""

    def __init__(self, viewer: ViewerModel):
        self._viewer = viewer
        self._layer: Points | None = None

    def show(self, voxel: Voxel, neurons: Labels) -> None:
        """Mark a voxel of the neurons layer, and no other place."""
        if self._layer is None or self._layer not in self._viewer.layers:
            self._layer = add_points(
                self._viewer, neurons, PIXELS, "end", symbol="ring", face_color=COLOUR, border_color=COLOUR
            )
        self._layer.data = np.array([voxel], float)
        self._layer.selected_data = set()
        self._layer.visible = True

    def hide(self) -> None:
        """Mark nothing for now."""
        if self._layer is not None:
            self._layer.visible = False

    def close(self) -> None:
        """Take the layer away."""
        remove_layer(self._viewer, self._layer)
        self._layer = None
