"""Two sides in two colours: neurons that would be joined, or parts that would come apart."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from napari.utils.colormaps import CyclicLabelColormap
from numpy.typing import NDArray

from napari_emcad.core.ids import Ids
from napari_emcad.core.volume import FragmentVolume
from napari_emcad.proofreading.part import Patch
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
        self._parts: Labels | None = None
        self._view: FragmentLabels | None = None

    @property
    def layer(self) -> Labels | None:
        """The layer while the sides are shown; None while they are not."""
        is_shown = self._layer is not None and self._layer.visible and self._layer in self._viewer.layers
        return self._layer if is_shown else None

    def prepare(self, neurons: Labels, fragments: FragmentVolume, n: int) -> None:
        """Make the layer, hidden, before `show` needs it: napari takes up to a third of a second for a new one."""
        if self._layer is None or self._layer not in self._viewer.layers:
            self._view = FragmentLabels(fragments, np.zeros(n, np.uint8), np.uint8)
            self._layer = self._add(neurons, _data(self._view), "sides", place_of(neurons), visible=False)

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
            if not layer.visible:  # napari lays its canvas out anew, also where nothing changes
                layer.visible = True
            layer.refresh(extent=False)
            return
        self._view = FragmentLabels(fragments, table, np.uint8)
        if layer is None:
            self._layer = self._add(neurons, _data(self._view), "sides", place_of(neurons))
        else:
            replace_data(layer, _data(self._view))
            layer.visible = True

    def show_parts(self, neurons: Labels, patch: Patch) -> None:
        """Colour the two parts of one fragment, besides the groups that are shown."""
        place = place_of(neurons, patch.start)
        if self._parts is None or self._parts not in self._viewer.layers:
            self._parts = self._add(neurons, patch.sides, "parts", place)
            return
        self._parts.data = patch.sides
        self._parts.translate = place["translate"]
        self._parts.editable, self._parts.visible = False, True

    def hide(self) -> None:
        """Show nothing for now."""
        self.hide_parts()
        if self._layer is not None:
            self._layer.visible = False

    def hide_parts(self) -> None:
        """Show no parts of a fragment for now."""
        if self._parts is not None:
            self._parts.visible = False

    def close(self) -> None:
        """Take the layers away; another one stays active."""
        for layer in (self._layer, self._parts):
            remove_layer(self._viewer, layer)
        self._layer = self._parts = None

    def _add(
        self,
        neurons: Labels,
        data: LayerData | NDArray[np.uint8],
        name: str,
        place: Mapping[str, Any],
        visible: bool = True,
    ) -> Labels:
        active = self._viewer.layers.selection.active
        layer = Labels(
            data,
            multiscale=isinstance(data, list),
            name=name,
            opacity=OPACITY,
            visible=visible,
            colormap=CyclicLabelColormap(colors=COLOURS, background_value=0),
            metadata={LAYER_KIND: "sides"},
            **place,
        )
        layer.editable = False
        self._viewer.layers.insert(self._viewer.layers.index(neurons) + 1, layer)
        self._viewer.layers.selection.active = active or neurons
        return layer


def _data(view: FragmentLabels) -> LayerData:
    levels = pyramid(view) if view.lies_in_files else []
    return levels if levels[1:] else view
