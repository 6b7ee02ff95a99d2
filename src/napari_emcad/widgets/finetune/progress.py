"""A run under way: its bar, its curves and its scores."""

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from napari_emcad.core.errors import UserError
from napari_emcad.core.progress import Progress
from napari_emcad.finetuning.record import Record
from napari_emcad.widgets.finetune.learning_curves import Curves
from napari_emcad.widgets.kit.forms import text
from napari_emcad.widgets.kit.jobs import Ended, Loop
from napari_emcad.workers.child_job import StopRequest
from napari_emcad.workers.training import TrainingProgress, train_beside

FINE = 1000
"""Steps of the bar."""


class RunProgress(QWidget):
    """Works on one run at a time and shows how it goes.

    Attributes
    ----------
    record : Record
        Of the run shown.
    folder : Path or None

    Signals
    -------
    changed
        It has said something.
    ended : Exception or None
        What went wrong, where something has.
    """

    changed = Signal()
    ended = Signal(object)

    def __init__(self, loop: Loop, parent: QWidget | None = None):
        super().__init__(parent)
        self.record, self._stop = Record(), StopRequest()
        self._jobs = loop.jobs()
        self.bar, self.curves, self._scores = QProgressBar(), Curves(), text()
        self.bar.setRange(0, FINE)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        for widget in (self.bar, self.curves, self._scores):
            column.addWidget(widget)
        self._jobs.progressed.connect(self._on_progress)
        self.put(None)

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
        """Where it is, such as "step 41, 1:12 left"."""
        return f"stopping: {self.record.progress_text}" if self.stopping else self.record.progress_text

    def put(self, record: Record | None) -> None:
        """Show a run that is not going on now; None = none."""
        self.record = record or Record()
        self._show()
        self.setVisible(record is not None)

    def work_on(self, folder: Path) -> None:
        """Begin a run, or go on with it."""
        self.put(Record.of(folder))
        self.record.restart()
        self._stop = StopRequest()
        self._jobs.start(train_beside(folder, self._stop), self._on_ended)
        self._show()

    def stop(self) -> None:
        """End it with the step under way and a last score; asked again, at once."""
        if self.stopping:
            self._stop.insist()
            self._jobs.stop()
        else:
            self._stop.ask()
        self._show()

    def close_run(self) -> None:
        """Stop it and wait a moment for a good end; nothing is told any more."""
        self._jobs.close()

    def _on_progress(self, progress: Progress) -> None:
        if isinstance(progress, TrainingProgress):
            self.record.take(progress.event)
            self._show()
            self.changed.emit()

    def _show(self) -> None:
        self.bar.setVisible(self.running)
        self.bar.setValue(round(FINE * self.record.done))
        self.bar.setFormat(self.words)
        self.curves.put(self.record)
        self._scores.setText(self.record.scores_text)
        self._scores.setVisible(self.running and bool(self.record.scores_text))

    def _on_ended(self, ended: Ended) -> None:
        error = None if self.record.finished else ended.error  # whatever Python does while it ends
        if isinstance(error, UserError):
            self.record.take({"event": "failed", "sentence": str(error)})
        self._show()
        self.ended.emit(error)
