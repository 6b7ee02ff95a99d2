"""The results in a viewer, and the threshold that moves over the last of them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from napari.components import ViewerModel
from napari.layers import Labels, Layer

from napari_emcad.core.ids import Ids
from napari_emcad.core.live_cut import LiveCut
from napari_emcad.core.palettes import BRIGHT
from napari_emcad.core.progress import Job
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.core.volume import FragmentVolume
from napari_emcad.proofreading.edges import EditedGraph
from napari_emcad.widgets.desk.overview import Overview
from napari_emcad.widgets.desk.result import Result
from napari_emcad.widgets.desk.result_layers import ResultLayers
from napari_emcad.widgets.kit.at_rest import REST
from napari_emcad.widgets.kit.jobs import Ended, Loop, one_step
from napari_emcad.widgets.kit.labels_view import Table
from napari_emcad.widgets.kit.signals import Signal
from napari_emcad.workers.segmentation import Cut, CutNeurons, SegmentResult, cut_neurons

AT_ONCE = 0.03
"""Seconds that a cut may take to be made whole at each move of the slider."""


class Results:
    """The results in a viewer, the last of which the threshold moves.

    Attributes
    ----------
    overview : Overview

    Signals
    -------
    changed
        Another result is the current one, or its neurons are.
    moving : Cut
        The threshold moves over neurons that people have edited: their session decides which are seen meanwhile.
    recut_wanted : Cut
        The threshold rests over them: their session moves the neurons that nobody has touched.
    """

    changed = Signal()
    moving = Signal(object)
    recut_wanted = Signal(object)

    def __init__(self, viewer: ViewerModel, loop: Loop, palette: str = BRIGHT):
        self._viewer, self._layers = viewer, ResultLayers(viewer, loop, palette)
        self._results: list[Result] = []
        self._early: list[Result] = []
        self._were_visible: list[Layer] = []
        self._cutter = loop.jobs()
        self._wanted: Cut | None = None
        self._rest = loop.pause(REST, self._on_rest)
        self.overview = Overview(viewer, loop, self._label_layers)

    @property
    def current(self) -> Result | None:
        """The last result whose neurons are on the viewer's list."""
        return self._results[-1] if self._results else None

    @property
    def is_settled(self) -> bool:
        """True if the neurons shown are those of the threshold asked for, crumbs joined."""
        return not self._rest.is_active and not self._cutter.running

    def begin(self, result: Result, by_channel: bool) -> None:
        """Show the affinities of a run that starts, and hide the layers of earlier runs.

        What runs on the same stack have left that ended early goes, unless this run goes on from there.
        """
        gone = [r for r in self._early if r.source is result.source or r.source not in self._viewer.layers]
        for old in gone:
            self._early.remove(old)
            if old is not result:
                self._layers.remove(old.affinity_layers)
        self._were_visible = [layer for old in self._results for layer in old.layers if layer.visible]
        self.hide()
        self._layers.set_visible(result.affinity_layers, True)
        if not self._layers.present(result.affinity_layers):
            result.affinity_layers = []
            self.show_affinities(result, by_channel)

    def replaced_by(self, result: Result) -> list[Result]:
        """Return the results that go when the next run is done, so that layers do not pile up from run to run."""
        return [old for old in self._results if old.makes_room_for(result)]

    def hide(self) -> None:
        """Hide the layers of all results."""
        for old in self._results:
            self._layers.set_visible(old.layers, False)

    def take_over(self, result: Result, folder: Path) -> None:
        """Remove neurons of a session that a result is about to show anew: all of its edits are in its folder.

        Affinities stay, as those of the result. A truth of the same file is hidden.
        """
        self._layers.hide_truth(result)
        same = [old for old in self._results if old.session_folder == folder]
        for old in same:
            result.affinity_layers, old.affinity_layers = [*result.affinity_layers, *old.affinity_layers], []
        self._drop(same)

    def show_affinities(self, result: Result, by_channel: bool) -> None:
        """Show affinities, if there are any, as one colour image or as a layer for each channel."""
        self._layers.show_affinities(result, by_channel)

    def progress(self, result: Result, sections_done: int) -> None:
        """Repaint if a section on screen has been finished."""
        finished, result.sections_done = range(result.sections_done, sections_done), sections_done
        self._layers.refresh_affinities(result, finished)

    def end_early(self, result: Result) -> None:
        """End a run that was stopped or failed: all looks as before it, and finished sections are kept, hidden."""
        if result.sections_done == 0:
            self._layers.remove(result.layers)
        else:
            self._early.append(result)
            self._layers.set_visible(result.affinity_layers, False)
        self._layers.set_visible(self._were_visible, True)

    def finish(self, result: Result, output: SegmentResult) -> None:
        """Show the neurons of a run that is done, in the place of those that make room for them."""
        replaced = self.replaced_by(result)
        if replaced:
            self._layers.reuse(replaced[-1], result, self._were_visible)
        self._drop(replaced)
        self._layers.name_anew(result)
        result.card, result.parameters, result.plan = output.card, output.parameters, output.plan
        self._layers.hide_truth(result)
        self.show_segmentation(result, output.segmentation, output.neurons)
        self._layers.refresh_affinities(result)

    def show_segmentation(self, result: Result, segmentation: Segmentation, neurons: CutNeurons) -> None:
        """Show fragments (hidden) and neurons, and make this the current result; layers from before are replaced."""
        self._layers.show_labels(result, segmentation, neurons)
        self._wanted = neurons.cut
        self._results = [*(r for r in self._results if r is not result), result]
        self._tell(result)

    def cut(self, cut: Cut) -> None:
        """Show another cut of the current result: now if that is fast, else its crumbs when the slider rests."""
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
        """Show a cut while the threshold moves, if repaints can follow it."""
        if self._layers.follows_slider:
            self._layers.show_table(result, cut)
        else:
            result.view.show(cut)

    def find(self, job: Job, then: Callable[[Ended], None]) -> None:
        """Find in a thread the neurons to be shown; they are not settled until then."""
        self._cutter.start(job, then)

    def show_edited(
        self, result: Result, fragments: FragmentVolume, edges: EditedGraph, neurons: CutNeurons, shown: Ids
    ) -> None:
        """Show neurons as people have edited them.

        Parameters
        ----------
        result : Result
        fragments : FragmentVolume (z, y, x)
        edges : EditedGraph
            Fragments that touch.
        neurons : CutNeurons
        shown : (n + 1,) Ids
            Their table as it is looked at: some may be left out.
        """
        there = result.shown
        assert there is not None, "neurons that nobody has seen cannot have been edited"
        there.neurons, self._wanted = neurons, neurons.cut
        there.colours.follow(edges, neurons.table)
        if there.view.fragments is fragments and there.view.holds(shown):
            self._layers.show_table(result, shown)
        else:
            there.segmentation = replace(there.segmentation, fragments=fragments)
            self._layers.replace_fragments(there, fragments, shown)
        self._tell(result)

    def show_table(self, result: Result, table: Table) -> None:
        """Show another table of neurons as they stand for a moment, such as without some of them."""
        self._layers.show_table(result, table)

    def choose_palette(self, palette: str) -> None:
        """Colour all neurons with another palette, a key of `PALETTES`."""
        self._layers.palette = palette
        for result in self._results:
            result.colours.choose(palette)

    def forget_removed(self) -> None:
        """Forget layers that were removed: a result without its neurons is no result any more."""
        before = self.current
        present = list(self._viewer.layers)
        for result in self._results:
            result.affinity_layers = [layer for layer in result.affinity_layers if layer in present]
            if result.shown is not None and result.shown.fragment_layer not in present:
                result.shown.fragment_layer = None
        for result in self._results:
            if result.neuron_layer not in present:
                result.colours.close()
        self._results = [r for r in self._results if r.neuron_layer in present]
        if self.current is not before:
            self._rest.stop()
            self._wanted = self.current.neurons.cut if self.current else None
            self.changed.emit()

    def close(self) -> None:
        """Let go of everything; the layers stay in the viewer."""
        self.overview.close()
        self._rest.stop()
        self._cutter.close()
        for result in self._results:
            result.colours.close()
        self._results, self._early = [], []

    def _drop(self, results: list[Result]) -> None:
        """Remove results with their layers; those that people renamed stay as layers like any others."""
        self._results = [r for r in self._results if r not in results]
        for old in results:
            if old.shown is not None:
                old.shown.colours.close()
            kept = [old.shown.layer] if old.shown is not None and old.shown.is_renamed else []
            self._layers.remove([layer for layer in old.layers if layer not in kept])

    def _label_layers(self) -> list[Labels]:
        return [layer for result in self._results for layer in result.label_layers]

    def _on_rest(self) -> None:
        if self.current is not None and self.current.is_edited:
            self.recut_wanted.emit(self._wanted)
        elif self.current is not None:
            job = one_step(cut_neurons, self.current.segmentation, self._wanted)
            self._cutter.start(job, self._on_cut)

    def _on_cut(self, ended: Ended) -> None:
        result = self.current
        if ended.error is not None:
            raise ended.error
        if result is None or ended.stopped or not result.view.holds(ended.result.table):
            return
        if ended.result.cut == self._wanted:
            self._show(result, ended.result)

    def _show(self, result: Result, neurons: CutNeurons) -> None:
        assert result.shown is not None, "only results with neurons are on the list"
        result.shown.neurons = neurons
        result.colours.follow(EditedGraph.of(result.segmentation.graph), neurons.table)
        self._layers.show_table(result, neurons.table)
        self._tell(result)

    def _tell(self, result: Result) -> None:
        result.neuron_layer.metadata["provenance"] = result.provenance()
        self.changed.emit()
