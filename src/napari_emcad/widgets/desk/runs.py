"""Runs of a model over the stack: checked first, computed beside the window, and shown section by section."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Layer

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.pixel_size import OWN
from napari_emcad.core.progress import Job, Progress
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.core.wording import count, duration_text
from napari_emcad.io.foreign_affinities import AffinityFile
from napari_emcad.optical import OpticalParameters
from napari_emcad.pipeline import SegmentParameters
from napari_emcad.widgets.desk.affinities_request import request_by_file
from napari_emcad.widgets.desk.choices import Choices
from napari_emcad.widgets.desk.neurites import ForegroundRun, Neurites, neurites_job
from napari_emcad.widgets.desk.region import SECTION
from napari_emcad.widgets.desk.result import Result
from napari_emcad.widgets.desk.results import Results
from napari_emcad.widgets.desk.section_use import within_sections
from napari_emcad.widgets.desk.stack_file import change_note
from napari_emcad.widgets.desk.stopped_run import Makings, StoppedRun, planned_job
from napari_emcad.widgets.kit.jobs import Ended
from napari_emcad.widgets.kit.layers import volume_of, voxel_size_of
from napari_emcad.widgets.kit.signals import Signal
from napari_emcad.workers.affinities import segment_by_affinities
from napari_emcad.workers.estimates import Planned, TooLarge, check_memory, is_foreground
from napari_emcad.workers.segmentation import SegmentRequest, SegmentResult

NOT_LOOKED_AT = "Its sections were used as they are: nobody has looked at them. "

T = TypeVar("T")

Then = Callable[[Result | None], None]
"""A function that hears of the result of a run, or None if it gave none."""


@dataclass(frozen=True)
class RunOrder:
    """A run that can start.

    Attributes
    ----------
    source : Image
    model : Path
        The weights file.
    box : Box
        Of the source, in its voxels.
    parameters : SegmentParameters
    is_trial : bool
        True for a section or a box to look at: the next run takes its place.
    then : callable, optional
        Hears of the result.
    """

    source: Image
    model: Path
    box: Box
    parameters: SegmentParameters
    is_trial: bool
    then: Then | None = None


class Runs:
    """Starts runs, one at a time, and shows their results.

    Attributes
    ----------
    under_way : Result or None
        The result of a run that goes on; None for one that finds neurites.

    Signals
    -------
    too_large
        A run has been refused that would fit by blocks.
    changed
        A run has started or ended.
    """

    too_large = Signal()
    changed = Signal()

    def __init__(self, viewer: ViewerModel, choices: Choices, results: Results, neurites: Neurites):
        self._viewer, self._choices, self._results, self._neurites = viewer, choices, results, neurites
        self._jobs, self._message = choices.jobs, choices.message
        self.under_way: Result | None = None
        self._finding: ForegroundRun | None = None
        self._source_data: object = None
        self._lost = self._file_note = ""
        self._makings: Makings | None = None
        self._stopped: StoppedRun | None = None
        self._jobs.progressed.connect(self._on_progress)

    @property
    def sections_done(self) -> int:
        """Sections that the run under way has finished; 0 if there is none."""
        return self.under_way.sections_done if self.under_way else 0

    @property
    def can_go_on(self) -> bool:
        """True if a run was stopped whose finished sections are kept."""
        return self._stopped is not None and not self._stopped.result.is_trial

    def run(self) -> None:
        """Segment the region."""
        region = self._choices.region
        self._start(region.box, is_trial=region.kind == SECTION)

    def try_section(self) -> None:
        """Segment the section on screen."""
        self._start(self._choices.region.section_box, is_trial=True)

    def segment_box(self, box: Box) -> None:
        """Segment a box of the stack to look at it; the next run takes its place, unless it has been edited."""
        if self._choices.why_no_affinities:
            self._message.error(UserError(self._choices.why_no_affinities))
        else:
            self._start(lambda: box, is_trial=True)

    def segment_again(self, box: Box, is_trial: bool, then: Then) -> None:
        """Segment a box at the model's own threshold; `then` hears of the result."""
        parameters = self._choices.parameters().model_copy(update={"threshold": None})
        self._start(lambda: box, is_trial, parameters, then)

    def segment_by(self, file: AffinityFile) -> None:
        """Segment the region by affinities in a file, where they lie in the stack."""
        try:
            if self._jobs.running:
                raise UserError("A job is running; stop it first.")
            source, request = request_by_file(self._choices, file)
        except UserError as error:
            self._message.error(error)
            return
        self._source_data, self._lost, self._file_note = source.data, "", ""
        box, values = request.places.box, request.affinities
        is_trial = self._choices.region.kind == SECTION
        result = Result(source, box, request.parameters, values, is_trial, read_from=file.facts)
        self._compute(result, segment_by_affinities(request, self._choices.inspection.plan_job(box)))

    def stop(self) -> None:
        """Stop the job that is running; finished sections stay."""
        self._jobs.stop()

    def layer_removed(self, layer: Layer) -> None:
        """Stop the run whose stack has left the viewer."""
        if self._stopped is not None and layer is self._stopped.result.source:
            self._stopped = None
        running = self.under_way or self._finding
        if running is not None and layer is running.source:
            self._lost = f'The layer "{layer.name}" was removed: its run has been stopped.'
            self._jobs.stop()

    def close(self) -> None:
        """Let go of the layers."""
        self._jobs.progressed.disconnect(self._on_progress)
        self.under_way = self._finding = self._stopped = None

    def _start(
        self,
        region: Callable[[], Box],
        is_trial: bool,
        parameters: SegmentParameters | None = None,
        then: Then | None = None,
    ) -> None:
        try:
            order = self._order(region, is_trial, parameters or self._choices.parameters(), then)
        except UserError as error:
            self._message.error(error)
            if isinstance(error, TooLarge) and not self._choices.why_no_affinities:
                self.too_large.emit()
            return
        self._source_data, self._lost, self._file_note = order.source.data, "", ""
        if is_foreground(self._choices.model.card):
            self._find_neurites(order)
        else:
            self._segment(order)

    def _order(
        self, region: Callable[[], Box], is_trial: bool, parameters: SegmentParameters, then: Then | None
    ) -> RunOrder:
        """Return the order for a run, if all that it needs is there."""
        why_not = "A job is running; stop it first." if self._jobs.running else self._choices.why_not
        source, model = self._choices.stack.layer, self._choices.model.path
        if why_not or source is None or model is None:
            raise UserError(why_not)
        box = region()
        instead = "" if self._choices.why_no_affinities else ', or press "Start" under "By blocks"'
        check_memory(self._choices.planned(box), instead)
        return RunOrder(source, model, box, parameters, is_trial, then)

    def _why_stale(self, source: Image) -> str:
        """Return the reason why a run on a stack is of no use any more; empty if it is."""
        if self._lost:
            return self._lost
        is_same = source in self._viewer.layers and source.data is self._source_data
        return "" if is_same else f'"{source.name}" has changed: press Run again.'

    def _noting(self, job: Job[T], source: Image) -> Job[T]:
        """Do a job, and note then what has happened to the stack's file."""
        output = yield from job
        self._file_note = change_note(source)
        return output

    def _on_progress(self, progress: Progress) -> None:
        if self.under_way is not None and progress.stage == "affinities":
            self._results.progress(self.under_way, progress.done)
        if self._finding is not None and progress.stage == "foreground":
            self._neurites.progress(self._finding)

    # ---- a run that gives neurons ------------------------------------------------------------------------------

    def _segment(self, order: RunOrder) -> None:
        volume, size = volume_of(order.source), voxel_size_of(order.source)
        makings = Makings.of(order.source, order.box, order.model, order.parameters, size)
        result = self._left_of(makings)
        if result is None:
            affinities = np.zeros((3, *order.box.shape), np.uint8)
            result = Result(order.source, order.box, order.parameters, affinities, order.is_trial)
        result.parameters, result.is_trial = order.parameters, order.is_trial
        assert isinstance(result.affinities, np.ndarray), "a run of a model writes into memory"
        request = SegmentRequest(volume, order.model, order.box, order.parameters, result.affinities, voxel_size=size)
        job = planned_job(self._choices.inspection.plan_job(order.box), request, result)
        self._compute(result, job, order.then, makings)

    def _left_of(self, makings: Makings) -> Result | None:
        """Return what a run of the same makings has left that ended early; None if there is nothing."""
        stopped = self._stopped
        return stopped.result if stopped is not None and stopped.makings.make_the_same(makings) else None

    def _compute(
        self, result: Result, job: Job[SegmentResult], then: Then | None = None, makings: Makings | None = None
    ) -> None:
        """Do a job that writes affinities, and show its neurons; with makings the next run can go on from it."""
        self._neurites.drop()
        self.under_way, self._makings, self._stopped = result, makings, None
        self._results.begin(result, self._choices.settings.shows_channels)
        done, total = result.sections_done, result.box.shape[0]
        goes_on = f"Going on: {done} of {count(total, 'section')} are done. " if done else ""
        self._message.say(f"{goes_on}Finished sections appear while the rest is computed.")
        self._jobs.start(self._noting(job, result.source), lambda ended: self._on_ended(result, ended, then))

    def _on_ended(self, result: Result, ended: Ended, then: Then | None) -> None:
        self.under_way = None
        if why_stale := self._why_stale(result.source):
            self._results.end_early(result)
            self._message.error(UserError(why_stale))
        elif ended.result is not None:
            self._finish(result, ended.result)
        else:
            self._results.end_early(result)
            if self._makings is not None and result.sections_done:
                self._stopped = StoppedRun(result, self._makings)
            self._say_early_end(result, ended)
        self.changed.emit()
        if then is not None:
            then(result if result is self._results.current else None)

    def _finish(self, result: Result, output: SegmentResult) -> None:
        self._choices.threshold.put(output.neurons.cut.threshold)
        if output.device and not output.done_before:
            shape, scale = volume_of(result.source).shape, output.parameters.scale or OWN
            planned = Planned(result.box, shape, output.device_kind, output.card, scale=scale)
            self._choices.remember_speed(output.device, planned, output.seconds)
        sections = result.box.shape[0]
        where = f"section {result.box.start[0]}" if sections == 1 else count(sections, "section")
        self._message.result(
            f"Done: {where} in {duration_text(output.seconds)}. {sections_note(output.plan, result.box)}"
            f"{self._file_note}{''.join(f'{note} ' for note in output.notes)}{self._room_note(result)}"
            f"Move the threshold until neurons look right, {self._next_words(result)}."
        )
        self._results.finish(result, output)

    def _next_words(self, result: Result) -> str:
        """Return what to press once the threshold is right."""
        is_look = result.is_trial and self._choices.region.kind != SECTION
        return 'then press "Run"' if is_look else 'then press "Start proofreading"'

    def _room_note(self, result: Result) -> str:
        """Return what goes for the neurons of a run, to stand before another sentence."""
        is_run = any(not old.is_trial for old in self._results.replaced_by(result))
        return "The run before, which nobody edited, made room for it: rename a layer of neurons to keep it. " * is_run

    def _say_early_end(self, result: Result, ended: Ended) -> None:
        if ended.error is not None:
            self._message.error(ended.error)
        else:
            done, total = result.sections_done, result.box.shape[0]
            self._message.result(f"Stopped: {done} of {count(total, 'section')} done, {self._kept_words(result)}.")

    def _kept_words(self, result: Result) -> str:
        """Return what becomes of the sections that a run has finished that was stopped."""
        if not result.sections_done:
            return "nothing is kept"
        if self._stopped is None or result.is_trial:
            return "their affinities stay until the next run"
        return 'and kept; press "Run" to go on from there'

    # ---- a run that gives neurites -----------------------------------------------------------------------------

    def _find_neurites(self, order: RunOrder) -> None:
        known = OpticalParameters.model_fields
        shared = {name: value for name, value in order.parameters.model_dump().items() if name in known}
        run = self._finding = ForegroundRun(order.source, order.box, OpticalParameters(**shared))
        self._neurites.begin(run)
        self._message.say("Finished parts appear while the rest is computed.")
        job = neurites_job(volume_of(run.source), order.model, run)
        self._jobs.start(self._noting(job, order.source), lambda ended: self._on_neurites(run, ended))

    def _on_neurites(self, run: ForegroundRun, ended: Ended) -> None:
        self._finding = None
        why_stale = self._why_stale(run.source)
        if why_stale or ended.result is None:
            self._neurites.end_early(run)
            stopped = why_stale or "neurites: stopped, nothing is kept; press Run to begin anew."
            self._message.error(ended.error or UserError(stopped))
        else:
            self._choices.threshold.put(ended.result.parameters.threshold)
            self._neurites.finish(run, ended.result)
            found = self._choices.threshold.read_out
            self._message.result(f"Done: {found}. {self._file_note}Move the threshold, then export.")
        self.changed.emit()


def sections_note(plan: SectionPlan | None, box: Box) -> str:
    """Return what was done with the sections of a box, to stand before another sentence; empty if nothing was."""
    if plan is None:
        return NOT_LOOKED_AT
    sentence = within_sections(plan, range(box.start[0], box.stop[0])).sentence
    return f"{sentence[0].upper()}{sentence[1:]} " if sentence else ""
