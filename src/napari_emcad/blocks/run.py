"""A run by blocks from its beginning to the session that it ends in: what it is, what it takes and who does it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Literal

import psutil

from napari_emcad import __version__
from napari_emcad.blocks.cluster import connect_cluster, start_cluster
from napari_emcad.blocks.memory import PROGRAM_BYTES, memory_at_the_end, memory_of_slab, memory_of_task
from napari_emcad.blocks.pool import InTurn, Pool
from napari_emcad.blocks.sections import level_shape, parameters_of, plan_of
from napari_emcad.blocks.steps import GROUP, Tell, assemble, boxes_of_blocks, segment_by_blocks
from napari_emcad.core.choices import DEFAULT_BLOCK
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, Shape, VoxelSize, triple
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.progress import Job
from napari_emcad.core.sections.plan import NoTissue, SectionPlan, sections_around
from napari_emcad.core.volume import check_volume
from napari_emcad.core.wording import size_text
from napari_emcad.io.atomic import discard
from napari_emcad.io.section_plans import plan_facts, plan_to_json
from napari_emcad.io.sessions.block_checksums import known_checksums
from napari_emcad.io.sessions.block_files import BlockFiles
from napari_emcad.io.sessions.block_run_facts import BlockRunFacts
from napari_emcad.io.sessions.facts import SessionFacts
from napari_emcad.io.sessions.file_names import AFFINITIES, FRAGMENTS
from napari_emcad.io.sessions.lock import SessionLock
from napari_emcad.io.sessions.new_session import finish_session
from napari_emcad.io.stacks.stack import GIVEN, Stack, open_stack
from napari_emcad.pipeline import provenance, resolve_parameters

DISK_BYTES = 2.3
"""Bytes on the disk for a voxel: affinities 1.7, fragments twice 0.16, tables 0.2; measured on AC4."""

FREE_SHARE = 0.5
"""Share of the free main memory that is the budget if none is given."""


@dataclass(frozen=True)
class Means:
    """The means to do the blocks of a run; the result does not depend on them.

    Attributes
    ----------
    memory : int
        Bytes of main memory for all processes on this machine.
    workers : int or None
        Processes on this machine; None = this one.
    scheduler : str or None
        Address of a Dask cluster, which has workers of its own.
    """

    memory: int
    workers: int | None = None
    scheduler: str | None = None

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if self.workers is not None and self.workers < 1:
            raise UserError(f"workers: 1 or more are needed, got {self.workers}.")
        if self.workers is not None and self.scheduler is not None:
            raise UserError("workers: those of a cluster are its own; leave out the workers or the scheduler.")

    @contextmanager
    def pool(self) -> Iterator[Pool]:
        """Give what does the tasks, as long as the `with` block lasts."""
        if self.scheduler:
            with connect_cluster(self.scheduler) as pool:
                yield pool
        elif self.workers:
            with start_cluster(self.workers, self.memory - PROGRAM_BYTES) as pool:
                yield pool
        else:
            yield InTurn()


@dataclass(frozen=True)
class Needs:
    """The main memory that a run needs, in bytes.

    Attributes
    ----------
    task : int
        One process needs it for a block.
    end : int
        The program needs it that puts the session together at the end.
    """

    task: int
    end: int

    @classmethod
    def of(cls, run: BlockRunFacts) -> "Needs":
        """Look at the stack and the model, and return what a run needs.

        Raises
        ------
        UserError
            If one of them is not there any more.
        """
        from napari_emcad.networks.checkpoint import inspect

        with open_stack(run.source, run.dataset) as volume:
            section, voxel_bytes = volume.array.shape[1:], volume.array.dtype.itemsize
        parameters, card = run.resolved, inspect(Path(run.model))
        task = memory_of_task(run.blocks, section, card, parameters, run.group)
        if run.looked_at:
            seen = run.level_shape[1:] if run.level_shape else section
            task = max(task, memory_of_slab(prod(seen) * voxel_bytes))
        return cls(task, memory_at_the_end(run.place.shape, parameters))

    def here(self, means: Means) -> int:
        """Return what is needed on this machine, at the peak."""
        if means.scheduler:
            return self.end
        tasks = PROGRAM_BYTES + means.workers * self.task if means.workers else self.task
        return max(tasks, self.end)

    def check(self, means: Means) -> None:
        """Refuse a budget that does not suffice.

        Raises
        ------
        UserError
        """
        needed = self.here(means)
        if needed > means.memory:
            raise UserError(
                f"memory: {size_text(needed)} are needed and there are {size_text(means.memory)}; take fewer workers, "
                "a smaller box, more memory, or smaller blocks (--block)."
            )


def disk_needed(shape: Shape) -> int:
    """Return the bytes on the disk at the peak, about, for a box of this shape (z, y, x)."""
    return round(DISK_BYTES * prod(shape))


def free_budget() -> int:
    """Return the bytes of main memory that a run may take if nobody says how many."""
    return round(FREE_SHARE * psutil.virtual_memory().available)


@dataclass(frozen=True)
class RunRequest:
    """A box of a stack that is to be segmented by blocks.

    Attributes
    ----------
    model : Path
    box : Box
    parameters : SegmentParameters
    voxel_size : VoxelSize, optional
        In nm; None = as the file says.
    block : (z, y, x)
        Voxels.
    sections : "auto", "as-is" or SectionPlan
        What is done with the sections of the stack: what a look at them says, nothing, or a plan of the whole stack.
    interpolates : bool
        True: labels of what a look at the sections says to bridge are interpolated; False: 0. A plan says it itself.
    """

    model: Path
    box: Box
    parameters: SegmentParameters
    voxel_size: VoxelSize | None = None
    block: Shape = DEFAULT_BLOCK
    sections: Literal["auto", "as-is"] | SectionPlan = "auto"
    interpolates: bool = True


def new_run(stack: Stack, request: RunRequest) -> BlockRunFacts:
    """Return the facts of a run on a stack; nothing is written.

    Parameters
    ----------
    stack : Stack
        A file or URL that every worker can read.
    request : RunRequest

    Raises
    ------
    UserError
        If it is no stack of grey sections, or the device is not there.
    """
    from napari_emcad.inference.choice import choose_device
    from napari_emcad.inference.engines.device import multiplies_bf16
    from napari_emcad.networks.checkpoint import inspect

    check_volume(stack.array)
    shape = triple(stack.array.shape)
    card, box = inspect(request.model), request.box
    voxel_size, asked = request.voxel_size or stack.voxel_size, request.parameters
    plan = request.sections if isinstance(request.sections, SectionPlan) else None
    parameters = resolve_parameters(asked, stack.array, card, voxel_size, plan)
    by_data = request.sections == "auto" and None in (asked.black, asked.white)
    return BlockRunFacts(
        program=f"napari-emcad {__version__}",
        source=str(stack.path.absolute()),
        dataset=stack.dataset,
        fingerprint=stack.fingerprint,
        origin=stack.origin,
        voxel_size_nm=voxel_size,
        voxel_size_source=stack.size_source if voxel_size == stack.voxel_size else GIVEN,
        model=str(request.model.absolute()),
        model_sha256=card.sha256,
        parameters=parameters.model_dump(mode="json"),
        precision="bf16" if multiplies_bf16(choose_device(parameters.device)) else "fp32",
        box=(box.start, box.stop),
        block=request.block,
        group=GROUP,
        sections=request.sections if isinstance(request.sections, str) else plan_to_json(request.sections),
        interpolates=request.interpolates,
        stack_shape=shape,
        level_shape=level_shape(stack.array, sections_around(box, shape[0])) if request.sections == "auto" else None,
        asked_levels=(asked.black, asked.white) if by_data else None,
    )


def finish_run(folder: Path, run: BlockRunFacts, means: Means, tell: Tell = lambda _: None) -> Job[int]:
    """Do all that is not done yet of a run that was begun, and make a session of it. Return the number of neurons.

    Parameters
    ----------
    folder : Path
    run : BlockRunFacts
    means : Means
    tell : callable
        Hears of the page on which the workers can be watched, if there is one, and what was found in the sections.

    Raises
    ------
    UserError
        If another program is at it, or something cannot be read or written; finished blocks are kept.
    NoTissue
        If there is nothing to segment; the folder is removed if it was begun for nothing.
    """
    try:
        return (yield from _finish_run(folder, run, means, tell))
    except NoTissue:
        if not BlockFiles(folder).has_blocks:
            discard(folder)
        raise


def _finish_run(folder: Path, run: BlockRunFacts, means: Means, tell: Tell) -> Job[int]:
    lock = SessionLock(folder, depth=None)
    try:
        if lock.why_not:
            raise UserError(lock.why_not)
        files = BlockFiles(folder)
        with means.pool() as pool, files.publish_dashboard(pool.dashboard):
            if pool.dashboard:
                tell(f"what the workers do: {pool.dashboard}")
            yield from segment_by_blocks(folder, run, pool, tell)
        with files.explain_errors():
            return _make_session(folder, run)
    finally:
        lock.release()


def _make_session(folder: Path, run: BlockRunFacts) -> int:
    """Make the session of what the blocks have left, and remove that. Return the number of neurons."""
    from napari_emcad.networks.checkpoint import inspect

    parameters, segmentation = parameters_of(run, BlockFiles(folder)), assemble(folder, run)
    origin = {"source": run.source, "dataset": run.dataset, "fingerprint": run.fingerprint, "origin": run.origin}
    sections = plan_facts(plan_of(run, BlockFiles(folder)))
    made_by = provenance(inspect(Path(run.model)), parameters, run.place, **origin, **sections)
    facts, files = SessionFacts.of(made_by, run.voxel_size), BlockFiles(folder)
    known = {name: known_checksums(files, name, run.blocks) for name in (FRAGMENTS, AFFINITIES)}
    finish_session(folder, segmentation, boxes_of_blocks(folder, run), facts, known)
    BlockFiles(folder).clear()
    table = segmentation.table(parameters.threshold, parameters.min_size, parameters.crumbs)
    return len(segmentation.neuron_sizes(table))
