"""The layers of results in a viewer: affinities, fragments and neurons, on the grid of the stack."""

import re
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer

from napari_emcad.core.ids import Ids
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.core.volume import AffinityVolume, FragmentVolume
from napari_emcad.proofreading.edges import EditedGraph
from napari_emcad.widgets.desk.fragment_colours import FragmentColours
from napari_emcad.widgets.desk.neuron_colours import NeuronColours
from napari_emcad.widgets.desk.result import Result, ShownNeurons
from napari_emcad.widgets.kit.affinities_view import ComposedAffinities, channel_of
from napari_emcad.widgets.kit.jobs import Loop
from napari_emcad.widgets.kit.labels_view import FragmentLabels, Table, pyramid, replace_data
from napari_emcad.widgets.kit.layers import LAYER_KIND, origin_of, place_of, voxel_size_of
from napari_emcad.workers.segmentation import CutNeurons

FLUENT = 0.15
"""Seconds a repaint may take to follow the slider; slower ones (large volumes in 3D) wait until it rests."""

CHANNEL_COLOURS = {"z": "red", "y": "green", "x": "blue"}


class ResultLayers:
    """Adds, changes and removes the layers of results; which of them count is none of its business."""

    def __init__(self, viewer: ViewerModel, loop: Loop, palette: str):
        self._viewer, self._loop, self.palette = viewer, loop, palette
        self._repaint_seconds: dict[int, float] = {}

    @property
    def follows_slider(self) -> bool:
        """True if neurons are repainted fast enough, in the 2D or 3D that is seen now, to follow a slider."""
        return self._repaint_seconds.get(self._viewer.dims.ndisplay, 0) < FLUENT

    def present(self, layers: Sequence[Layer | None]) -> list[Layer]:
        """Return the layers that are in the viewer."""
        return [layer for layer in layers if layer is not None and layer in self._viewer.layers]

    def remove(self, layers: Sequence[Layer]) -> None:
        """Remove those layers that are there."""
        for layer in self.present(layers):
            self._viewer.layers.remove(layer)

    def set_visible(self, layers: Sequence[Layer], visible: bool) -> None:
        """Show or hide those layers that are there."""
        for layer in self.present(layers):
            layer.visible = visible

    def show_affinities(self, result: Result, by_channel: bool) -> None:
        """Show affinities as one colour image, or as a layer for each channel; those shown before are replaced."""
        if result.affinities is None:
            return
        visible = all(layer.visible for layer in result.affinity_layers)
        self.remove(result.affinity_layers)
        new = _channel_layers(result, result.affinities) if by_channel else [_composed_layer(result, result.affinities)]
        below = self._viewer.layers.index(result.source) + 1
        active = self._viewer.layers.selection.active
        for i, layer in enumerate(new):
            layer.visible = visible
            self._viewer.layers.insert(below + i, layer)
        self._viewer.layers.selection.active = active or result.source
        result.affinity_layers = new

    def name_anew(self, result: Result) -> None:
        """Take off affinities the number that napari gave them while those of an earlier run had their name."""
        for layer in self.present(result.affinity_layers):
            plain = re.sub(r" \[\d+\]$", "", layer.name)
            if plain not in self._viewer.layers:
                layer.name = plain

    def refresh_affinities(self, result: Result, sections: range | None = None) -> None:
        """Read affinities anew; given sections, only if one of them is on screen."""
        for layer in self.present(result.affinity_layers):
            if sections is None or (self._viewer.dims.ndisplay == 2 and self._section_on_screen(layer) in sections):
                layer.refresh(extent=False)

    def hide_truth(self, result: Result) -> None:
        """Hide labels that came with the file of a result's stack, such as a truth: they lie in its place."""
        source = origin_of(result.source)["source"]
        for layer in self._viewer.layers:
            is_other = isinstance(layer, Labels) and LAYER_KIND not in layer.metadata and layer is not result.source
            if is_other and source is not None and origin_of(layer)["source"] == source:
                layer.visible = False

    def reuse(self, old: Result, result: Result, visible: Sequence[Layer]) -> None:
        """Let a result take over the layers of one whose place it takes, as a person has made them look.

        Parameters
        ----------
        old : Result
            Loses its layers, if they are of the same box of the same stack.
        result : Result
        visible : sequence of Layer
            Those that were visible before the run.
        """
        if old.source is not result.source or old.box != result.box or result.shown is not None:
            return
        theirs, ours = self.present(old.affinity_layers), self.present(result.affinity_layers)
        if len(theirs) == len(ours):
            for layer, new in zip(theirs, ours, strict=True):
                layer.data, layer.visible = new.data, layer in visible
            self.remove(ours)
            result.affinity_layers, old.affinity_layers = old.affinity_layers, []
        result.shown, old.shown = old.shown, None

    def show_labels(self, result: Result, segmentation: Segmentation, neurons: CutNeurons) -> None:
        """Show fragments (hidden) and neurons; those shown before are replaced."""
        shown, view = result.shown, FragmentLabels(segmentation.fragments, neurons.table)
        if shown is not None and self._takes(shown, view):
            self._show_others(shown, segmentation, neurons)
            return
        self.remove(result.label_layers)
        fragments = FragmentLabels(segmentation.fragments, _identity(neurons.table))
        fragment_layer = _labels_layer(result, fragments, "fragments", visible=False, opacity=0.5)
        layer = _labels_layer(result, view, "neurons", opacity=0.5)
        colours = self._colours(layer, fragment_layer)
        colours.follow(EditedGraph.of(segmentation.graph), neurons.table)
        if result.shown is not None:
            result.shown.colours.close()
        result.shown = ShownNeurons(segmentation, neurons, view, layer, colours, fragment_layer)
        self._viewer.add_layer(fragment_layer)
        self._viewer.add_layer(layer)
        result.shown.name = layer.name

    def _takes(self, shown: ShownNeurons, view: FragmentLabels) -> bool:
        """Return True if the layers of neurons can show other ones: they are of the same size."""
        is_there = shown.layer in self._viewer.layers and shown.view.shape == view.shape
        return is_there and shown.layer.multiscale == (len(pyramid(view)) > 1)

    def _show_others(self, shown: ShownNeurons, segmentation: Segmentation, neurons: CutNeurons) -> None:
        """Show other fragments and neurons in the same layers, which keep their look."""
        shown.segmentation, shown.neurons = segmentation, neurons
        self.replace_fragments(shown, segmentation.fragments, neurons.table)
        shown.colours.close()
        shown.colours = self._colours(shown.layer, shown.fragment_layer)
        shown.colours.follow(EditedGraph.of(segmentation.graph), neurons.table)
        shown.layer.show_selected_label, shown.layer.visible = False, True

    def _colours(self, neurons: Labels, fragments: Labels | None) -> NeuronColours:
        under = FragmentColours(fragments, self._loop.jobs(), self.palette) if fragments is not None else None
        return NeuronColours(neurons, self._loop.jobs(), self.palette, under)

    def show_table(self, result: Result, table: Table) -> None:
        """Show another table over the same fragments."""
        result.view.show(table)
        start = time.perf_counter()
        result.neuron_layer.refresh(extent=False)
        self._repaint_seconds[self._viewer.dims.ndisplay] = time.perf_counter() - start

    def replace_fragments(self, shown: ShownNeurons, fragments: FragmentVolume, table: Ids) -> None:
        """Show other fragments, or a table whose ids need another dtype."""
        shown.view = _replace_data(shown.layer, fragments, table)
        if shown.fragment_layer is not None:
            _replace_data(shown.fragment_layer, fragments, _identity(table))

    def _section_on_screen(self, layer: Layer) -> int:
        """Return the section of a layer at the viewer's point, which may lie outside."""
        return round(float(layer.world_to_data(tuple(self._viewer.dims.point)[-3:])[0]))


