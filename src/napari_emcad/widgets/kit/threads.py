"""Jobs in threads and pauses by timers: the one place where the generators of other rooms meet Qt."""

import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from napari.qt.threading import GeneratorWorker
from psygnal import Signal
from qtpy.QtCore import QObject, QThreadPool, QTimer

from napari_emcad.core.progress import Job, Progress
from napari_emcad.widgets.kit.jobs import Ended

LEAST_THREADS = 8
"""Jobs that go on side by side whatever the number of cores: on two, a look at sections would let a run wait."""

PATIENCE = 10.0
"""Seconds that closing a window waits for a job to stop; a tile takes one or two."""


@dataclass(frozen=True)
class _ThreadRun:
    job: Job[Any]
    then: Callable[[Ended], None]
    stop: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)


class JobRunner(QObject):
    """Runs one job at a time in a thread; see `kit.jobs.Jobs`."""

    progressed = Signal(object)
    running_changed = Signal()

    def __init__(self, parent: QObject | None = None):
        super().__init__(parent)
        self._run: _ThreadRun | None = None
        self._alive: list[_ThreadRun] = []

    @property
    def running(self) -> bool:
        """True while a job is under way whose result is wanted."""
        return self._run is not None

    @property
    def stopping(self) -> bool:
        """True while a job has been told to stop and has not done so yet."""
        return self._run is not None and self._run.stop.is_set()

    def start(self, job: Job[Any], then: Callable[[Ended], None]) -> None:
        """Drive a job in a thread; `then` is called in this one, once, however the job ends."""
        self.stop()
        run = self._run = _ThreadRun(job, then)
        self._alive = [*(r for r in self._alive if not r.over.is_set()), run]
        worker = GeneratorWorker(_drive_in_thread, run)
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
        """Stop, drop the result and wait for the thread. Return True if it ended in time."""
        self._run = None
        for run in self._alive:
            run.stop.set()
        until = time.monotonic() + patience
        return all(run.over.wait(max(0.0, until - time.monotonic())) for run in self._alive)

    def _on_yielded(self, step: tuple[_ThreadRun, Progress]) -> None:
        run, progress = step
        if run is self._run:
            self.progressed.emit(progress)

    def _on_returned(self, end: tuple[_ThreadRun, Ended]) -> None:
        run, ended = end
        if run is not self._run:
            return
        self._run = None
        self.running_changed.emit()
        run.then(ended)


class TimerPause(QObject):
    """A pause by one of Qt's timers; see `kit.jobs.Pause`."""

    def __init__(self, parent: QObject, milliseconds: int, then: Callable[[], Any]):
        super().__init__(parent)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(milliseconds)
        self._timer.timeout.connect(lambda: then())

    @property
    def is_active(self) -> bool:
        """True from `start` until the call, or `stop`."""
        return self._timer.isActive()

    def start(self, milliseconds: int | None = None) -> None:
        """Begin to wait, anew if it waits already."""
        if milliseconds is not None:
            self._timer.setInterval(milliseconds)
        self._timer.start()

    def stop(self) -> None:
        """Do not call."""
        self._timer.stop()


class QtLoop:
    """The window's event loop; what it gives out lives as long as the object it was made for."""

    def __init__(self, parent: QObject):
        self._parent = parent
        pool = QThreadPool.globalInstance()
        if pool is not None:
            pool.setMaxThreadCount(max(pool.maxThreadCount(), LEAST_THREADS))

    def jobs(self) -> JobRunner:
        """Return a runner of jobs in threads."""
        return JobRunner(self._parent)

    def pause(self, milliseconds: int, then: Callable[[], Any]) -> TimerPause:
        """Return a pause, not started."""
        return TimerPause(self._parent, milliseconds, then)


def _drive_in_thread(run: _ThreadRun) -> Generator[tuple[_ThreadRun, Progress], None, tuple[_ThreadRun, Ended]]:
    """Drive a job in the thread that closes it, and return its end as a value, whatever that is.

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
