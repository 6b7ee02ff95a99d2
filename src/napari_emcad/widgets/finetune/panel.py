"""The panel Fine-tune: crops that are right teach a network, and what it has learnt is kept or discarded."""

from dataclasses import replace
from pathlib import Path

from napari.utils.events import Event
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QPushButton, QVBoxLayout, QWidget

from napari_emcad.core.errors import UserError
from napari_emcad.core.progress import Job, Progress
from napari_emcad.core.wording import size_text
from napari_emcad.finetuning.folder import TrainingOrder, best_model, teacher_beside
from napari_emcad.finetuning.record import Outcome, Record
from napari_emcad.networks import zoo
from napari_emcad.training.params import HEARS_TEACHER, LEARNS_ALONE, NEEDS_LABELS, TrainingParameters
from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.desk.stack import NO_STACK
from napari_emcad.widgets.finetune.budget import Budget
from napari_emcad.widgets.finetune.comparison import Comparison
from napari_emcad.widgets.finetune.crop_places import LayerTruth, Place, SessionTruth, about_crops, free_name
from napari_emcad.widgets.finetune.crops import CropList
from napari_emcad.widgets.finetune.models import FineTuneModels
from napari_emcad.widgets.finetune.outcome import OutcomeBox
from napari_emcad.widgets.finetune.progress import RunProgress
from napari_emcad.widgets.finetune.runs import Request, RunFolder, runs_folder, writing
from napari_emcad.widgets.finetune.sources import CropSources
from napari_emcad.widgets.kit.forms import enable
from napari_emcad.widgets.kit.jobs import Ended
from napari_emcad.widgets.kit.layers import voxel_size_of

REST = 700
"""Milliseconds that edits rest before the shares verified are counted again."""

UNDECIDED = "Keep or discard what the last run has brought, or go on with it, first."


