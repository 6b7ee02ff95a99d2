"""What runs made: their layers, and the threshold that moves over them."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer
from numpy.typing import NDArray
from psygnal import Signal

from napari_emcad.core.geometry import Box
from napari_emcad.core.ids import Ids
from napari_emcad.core.live_cut import LiveCut
from napari_emcad.core.progress import Job
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.core.volume import Volume
from napari_emcad.networks.card import ModelCard
from napari_emcad.pipeline import SegmentParameters, provenance
from napari_emcad.widgets.kit.affinities_view import ComposedAffinities, channel_of
from napari_emcad.widgets.kit.at_rest import REST
from napari_emcad.widgets.kit.jobs import Ended, Loop, one_step
from napari_emcad.widgets.kit.labels_view import FragmentLabels, Without, pyramid, replace_data
from napari_emcad.widgets.kit.layers import LAYER_KIND, origin_of, place_of, voxel_size_of
from napari_emcad.workers.segmentation import Cut, CutNeurons, SegmentResult, cut_neurons

AT_ONCE = 0.03
"""Seconds that a cut may take to be made whole at each move of the slider."""

FLUENT = 0.15
"""Seconds a repaint may take to follow the slider; slower ones (large volumes in 3D) wait until it rests."""

LOOKED_AT = 700
"""Milliseconds that an overview in 3D is seen before the whole volume follows."""

WHOLE = 1 << 27
"""Voxels of the largest volume that is drawn whole in 3D: 256 MB on the graphics card, or twice that."""

CHANNEL_COLOURS = {"z": "red", "y": "green", "x": "blue"}


@dataclass
class Result:
    """One run on one box of a stack, under way or done.

    `is_trial` where it was a section or a box to look at, `is_edited` where people have edited its neurons, in the
    session in `session_folder`; `done` are those that were ticked.
    """

    source: Image | Labels
    box: Box
    parameters: SegmentParameters
    affinities: NDArray[np.uint8] | None
    is_trial: bool = False
    sections_done: int = 0
    affinity_layers: list[Image] = field(default_factory=list)
    card: ModelCard | None = None
    segmentation: Segmentation | None = None
    neurons: CutNeurons | None = None
    view: FragmentLabels | None = None
    neuron_layer: Labels | None = None
    fragment_layer: Labels | None = None
    is_edited: bool = False
    session_folder: Path | None = None
    done: frozenset[int] = frozenset()

    @property
    def layers(self) -> list[Layer]:
        """All layers of this result."""
        return [layer for layer in (*self.affinity_layers, self.fragment_layer, self.neuron_layer) if layer is not None]

    def provenance(self) -> dict[str, Any]:
        """What made the neurons as they stand."""
        cut = self.neurons.cut
        used = self.parameters.model_copy(
            update={"threshold": cut.threshold, "min_size": cut.min_size, "crumbs": cut.crumbs}
        )
        return provenance(self.card, used, self.box, **origin_of(self.source))


class Results:
    """The results in a viewer, the last of which the threshold moves.

    Signals
    -------
    changed
        Another result is the current one, or its neurons are.
    moving : Cut
        The threshold moves over neurons that people have edited: their session says what to look at meanwhile.
    recut_wanted : Cut
        It rests over them: their session moves what is left to it.
    """

    changed = Signal()
    moving = Signal(object)
    recut_wanted = Signal(object)

    def __init__(self, viewer: ViewerModel, loop: Loop):
        self._viewer = viewer
        self._results: list[Result] = []
        self._cutter = loop.jobs()
        self._wanted: Cut | None = None
        self._repaint_seconds: dict[int, float] = {}
        self._rest = loop.pause(REST, self._settle)
        self._looked_at = loop.pause(LOOKED_AT, self._show_whole)
        viewer.dims.events.ndisplay.connect(self._on_ndisplay)

    @property
    def current(self) -> Result | None:
        """The last result whose neurons are on the viewer's list."""
        return self._results[-1] if self._results else None

    @property
    def is_settled(self) -> bool:
        """Whether the neurons shown are those of the threshold asked for, crumbs joined."""
        return not self._rest.is_active and not self._cutter.running

    def begin(self, result: Result, by_channel: bool) -> None:
        """Show the affinities of a run that starts, still empty; what earlier runs made is hidden."""
        for old in self._results:
            self._set_visible(old.layers, False)
        self.show_affinities(result, by_channel)

    def show_affinities(self, result: Result, by_channel: bool) -> None:
        """As one colour image, or as a layer for each channel; those shown before are replaced. Labels have none."""
        if result.affinities is None:
            return
        visible = all(layer.visible for layer in result.affinity_layers)
        self._remove(result.affinity_layers)
        made = _channel_layers(result) if by_channel else [_composed_layer(result)]
        below = self._viewer.layers.index(result.source) + 1
        active = self._viewer.layers.selection.active
        for i, layer in enumerate(made):
            layer.visible = visible
            self._viewer.layers.insert(below + i, layer)
        self._viewer.layers.selection.active = active or result.source
        result.affinity_layers = made

    def progress(self, result: Result, sections_done: int) -> None:
        """Repaint when a section on screen has been finished."""
        finished, result.sections_done = range(result.sections_done, sections_done), sections_done
        for layer in result.affinity_layers:
            if self._viewer.dims.ndisplay == 2 and section_on_screen(self._viewer, layer) in finished:
                layer.refresh(extent=False)

    def end_early(self, result: Result) -> None:
        """A run was stopped or failed: keep what is finished, else show the neurons from before again."""
        if result.sections_done == 0:
            self._remove(result.layers)
            if self.current is not None:
                self._set_visible([self.current.neuron_layer, *self.current.affinity_layers], True)
        for layer in self._present(result.affinity_layers):
            layer.refresh(extent=False)

    def finish(self, result: Result, made: SegmentResult) -> None:
        """Show the neurons of a run that is done; trials before it go, unless they were edited."""
        passing = [r for r in self._results if r.is_trial and not r.is_edited]
        for old in passing:
            self._remove(old.layers)
        result.card, result.parameters = made.card, made.parameters
        self._results = [r for r in self._results if r not in passing]
        self.show_segmentation(result, made.segmentation, made.neurons)
        for layer in self._present(result.affinity_layers):
            layer.refresh(extent=False)

    def show_segmentation(self, result: Result, segmentation: Segmentation, neurons: CutNeurons) -> None:
        """Show fragments (hidden) and neurons; those shown before are replaced."""
        self._remove([layer for layer in (result.fragment_layer, result.neuron_layer) if layer is not None])
        result.segmentation, result.neurons, self._wanted = segmentation, neurons, neurons.cut
        result.view = FragmentLabels(segmentation.fragments, neurons.table)
        identity = np.arange(len(neurons.table), dtype=neurons.table.dtype)
        fragments = FragmentLabels(segmentation.fragments, identity)
        result.fragment_layer = _labels_layer(result, fragments, "fragments", visible=False, opacity=0.5)
        result.neuron_layer = _labels_layer(result, result.view, "neurons", opacity=0.5)
        self._viewer.add_layer(result.fragment_layer)
        self._viewer.add_layer(result.neuron_layer)
        self._results = [*(r for r in self._results if r is not result), result]
        self._tell(result)

    def cut(self, cut: Cut) -> None:
        """Show another cut of the current result: now where that is fast, else its crumbs when the slider rests."""
        result = self.current
        self._wanted = cut
        if result is None or (result.neurons.cut == cut and self.is_settled):
            return
        if not result.is_edited and result.neurons.seconds < AT_ONCE:
            self._show(result, cut_neurons(result.segmentation, cut))
            return
        self._rest.start()
        if result.is_edited:
            self.moving.emit(cut)
        else:
            self.show_moving(result, LiveCut(result.segmentation.tree, cut.threshold))

    def show_moving(self, result: Result, cut: LiveCut) -> None:
        """Look at a cut while the threshold moves, where a repaint can follow it."""
        result.view.show(cut)
        if self._repaint_seconds.get(self._viewer.dims.ndisplay, 0) < FLUENT:
            self._repaint(result)

    def find(self, job: Job, then: Callable[[Ended], None]) -> None:
        """Find in a thread what neurons are to be shown; they are not settled until then."""
        self._cutter.start(job, then)

    def show_edited(self, result: Result, fragments: Volume, neurons: CutNeurons, shown: Ids) -> None:
        """Show neurons as people have edited them.

        Parameters
        ----------
        result : Result
        fragments : Volume (z, y, x)
        neurons : CutNeurons
        shown : (n + 1,) Ids
            Their table as it is looked at: some may be left out.
        """
        result.neurons, self._wanted = neurons, neurons.cut
        if result.view.fragments is fragments and result.view.holds(shown):
            result.view.show(shown)
            self._repaint(result)
        else:
            result.segmentation = replace(result.segmentation, fragments=fragments)
            result.view = _replace_data(result.neuron_layer, fragments, shown)
            if result.fragment_layer is not None:
                _replace_data(result.fragment_layer, fragments, np.arange(len(shown), dtype=shown.dtype))
        self._tell(result)

    def show_table(self, result: Result, shown: Ids | Without) -> None:
        """Show another table of neurons as they stand for a moment, such as without some of them."""
        result.view.show(shown)
        self._repaint(result)

    def forget_removed(self) -> None:
        """Layers have been removed: a result without its neurons is no result any more."""
        before = self.current
        present = list(self._viewer.layers)
        for result in self._results:
            result.affinity_layers = [layer for layer in result.affinity_layers if layer in present]
            if result.fragment_layer not in present:
                result.fragment_layer = None
        self._results = [r for r in self._results if r.neuron_layer in present]
        if self.current is not before:
            self._rest.stop()
            self._wanted = self.current.neurons.cut if self.current else None
            self.changed.emit()

    def close(self) -> None:
        """Let go of everything; the layers stay in the viewer."""
        self._viewer.dims.events.ndisplay.disconnect(self._on_ndisplay)
        self._looked_at.stop()
        self._rest.stop()
        self._cutter.close()
        self._results = []

    def _on_ndisplay(self, _event: object = None) -> None:
        """3D begins with an overview of a large volume."""
        for layer in self._pyramids():
            layer.locked_data_level = None
        self._looked_at.stop()
        if self._viewer.dims.ndisplay == 3:
            self._looked_at.start()

    def _show_whole(self) -> None:
        for layer in self._pyramids():
            if layer.visible and layer.data[0].size <= WHOLE and not layer.data[0].lies_in_files:
                layer.locked_data_level = 0

    def _pyramids(self) -> list[Labels]:
        layers = [layer for r in self._results for layer in (r.neuron_layer, r.fragment_layer) if layer is not None]
        return [layer for layer in self._present(layers) if layer.multiscale]

    def _settle(self) -> None:
        if self.current is not None and self.current.is_edited:
            self.recut_wanted.emit(self._wanted)
        elif self.current is not None:
            job = one_step(cut_neurons, self.current.segmentation, self._wanted)
            self._cutter.start(job, self._settled)

    def _settled(self, ended: Ended) -> None:
        result = self.current
        if ended.error is not None:
            raise ended.error
        if result is None or ended.stopped or not result.view.holds(ended.result.table):
            return
        if ended.result.cut == self._wanted:
            self._show(result, ended.result)

    def _show(self, result: Result, neurons: CutNeurons) -> None:
        result.neurons = neurons
        result.view.show(neurons.table)
        self._repaint(result)
        self._tell(result)

    def _repaint(self, result: Result) -> None:
        start = time.perf_counter()
        result.neuron_layer.refresh(extent=False)
        self._repaint_seconds[self._viewer.dims.ndisplay] = time.perf_counter() - start

    def _tell(self, result: Result) -> None:
        result.neuron_layer.metadata["provenance"] = result.provenance()
        self.changed.emit()

    def _present(self, layers: list[Layer]) -> list[Layer]:
        return [layer for layer in layers if layer in self._viewer.layers]

    def _remove(self, layers: list[Layer]) -> None:
        for layer in self._present(layers):
            self._viewer.layers.remove(layer)

    def _set_visible(self, layers: list[Layer], visible: bool) -> None:
        for layer in self._present(layers):
            layer.visible = visible


