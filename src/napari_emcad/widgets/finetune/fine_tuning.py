"""Fine-tuning on one desk: a run is started, stopped and gone on with, and its network is kept or discarded."""

from pathlib import Path

from napari_emcad.core.errors import UserError
from napari_emcad.finetuning.record import Record
from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.finetune.comparison import Comparison
from napari_emcad.widgets.finetune.decision import Decision
from napari_emcad.widgets.finetune.keeping import KeptModel, keep_job
from napari_emcad.widgets.finetune.progress import RunProgress
from napari_emcad.widgets.finetune.request import write_job
from napari_emcad.widgets.finetune.runs import RunFolder, runs_folder
from napari_emcad.widgets.finetune.setup import RunSetup
from napari_emcad.widgets.kit.jobs import Ended
from napari_emcad.widgets.kit.signals import Signal

UNDECIDED = "Keep or discard what the last run has brought, or go on with it, first."
BUSY = "A job of fine-tuning is running."
LEFT = "A fine-tuning run was left here: keep what it has brought, discard it, or go on with it."


class FineTuning:
    """At most one run at a time, from its choices to what becomes of it.

    Attributes
    ----------
    setup : RunSetup
    progress : RunProgress
    comparison : Comparison
    decision : Decision or None
        The outcome of the last run; None while there is nothing to say of one.

    Signals
    -------
    changed
    segment_again : Path
        A model has been kept, and what is on screen is to be segmented with it.
    attention
        A run waits for a decision: it has just ended, or is from another day.
    """

    changed = Signal()
    segment_again = Signal(object)
    attention = Signal()

    def __init__(self, desk: Desk):
        self._desk, self._message = desk, desk.message
        self._run: RunFolder | None = None
        self._looked_in: set[Path] = set()
        self._worker = desk.loop.jobs()
        self.setup, self.progress = RunSetup(desk), RunProgress(desk.loop)
        self.comparison = Comparison(desk.viewer, self._worker, desk.message)
        self.decision: Decision | None = None
        for signal in (self.setup.changed, self.progress.changed, self._worker.running_changed):
            signal.connect(self._on_change)
        self.progress.ended.connect(self._on_ended)
        desk.sessions.changed.connect(self._on_session)

    @property
    def running(self) -> bool:
        """True if something would be lost if the window were closed now without a word."""
        return self.progress.running or self._worker.running

    @property
    def why_not(self) -> str:
        """The reason why no run can be started; empty if one can."""
        if self.running:
            return BUSY
        return UNDECIDED if self._run is not None else self.setup.why_not

    @property
    def start_words(self) -> str:
        """The words of the button that starts or stops a run."""
        if self.progress.stopping:
            return "End at once"
        return "Stop" if self.running else "Start"

    @property
    def start_tip(self) -> str:
        """The effect of pressing it."""
        if self.progress.stopping:
            return "Without a last score; the best network so far stays."
        if self.progress.running:
            return "Ends with the step under way and a last score; the best network stays."
        return "Train, and score on what is held out."

    def start(self) -> None:
        """Write the crops and begin to train."""
        try:
            if why_not := self.why_not:
                raise UserError(why_not)
            request = self.setup.request()
        except UserError as error:
            self._message.error(error)
            return
        self._clear()
        self.setup.networks.remember()
        self._message.say("Reading the crops.")
        self._worker.start(write_job(request), self._on_written)

    def stop(self) -> None:
        """Stop the run; asked again, at once. The best network so far stays."""
        if self._worker.running:
            self._worker.stop()
        elif self.progress.running:
            self.progress.stop()

    def go_on(self) -> None:
        """Train for the budget once more, from where the run is."""
        if self._run is None or self.running:
            return
        try:
            order, record = self._run.order, self.progress.record
            parameters = self.setup.budget.extend(order.parameters, record.step, record.seconds)
            order.model_copy(update={"parameters": parameters}).write(self._run.folder)
        except (UserError, OSError) as error:
            self._message.error(error)
            return
        self._work_on(self._run)

    def keep(self, name: str) -> None:
        """Add the best network to the person's models under a name."""
        if self._run is not None and not self.running:
            self._message.say("Adding it to your models.")
            self._worker.start(keep_job(self._run, name), self._on_kept)

    def discard(self) -> None:
        """Remove the run."""
        if self._run is None or self.running:
            return
        self._clear()
        self._remove_run()
        self._message.result("Discarded: the models are as they were.")
        self.changed.emit()

    def compare(self, number: int | None) -> None:
        """Show a held-out crop before and after, by its number; None = none any more."""
        if self.decision is not None and not self.running:
            self.comparison.compare(number)

    def segment_with_it(self) -> None:
        """Ask for what is on screen to be segmented with the model that has been kept."""
        if self.decision is not None and self.decision.model is not None:
            self.comparison.compare(None)
            self.segment_again.emit(self.decision.model)

    def prepare(self) -> None:
        """Read what is known of the models, and see whether a run was left."""
        self.setup.networks.read_cards()
        self._look_for_left(runs_folder(None))

    def close(self) -> None:
        """Stop everything and let go of the layers; an unfinished run is offered another day."""
        self._desk.sessions.changed.disconnect(self._on_session)
        self.progress.close()
        self._worker.close()
        self.setup.close()
        if self._run is not None:
            self._run.release()

    def _work_on(self, run: RunFolder) -> None:
        self._run = run
        self._clear()
        self._message.say("It trains in a process of its own: you can go on working meanwhile.")
        self.progress.work_on(run.folder)

    def _clear(self) -> None:
        """Take away what the last run has shown."""
        self.decision = None
        self.comparison.clear()
        self.setup.outline.hide()
        self.progress.put(None)

    def _remove_run(self) -> None:
        if self._run is not None:
            self._run.remove()
            self._run = None

    def _decide(self, run: RunFolder) -> Decision:
        """Put the outcome of a run to the person."""
        self.comparison.open(run, self.progress.record)
        self.decision = Decision.of(run, self.progress.record)
        self.changed.emit()
        return self.decision

    def _look_for_left(self, runs: Path) -> None:
        """Offer a run that napari did not see the end of, or that nobody decided on; look once in each folder."""
        if self._run is not None or self.running or runs in self._looked_in:
            return
        self._looked_in.add(runs)
        self._run = RunFolder.last_in(runs)
        if self._run is None:
            return
        self.progress.put(Record.of(self._run.folder))
        self._decide(self._run)
        self._message.say(LEFT)
        self.attention.emit()

    def _on_change(self) -> None:
        self.changed.emit()

    def _on_session(self) -> None:
        """Look for a run that was left in the session on screen."""
        at = self._desk.sessions.current
        if at is not None:
            self._look_for_left(runs_folder(at.opened.folder))

    def _on_written(self, ended: Ended) -> None:
        if ended.error is not None:
            self._message.error(ended.error)
        elif ended.result is None:
            self._message.result("Stopped: nothing was trained.")
        else:
            self._work_on(ended.result)

    def _on_ended(self, failure: Exception | None) -> None:
        run = self._run
        if run is None:
            return
        if failure is not None and not self.progress.record.step and self.setup.crops.places:
            self._remove_run()  # nothing was learnt, and the crops are still listed
            self.progress.put(None)
        else:
            decision = self._decide(run)
            if failure is None:
                self._message.result(decision.words)
            self.attention.emit()
        if failure is not None:
            self._message.error(failure)

    def _on_kept(self, ended: Ended) -> None:
        kept: KeptModel | None = ended.result
        if ended.error is not None:
            self._message.error(ended.error)
        elif kept is not None and self.decision is not None:
            self.comparison.keep(kept.crops)
            self._remove_run()
            self.setup.networks.refresh()
            self._desk.model.open_file(kept.model)
            self.decision = self.decision.kept_as(kept.model)
            also = f' Its teacher is kept as "{kept.teacher.stem}".' if kept.teacher else ""
            self._message.result(f'Kept as "{kept.model.stem}" and chosen under Segment.{also}')
            self.changed.emit()
