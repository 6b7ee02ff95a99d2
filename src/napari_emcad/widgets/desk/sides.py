"""Two sides in two colours: neurons that would be joined, or parts that would come apart."""

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from napari.utils.colormaps import CyclicLabelColormap

from napari_emcad.core.ids import Ids
from napari_emcad.core.volume import FragmentVolume
from napari_emcad.widgets.kit.labels_view import FragmentLabels, LayerData, pyramid, replace_data
from napari_emcad.widgets.kit.layers import LAYER_KIND, place_of, remove_layer

NEAR_COLOUR, FAR_COLOUR = "#0072b2", "#e69f00"
"""Blue and orange of Okabe and Ito: colour-blind people tell them apart."""

NEAR_SIDE, FAR_SIDE = 1, 2
OPACITY = 0.6

COLOURS = ["#00000000", NEAR_COLOUR, FAR_COLOUR]
"""Colours of nothing and the two sides, for a cyclic map: at first use napari compiles a direct one for 5 seconds."""


class SidesView:
    """A layer over the neurons; blue keeps its id.

    Between two uses it is hidden, as napari collects garbage for a quarter of a second whenever a layer goes.
    """

    def __init__(self, viewer: ViewerModel):
        self._viewer = viewer
        self._layer: Labels | None = None
        self._view: FragmentLabels | None = None

    def show(self, neurons: Labels, fragments: FragmentVolume, near: Ids, far: Ids, n: int) -> None:
        """Colour two groups of fragments.

        Parameters
        ----------
        neurons : Labels
            The layer over which they lie.
        fragments : FragmentVolume (z, y, x)
        near, far : (k,) Ids
        n : int
            One more than the largest fragment.
        """
        table = np.zeros(n, np.uint8)
        table[far], table[near] = FAR_SIDE, NEAR_SIDE
        layer = self._layer if self._layer in self._viewer.layers else None
        view = self._view
        if layer is not None and view is not None and view.fragments is fragments and view.holds(table):
            view.show(table)
            layer.visible = True
            layer.refresh(extent=False)
            return
        self._view = FragmentLabels(fragments, table, np.uint8)
        if layer is None:
            self._layer = self._add(neurons, _data(self._view))
        else:
            replace_data(layer, _data(self._view))
            layer.visible = True

    def hide(self) -> None:
        """Show nothing for now."""
        if self._layer is not None:
            self._layer.visible = False

    def close(self) -> None:
        """Take the layer away; another one stays active."""
        remove_layer(self._viewer, self._layer)
        self._layer = None

    def _add(self, neurons: Labels, data: LayerData) -> Labels:
        active = self._viewer.layers.selection.active
        layer = Labels(
            data,
            multiscale=isinstance(data, list),
            name="sides",
            opacity=OPACITY,
            colormap=CyclicLabelColormap(colors=COLOURS, background_value=0),
            metadata={LAYER_KIND: "sides"},
            **place_of(neurons),
        )
        layer.editable = False
        self._viewer.layers.insert(self._viewer.layers.index(neurons) + 1, layer)
        self._viewer.layers.selection.active = active or neurons
        return layer


def _data(view: FragmentLabels) -> LayerData:
    levels = pyramid(view) if view.lies_in_files else []
    return levels if levels[1:] else view
