"""Progress of jobs.

A job is a generator: it yields `Progress` and returns its result. Whoever drives it shows the progress;
closing the generator cancels it at the next yield.
"""

import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """One step of a job.

    Attributes
    ----------
    stage : str
        The name of the result: "affinities", "fragments", "agglomeration".
    done, total : int
        Units of the stage, such as sections.
    seconds_left : float or None
        Time left for this stage; None while it is not known.
    """

    stage: str
    done: int
    total: int
    seconds_left: float | None = None


Job = Generator[Progress, None, T]
"""A job that yields `Progress` and returns a value."""

Steps = Generator[None, None, T]
"""Work that returns a value and may be given up after each of its steps, by whoever makes a job of it."""


def each(items: Iterable[T]) -> Steps[list[T]]:
    """Return items as a list; each of them is made in a step of its own."""
    found = []
    for one in items:
        found.append(one)
        yield
    return found


class Stopwatch:
    """A clock that tells the time left of a stage from the time that its finished part took.

    Of the `total` units of the stage `before` were finished before the clock was started.
    """

    def __init__(self, stage: str, total: int, before: int = 0):
        self._stage, self._total, self._before, self._start = stage, total, before, time.monotonic()

    def at(self, done: int, part: float = 0.0) -> Progress:
        """Return the progress with `done` of the stage finished, and of the next unit a `part` between 0 and 1."""
        passed, finished = time.monotonic() - self._start, done + part
        timed = finished - self._before
        left = passed * (self._total - finished) / timed if timed > 0 else None
        return Progress(self._stage, done, self._total, left)


def drive(job: Job[T]) -> T:
    """Run a job to its end without showing its progress."""
    while True:
        try:
            next(job)
        except StopIteration as end:
            return end.value
