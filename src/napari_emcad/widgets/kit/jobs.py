"""Jobs and pauses as desk and panels see them, without Qt.

The window's loop is `kit.threads.QtLoop`; tests drive one by hand.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from psygnal import SignalInstance

from napari_emcad.core.progress import Job, Progress


@dataclass(frozen=True)
class Ended:
    """The end of a job: a result, an error, or neither where a person stopped it."""

    result: Any = None
    error: Exception | None = None
    stopped: bool = False

    def let_go(self) -> None:
        """Close a result that nobody takes, where it can be closed: an open session is locked for others."""
        if hasattr(self.result, "close"):
            with suppress(Exception):
                self.result.close()


class Jobs(Protocol):
    """Runs one job at a time beside the window; starting another one drops the result of the earlier one.

    A result that is dropped, or that the callback fails to take, is closed if it has a method `close`.

    Signals
    -------
    progressed : Progress
    running_changed
    """

    @property
    def progressed(self) -> SignalInstance:
        """Emitted in the window's thread."""
        ...

    @property
    def running_changed(self) -> SignalInstance:
        """Emitted when a job starts, is told to stop, or ends."""
        ...

    @property
    def running(self) -> bool:
        """True while a job is under way whose result is wanted."""
        ...

    @property
    def stopping(self) -> bool:
        """True while a job has been told to stop and has not done so yet."""
        ...

    def start(self, job: Job[Any], then: Callable[[Ended], None]) -> None:
        """Drive a job; `then` is called in the window's thread, however the job ends.

        It is called once; where it raises, once more with that error in place of the result.
        """
        ...

    def stop(self) -> None:
        """Stop at the next step; `then` hears of it."""
        ...

    def close(self, patience: float = ...) -> bool:
        """Stop, drop the result and wait so many seconds for the thread. Return True if it ended in time."""
        ...


class Pause(Protocol):
    """Calls a function once, some time after it was started last."""

    @property
    def is_active(self) -> bool:
        """True from `start` until the call, or `stop`."""
        ...

    def start(self, milliseconds: int | None = None) -> None:
        """Begin to wait, anew if it waits already; None = as long as the pause was made for."""
        ...

    def stop(self) -> None:
        """Do not call."""
        ...


class Loop(Protocol):
    """Gives out runners of jobs and pauses."""

    def jobs(self) -> Jobs:
        """Return a new runner."""
        ...

    def pause(self, milliseconds: int, then: Callable[[], Any]) -> Pause:
        """Return a new pause, not started."""
        ...


def one_step(function: Callable[..., Any], *arguments: Any, stage: str = "") -> Job[Any]:
    """Make a job of a plain function, which cannot be stopped once it runs."""
    if stage:
        yield Progress(stage, 0, 1)
    return function(*arguments)