def section_on_screen(viewer, layer: Layer) -> int:
    """The section of a layer that lies at the viewer's point, which may be outside."""
    return round(float(layer.world_to_data(tuple(viewer.dims.point)[-3:])[0]))


def _composed_layer(result: Result) -> Image:
    view = ComposedAffinities(result.affinities)
    return Image(view, rgb=True, opacity=0.4, **_named(result, "affinities"))


def _channel_layers(result: Result) -> list[Image]:
    """Additive, so that the three channels together look like the composed image."""
    return [
        Image(
            channel_of(result.affinities, channel),
            rgb=False,
            colormap=colour,
            contrast_limits=(0, 255),
            blending="additive",
            opacity=0.4,
            **_named(result, f"affinities {axis}", "affinities"),
        )
        for channel, (axis, colour) in enumerate(CHANNEL_COLOURS.items())
    ]


def _replace_data(layer: Labels, fragments: Volume, table: Ids) -> FragmentLabels:
    """Other fragments, or ids that need another dtype; nothing was painted here that napari could undo wrongly."""
    view = FragmentLabels(fragments, table)
    replace_data(layer, pyramid(view) if layer.multiscale else view)
    return view


def _labels_layer(result: Result, data: FragmentLabels, what: str, **look: Any) -> Labels:
    levels = pyramid(data)
    layer = Labels(levels if levels[1:] else data, multiscale=bool(levels[1:]), **look, **_named(result, what))
    layer.editable = False
    return layer


def _named(result: Result, name: str, what: str = "") -> dict[str, Any]:
    """Name, place and origin of a result's layer."""
    size = voxel_size_of(result.source)
    metadata = {
        LAYER_KIND: what or name,
        "voxel_size_nm": size and tuple(size),
        "source": origin_of(result.source)["source"],
    }
    return {
        "name": f"{result.source.name} {name}",
        "metadata": metadata,
        **place_of(result.source, result.box.start),
    }
