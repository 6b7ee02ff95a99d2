"""A session laid over a result: its edits, as the neurons layer shows them."""

from collections.abc import Callable
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.fragment_boxes import FragmentBoxes
from napari_emcad.core.geometry import Voxel
from napari_emcad.core.ids import FragmentId, Ids, SegmentId
from napari_emcad.core.live_cut import LiveCut
from napari_emcad.io.sessions.open_session import OpenSession
from napari_emcad.proofreading.effects import parted_boxes
from napari_emcad.proofreading.neurons import NeuronTable, neuron_table
from napari_emcad.proofreading.plans.partings import PartingProposal
from napari_emcad.proofreading.session import Session
from napari_emcad.widgets.desk.result import Result
from napari_emcad.widgets.desk.results import Results
from napari_emcad.widgets.desk.selection import Selection
from napari_emcad.widgets.desk.sides import SidesView
from napari_emcad.widgets.kit.jobs import Ended, one_step
from napari_emcad.widgets.kit.labels_view import FragmentLabels, Without
from napari_emcad.widgets.kit.nets import netted
from napari_emcad.widgets.kit.signals import Signal
from napari_emcad.workers.segmentation import Cut, CutNeurons

AT_ONCE = 100_000
"""Fragments up to which a threshold is moved at once; with more its neurons are found in a thread first."""