class FineTunePanel(QWidget):
    """Student, teacher, crops, budget; a run in a process of its own; and what becomes of it.

    Signals
    -------
    segment_again : Path
        A model has been kept, and what is on screen is to be segmented with it.
    attention
        A run from another day waits for a decision.
    """

    segment_again = Signal(object)
    attention = Signal()

    def __init__(self, desk: Desk):
        super().__init__()
        self._desk, self._viewer, self._message = desk, desk.viewer, desk.message
        self._run: RunFolder | None = None
        self._looked_in: set[Path] = set()
        self._is_closed = False
        self.models, self.sources = FineTuneModels(desk.loop, desk.remembered), CropSources(desk)
        self.crops, self.budget = CropList(desk.viewer), Budget()
        self.uncorrected = QCheckBox("use the uncorrected sections too")
        self.start_button = QPushButton("Start")
        self.progress, self.outcome = RunProgress(desk.loop), OutcomeBox()
        self._worker = desk.loop.jobs()
        self.comparison = Comparison(desk.viewer, self._worker, desk.message)
        self._rest = desk.loop.pause(REST, self.crops.refresh)
        self._lay_out()
        self._connect()
        self._update()

    # ---- a run -------------------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether something would be lost if the window were closed now without a word."""
        return self.progress.running or self._worker.running

    @property
    def why_not(self) -> str:
        """Why no run can be started; empty where one can."""
        if self._worker.running:
            return "A job of fine-tuning is running."
        if self._run is not None:
            return UNDECIDED
        if self.sources.stack is None:
            return NO_STACK
        return self.models.why_not or self._why_no_crops()

    def start(self) -> None:
        """Write the crops and begin to train."""
        self.crops.refresh()
        try:
            if why_not := self.why_not:
                raise UserError(why_not)
            request = self._request()
        except UserError as error:
            self._message.error(error)
            return
        self._clear()
        self.models.remember()
        self._message.say("Reading the crops.")
        self._worker.start(writing(request), self._on_written)
        self._update()

    def stop(self) -> None:
        """Stop the run; asked again, at once. What is best stays."""
        if self._worker.running:
            self._worker.stop()
        self.progress.stop()
        self._update()

    def go_on(self) -> None:
        """Train for the budget once more, from where the run is."""
        try:
            order, record = self._run.order, self.progress.record
            told = self.budget.extended(order.parameters, record.step, record.seconds)
            order.model_copy(update={"parameters": told}).write(self._run.folder)
        except (UserError, OSError) as error:
            self._message.error(error)
            return
        self._begin()

    def keep(self, name: str) -> None:
        """Add the best network to the person's models."""
        self._message.say("Adding it to your models.")
        self._worker.start(_keeping(self._run, self.comparison, name), self._on_kept)
        self._update()

    def discard(self) -> None:
        """Remove the run."""
        self._clear()
        self._run.remove()
        self._run = None
        self._message.result("Discarded: the models are as they were.")
        self._update()

    # ---- the dock ----------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Read what is known of the models, and see whether a run was left."""
        self.models.read_cards()
        self._look_for_left(runs_folder(None))

    def reset_choices(self) -> None:
        """Follow the viewer's layers."""
        self.sources.reset_choices()

    def close_panel(self) -> None:
        """Stop everything and let go of the layers; an unfinished run is offered another day."""
        self._is_closed = True
        self._rest.stop()
        self.progress.close_run()
        self._worker.close()
        self.models.close_readers()
        self.sources.release()
        self._desk.sessions.changed.disconnect(self._on_results)
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        if self._run is not None:
            self._run.release()

    # ---- inside ------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 2, 6, 4)
        run = (self.start_button, self.progress, self.outcome)
        for widget in (self.models, self.sources, self.crops, self.uncorrected, self.budget, *run):
            column.addWidget(widget)
        self.uncorrected.setToolTip(
            "Sections that nobody has corrected teach as well: a network that learns alone must say the same of two "
            "perturbed views of them; where there is a teacher, it says what is there."
        )

    def _connect(self) -> None:
        self.start_button.clicked.connect(self._on_start)
        self.models.failed.connect(self._message.error)
        self.sources.failed.connect(self._message.error)
        self.sources.found.connect(self._on_found)
        self.progress.changed.connect(self._update)
        self.progress.ended.connect(self._on_ended)
        for signal in (self.models.changed, self.crops.changed, self.budget.changed, self._worker.running_changed):
            signal.connect(self._update)
        self.sources.changed.connect(self._on_uncorrected)
        self.uncorrected.toggled.connect(self._on_uncorrected)
        self._desk.device.changed.connect(self._update)
        self._desk.sessions.changed.connect(self._on_results)
        self._desk.layers_changed.connect(self.reset_choices)
        self._viewer.layers.events.removed.connect(self._on_removed, position="last")
        self.outcome.keep.connect(self.keep)
        self.outcome.discard.connect(self.discard)
        self.outcome.go_on.connect(self.go_on)
        self.outcome.compare.connect(self.comparison.compare)
        self.outcome.segment_again.connect(self.segment_again)

    def _on_start(self) -> None:
        self.stop() if self.running else self.start()

    def _why_no_crops(self) -> str:
        plan = self.crops.plan
        if not self.crops.places:
            return "Add a crop first: a box, done neurons, edits, or labels."
        if plan is None:
            return self.crops.why_no_plan
        if not plan.train:
            return "All crops are held out: leave one to train on."
        if self.models.mode not in NEEDS_LABELS:
            return ""
        others_teach = self.models.mode in HEARS_TEACHER or self.uncorrected.isChecked()
        may_be_blank = others_teach and any(crop.voxels_known for crop in plan.train)
        for crop in plan.train:
            if not (crop.voxels_known or may_be_blank):
                return f'Nothing is verified in "{crop.of.name}": tick "checked" if all of it is right, or remove it.'
        return "" if plan.voxels[1] else 'Nothing verified is held out to score on: tick "hold out automatically".'

    def _request(self) -> Request:
        """The run that the panel asks for."""
        networks, plan = self.models.networks, self.crops.plan
        parent, size = self.models.learner.card, voxel_size_of(self.sources.stack)
        about = about_crops(plan, parent.data if parent else "") | ({"voxel_size": list(size)} if size else {})
        parameters = self._parameters()
        order = TrainingOrder(**networks, parameters=parameters, device=self._desk.device.wish, about=about)
        at = self.sources.session
        session = at.opened.folder if at is not None and not at.opened.why_read_only else None
        return Request.of(runs_folder(session), order, plan, self._desk.choices.parameters())

    def _parameters(self) -> TrainingParameters:
        blank = self.models.mode in LEARNS_ALONE and self.uncorrected.isChecked()
        return self.budget.parameters(self.models.mode, "ema" if blank else "off")

    def _on_uncorrected(self, _value: object = None) -> None:
        """Another stack, or its uncorrected sections are to teach, or not."""
        self.crops.uncorrected = []
        if self.uncorrected.isChecked() and self.sources.stack is not None:
            try:
                self.crops.uncorrected = [self.sources.uncorrected_place()]
            except UserError as error:
                self._message.error(error)
        self.crops.refresh()

    def _on_written(self, ended: Ended) -> None:
        if ended.error is not None:
            self._message.error(ended.error)
        elif ended.result is None:
            self._message.result("Stopped: nothing was trained.")
        else:
            self._run = ended.result
            self._begin()
        self._update()

    def _begin(self) -> None:
        self._clear()
        self._message.say("It trains in a process of its own: you can go on working meanwhile.")
        self.progress.work_on(self._run.folder)
        self._update()

    def _on_ended(self, failure: Exception | None) -> None:
        if failure is not None and not self.progress.record.step and self.crops.places:
            self._run.remove()  # nothing was learnt, and the crops are still listed
            self._run = None
            self.progress.put(None)
        else:
            self._show_outcome()
        if failure is not None:
            self._message.error(failure)
        elif self._run is not None:
            self._message.result(self.outcome.words.text())
        self._update()

    def _show_outcome(self) -> None:
        outcome, n = Outcome.of(self.progress.record, self._run.folder), self._run.crops_scored
        names = [self._run.facts_of(i).get("name", f"crop {i}") for i in range(n)]
        self.comparison.of(self._run, self.progress.record)
        self.outcome.show_outcome(outcome, names, self._proposed_name())

    def _proposed_name(self) -> str:
        order = self._run.order
        parent = order.student or order.teacher
        stack = self._run.facts_of(0).get("stack", "")
        words = f"{parent.stem if parent else 'model'} {stack}".strip()
        return free_name("".join(c if c.isalnum() or c in "-_ ." else "_" for c in words), zoo.available_models())

    def _on_kept(self, ended: Ended) -> None:
        if ended.error is not None:
            self._message.error(ended.error)
        elif ended.result is not None:
            self._run.remove()
            self._run = None
            self.models.refresh()
            model, *teacher = ended.result
            self._desk.model.open_file(model)
            self.outcome.show_kept(model)
            also = "".join(f' Its teacher is kept as "{path.stem}".' for path in teacher)
            self._message.result(f'Kept as "{model.stem}" and chosen under Segment.{also}')
        self._update()

    def _clear(self) -> None:
        """What the last run has shown goes."""
        self.comparison.clear()
        self.crops.hide_outline()
        self.outcome.clear()
        self.progress.put(None)

    def _look_for_left(self, runs: Path) -> None:
        """A run that napari did not see the end of, or that nobody decided on."""
        if self._run is not None or self.running or runs in self._looked_in:
            return
        self._looked_in.add(runs)
        self._run = RunFolder.left_in(runs)
        if self._run is None:
            return
        self.progress.put(Record.of(self._run.folder))
        self._show_outcome()
        self._message.say("A fine-tuning run was left here: keep what it has brought, discard it, or go on with it.")
        self.attention.emit()
        self._update()

    def _on_found(self, places: list[Place]) -> None:
        added = self.crops.add(places)
        if not added:
            self._message.error(UserError("crops: these are listed already."))

    def _on_removed(self, event: Event) -> None:
        """Drop the crops that lie in a layer that has left the viewer."""
        layer = event.value
        rest = [place for place in self.crops.places if not _lies_in(place, layer)]
        if len(rest) < len(self.crops.places):
            self.crops.put(rest)
            self._message.say(f'The crops in "{layer.name}" have gone with it.')

    def _on_results(self) -> None:
        """Another result is the current one, or it has been edited."""
        self.sources.update_buttons()
        at = self.sources.proofreading
        if at is not None:
            self.crops.places = [self._said(place) for place in self.crops.places]
            self._look_for_left(runs_folder(at.opened.folder))
        if self.crops.places:
            self._rest.start()

    def _said(self, place: Place) -> Place:
        """A crop whose labels are those of the session that is open."""
        if isinstance(place.truth, LayerTruth):
            return place
        box, truth = self.sources.truth_in(place.stack, place.box)
        return replace(place, truth=truth) if isinstance(truth, SessionTruth) and box == place.box else place

    def _update(self, _value: object = None) -> None:
        """Bring button and estimate up to date."""
        if self._is_closed:
            return
        training, ending = self.progress.running, self.progress.stopping
        self.start_button.setText("End at once" if ending else "Stop" if self.running else "Start")
        tip = "Ends with the step under way and a last score; the best network stays."
        if ending:
            tip = "Without a last score; the best network so far stays."
        why_not = "" if self.running else self.why_not
        enable(self.start_button, why_not, tip if training else "Train, and score on what is held out.")
        self.outcome.setEnabled(not self.running)
        self.budget.takes.setText(self._estimate())

    def _estimate(self) -> str:
        device, plan = self._desk.device.device, self.crops.plan
        on = f" on {device.for_training.name}" if device is not None else ""
        memory = size_text(self._parameters().memory)
        disk = f", {size_text(plan.bytes_on_disk)} of disk" if plan is not None and self.crops.places else ""
        return f"{self.budget.minutes.value():g} min at most{on}, ~ {memory} of memory{disk}"


def _keeping(run: RunFolder, comparison: Comparison, name: str) -> Job[list[Path]]:
    """The model under its name, and the teacher that learnt beside it under another: both or none.

    What it was scored on is read, to be looked at once the run is gone.
    """
    yield Progress("keeping the model", 0, 1)
    best = best_model(run.folder)
    kept, teacher = [zoo.keep_model(best, name)], teacher_beside(best)
    try:
        if teacher.exists():
            kept.append(zoo.keep_model(teacher, free_name(f"{kept[0].stem} teacher", zoo.available_models())))
        comparison.read_all()
    except BaseException:
        for model in kept:
            zoo.forget_model(model)
        raise
    return kept


def _lies_in(place: Place, layer) -> bool:
    of_labels = isinstance(place.truth, LayerTruth) and place.truth.layer is layer
    return place.stack is layer or of_labels
