"""A run under way: a job in a process of its own, and the record of what it tells."""

from pathlib import Path

from napari_emcad.core.errors import UserError
from napari_emcad.core.progress import Progress
from napari_emcad.finetuning.record import Record
from napari_emcad.widgets.kit.jobs import Ended, Loop
from napari_emcad.widgets.kit.signals import Signal
from napari_emcad.workers.child_job import StopRequest
from napari_emcad.workers.training import TrainingProgress, train_beside


class RunProgress:
    """Works on one run at a time and knows how it goes.

    Attributes
    ----------
    record : Record
        The record of the run shown; empty if none is.
    is_shown : bool
        True if there is a run to look at, under way or not.

    Signals
    -------
    changed
    ended : Exception or None
        The run is not under way any more; the error if something went wrong.
    """

    changed = Signal()
    ended = Signal(object)

    def __init__(self, loop: Loop):
        self.record, self.is_shown = Record(), False
        self._stop, self._jobs = StopRequest(), loop.jobs()
        self._jobs.progressed.connect(self._on_progress)

    @property
    def running(self) -> bool:
        """True while a run is worked on."""
        return self._jobs.running

    @property
    def stopping(self) -> bool:
        """True once the run has been asked to stop, until it has ended."""
        return self.running and self._stop.is_asked

    @property
    def words(self) -> str:
        """The place of the run in its budget: "step 41, 1:12 left"."""
        return f"stopping: {self.record.progress_text}" if self.stopping else self.record.progress_text

    def put(self, record: Record | None) -> None:
        """Show a run that is not under way; None = none."""
        self.record, self.is_shown = record or Record(), record is not None
        self.changed.emit()

    def work_on(self, folder: Path) -> None:
        """Begin the run of a folder, or go on with it."""
        self.record, self.is_shown = Record.of(folder), True
        self.record.restart()
        self._stop = StopRequest()
        self._jobs.start(train_beside(folder, self._stop), self._on_ended)
        self.changed.emit()

    def stop(self) -> None:
        """End the run with the step under way and a last score; asked again, at once."""
        if self.stopping:
            self._stop.insist()
            self._jobs.stop()
        else:
            self._stop.ask()
        self.changed.emit()

    def close(self) -> None:
        """Stop the run, wait a moment for a good end, and say nothing any more."""
        self._jobs.close()

    def _on_progress(self, progress: Progress) -> None:
        if isinstance(progress, TrainingProgress):
            self.record.take(progress.event)
            self.changed.emit()

    def _on_ended(self, ended: Ended) -> None:
        error = None if self.record.finished else ended.error  # whatever Python does while it ends
        if isinstance(error, UserError):
            self.record.take({"event": "failed", "sentence": str(error)})
        self.changed.emit()
        self.ended.emit(error)
