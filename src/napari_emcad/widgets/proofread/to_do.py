"""Places to come back to, as points over the neurons."""

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels

from napari_emcad.proofreading.rows import LogRow
from napari_emcad.widgets.kit.layers import remove_layer
from napari_emcad.widgets.kit.screen_points import Points, add_points
from napari_emcad.widgets.proofread.split_points import PIXELS

COLOUR = "#f0e442"
"""Yellow of Okabe and Ito."""


class ToDoPoints:
    """A layer with the open places; it is there as long as there is one."""

    def __init__(self, viewer: ViewerModel):
        self._viewer = viewer
        self._layer: Points | None = None
        self._shown: list[LogRow] | None = None
        self._places: dict[int, list[int]] = {}  # voxels by the seq of their notes, as rows are unpacked when asked

    def show(self, rows: list[LogRow], neurons: Labels) -> None:
        """Show the places of these notes on the neurons layer's grid; the same list is not shown anew."""
        if not rows:
            self.close()
            return
        layer = self._layer
        if layer is None or layer not in self._viewer.layers:
            layer = self._layer = add_points(
                self._viewer, neurons, PIXELS, "to do", symbol="ring", face_color=COLOUR, border_color=COLOUR
            )
        elif rows is self._shown:
            return
        self._shown = rows
        known = self._places
        self._places = {row.seq: known.get(row.seq) or [*row.input["voxels"][0]] for row in rows}
        layer.data = np.array([*self._places.values()], float)
        layer.selected_data = set()

    def close(self) -> None:
        """Take the layer away."""
        remove_layer(self._viewer, self._layer)
        self._layer = None
