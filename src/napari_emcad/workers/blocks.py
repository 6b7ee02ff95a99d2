"""A run by blocks beside the window: a child does it, and the folder of the run says how far it is.

So waterz does not hold up the window, and whatever becomes of the window costs no finished block.
"""

import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from napari_emcad.blocks.progress import Watch
from napari_emcad.blocks.run import Means, Needs, RunRequest, finish_run, new_run
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, VoxelSize
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.progress import Job, Progress
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.io.sessions.block_files import BlockFiles
from napari_emcad.io.sessions.block_run_facts import begin_run, read_unfinished_run
from napari_emcad.io.sessions.lock import lock_holder
from napari_emcad.io.stacks.locations import parse_location
from napari_emcad.io.stacks.stack import open_stack
from napari_emcad.workers.child import Arrays, Caller
from napari_emcad.workers.child_job import ChildJob
from napari_emcad.workers.process import run_in_child

GLANCE = 0.5
"""Seconds between two looks at a run that another program does."""


@dataclass(frozen=True)
class BlockOrder:
    """A run that is to begin.

    Attributes
    ----------
    source : str
        Path or URL of the stack.
    dataset : str or None
        Path inside the file of the stack.
    shape : (z, y, x)
        Of the stack as it is on screen.
    voxel_size : VoxelSize or None
        In nm.
    model : Path
    box : Box
    parameters : SegmentParameters
    sections : "auto", "as-is" or SectionPlan
        What is done with the sections of the stack: see `blocks.run.RunRequest`.
    interpolates : bool
    """

    source: str
    dataset: str | None
    shape: tuple[int, ...]
    voxel_size: VoxelSize | None
    model: Path
    box: Box
    parameters: SegmentParameters
    sections: Literal["auto", "as-is"] | SectionPlan = "auto"
    interpolates: bool = True


@dataclass(frozen=True)
class BlockTask:
    """A run in a folder that is to be finished by these means."""

    folder: Path
    means: Means


def start_run(folder: Path, order: BlockOrder, means: Means) -> Job[None]:
    """Begin a run in a new folder, and finish it as `resume_run` does.

    Raises
    ------
    UserError
        If memory does not suffice, or the stack's file is another one now.
    """
    yield Progress("looking at the stack", 0, 1)
    with open_stack(parse_location(order.source), order.dataset) as stack:
        if tuple(stack.array.shape) != tuple(order.shape):
            raise UserError(f"{order.source}: the file has changed since it was opened; open it again.")
        request = RunRequest(
            order.model,
            order.box,
            order.parameters,
            order.voxel_size,
            sections=order.sections,
            interpolates=order.interpolates,
        )
        run = new_run(stack, request)
    Needs.of(run).check(means)
    begin_run(folder, run)
    yield from resume_run(folder, means)


def resume_run(folder: Path, means: Means) -> Job[None]:
    """Do what is left of a run, in a child; yields `BlockProgress`. Closing the job ends the child and its workers.

    Raises
    ------
    UserError
        As `blocks.run.finish_run`, and if memory does not suffice.
    """
    watch = Watch(BlockFiles(folder), read_unfinished_run(folder))
    child = ChildJob(
        finish_in_child,
        BlockTask(folder.absolute(), means),
        name="blocks",
        stage="starting",
        advice="close other programs or take fewer processes, and press Resume: finished blocks are kept",
    )
    with closing(run_in_child(child)) as job:
        for _ in job:
            yield watch.look()


def watch_run(folder: Path) -> Job[None]:
    """See how another program does a run, until it ends or leaves; yields `BlockProgress`."""
    watch = Watch(BlockFiles(folder), read_unfinished_run(folder))
    while lock_holder(folder):
        yield watch.look()
        time.sleep(GLANCE)


def finish_in_child(_: Caller, task: BlockTask) -> Job[Arrays]:
    """Finish a run that was begun."""
    from napari_emcad.inference.engines.device import reuse_memory

    reuse_memory()
    run = read_unfinished_run(task.folder)
    Needs.of(run).check(task.means)
    yield from finish_run(task.folder, run, task.means)
    return {}