def _identity(table: Ids) -> Ids:
    return np.arange(len(table), dtype=table.dtype)


def _composed_layer(result: Result, affinities: AffinityVolume) -> Image:
    return Image(ComposedAffinities(affinities), rgb=True, opacity=0.4, **_named(result, "affinities"))


def _channel_layers(result: Result, affinities: AffinityVolume) -> list[Image]:
    """Return additive layers: the three channels together look like the composed image."""
    return [
        Image(
            channel_of(affinities, channel),
            rgb=False,
            colormap=colour,
            contrast_limits=(0, 255),
            blending="additive",
            opacity=0.4,
            **_named(result, f"affinities {axis}", "affinities"),
        )
        for channel, (axis, colour) in enumerate(CHANNEL_COLOURS.items())
    ]


def _labels_layer(result: Result, data: FragmentLabels, what: str, **look: Any) -> Labels:
    levels = pyramid(data)
    layer = Labels(levels if levels[1:] else data, multiscale=bool(levels[1:]), **look, **_named(result, what))
    layer.editable = False
    return layer


def _replace_data(layer: Labels, fragments: FragmentVolume, table: Ids) -> FragmentLabels:
    """Give a layer other data; nothing was painted here that napari could undo wrongly."""
    view = FragmentLabels(fragments, table)
    replace_data(layer, pyramid(view) if layer.multiscale else view)
    return view


def _named(result: Result, name: str, kind: str = "") -> dict[str, Any]:
    """Return name, place and origin of a result's layer."""
    size = voxel_size_of(result.source)
    metadata = {
        LAYER_KIND: kind or name,
        "voxel_size_nm": size and tuple(size),
        "source": origin_of(result.source)["source"],
    }
    return {
        "name": f"{result.source.name} {name}",
        "metadata": metadata,
        **place_of(result.source, result.box.start),
    }
