"""Jobs in a thread: the one place where the generators of the other rooms meet Qt."""

import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from napari.qt.threading import GeneratorWorker
from qtpy.QtCore import QObject, Signal

from napari_emcad.core.progress import Job, Progress

PATIENCE = 10.0
"""Seconds that closing a window waits for a job to stop; a tile takes one or two."""


@dataclass(frozen=True)
class Ended:
    """How a job ended: with its result, with an error, or stopped by a person."""

    result: Any = None
    error: Exception | None = None
    stopped: bool = False


@dataclass(frozen=True)
class _Run:
    job: Job
    then: Callable[[Ended], None]
    stop: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)


class JobRunner(QObject):
    """Runs one job at a time in a thread; starting another one drops what the earlier one brings.

    Signals
    -------
    progressed : Progress
    running_changed
    """

    progressed = Signal(object)
    running_changed = Signal()

    def __init__(self, parent: QObject | None = None):
        super().__init__(parent)
        self._run: _Run | None = None
        self._alive: list[_Run] = []

    @property
    def running(self) -> bool:
        """Whether a job is under way whose result is wanted."""
        return self._run is not None

    @property
    def stopping(self) -> bool:
        """Whether it has been told to stop and has not done so yet."""
        return self._run is not None and self._run.stop.is_set()

    def start(self, job: Job, then: Callable[[Ended], None]) -> None:
        """Drive a job in a thread; `then` is called in this one, once, however the job ends."""
        self.stop()
        run = self._run = _Run(job, then)
        self._alive = [*(r for r in self._alive if not r.over.is_set()), run]
        worker = GeneratorWorker(_driven, run)
        worker.yielded.connect(self._on_yielded)
        worker.returned.connect(self._on_returned)
        self.running_changed.emit()
        worker.start()

    def stop(self) -> None:
        """Stop at the next step; `then` hears of it."""
        if self._run is not None:
            self._run.stop.set()
            self.running_changed.emit()

    def close(self, patience: float = PATIENCE) -> bool:
        """Stop, drop the result and wait for the thread; whether it ended in time."""
        self._run = None
        for run in self._alive:
            run.stop.set()
        until = time.monotonic() + patience
        return all(run.over.wait(max(0.0, until - time.monotonic())) for run in self._alive)

    def _on_yielded(self, step: tuple[_Run, Progress]) -> None:
        run, progress = step
        if run is self._run:
            self.progressed.emit(progress)

    def _on_returned(self, end: tuple[_Run, Ended]) -> None:
        run, ended = end
        if run is not self._run:
            return
        self._run = None
        self.running_changed.emit()
        run.then(ended)


def one_step(function: Callable, *arguments: Any, stage: str = "") -> Job[Any]:
    """A job out of a plain function, which cannot be stopped once it runs."""
    if stage:
        yield Progress(stage, 0, 1)
    return function(*arguments)


def _driven(run: _Run) -> Generator[tuple[_Run, Progress], None, tuple[_Run, Ended]]:
    """Drive a job in the thread it is to be closed in, and turn however it ends into a value.

    napari's worker takes a RuntimeError for the result, and torch raises just those: nothing may get out of here.
    """
    ended = Ended(stopped=True)
    try:
        with closing(run.job):
            while not run.stop.is_set():
                try:
                    progress = next(run.job)
                except StopIteration as end:
                    ended = Ended(result=end.value)
                    break
                yield run, progress
    except Exception as error:  # noqa: BLE001 - the end of a thread: the panel shows it
        ended = Ended(error=error)
    finally:
        run.over.set()
    return run, ended
