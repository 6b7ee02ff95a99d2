"""Runs of a model over the stack: what is asked for is checked, done beside the window, and shown as it comes."""

from collections.abc import Callable

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Layer
from psygnal import Signal

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import Progress
from napari_emcad.core.wording import count, duration_text
from napari_emcad.optical import OpticalParameters
from napari_emcad.pipeline import SegmentParameters
from napari_emcad.widgets.desk.choices import Choices
from napari_emcad.widgets.desk.neurites import Foreground, Neurites, finding
from napari_emcad.widgets.desk.region import SECTION
from napari_emcad.widgets.desk.result import Result
from napari_emcad.widgets.desk.results import Results
from napari_emcad.widgets.kit.jobs import Ended
from napari_emcad.widgets.kit.layers import volume_of
from napari_emcad.workers.estimates import Planned, TooLarge, check_memory, is_foreground
from napari_emcad.workers.segmentation import SegmentRequest, SegmentResult, segment_beside

Then = Callable[[Result | None], None]
"""Hears of the result of a run, or None where it gave none."""


class Runs:
    """Starts runs, one at a time, and shows what they give.

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
        self._finding: Foreground | None = None
        self._source_data: object = None
        self._lost = ""
        self._jobs.progressed.connect(self._on_progress)

    @property
    def sections_done(self) -> int:
        """Sections that the run under way has finished; 0 where there is none."""
        return self.under_way.sections_done if self.under_way else 0

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

    def stop(self) -> None:
        """Stop the job that is running; what is finished stays."""
        self._jobs.stop()

    def layer_removed(self, layer: Layer) -> None:
        """Stop the run whose stack has left the viewer."""
        running = self.under_way or self._finding
        if running is not None and layer is running.source:
            self._lost = f'The layer "{layer.name}" was removed: its run has been stopped.'
            self._jobs.stop()

    def close(self) -> None:
        """Let go of the layers."""
        self._jobs.progressed.disconnect(self._on_progress)
        self.under_way = self._finding = None

    # ---- a run that gives neurons ------------------------------------------------------------------------------

    def _start(
        self,
        region: Callable[[], Box],
        is_trial: bool,
        parameters: SegmentParameters | None = None,
        then: Then | None = None,
    ) -> None:
        try:
            box = self._checked_box(region)
        except UserError as error:
            self._message.error(error)
            if isinstance(error, TooLarge) and not self._choices.why_no_affinities:
                self.too_large.emit()
            return
        self._source_data, self._lost = self._choices.stack.layer.data, ""
        if is_foreground(self._choices.model.card):
            self._find_neurites(box)
        else:
            self._segment(box, is_trial, parameters or self._choices.parameters(), then)

    def _checked_box(self, region: Callable[[], Box]) -> Box:
        """Return the box of a region if all that a run needs is there."""
        why_not = "A job is running; stop it first." if self._jobs.running else self._choices.why_not
        if why_not:
            raise UserError(why_not)
        box = region()
        instead = "" if self._choices.why_no_affinities else ', or press "Start" under "By blocks"'
        check_memory(self._choices.planned(box), instead)
        return box

    def _segment(self, box: Box, is_trial: bool, parameters: SegmentParameters, then: Then | None) -> None:
        self._neurites.drop()
        source = self._choices.stack.layer
        result = Result(source, box, parameters, np.zeros((3, *box.shape), np.uint8), is_trial)
        self.under_way = result
        self._results.begin(result, self._choices.settings.shows_channels)
        self._message.say("Finished sections appear while the rest is computed.")
        request = SegmentRequest(volume_of(source), self._choices.model.path, box, parameters, result.affinities)
        self._jobs.start(segment_beside(request), lambda ended: self._on_ended(ended, then))

    def _on_progress(self, progress: Progress) -> None:
        if self.under_way is not None and progress.stage == "affinities":
            self._results.progress(self.under_way, progress.done)
        if self._finding is not None and progress.stage == "foreground":
            self._neurites.progress(self._finding)

    def _on_ended(self, ended: Ended, then: Then | None) -> None:
        result, self.under_way = self.under_way, None
        if self._is_stale(result.source):
            self._results.end_early(result)
            self._message.error(UserError(self._lost or f'"{result.source.name}" has changed: press Run again.'))
        elif ended.result is not None:
            self._finish(result, ended.result)
        else:
            self._results.end_early(result)
            self._say_early_end(result, ended)
        self.changed.emit()
        if then is not None:
            then(result if result is self._results.current else None)

    def _is_stale(self, source: Image) -> bool:
        return source not in self._viewer.layers or source.data is not self._source_data

    def _finish(self, result: Result, made: SegmentResult) -> None:
        self._choices.threshold.put(made.neurons.cut.threshold)
        planned = Planned(result.box, volume_of(result.source).shape, made.device_kind, made.card)
        self._choices.remember_speed(made.device, planned, made.seconds)
        sections = result.box.shape[0]
        where = f"section {result.box.start[0]}" if sections == 1 else count(sections, "section")
        self._message.result(
            f"Done: {where} in {duration_text(made.seconds)}. Move the threshold until neurons look right, then export."
        )
        self._results.finish(result, made)

    def _say_early_end(self, result: Result, ended: Ended) -> None:
        if ended.error is not None:
            self._message.error(ended.error)
        else:
            done, total = result.sections_done, result.box.shape[0]
            kept = "their affinities stay" if done else "nothing is kept"
            self._message.result(f"Stopped: {done} of {count(total, 'section')} done, {kept}.")

    # ---- a run that gives neurites -----------------------------------------------------------------------------

    def _find_neurites(self, box: Box) -> None:
        shared = {
            n: v for n, v in self._choices.parameters().model_dump().items() if n in OpticalParameters.model_fields
        }
        run = Foreground(self._choices.stack.layer, box, OpticalParameters(**shared))
        self._neurites.begin(run)
        self._message.say("Finished parts appear while the rest is computed.")
        self._finding = run
        job = finding(volume_of(run.source), self._choices.model.path, run)
        self._jobs.start(job, lambda ended: self._on_neurites(run, ended))

    def _on_neurites(self, run: Foreground, ended: Ended) -> None:
        self._finding = None
        if self._is_stale(run.source) or ended.result is None:
            self._neurites.end_early(run)
            stopped = UserError("neurites: stopped, nothing is kept; press Run to begin anew.")
            self._message.error(ended.error or stopped)
        else:
            labels, parameters, card = ended.result
            self._choices.threshold.put(parameters.threshold)
            self._neurites.finish(run, labels, parameters, card)
            found = self._choices.threshold.read_out
            self._message.result(f"Done: {found}. Move the threshold, then export.")
        self.changed.emit()
