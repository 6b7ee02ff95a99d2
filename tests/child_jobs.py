"""Jobs for tests of children: `PYTHONPATH` of the child has to name this folder."""

import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import Job, Progress
from napari_emcad.workers.child import Arrays, Caller

SLEEPER = "import time; time.sleep(600)"


@dataclass(frozen=True)
class Note:
    """What a job is given: of several kinds, to see that all of it comes across."""

    way: str = ""
    number: float = 0.0
    box: Box | None = None
    folder: Path = Path()


def echo(caller: Caller, task: Note) -> Job[Arrays]:
    """Tell what was given."""
    yield Progress(f"{task!r}", 1, 3, 2.5)
    return {}


def invert(caller: Caller, task: Note) -> Job[Arrays]:
    """Invert "grey" section by section, and return the darkest section."""
    grey, inverted = caller.volume("grey"), caller.target("inverted")
    for z in range(grey.shape[0]):
        inverted[z, :, ::-1] = ~grey[z, :, ::-1]
        yield Progress("sections", z + 1, grey.shape[0])
    darkest = min(range(grey.shape[0]), key=lambda z: int(grey[z].sum()))
    return {"darkest": grey[darkest], "none": np.zeros((0, 3), np.float32), "yes": np.array(True)}


def ends(caller: Caller, task: Note) -> Job[Arrays]:
    """End in one of many ways after a first step."""
    yield Progress("working", 1, 2)
    ENDS[task.way]()
    return {}


def count_down(caller: Caller, task: Note) -> Job[Arrays]:
    """Take many steps; stopped in good order, one more."""
    for n in range(10_000):
        yield Progress("counting", n, 10_000)
        time.sleep(0.02)
        if not caller.wanted():
            break
    yield Progress("the last one", 0, 1)
    return {"steps": np.array(n)}


def with_grandchild(caller: Caller, task: Note) -> Job[Arrays]:
    """Start a process that would go on for ever, and then end in a way."""
    grandchild = subprocess.Popen([sys.executable, "-c", SLEEPER])
    yield Progress("started", grandchild.pid, 0)
    if task.way:
        ENDS[task.way]()
    time.sleep(600)
    return {}


def leaves_files(caller: Caller, task: Note) -> Job[Arrays]:
    """Leave a temporary file, as a library may, and go on for ever."""
    tempfile.mkstemp(".left")
    yield Progress("left", 0, 1)
    time.sleep(600)
    return {}


def invert_with_full_disks(caller: Caller, task: Note) -> Job[Arrays]:
    """Invert "grey" where no byte can be written to any file, as if all disks were full."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    yield Progress("working", 1, 2)
    caller.target("inverted")[...] = ~caller.read("grey")
    return {}


def _refuse() -> None:
    raise UserError("stack: it is too small; choose another one.")


def _fail() -> None:
    raise ValueError("what nobody foresaw")


def _allocate() -> None:
    """As where the main memory is full: a limit stands for it."""
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, resource.RLIM_INFINITY))
    np.zeros(1 << 32, np.uint8)


def _allocate_by_torch() -> None:
    import torch

    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, resource.RLIM_INFINITY))
    torch.zeros(1 << 36, dtype=torch.uint8)


def _allocate_while_importing() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (300 << 20, resource.RLIM_INFINITY))
    import torch  # noqa: F401


def _print_garbage() -> None:
    """Print in every way there is, also what could be taken for a message."""
    sys.stdout.write('{"kind": "done"}' + "garbage" * 100_000)
    sys.stdout.flush()
    os.write(1, b'\x00\xff{"kind": "done", "content": {}}\n{"half')
    subprocess.run([sys.executable, "-c", "print('garbage of another')"], check=True)


ENDS: dict[str, Callable[[], object]] = {
    "is refused": _refuse,
    "fails": _fail,
    "runs out of memory": _allocate,
    "runs out of memory in torch": _allocate_by_torch,
    "runs out of memory while it imports": _allocate_while_importing,
    "aborts for memory": lambda: (os.write(2, b"terminate called after throwing 'std::bad_alloc'\n"), os.abort()),
    "is killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "is told to end": lambda: os.kill(os.getpid(), signal.SIGTERM),
    "crashes": lambda: (os.write(2, b"a last word\n"), os.kill(os.getpid(), signal.SIGSEGV)),
    "exits": lambda: os._exit(3),
    "exits politely": lambda: sys.exit(4),
    "prints garbage": _print_garbage,
    "says nothing": lambda: time.sleep(600),
}
