"""The panel Segment: choices, Try and Run, and the threshold over what they make."""

from collections.abc import Callable

import numpy as np
from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_emcad import optical
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import Progress
from napari_emcad.core.wording import count, duration_text, neurons_text, pixel_size_note
from napari_emcad.optical import OpticalParameters
from napari_emcad.pipeline import SegmentParameters, recommended_threshold
from napari_emcad.widgets.desk.neurites import Foreground, Neurites, finding
from napari_emcad.widgets.desk.results import Result, Results
from napari_emcad.widgets.kit.at_rest import AtRest
from napari_emcad.widgets.kit.device_choice import DeviceChoice
from napari_emcad.widgets.kit.forms import Section, enable, form, text
from napari_emcad.widgets.kit.jobs import Ended, JobRunner, one_step
from napari_emcad.widgets.kit.kind_line import KindLine
from napari_emcad.widgets.kit.layers import check_layer, volume_of, voxel_size_of
from napari_emcad.widgets.kit.messages import MessageLine
from napari_emcad.widgets.kit.model_choice import SEGMENTING, ModelChoice
from napari_emcad.widgets.kit.region_choice import SECTION, RegionChoice
from napari_emcad.widgets.kit.remembered import Remembered
from napari_emcad.widgets.kit.stack_choice import StackChoice
from napari_emcad.widgets.segment.advanced import Advanced
from napari_emcad.widgets.segment.threshold import ThresholdBar
from napari_emcad.workers.estimates import (
    Estimate,
    Planned,
    TooLarge,
    check_memory,
    estimate,
    is_foreground,
    is_teacher,
)
from napari_emcad.workers.segmentation import Cut, SegmentRequest, SegmentResult, agglomerate_again, segment_beside

SETTLE = 700
"""Milliseconds that seed smoothing or scoring rest before the neurons are agglomerated again."""


