"""A run under way: its bar, its curves and its scores."""

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from napari_emcad.core.errors import UserError
from napari_emcad.finetuning.record import Event, Record
from napari_emcad.widgets.finetune.learning_curves import Curves
from napari_emcad.widgets.kit.forms import text
from napari_emcad.workers.training import Exit, Trainer

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

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self.record, self._was_ended_at_once = Record(), False
        self.trainer = Trainer(self)
        self.bar, self.curves, self._scores = QProgressBar(), Curves(), text()
        self.bar.setRange(0, FINE)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        for widget in (self.bar, self.curves, self._scores):
            column.addWidget(widget)
        self.trainer.said.connect(self._on_said)
        self.trainer.ended.connect(self._on_ended)
        self.put(None)

    @property
    def running(self) -> bool:
        return self.trainer.running

    @property
    def words(self) -> str:
        """Where it is, such as "step 41, 1:12 left"."""
        return f"stopping: {self.record.progress_text}" if self.trainer.stopping else self.record.progress_text

    def put(self, record: Record | None) -> None:
        """Show a run that is not going on now; None = none."""
        self.record = record or Record()
        self._show()
        self.setVisible(record is not None)

    def work_on(self, folder: Path) -> None:
        """Begin a run, or go on with it."""
        self.put(Record.of(folder))
        self._was_ended_at_once = False
        self.record.go_on()
        self.trainer.start(folder)
        self._show()

    def stop(self) -> None:
        """End it with the step under way and a last score; asked again, at once."""
        if self.trainer.stopping:
            self._was_ended_at_once = True
            self.trainer.kill()
        else:
            self.trainer.stop()
        self._show()

    def _on_said(self, event: Event) -> None:
        self.record.take(event)
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        self.bar.setVisible(self.running)
        self.bar.setValue(round(FINE * self.record.done))
        self.bar.setFormat(self.words)
        self.curves.put(self.record)
        self._scores.setText(self.record.scores_text)
        self._scores.setVisible(self.running and bool(self.record.scores_text))

    def _on_ended(self, end: Exit) -> None:
        self._show()
        self.ended.emit(None if self._was_ended_at_once else _failure(self.record, end))


def _failure(record: Record, end: Exit) -> Exception | None:
    """What went wrong; None where the run has ended well."""
    if record.failure:
        return UserError(record.failure)
    if record.finished:  # whatever Python does while it ends
        return None
    if end.was_killed or end.code < 0:
        return UserError(
            f"training: the system ended the trainer at step {record.step}, most likely for want of memory; what was "
            "best until then is there, and it can go on."
        )
    last = end.details.splitlines()[-1] if end.details else f"it ended with code {end.code}"
    return RuntimeError(f"the trainer: {last}\n{end.details}")
