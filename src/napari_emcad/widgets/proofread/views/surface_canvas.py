"""A second canvas of napari that shows surfaces and hears clicks on them."""

from collections.abc import Callable, Sequence

import numpy as np
from napari.components import ViewerModel
from napari.layers import Surface as SurfaceLayer
from napari.qt import QtViewer
from napari.settings import get_settings
from napari.utils.colormaps import Colormap
from napari.utils.events import Event
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Qt, Signal

from napari_emcad.core.ids import SegmentId
from napari_emcad.core.surfaces import Surface
from napari_emcad.widgets.kit.mouse import Clicks
from napari_emcad.widgets.kit.nets import netted
from napari_emcad.widgets.kit.own_context import OwnContext
from napari_emcad.widgets.proofread.surface_scene import Hit

SIZE = 300
"""Pixels of the smallest width and height of the canvas."""

LOOKS, UP = (-1.0, 0.35, -0.25), (0.0, -1.0, 0.0)
"""Directions z, y, x in which the camera looks at first: nearly as sections are seen, a little from the side."""


class SurfaceCanvas(QObject):
    """Surfaces by the ids of their neurons; `widget` is the canvas.

    Signals
    -------
    clicked : Hit
    """

    clicked = Signal(object)

    def __init__(self, parent: QObject | None = None):
        super().__init__(parent)
        self.model = ViewerModel(title="surfaces", ndisplay=3)
        self.widget = QtViewer(self.model)
        self._own_context = OwnContext(self.model.layers, self.widget.canvas.native)
        self.layers: dict[SegmentId, SurfaceLayer] = {}
        self._spare: list[SurfaceLayer] = []
        self._clicks = Clicks(self.model, self._on_click)
        self._set_up()

    def put(self, neuron: SegmentId, surface: Surface, units: Sequence[str]) -> None:
        """Show a surface, in place of the neuron's last one where there is one; the camera stays."""
        data = (surface.vertices, surface.faces)
        if neuron in self.layers:
            self.layers[neuron].data = data
        elif self._spare:
            layer = self.layers[neuron] = self._spare.pop()
            layer.data, layer.visible = data, True
        else:
            self.layers[neuron] = self._new_layer(data, units)
        self.model.canvas.overlays.scale_bar.visible = True

    def remove(self, neuron: SegmentId) -> None:
        """Show a neuron no more.

        Its layer waits for another one: napari collects garbage whenever a layer goes, for 0.2 seconds.
        """
        layer = self.layers.pop(neuron)
        layer.visible = False
        self._spare.append(layer)
        self.model.canvas.overlays.scale_bar.visible = bool(self.layers)

    def clear(self) -> None:
        """Show nothing, and forget the units."""
        self.model.layers.clear()
        self.layers.clear()
        self._spare.clear()

    def colour(self, colour_of: Callable[[int], NDArray[np.float32]]) -> None:
        """Give each neuron its colour, r, g, b, a."""
        for neuron, layer in self.layers.items():
            colour = colour_of(neuron)
            if not np.array_equal(layer.colormap.colors[-1], colour):
                layer.colormap = Colormap([colour, colour])

    def fit(self) -> None:
        """Bring all surfaces into the picture; the angles stay."""
        if self.layers:
            self.model.fit_to_view(layers=list(self.layers.values()))

    def close(self) -> None:
        """Let go of everything; the widget deletes itself, and with it what it has on the graphics card."""
        get_settings().appearance.events.theme.disconnect(self._follow_theme)
        self._clicks.close()
        self.clear()
        self._own_context.close()
        widget = self.widget
        del self.widget
        widget.close()

    def _set_up(self) -> None:
        self.widget.setAcceptDrops(False)  # files are opened in the main canvas
        self.widget.canvas.native.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # and keys stay there
        self.widget.setMinimumSize(SIZE, SIZE)
        # napari looks for the triangle under the cursor at each move of the mouse, to say what is there
        self.model.cursor.events.position.disconnect(self.model.update_status_from_cursor)
        self.model.scene.camera.set_view_direction(LOOKS, UP)
        get_settings().appearance.events.theme.connect(self._follow_theme)

    def _new_layer(self, data: tuple[NDArray, NDArray], units: Sequence[str]) -> SurfaceLayer:
        camera = self.model.scene.camera
        before = camera.center, camera.zoom, camera.angles  # the first layer of a viewer resets them
        layer = self.model.add_layer(SurfaceLayer(data, shading="smooth", units=units))
        camera.center, camera.zoom, camera.angles = before
        return layer

    @netted
    def _follow_theme(self, _event: object = None) -> None:
        self.model.theme = get_settings().appearance.theme

    def _on_click(self, event: Event) -> None:
        looks = np.asarray(event.view_direction)
        how = {"view_direction": event.view_direction, "dims_displayed": list(event.dims_displayed), "world": True}
        hits = []
        for neuron, layer in self.layers.items():
            found = layer.get_value(event.position, **how)
            if found is not None and found[1] is not None:
                place = layer.vertices[layer.faces[found[1]]].mean(axis=0, dtype=float)
                hits.append((float(place @ looks), neuron, place))
        if hits:
            _, neuron, place = min(hits, key=lambda hit: hit[0])
            self.clicked.emit(Hit(neuron, place, "Shift" in event.modifiers))
