"""A job that several runners drive together: whoever needs its result goes on with it, and no step is done twice."""

from threading import Lock
from typing import Generic, TypeVar

from napari_emcad.core.progress import Job

T = TypeVar("T")


class SharedJob(Generic[T]):
    """Wraps a job for any number of drivers, in any threads; each step is done by one of them.

    A driver that is closed leaves the job to the others, and to those that come later.
    """

    def __init__(self, job: Job[T]):
        self._job, self._lock = job, Lock()
        self._results: list[T] = []
        self._error: Exception | None = None

    @property
    def is_over(self) -> bool:
        """True once there is a result, or an error."""
        return bool(self._results) or self._error is not None

    def drive(self) -> Job[T]:
        """Return a job that goes on with the shared one and has its result, or raises its error."""
        while True:
            with self._lock:
                if self.is_over:
                    break
                try:
                    progress = next(self._job)
                except StopIteration as end:
                    self._results.append(end.value)
                    break
                except Exception as error:  # noqa: BLE001 - each driver raises it
                    self._error = error
                    break
            yield progress
        if self._error is not None:
            raise self._error
        return self._results[0]
