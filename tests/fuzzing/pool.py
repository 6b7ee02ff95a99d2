"""Processes in which trials run, each with many trials; one that dies or hangs is replaced."""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from fuzzing.damages import Damage
from fuzzing.trials import Outcome, Result, Trial, serve

SECONDS = 20.0
"""The longest that a trial may take."""

_START = 5.0
"""Seconds more until a process is ended: its first trial writes the input, too."""

_TRIALS = 400
"""Trials after which a process is replaced: what leaks in one is no fault of the next."""


Serve = Callable[[Connection], None]
"""Sends None once it is ready, and then the results of the trials that come through a pipe."""


class _Child:
    """A process, the trial that it runs, and since when."""

    def __init__(self, serve: Serve):
        context = multiprocessing.get_context("forkserver")
        self.calls, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        self.calls.recv()
        self.trial: Trial | None = None
        self.since, self.count = 0.0, 0

    def begin(self, trial: Trial) -> None:
        self.trial, self.since, self.count = trial, time.monotonic(), self.count + 1
        self.calls.send(trial)

    def end(self) -> None:
        with suppress(OSError):
            self.calls.send(None)
        self.process.join(0.5)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.calls.close()


def run_trials(
    trials: Iterable[Trial], processes: int = 2, seconds: float = SECONDS, serve: Serve = serve
) -> Iterator[Result]:
    """Run trials in several processes, and give what came of each as it ends."""
    os.environ.setdefault("MALLOC_ARENA_MAX", "2")  # arenas of threads count as memory of a process
    multiprocessing.get_context("forkserver").set_forkserver_preload(["fuzzing.trials"])
    waiting, children = iter(trials), list[_Child]()
    try:
        for trial in waiting:
            children.append(_Child(serve))
            children[-1].begin(trial)
            if len(children) == processes:
                break
        while busy := [child for child in children if child.trial is not None]:
            ready = wait([child.calls for child in busy], timeout=1)
            for child in busy:
                result = _result_of(child, ready, seconds)
                if result is None:
                    continue
                yield result
                child.trial = None
                following = next(waiting, None)
                if following is not None:
                    index = children.index(child)
                    if child.count >= _TRIALS or result.outcome in (Outcome.HANG, Outcome.DEATH):
                        child.end()
                        children[index] = _Child(serve)
                    children[index].begin(following)
    finally:
        for child in children:
            child.end()


def _result_of(child: _Child, ready: list[Connection], seconds: float) -> Result | None:
    """Return the result that a process sent, or what became of it; None if it is still at work in time."""
    assert child.trial is not None
    unknown, late = Damage("unknown", ""), time.monotonic() - child.since
    if child.calls in ready:
        try:
            found: Result = child.calls.recv()
        except (EOFError, OSError):
            child.process.join(5)
            return Result(child.trial, unknown, Outcome.DEATH, f"exit code {child.process.exitcode}", late)
        return found if found.seconds <= seconds else found._replace(outcome=Outcome.HANG)
    if late <= seconds + _START:
        return None
    child.process.kill()
    return Result(child.trial, unknown, Outcome.HANG, f"no end after {late:.0f} s", late)
