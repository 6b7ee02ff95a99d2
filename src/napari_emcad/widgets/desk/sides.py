"""Two sides in two colours: what would be joined, or would part."""

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import CyclicLabelColormap
from numpy.typing import NDArray

from napari_emcad.core.volume import Volume
from napari_emcad.widgets.kit.labels_view import FragmentLabels, LayerData, pyramid, replace_data
from napari_emcad.widgets.kit.layers import LAYER_KIND, place_of, remove_layer

NEAR_COLOUR, FAR_COLOUR = "#0072b2", "#e69f00"
"""Blue and orange of Okabe and Ito: colour-blind people tell them apart."""

NEAR_SIDE, FAR_SIDE = 1, 2
OPACITY = 0.6

COLOURS = ["#00000000", NEAR_COLOUR, FAR_COLOUR]
"""By side. A cyclic map, as napari compiles a direct one for five seconds when it is first used."""


class SidesView:
    """A layer over the neurons; blue keeps its id.

    Between two uses it is hidden, as napari collects garbage for a quarter of a second whenever a layer goes.
    """

    def __init__(self, viewer):
        self._viewer = viewer
        self._layer: Labels | None = None
        self._view: FragmentLabels | None = None

    def show(self, neurons: Labels, fragments: Volume, near: NDArray, far: NDArray, n: int) -> None:
        """Colour two groups of fragments.

        Parameters
        ----------
        neurons : Labels
            The layer over which they lie.
        fragments : Volume (z, y, x)
        near, far : (k,) Ids
        n : int
            One more than the largest fragment.
        """
        table = np.zeros(n, np.uint8)
        table[far], table[near] = FAR_SIDE, NEAR_SIDE
        if self._layer is None or self._layer not in self._viewer.layers:
            self._view = FragmentLabels(fragments, table, np.uint8)
            self._add(neurons)
        elif self._view.fragments is fragments and self._view.holds(table):
            self._view.show(table)
            self._layer.visible = True
            self._layer.refresh(extent=False)
        else:
            self._view = FragmentLabels(fragments, table, np.uint8)
            replace_data(self._layer, self._data)
            self._layer.visible = True

    def hide(self) -> None:
        """Show nothing for now."""
        if self._layer is not None:
            self._layer.visible = False

    def close(self) -> None:
        """Take the layer away; another one stays active."""
        remove_layer(self._viewer, self._layer)
        self._layer = None

    @property
    def _data(self) -> LayerData:
        levels = pyramid(self._view) if self._view.lies_in_files else []
        return levels if levels[1:] else self._view

    def _add(self, neurons: Labels) -> None:
        active, data = self._viewer.layers.selection.active, self._data
        self._layer = Labels(
            data,
            multiscale=isinstance(data, list),
            name="sides",
            opacity=OPACITY,
            colormap=CyclicLabelColormap(colors=COLOURS, background_value=0),
            metadata={LAYER_KIND: "sides"},
            **place_of(neurons),
        )
        self._layer.editable = False
        self._viewer.layers.insert(self._viewer.layers.index(neurons) + 1, self._layer)
        self._viewer.layers.selection.active = active or neurons
