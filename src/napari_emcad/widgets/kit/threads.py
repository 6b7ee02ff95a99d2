"""Jobs in threads and pauses by timers: the one place where the generators of other rooms meet Qt."""

import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any
from weakref import WeakSet

from napari.qt.threading import GeneratorWorker
from qtpy.QtCore import QObject, QThreadPool, QTimer

from napari_emcad.core.progress import Job, Progress
from napari_emcad.widgets.kit.jobs import Ended
from napari_emcad.widgets.kit.nets import Tell, report
from napari_emcad.widgets.kit.signals import Signal

LEAST_THREADS = 8
"""Jobs that go on side by side whatever the number of cores: on two, a look at sections would let a run wait."""

PATIENCE = 10.0
"""Seconds that closing a window waits for a job to stop; a tile takes one or two."""


class _ThreadRun:
    """One job in its thread. What it results in is closed, where that can be, if nobody takes it any more."""

    def __init__(self, job: Job[Any], then: Callable[[Ended], None]):
        self.job, self.then = job, then
        self.stop, self.over = threading.Event(), threading.Event()
        self.failed: Exception | None = None
        self._lock, self._ended, self._is_dropped = threading.Lock(), Ended(stopped=True), False

    def drop(self) -> None:
        """Stop; nobody takes the result."""
        self.stop.set()
        with self._lock:
            self._is_dropped = True
            self._let_go_if_over()

    def end(self, ended: Ended) -> None:
        """Note the end, in the job's thread."""
        with self._lock:
            self._ended = ended
            self.over.set()
            self._let_go_if_over()

    def _let_go_if_over(self) -> None:
        if self._is_dropped and self.over.is_set():
            self._ended.let_go()
            self._ended = Ended(stopped=True)


class JobRunner(QObject):
    """Runs one job at a time in a thread; see `kit.jobs.Jobs`.

    Whatever raises in this thread on its behalf is told, and the job is over all the same: where a listener of its
    progress fails it is stopped and ends in that error, and a callback that fails is called once more with what it
    raised as the job's error, so that whatever it has begun ends.
    """

    progressed = Signal(object)
    running_changed = Signal()

    def __init__(self, parent: QObject | None = None, tell: Tell = report):
        super().__init__(parent)
        self._tell = tell
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
        if self._run is not None:
            self._run.drop()
        run = self._run = _ThreadRun(job, then)
        self._alive = [*(r for r in self._alive if not r.over.is_set()), run]
        worker = GeneratorWorker(_drive_in_thread, run)
        worker.yielded.connect(self._on_yielded)
        worker.returned.connect(self._on_returned)
        worker.start()
        self._say_running()

    def stop(self) -> None:
        """Stop at the next step; `then` hears of it."""
        if self._run is not None:
            self._run.stop.set()
            self._say_running()

    def close(self, patience: float = PATIENCE) -> bool:
        """Stop, drop the result and wait for the thread. Return True if it ended in time."""
        self._run = None
        for run in self._alive:
            run.drop()
        until = time.monotonic() + patience
        return all(run.over.wait(max(0.0, until - time.monotonic())) for run in self._alive)

    def _on_yielded(self, step: tuple[_ThreadRun, Progress]) -> None:
        run, progress = step
        if run is not self._run or run.failed is not None:
            return
        run.failed = _attempt(self.progressed.emit, progress)
        if run.failed is not None:
            run.stop.set()

    def _on_returned(self, end: tuple[_ThreadRun, Ended]) -> None:
        run, ended = end
        if run is not self._run:
            return
        self._run = None
        self._say_running()
        if run.failed is not None:
            ended.let_go()
            ended = Ended(error=run.failed)
        error = _attempt(run.then, ended)
        if error is not None:
            ended.let_go()
            if ended.error is None:  # whatever it has begun ends as if the job had failed
                _attempt(run.then, Ended(error=error))
            self._say_running()
            self._tell(error)

    def _say_running(self) -> None:
        error = _attempt(self.running_changed.emit)
        if error is not None:
            self._tell(error)


class TimerPause(QObject):
    """A pause by one of Qt's timers; see `kit.jobs.Pause`."""

    def __init__(self, parent: QObject, milliseconds: int, then: Callable[[], Any], tell: Tell = report):
        super().__init__(parent)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(milliseconds)
        self._timer.timeout.connect(lambda: self._on_timeout(then, tell))

    def _on_timeout(self, then: Callable[[], Any], tell: Tell) -> None:
        error = _attempt(then)
        if error is not None:
            tell(error)

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
    """The window's event loop; what it gives out lives as long as the object it was made for.

    Parameters
    ----------
    parent : QObject
    tell : callable
        Is told what callbacks raise.
    """

    def __init__(self, parent: QObject, tell: Tell = report):
        self._parent, self._tell = parent, tell
        self._runners: WeakSet[JobRunner] = WeakSet()
        pool = QThreadPool.globalInstance()
        if pool is not None:
            pool.setMaxThreadCount(max(pool.maxThreadCount(), LEAST_THREADS))

    def jobs(self) -> JobRunner:
        """Return a runner of jobs in threads."""
        runner = JobRunner(self._parent, self._tell)
        self._runners.add(runner)
        return runner

    def close(self) -> None:
        """Stop what is still at work, and wait for it: a thread that outlives the window may end in a crash."""
        for runner in list(self._runners):
            runner.close()

    def pause(self, milliseconds: int, then: Callable[[], Any]) -> TimerPause:
        """Return a pause, not started."""
        return TimerPause(self._parent, milliseconds, then, self._tell)


def _attempt(function: Callable[..., Any], *arguments: Any) -> Exception | None:
    """Call a function that has no caller who could mend what it raises; return that."""
    try:
        function(*arguments)
    except Exception as error:  # noqa: BLE001 - whatever it is
        return error
    return None


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
    except BaseException as error:  # noqa: BLE001 - the end of a thread, also by exit() of a library: the panel shows it
        ended = Ended(error=error if isinstance(error, Exception) else RuntimeError(repr(error)))
    finally:
        run.end(ended)
    return run, ended
