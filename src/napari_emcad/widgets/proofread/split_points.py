"""The points of a split: two sides in two colours."""

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels

from napari_emcad.core.geometry import Voxel
from napari_emcad.widgets.desk.sides import FAR_COLOUR, NEAR_COLOUR
from napari_emcad.widgets.kit.layers import remove_layer
from napari_emcad.widgets.kit.screen_points import Points, add_points

PIXELS = 14
"""Diameter of a point on the screen, in pixels."""


class SplitPoints:
    """Points in voxels of the neurons layer; `near` is the side that keeps the id.

    Their layer is hidden between two uses, as that of the sides.
    """

    def __init__(self, viewer: ViewerModel):
        self._viewer = viewer
        self._points: list[tuple[Voxel, bool]] = []
        self._layer: Points | None = None

    @property
    def near(self) -> list[Voxel]:
        """Points of the side that keeps the id."""
        return [voxel for voxel, is_far in self._points if not is_far]

    @property
    def far(self) -> list[Voxel]:
        """Points of the side that is parted from it."""
        return [voxel for voxel, is_far in self._points if is_far]

    def __len__(self) -> int:
        return len(self._points)

    def add(self, voxel: Voxel, is_far: bool, neurons: Labels) -> None:
        """Place a point on the neurons layer."""
        self._points.append((voxel, is_far))
        self._draw(neurons)

    def remove_last(self, neurons: Labels) -> None:
        """Take the point away that was placed last."""
        if self._points:
            self._points.pop()
            self._draw(neurons)

    def keep_near(self, neurons: Labels) -> None:
        """Take the points of the far side away."""
        self._points = [(voxel, is_far) for voxel, is_far in self._points if not is_far]
        self._draw(neurons)

    def clear(self) -> None:
        """Take all points away."""
        self._points = []
        if self._layer is not None:
            self._layer.visible = False

    def close(self) -> None:
        """Take the layer away as well."""
        self.clear()
        remove_layer(self._viewer, self._layer)
        self._layer = None

    def _draw(self, neurons: Labels) -> None:
        if self._layer is None or self._layer not in self._viewer.layers:
            self._layer = add_points(self._viewer, neurons, PIXELS, "split points", border_width=0.2)
        self._layer.visible = True
        self._layer.data = np.array([voxel for voxel, _ in self._points], float).reshape(-1, 3)
        if self._points:
            colours = [FAR_COLOUR if is_far else NEAR_COLOUR for _, is_far in self._points]
            self._layer.face_color = colours
            self._layer.border_color = "white"  # seen on the sides' own colours
            self._layer.selected_data = set()
