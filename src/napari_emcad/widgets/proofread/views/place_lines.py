"""The place of the canvases among surfaces: three lines through it, each as long as the stack."""

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels, Vectors
from numpy.typing import NDArray

from napari_emcad.widgets.desk.canvases import COLOURS, Canvases
from napari_emcad.widgets.kit.nets import netted

LINES = (2, 1, 0)
"""The planes that give the lines along z, y, x their colours, in which the panes draw these lines, too."""


class PlaceLines:
    """Draws the place in a model of surfaces, and follows it.

    Parameters
    ----------
    model : ViewerModel
    canvases : Canvases
    neurons : Labels
        The layer over which the lines reach, and whose units they have.
    """

    def __init__(self, model: ViewerModel, canvases: Canvases, neurons: Labels):
        self._model, self._canvases, self._neurons = model, canvases, neurons
        self._layer: Vectors | None = None
        canvases.moved.connect(self.show)
        model.layers.events.inserted.connect(self._on_layers, position="last")
        self.show()

    def show(self) -> None:
        """Draw the lines where the place is; without surfaces there is nothing to see it among."""
        others = [layer for layer in self._model.layers if layer is not self._layer]
        if not others:
            return
        if self._layer is None or self._layer not in self._model.layers:
            self._add(self._lines())
        else:
            self._layer.data = self._lines()

    def close(self) -> None:
        """Follow the place no more."""
        self._canvases.moved.disconnect(self.show)
        self._model.layers.events.inserted.disconnect(self._on_layers)

    @netted
    def _on_layers(self, _event: object = None) -> None:
        if self._layer is None or self._layer not in self._model.layers:
            self.show()

    def _add(self, lines: NDArray[np.float64]) -> None:
        self._layer = Vectors(
            lines,
            units=self._neurons.units[-3:],
            edge_color=[COLOURS[axis] for axis in LINES],
            edge_width=float(min(self._neurons.scale)),
            vector_style="line",
            name="place",
        )
        camera = self._model.scene.camera
        before = camera.center, camera.zoom, camera.angles
        self._model.layers.append(self._layer)
        camera.center, camera.zoom, camera.angles = before

    def _lines(self) -> NDArray[np.float64]:
        """Return start and length of three lines (3, 2, 3), in the vertices' own coordinates: from the first voxel."""
        layer = self._neurons
        shape = np.array(layer.level_shapes[0] if layer.multiscale else layer.data.shape, float)
        size = np.array(layer.scale[-3:], float)
        place = np.clip(np.array(layer.world_to_data(self._canvases.place))[-3:], 0, shape - 1) * size
        starts, lengths = np.tile(place, (3, 1)), np.diag((shape - 1) * size)
        starts[np.diag_indices(3)] = 0
        return np.stack([starts, lengths], axis=1)
