"""A job for a child, and the wish to stop it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event
from typing import Generic, TypeVar

import numpy as np
from pydantic import TypeAdapter

from napari_emcad.core.progress import Job, Progress
from napari_emcad.core.volume import AffinityVolume, Volume, Writable
from napari_emcad.workers.child import Arrays, Caller
from napari_emcad.workers.frames import ChildMessage

Task = TypeVar("Task")


@dataclass(frozen=True)
class ChildJob(Generic[Task]):
    """A job that is to be done in a child.

    Attributes
    ----------
    function : callable
        A job at the top of a module. It takes the `Caller` and an argument `task`, yields `Progress` and returns arrays
        by name.
    task : Task
        A frozen dataclass or pydantic model; the child gets an equal one.
    name : str
        Begins the sentences about it, such as "affinities".
    stage : str
        Its first stage, while the child starts.
    advice : str
        Ends the sentence where memory does not suffice, such as "choose a smaller box".
    reads : mapping of str to array
        Arrays of this program that the child may read by slices.
    writes : mapping of str to array
        Arrays of this program that the child may write by slices.
    progress : type
        `Progress`, or the subclass of it that the function yields.
    """

    function: Callable[[Caller, Task], Job[Arrays]]
    task: Task
    name: str
    stage: str
    advice: str
    reads: Mapping[str, Volume | AffinityVolume] = field(default_factory=dict)
    writes: Mapping[str, Writable] = field(default_factory=dict)
    progress: type[Progress] = Progress

    def message(self, temporary: str | None) -> ChildMessage:
        """Return the message that starts it, in a child whose folder for temporary files is its own, or none."""
        task = TypeAdapter(type(self.task)).dump_python(self.task, mode="json")
        lent = {n: {"shape": list(a.shape), "dtype": np.dtype(a.dtype).str} for n, a in self.reads.items()}
        function = f"{self.function.__module__}:{self.function.__qualname__}"
        return ChildMessage("run", {"function": function, "task": task, "lent": lent, "temporary": temporary})


class StopRequest:
    """Asks a job in a child to stop in good order, or at once. Safe to use from any thread."""

    def __init__(self) -> None:
        self._asked, self._insisted = Event(), Event()

    @property
    def is_asked(self) -> bool:
        """True once the job is to stop in good order."""
        return self._asked.is_set()

    @property
    def is_insisted(self) -> bool:
        """True once closing the job is to end the child at once."""
        return self._insisted.is_set()

    def ask(self) -> None:
        """Let the child stop in good order: it goes on to tell what comes, and ends with its result."""
        self._asked.set()

    def insist(self) -> None:
        """Let closing the job end the child without waiting for a good end."""
        self._asked.set()
        self._insisted.set()
