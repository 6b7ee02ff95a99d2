"""A run by blocks beside the window: the program's own command does it, and its folder tells how far it is.

So waterz does not hold up the window, memory is that of the command, and whatever becomes of the window costs no block.
"""

import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from napari_emcad.blocks.progress import Watch
from napari_emcad.blocks.run import Means, Needs, new_run
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, VoxelSize
from napari_emcad.core.progress import Job, Progress
from napari_emcad.io.sessions.block_files import BlockFiles
from napari_emcad.io.sessions.block_run_facts import begin_run, read_unfinished_run
from napari_emcad.io.sessions.lock import lock_holder
from napari_emcad.io.stacks.locations import parse_location
from napari_emcad.io.stacks.stack import open_stack
from napari_emcad.pipeline import SegmentParameters

GLANCE = 0.5
"""Seconds between two looks at the folder."""

PROGRAM = "napari-emcad: "
"""What sentences of the command begin with."""


@dataclass(frozen=True)
class BlockOrder:
    """A run that is to begin.

    Attributes
    ----------
    source : str
        Path or URL of the stack.
    dataset : str or None
        In it.
    shape : (z, y, x)
        Of the stack as it is on screen.
    voxel_size : VoxelSize or None
        In nm.
    model : Path
    box : Box
    parameters : SegmentParameters
    """

    source: str
    dataset: str | None
    shape: tuple[int, ...]
    voxel_size: VoxelSize | None
    model: Path
    box: Box
    parameters: SegmentParameters


def start_run(folder: Path, order: BlockOrder, means: Means) -> Job[None]:
    """Begin a run in a new folder, and do it: see `resume_run`.

    Raises
    ------
    UserError
        Where memory does not suffice, or the stack's file is another one now.
    """
    yield Progress("looking at the stack", 0, 1)
    with open_stack(parse_location(order.source), order.dataset) as volume:
        if tuple(volume.array.shape) != tuple(order.shape):
            raise UserError(f"{order.source}: the file has changed since it was opened; open it again.")
        run = new_run(volume, order.model, order.box, order.parameters, order.voxel_size)
    Needs.of(run).check(means)
    begin_run(folder, run)
    yield from resume_run(folder, means)


def resume_run(folder: Path, means: Means) -> Job[None]:
    """Do what is left of a run, in a process of its own; yields `BlockProgress`. Closing the job ends the process.

    Raises
    ------
    UserError
        What the command says.
    """
    watch = Watch(BlockFiles(folder), read_unfinished_run(folder))
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(_command(folder, means), stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        try:
            while process.poll() is None:
                yield watch.look()
                time.sleep(GLANCE)
        finally:
            _end(process)
        if process.returncode:
            said.seek(0)
            raise _failure(said.read().decode(errors="replace"), process.returncode)


def watch_run(folder: Path) -> Job[None]:
    """See how another program does a run, until it ends or leaves; yields `BlockProgress`."""
    watch = Watch(BlockFiles(folder), read_unfinished_run(folder))
    while lock_holder(folder):
        yield watch.look()
        time.sleep(GLANCE)


def _command(folder: Path, means: Means) -> list[str]:
    who = ["--workers", str(means.workers)] if means.workers else []
    where = ["--scheduler", means.scheduler] if means.scheduler else []
    memory = ["--memory", str(means.memory / 1e9)]
    return [sys.executable, "-m", "napari_emcad.cli.main", "resume", str(folder), *who, *where, *memory]


def _end(process: subprocess.Popen) -> None:
    """It and its workers, at once: a block that is cut off is done again."""
    family = [process]
    with suppress(psutil.NoSuchProcess):
        family = [*psutil.Process(process.pid).children(recursive=True), process]
    for one in family:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    process.wait()


def _failure(said: str, code: int) -> Exception:
    """Its sentence; for what it did not foresee all that it said."""
    sentences = [line.removeprefix(PROGRAM) for line in said.splitlines() if line.startswith(PROGRAM)]
    if code < 0:
        return UserError(
            "blocks: the system ended the run, most likely for want of memory; close other programs or take fewer "
            "processes, and press Resume: finished blocks are kept."
        )
    return UserError(sentences[-1]) if sentences else RuntimeError(said[-4000:])
