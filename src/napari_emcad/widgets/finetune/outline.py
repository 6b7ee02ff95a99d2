"""The outline of a crop in the viewer."""

from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Shapes

from napari_emcad.widgets.finetune.crop_places import Place
from napari_emcad.widgets.finetune.crops import Crops
from napari_emcad.widgets.kit.layers import LAYER_KIND, place_of, remove_layer

OUTLINED = 200
"""Sections on which the outline of a crop is drawn; in a deeper one they are spread evenly."""

LOOK: dict[str, Any] = {"face_color": "transparent", "edge_color": "yellow", "edge_width": 2}


class CropOutline:
    """The outline of at most one crop; it goes when the crop leaves the list."""

    def __init__(self, viewer: ViewerModel, crops: Crops):
        self._viewer, self._crops = viewer, crops
        self._place: Place | None = None
        self._layer: Shapes | None = None
        crops.changed.connect(self._on_crops)

    def show(self, place: Place) -> None:
        """Go to a crop and draw its outline."""
        self.hide()
        self._place, self._layer = place, outline_of(place)
        self._viewer.add_layer(self._layer)
        middle = [(a + b - 1) // 2 for a, b in zip(place.box.start, place.box.stop, strict=True)]
        world = np.array(place.stack.data_to_world(middle))[-3:]
        self._viewer.dims.set_point(range(self._viewer.dims.ndim - 3, self._viewer.dims.ndim), tuple(world))
        self._viewer.fit_to_view(layers=[self._layer], margin=0.3)
        self._viewer.layers.selection.active = place.stack

    def hide(self) -> None:
        """Take the outline away."""
        remove_layer(self._viewer, self._layer)
        self._place = self._layer = None

    def _on_crops(self) -> None:
        shown = self._place
        if shown is not None and not any(p.stack is shown.stack and p.box == shown.box for p in self._crops.places):
            self.hide()


def outline_of(place: Place) -> Shapes:
    """Return a layer with the rim of a crop on its sections."""
    (_, y0, x0), (_, y1, x1) = place.box.start, place.box.stop
    rim = np.array([[y0, x0], [y0, x1 - 1], [y1 - 1, x1 - 1], [y1 - 1, x0]], float)
    ends = place.box.start[0], place.box.stop[0] - 1
    sections = np.linspace(*ends, min(place.box.shape[0], OUTLINED)).round().astype(int)
    data = [np.insert(rim, 0, z, axis=1) for z in sections]
    name, grid = f"crop {place.name}", place_of(place.stack)
    return Shapes(data, shape_type="polygon", name=name, metadata={LAYER_KIND: "crop"}, **LOOK, **grid)
