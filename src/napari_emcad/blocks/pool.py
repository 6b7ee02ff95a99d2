"""Pools do the tasks of a run: one after the other in this program, or on the workers of a cluster (`cluster`)."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from napari_emcad.core.progress import Job, Stopwatch

Task = Callable[[str, int], None]
"""A step of a block: takes the folder of the run and the number of the block."""


class Pool(Protocol):
    """Does the tasks of a run."""

    @property
    def dashboard(self) -> str | None:
        """URL of a page that shows what is going on, if there is one."""
        ...

    def run(self, step: str, task: Task, folder: Path, numbers: Sequence[int]) -> Job[None]:
        """Do a task for each of these blocks; progress by blocks."""
        ...


class InTurn:
    """Does one block after the other, in this program. See `Pool`."""

    @property
    def dashboard(self) -> None:
        """None: there is no page."""
        return None

    def run(self, step: str, task: Task, folder: Path, numbers: Sequence[int]) -> Job[None]:
        """Do a task for each of these blocks; progress by blocks."""
        watch = Stopwatch(step, len(numbers))
        yield watch.at(0)
        for done, number in enumerate(numbers, 1):
            task(str(folder), number)
            yield watch.at(done)
