"""An event loop that tests drive by hand: nothing happens by itself, and nothing in a thread."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

from psygnal import Signal

from napari_emcad.core.progress import Job
from napari_emcad.widgets.kit.jobs import Ended


class HandJobs:
    """Runs jobs step by step when told to; see `kit.jobs.Jobs`."""

    progressed = Signal(object)
    running_changed = Signal()

    def __init__(self) -> None:
        self._job: Job[Any] | None = None
        self._then: Callable[[Ended], None] = lambda _: None
        self.stopping = False

    @property
    def running(self) -> bool:
        return self._job is not None

    def start(self, job: Job[Any], then: Callable[[Ended], None]) -> None:
        self._drop()
        self._job, self._then, self.stopping = job, then, False
        self.running_changed.emit()

    def stop(self) -> None:
        if self.running:
            self.stopping = True
            self.running_changed.emit()

    def close(self, patience: float = 0) -> bool:
        self._drop()
        return True

    def step(self) -> None:
        """Do one step of the job, or end it where it was told to stop."""
        job = self._job
        try:
            if not self.stopping:
                self.progressed.emit(next(job))
                return
            job.close()
            ended = Ended(stopped=True)
        except StopIteration as end:
            ended = Ended(result=end.value)
        except Exception as error:  # noqa: BLE001 - as in a thread
            ended = Ended(error=error)
        if job is self._job:
            self._job, self.stopping = None, False
            self.running_changed.emit()
            self._then(ended)

    def _drop(self) -> None:
        if self._job is not None:
            with closing(self._job):
                self._job = None


class HandPause:
    """A pause that ends when told to; see `kit.jobs.Pause`."""

    def __init__(self, milliseconds: int, then: Callable[[], Any]):
        self.milliseconds, self._then = milliseconds, then
        self.is_active = False

    def start(self, milliseconds: int | None = None) -> None:
        self.milliseconds = self.milliseconds if milliseconds is None else milliseconds
        self.is_active = True

    def stop(self) -> None:
        self.is_active = False

    def end(self) -> None:
        """Let the time pass."""
        self.is_active = False
        self._then()


class HandLoop:
    """Gives out jobs and pauses, and drives them."""

    def __init__(self) -> None:
        self._jobs: list[HandJobs] = []
        self._pauses: list[HandPause] = []

    def jobs(self) -> HandJobs:
        self._jobs.append(HandJobs())
        return self._jobs[-1]

    def pause(self, milliseconds: int, then: Callable[[], Any]) -> HandPause:
        self._pauses.append(HandPause(milliseconds, then))
        return self._pauses[-1]

    def step(self) -> bool:
        """Do one step of the first job that is running; return False if none is."""
        running = next((jobs for jobs in self._jobs if jobs.running), None)
        if running is not None:
            running.step()
        return running is not None

    def work(self) -> None:
        """Drive all jobs to their ends; pauses go on."""
        while self.step():
            pass

    def rest(self) -> None:
        """Let all pauses end, the shortest first; jobs go on."""
        for pause in sorted((p for p in self._pauses if p.is_active), key=lambda p: p.milliseconds):
            pause.end()

    def settle(self) -> None:
        """Drive jobs and let pauses end until nothing is left to happen."""
        while any(jobs.running for jobs in self._jobs) or any(pause.is_active for pause in self._pauses):
            self.work()
            self.rest()