class SegmentPanel(QWidget):
    """From a stack to neurons.

    Signals
    -------
    neurons_changed
        There are neurons now, or other ones.
    too_large
        A run has been refused that would fit by blocks.
    """

    neurons_changed = Signal()
    too_large = Signal()

    def __init__(self, viewer, stack: StackChoice, jobs: JobRunner, message: MessageLine, remembered: Remembered):
        super().__init__()
        self._viewer, self._stack, self._jobs, self._message = viewer, stack, jobs, message
        self._remembered = remembered
        self._under_way: Result | None = None
        self._finding: Foreground | None = None
        self._is_optical = False
        self._source_data = None
        self._lost = ""
        self._bad_layer = ""
        self.results, self.neurites = Results(viewer, self), Neurites(viewer, self)
        self.model = ModelChoice(remembered, roles=(*SEGMENTING, "foreground"))
        self.region = RegionChoice(viewer)
        self.device = DeviceChoice()
        self.threshold = ThresholdBar()
        self.advanced = Advanced()
        self._estimate = text()
        self.try_button, self.run_button = QPushButton("Try on this section"), QPushButton("Run")
        self._levels, self._kind = JobRunner(self), KindLine(self)
        self._counting = AtRest(self._counted, self._tell_count, self, lambda: len(self.results.current.neurons.table))
        self._again = QTimer(self, singleShot=True, interval=SETTLE)
        self._lay_out()
        self._connect()
        self._on_stack()

    @property
    def sections_done(self) -> int:
        """Of the run under way; 0 where there is none."""
        return self._under_way.sections_done if self._under_way else 0

    def planned(self, box: Box, shape: tuple[int, ...]) -> Planned:
        """A run of a box of a volume of this shape (z, y, x), with the model and on the device chosen."""
        device = self.device.device
        return Planned(box, shape, device.kind if device else "cpu", self.model.card, self.advanced.seed_sigma.value())

    def estimate(self, box: Box, shape: tuple[int, ...]) -> Estimate | None:
        """What such a run takes; None while the devices are not known."""
        device = self.device.device
        if device is None:
            return None
        speed = self._remembered.seconds_per_megavoxel(device.name, self.model.card)
        return estimate(self.planned(box, shape), speed)

    def run(self) -> None:
        """Segment the region."""
        self._start(self.region.box, is_trial=self.region.kind == SECTION)

    def try_section(self) -> None:
        """Segment the section on screen."""
        self._start(self.region.section_box, is_trial=True)

    def segment_box(self, box: Box) -> None:
        """Segment a box of the stack to look at it; the next run takes its place, unless it has been edited."""
        if self.why_no_affinities:
            self._message.error(UserError(self.why_no_affinities))
        else:
            self._start(lambda: box, is_trial=True)

    def segment_again(self, box: Box, is_trial: bool, then: Callable[[Result | None], None]) -> None:
        """Segment a box at the model's own threshold; `then` hears of the result, None where the run gave none."""
        own = self.parameters().model_copy(update={"threshold": None})
        self._start(lambda: box, is_trial, own, then)

    def stop(self) -> None:
        """Stop what is running; what is finished stays."""
        self._jobs.stop()

    def parameters(self) -> SegmentParameters:
        """As the panel stands."""
        return SegmentParameters(
            threshold=self.threshold.touched, device=self.device.wish, **self.advanced.parameters()
        )

    def prepare(self) -> None:
        """Let torch be imported in a thread, and with it see the devices and the model's card."""
        self.device.ask()
        self.model.read_card()

    def layer_removed(self, layer) -> None:
        """A layer has left the viewer."""
        self.results.forget_removed()
        self.neurites.forget_removed()
        running = self._under_way or self._finding
        if running is not None and layer is running.source:
            self._lost = f'The layer "{layer.name}" was removed: its run has been stopped.'
            self._jobs.stop()

    def reset_choices(self) -> None:
        """Follow the viewer's layers."""
        self.region.reset_choices()

    def close_jobs(self) -> None:
        """Stop all threads of this panel and let go of the layers."""
        self._again.stop()
        self._counting.stop()
        self._levels.close()
        self.device.close_asker()
        self.model.close_reader()
        self.results.close()
        self.neurites.close()
        self._kind.close()
        self.region.release()
        self._under_way = None

    def _lay_out(self) -> None:
        rows_widget = QWidget()
        rows = form(rows_widget, margin=0)
        rows.add("Model", self.model)
        rows.add("Region", self.region)
        rows.add("Device", self.device)
        rows.add("Takes", self._estimate)
        buttons = QHBoxLayout()
        for button in (self.try_button, self.run_button):
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            buttons.addWidget(button)
        threshold_widget = QWidget()
        threshold = form(threshold_widget, margin=0)
        threshold.add("Threshold", self.threshold)
        self._advanced_section = Section("Advanced", self.advanced, is_open=False)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 2, 6, 4)
        for widget in (rows_widget, self._kind.label, buttons, threshold_widget, self._advanced_section):
            column.addLayout(widget) if widget is buttons else column.addWidget(widget)

    def _connect(self) -> None:
        self.try_button.clicked.connect(self._on_try)
        self.run_button.clicked.connect(self._on_run)
        self._stack.layer_changed.connect(self._on_stack)
        self.model.changed.connect(self._on_model)
        self.model.failed.connect(self._message.error)
        self.region.changed.connect(self._update)
        self.device.known.connect(self._update)
        self.device.currentIndexChanged.connect(self._update)
        self.threshold.moved.connect(self._on_cut)
        self.advanced.cut_changed.connect(self._on_cut)
        self.advanced.fragments_changed.connect(self._again.start)
        self.advanced.fragments_changed.connect(self._update)
        self.advanced.agglomeration_changed.connect(self._on_agglomeration)
        self.advanced.shown_changed.connect(self._on_shown)
        self.results.changed.connect(self._on_results)
        self.neurites.changed.connect(self._on_neurites_shown)
        self.neurites.failed.connect(self._message.error)
        self._again.timeout.connect(self._agglomerate_again)
        self._jobs.running_changed.connect(self._update)
        self._jobs.progressed.connect(self._on_progress)

    def _on_try(self) -> None:
        self.try_section()

    def _on_run(self) -> None:
        self.stop() if self._jobs.running else self.run()

    def _start(
        self,
        region: Callable[[], Box],
        is_trial: bool,
        parameters: SegmentParameters | None = None,
        then: Callable[[Result | None], None] | None = None,
    ) -> None:
        try:
            box = self._checked(region)
        except UserError as error:
            self._message.error(error)
            if isinstance(error, TooLarge) and not self.why_no_affinities:
                self.too_large.emit()
            return
        if is_foreground(self.model.card):
            self._find_neurites(box)
            return
        self.neurites.drop()
        source, parameters = self._stack.layer, parameters or self.parameters()
        result = Result(source, box, parameters, np.zeros((3, *box.shape), np.uint8), is_trial)
        self._under_way, self._source_data, self._lost = result, source.data, ""
        self.results.begin(result, self.advanced.shown.currentData())
        self._message.say("Finished sections appear while the rest is computed.")
        request = SegmentRequest(volume_of(source), self.model.path, box, parameters, result.affinities)
        self._jobs.start(segment_beside(request), lambda ended: self._on_ended(ended, then))

    def _find_neurites(self, box: Box) -> None:
        given = {n: v for n, v in self.parameters().model_dump().items() if n in OpticalParameters.model_fields}
        run = Foreground(self._stack.layer, box, OpticalParameters(**given))
        self._source_data = run.source.data
        self.neurites.begin(run)
        self._message.say("Finished parts appear while the rest is computed.")
        job = finding(volume_of(run.source), self.model.path, run)
        self._finding = run
        self._jobs.start(job, lambda ended: self._on_neurites(run, ended))

    def _on_neurites(self, run: Foreground, ended: Ended) -> None:
        self._finding = None
        if self._is_stale(run) or ended.result is None:
            self.neurites.end_early(run)
            stopped = UserError("neurites: stopped, nothing is kept; press Run to begin anew.")
            self._message.error(ended.error or stopped)
        else:
            labels, parameters, card = ended.result
            self.threshold.put(parameters.threshold)
            self.neurites.finish(run, labels, parameters, card)
            found = self.threshold.read_out
            self._message.result(f"Done: {found}. Move the threshold, then export.")
        self._update()

    def _on_neurites_shown(self) -> None:
        if self.neurites.current is not None:
            self.threshold.read_out = neurons_text(self.neurites.current.sizes, "neurite")

    def _checked(self, region) -> Box:
        """The box of a region, where all that a run needs is there."""
        why_not = "A job is running; stop it first." if self._jobs.running else self.why_not
        if why_not:
            raise UserError(why_not)
        box = region()
        instead = "" if self.why_no_affinities else ', or press "Start" under "By blocks"'
        check_memory(self.planned(box, volume_of(self._stack.layer).shape), instead)
        return box

    def _on_progress(self, progress: Progress) -> None:
        if self._under_way is not None and progress.stage == "affinities":
            self.results.progress(self._under_way, progress.done)
        if self._finding is not None and progress.stage == "foreground":
            self.neurites.progress(self._finding)

    def _on_ended(self, ended: Ended, then: Callable[[Result | None], None] | None) -> None:
        result, self._under_way = self._under_way, None
        if self._is_stale(result):
            self.results.end_early(result)
            self._message.error(UserError(self._lost or f'"{result.source.name}" has changed: press Run again.'))
        elif ended.result is not None:
            self._finish(result, ended.result)
        else:
            self.results.end_early(result)
            self._tell_early_end(result, ended)
        self._update()
        if then is not None:
            then(result if result is self.results.current else None)

    def _is_stale(self, result: Result) -> bool:
        return result.source not in self._viewer.layers or result.source.data is not self._source_data

    def _finish(self, result: Result, made: SegmentResult) -> None:
        self.threshold.put(made.neurons.cut.threshold)
        planned = Planned(result.box, volume_of(result.source).shape, made.device_kind, made.card)
        self._remembered.measured(made.device, planned, made.seconds)
        self.model.remember()
        sections = result.box.shape[0]
        where = f"section {result.box.start[0]}" if sections == 1 else count(sections, "section")
        self._message.result(
            f"Done: {where} in {duration_text(made.seconds)}. Move the threshold until neurons look right, then export."
        )
        self.results.finish(result, made)

    def _tell_early_end(self, result: Result, ended: Ended) -> None:
        if ended.error is not None:
            self._message.error(ended.error)
        else:
            done, total = result.sections_done, result.box.shape[0]
            kept = "their affinities stay" if done else "nothing is kept"
            self._message.say(f"Stopped: {done} of {count(total, 'section')} done, {kept}.", "result")

    def _on_cut(self, _value: object = None) -> None:
        if self.neurites.current is not None:
            self.neurites.cut(self.threshold.value, self.advanced.min_size.value())
            return
        cut = Cut(self.threshold.value, self.advanced.min_size.value(), self.advanced.crumbs.currentData())
        self.results.cut(cut)

    def _agglomerate_again(self) -> None:
        result = self.results.current
        if result is None or self._has_these_fragments(result):
            return
        if result.is_edited:
            self._put_back(result)
            why_not = "these neurons are being proofread, and other fragments would lose the edits"
            self._message.error(UserError(f"agglomerate: {why_not}; press Run for a new result."))
            return
        if self._jobs.running:
            self._again.start()
            return
        cut = Cut(self.threshold.value, self.advanced.min_size.value(), self.advanced.crumbs.currentData())
        self._message.say("Agglomerating again from the affinities that are there.")
        self._jobs.start(agglomerate_again(result.affinities, self.parameters(), cut), self._on_agglomerated)

    def _has_these_fragments(self, result: Result) -> bool:
        return self.advanced.of_agglomeration.items() <= result.parameters.model_dump().items()

    def _put_back(self, result: Result) -> None:
        """Show what made the neurons that are there."""
        self.advanced.put(result.parameters)
        self.threshold.put(result.neurons.cut.threshold)

    def _on_agglomeration(self) -> None:
        """A threshold of one agglomeration says nothing for another."""
        self.threshold.forget()
        self._recommend()

    def _recommend(self) -> None:
        card = self.model.card
        if is_foreground(card):
            self.threshold.recommend(optical.recommended_threshold(card), "Higher keeps less, lower keeps more.")
        else:
            self.threshold.recommend(recommended_threshold(card, self.advanced.agglomeration.currentData()))

    def _on_agglomerated(self, ended: Ended) -> None:
        result = self.results.current
        if ended.result is not None and result is not None:
            result.parameters = result.parameters.model_copy(update=self.advanced.of_agglomeration)
            self.results.show_segmentation(result, *ended.result)
            self._message.result(f"{neurons_text(result.neurons.sizes)}; nothing was predicted again.")
        elif result is not None:
            self._put_back(result)
            self._message.say("Stopped: the neurons are those from before.", "result")
        if ended.error is not None:
            self._message.error(ended.error)

    def _on_shown(self) -> None:
        for result in filter(None, (self._under_way, self.results.current)):
            self.results.show_affinities(result, self.advanced.shown.currentData())

    def _on_results(self) -> None:
        result = self.results.current
        if result is None:
            self._counting.stop()
            self.threshold.read_out = "neurons appear here after a run"
        else:
            self._counting.ask()
        self.neurons_changed.emit()

    def _counted(self) -> str:
        return neurons_text(self.results.current.neurons.sizes)

    def _tell_count(self, words: str) -> None:
        self.threshold.read_out = words

    def _on_model(self) -> None:
        if is_foreground(self.model.card) is not self._is_optical:
            self._is_optical = not self._is_optical
            self.threshold.forget()
        self._recommend()
        self.advanced.follow(self.model.card)
        self._look_at_kind()
        if self.results.current is not None and self.results.is_settled:
            self.threshold.put(self.results.current.neurons.cut.threshold)  # neurons on screen stay where they are
        if not self._jobs.running and not self.why_not and self._message.kind == "hint":
            self._say_ready()
        self._update()

    def _on_stack(self) -> None:
        layer, self._bad_layer = self._stack.layer, ""
        self.region.follow(layer)
        if layer is not None:
            self._look_at(layer)
        self._update()

    def _look_at(self, layer) -> None:
        """Say at once whether a stack can be segmented, and find its grey levels in a thread."""
        try:
            check_layer(layer)
        except UserError as error:
            self._bad_layer = str(error)
            self._message.error(error)
            return
        self._say_ready()
        self._levels.start(one_step(_levels_of, volume_of(layer)), self._on_levels)
        self._look_at_kind()

    def _look_at_kind(self) -> None:
        self._kind.look(None if self._bad_layer else self._stack.layer, self.model.card)

    def _say_ready(self) -> None:
        trained = self.model.card.voxel_size if self.model.card else None
        note = pixel_size_note(trained, voxel_size_of(self._stack.layer))
        self._message.say(note or 'Ready: press "Run", or try one section first.')

    def _on_levels(self, ended: Ended) -> None:
        if ended.result is not None:
            self.advanced.put_levels(*ended.result)
            self.advanced.follow(self.model.card)
        elif ended.error is not None and not self._jobs.running:
            self._message.error(ended.error)

    def _update(self, _value: object = None) -> None:
        """Bring buttons and estimate up to date."""
        running = self._jobs.running
        why_not = self.why_not
        enable(self.try_button, "A job is running." if running else why_not, self._what_a_trial_is())
        self.run_button.setText("Stop" if running else "Run")
        stopping = "Stopping: it ends with the tile under way." if self._jobs.stopping else ""
        tip = "Stops within one tile; what is done stays." if running else "Segment the region."
        enable(self.run_button, stopping if running else why_not, tip)
        self._show_estimate()

    @property
    def why_not(self) -> str:
        """Why nothing can be segmented now; empty where it can."""
        if self._stack.layer is None:
            return "Open a stack first, or the sample."
        return self._bad_layer or self.model.why_not

    @property
    def why_no_affinities(self) -> str:
        """Why the model gives no affinities, which clicks and proofreading need; empty where it does."""
        if is_foreground(self.model.card):
            return "This model finds the foreground of optical volumes; choose a student or a teacher."
        return self.model.why_not

    def _what_a_trial_is(self) -> str:
        if is_teacher(self.model.card):
            return "The section on screen only; a teacher goes through the sections around it, too."
        return "The section on screen only: seconds."

    def _show_estimate(self) -> None:
        if self._stack.layer is None or self._bad_layer:
            self._estimate.setText("this layer cannot be segmented" if self._bad_layer else "told once a stack is open")
            return
        if self.device.device is None:
            self._estimate.setText("looking at the devices ...")
            return
        try:
            box = self.region.box()
        except UserError:
            self._estimate.setText("told once a box is drawn")
            return
        self._estimate.setText(f"{self.estimate(box, volume_of(self._stack.layer).shape).text()} of memory")


def _levels_of(volume) -> tuple[float, float]:
    from napari_emcad.inference.normalisation import Normalisation

    levels = Normalisation.of(volume)
    return levels.low, levels.high