class Proofreading:
    """The session of one result, and the part of it that is on screen.

    Attributes
    ----------
    selection : Selection
    clickable : FragmentLabels
        The neurons that are not hidden, even if something else lies over them.
    keeps_sides : bool
        True while edits leave the sides on screen, as others come at once: to hide them napari lays out its canvas.

    Signals
    -------
    changed
        The session has changed, or the part that is shown.
    """

    changed = Signal()

    def __init__(
        self, viewer: ViewerModel, results: Results, result: Result, opened: OpenSession, boxes: FragmentBoxes
    ):
        self._viewer, self.result, self.opened = viewer, result, opened
        self._results, self._sides = results, SidesView(viewer)
        self._boxes, self._rows_read = boxes, 0
        self.selection = Selection(lambda: self.layer)
        self._hides_done, self._only_selected = False, result.neuron_layer.show_selected_label
        self._only: frozenset[SegmentId] = frozenset()
        self._is_closed = self.keeps_sides = False
        result.neuron_layer.show_selected_label = False
        self._singled_out: list[SegmentId] = []
        self.selection.changed.connect(self._on_selection)
        viewer.dims.events.ndisplay.connect(self._single_out)
        result.is_edited = True
        results.moving.connect(self._on_moving)
        results.recut_wanted.connect(self._on_recut)
        self.show()

    @property
    def session(self) -> Session:
        """The log and the state of the neurons."""
        return self.opened.session

    @property
    def layer(self) -> Labels:
        """The neurons layer."""
        return self.result.neuron_layer

    @property
    def is_gone(self) -> bool:
        """True if the neurons layer has left the viewer."""
        return self.layer not in self._viewer.layers

    @property
    def marked(self) -> tuple[Labels, list[SegmentId] | None]:
        """The layer whose labels get a bright rim, and which of them: the two sides, None for all, or the selected."""
        sides = self._sides.layer
        return (self.layer, self.selection.chosen) if sides is None else (sides, None)

    @property
    def hides_done(self) -> bool:
        """True if neurons that are ticked as done are not shown."""
        return self._hides_done

    @hides_done.setter
    def hides_done(self, hides: bool) -> None:
        self._hides_done = hides
        self.show()

    @property
    def only_selected(self) -> bool:
        """True if the selected neurons are shown and no others."""
        return self._only_selected

    @only_selected.setter
    def only_selected(self, only: bool) -> None:
        self._only_selected = only
        self._on_selection()

    def edit(self, make: Callable[[], Any]) -> Any:
        """Make an edit and show its effect; nothing changes if it is refused."""
        output = make()
        self.show()
        return output

    def show(self) -> None:
        """Show the segments as they are."""
        if not self.keeps_sides:
            self._sides.hide()
        state = self.session.state
        cut = Cut(state.threshold, state.min_size, self.result.neurons.cut.crumbs)
        neurons = CutNeurons(cut, state.table, state.sizes, 0.0)
        self.result.done = frozenset(state.locked)
        self._shown = self._as_looked_at()
        self.clickable = FragmentLabels(state.base.fragments, self._shown, state.table.dtype)
        self._results.show_edited(self.result, state.base.fragments, state.edges, neurons, self._shown)
        self.changed.emit()

    def once_foreseen(self, threshold: float, move: Callable[[], None]) -> None:
        """Call `move`, which moves the threshold there, once its neurons are known: at once if that is fast."""
        state = self.session.state
        if len(state.table) <= AT_ONCE or state.foresees(threshold):
            move()
        else:
            job = one_step(state.foresee, threshold)
            self._results.find(job, lambda ended: self._on_foreseen(ended, threshold, move))

    def prepare_sides(self) -> None:
        """Make ready what shows two sides, so that the first click is as fast as all others."""
        state = self.session.state
        self._sides.prepare(self.layer, state.base.fragments, len(state.table))

    def show_sides(self, near: Ids, far: Ids, alone: bool = True) -> None:
        """Show two groups of fragments in the two colours of the sides, `alone` or among the other neurons."""
        state = self.session.state
        others = np.zeros_like(self._shown) if alone else Without(self._shown, np.concatenate([near, far]))
        self._results.show_table(self.result, others)
        self._sides.hide_parts()
        self._sides.show(self.layer, state.base.fragments, near, far, len(state.table))

    def show_parts(self, proposal: PartingProposal) -> None:
        """Show the two sides of a split through a fragment in the two colours, alone."""
        self.show_sides(proposal.near, proposal.far)
        self._sides.show_parts(self.layer, proposal.patch)

    def end_sides(self) -> None:
        """Show the segments again, and no sides."""
        self._sides.hide()
        self._results.show_table(self.result, self._shown)

    def _as_looked_at(self) -> Ids:
        """Return the table of the session itself, or one in which some neurons are left out."""
        state = self.session.state
        shown = state.table
        if self._hides_done and state.locked:
            shown = np.where(np.isin(shown, list(state.locked)), 0, shown)
        if self._only:
            shown = np.where(np.isin(shown, list(self._only)), shown, 0)
        return shown

    def fragment_at(self, voxel: Voxel) -> FragmentId:
        """Return the fragment at a voxel; 0 = none."""
        return self.session.state.fragment_at(voxel)

    def neuron_at(self, voxel: Voxel) -> SegmentId:
        """Return the neuron at a voxel; 0 = none."""
        return self.session.state.segment_of(self.fragment_at(voxel))

    @property
    def boxes(self) -> FragmentBoxes:
        """Boxes of all fragments; those that have been parted and their parts as well, whichever are in force."""
        rows = self.session.log.rows
        parted = parted_boxes(row.effect for row in rows[self._rows_read :] if not row.is_plain)
        if parted:
            self._boxes = self._boxes.changed(parted)
        self._rows_read = len(rows)
        return self._boxes

    def rows(self) -> NDArray[np.int64]:
        """Return the list of neurons, see `neuron_rows`."""
        return neuron_rows(neuron_table(self.session.state, self.boxes))

    def voxel_of(self, neuron: SegmentId) -> Voxel | None:
        """Return a voxel in the middle of a neuron's largest fragment; None if there is no such neuron.

        It lies where the neuron was seen, and not where its section is bridged.
        """
        state = self.session.state
        members = state.members(neuron)
        if not len(members):
            return None
        box = self.boxes.box_of(members[[np.argmax(state.sizes[members])]])
        inside = state.base.fragments[box.slices] == members[np.argmax(state.sizes[members])]
        seen = inside & ~state.planned.within(box).bridged() if state.planned else inside
        there = np.argwhere(seen if seen.any() else inside)
        middle = there[np.argmin(((there - np.median(there, axis=0)) ** 2).sum(axis=1))]
        return tuple((middle + box.start).tolist())

    def close(self) -> None:
        """Let go of the files; the neurons stay as they are."""
        self._is_closed = True
        try:
            self._results.moving.disconnect(self._on_moving)
            self._results.recut_wanted.disconnect(self._on_recut)
            self.selection.changed.disconnect(self._on_selection)
            self._viewer.dims.events.ndisplay.disconnect(self._single_out)
            self._dim_all_but([])
            self._sides.close()
        finally:
            self.opened.close()

    def _on_selection(self) -> None:
        only = frozenset(self.selection.neurons if self._only_selected else ())
        if only != self._only:
            self._only = only
            self.show()
        self._single_out()

    @netted
    def _single_out(self, _event: object = None) -> None:
        """Dim all but the selected neurons in 3D, where they have no rim."""
        self._dim_all_but(self.selection.chosen if self._viewer.dims.ndisplay == 3 else [])

    def _dim_all_but(self, neurons: list[SegmentId]) -> None:
        if neurons != self._singled_out:
            self._singled_out = neurons
            self.result.colours.single_out(neurons)
            self.layer.refresh(extent=False)

    def _on_moving(self, cut: Cut) -> None:
        state = self.session.state
        if not self._only:
            self._results.show_moving(self.result, LiveCut(state.base.tree, cut.threshold, self._shown, state.free))

    def _on_recut(self, cut: Cut) -> None:
        if cut.threshold == self.session.state.threshold:
            self.show()
        else:
            self.once_foreseen(cut.threshold, lambda: self._move_threshold(cut.threshold))

    def _move_threshold(self, threshold: float) -> None:
        try:
            self.edit(lambda: self.session.set_threshold(threshold))
        except UserError:
            self.show()
            raise

    def _on_foreseen(self, ended: Ended, threshold: float, move: Callable[[], None]) -> None:
        """Move the threshold, foreseen once more if edits came in between."""
        if ended.error is not None:
            raise ended.error
        if not self._is_closed:
            self.once_foreseen(threshold, move)


def neuron_rows(neurons: NeuronTable) -> NDArray[np.int64]:
    """Return one row (id, voxels, sections, done) for each neuron, (k, 4), by id."""
    sections = neurons.stop[:, 0] - neurons.start[:, 0]
    return np.stack([neurons.ids, neurons.voxels, sections, neurons.done], axis=1).astype(np.int64)
