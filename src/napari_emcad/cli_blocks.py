"""The command that segments, by blocks: a stack larger than memory, on the machine's cores or on a cluster."""

import argparse
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import psutil

from napari_emcad import __version__
from napari_emcad.blockwise import (
    BLOCK,
    GROUP,
    PROGRAM_BYTES,
    InTurn,
    Pool,
    assembled,
    boxes_of_blocks,
    memory_at_the_end,
    memory_of_task,
    segment_by_blocks,
)
from napari_emcad.cli_bar import follow, tell, warn
from napari_emcad.cli_options import METHOD, box_of, check_folder, check_suffix, given, opened
from napari_emcad.cluster import cluster_at, own_cluster
from napari_emcad.core.errors import UserError
from napari_emcad.core.wording import count, shape_text, size_text
from napari_emcad.inference.kind_warning import kind_warning
from napari_emcad.io.block_files import CHUNK, BlockFiles
from napari_emcad.io.block_run import BlockRun, begun
from napari_emcad.io.paper_layouts import voxel_size_by_name
from napari_emcad.io.session_facts import SessionFacts
from napari_emcad.io.session_lock import SessionLock
from napari_emcad.io.sessions import finish_session
from napari_emcad.io.volumes import Volume
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.zoo import resolve
from napari_emcad.pipeline import SegmentParameters, check_volume, provenance, settled

FREE_SHARE = 0.5
"""Of the main memory that is free: the budget where none is given."""

BY_BLOCKS = ("workers", "scheduler", "memory", "block")
"""The options of this file."""


def add_block_options(parser: argparse.ArgumentParser) -> None:
    """Any of these makes the command work by blocks."""
    group = parser.add_argument_group("stacks larger than memory, by blocks into a session (with --session)")
    group.add_argument("--workers", type=int, metavar="N", help="processes on this machine; default: this one")
    group.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask cluster, such as tcp://host:8786")
    group.add_argument(
        "--memory", type=float, metavar="GB", help="for all processes here; default: half of what is free"
    )
    group.add_argument("--block", metavar="Z,Y,X", help=f"voxels; default: {','.join(map(str, BLOCK))}")


def by_blocks(options: argparse.Namespace) -> bool:
    """Whether any option of this file was given."""
    return any(getattr(options, name) is not None for name in BY_BLOCKS)


def segment_blocks(options: argparse.Namespace) -> int:
    """Segment into a session; what an earlier run of the same command has finished is not done again."""
    from napari_emcad.networks.checkpoint import inspect

    _check(options)
    card = inspect(resolve(options.model))
    with opened(options) as volume:
        run, section = _run_of(options, volume, card), volume.array.shape[1:]
    budget = _budget(options)
    memory = _memory(options, budget, memory_of_task(run, section, card), memory_at_the_end(run))
    begun(options.session, run)
    tell(f"{shape_text(run.place.shape)} voxels in {count(len(run.blocks), 'block')}, {memory}, {card.line()}")
    start = time.monotonic()
    try:
        with ExitStack() as stack:
            stack.callback(_locked(options.session).release)
            with ExitStack() as workers:
                follow(segment_by_blocks(options.session, run, _pool(options, budget, workers)))
            with BlockFiles(options.session).told():
                found = _finish(options.session, run, card)
    except KeyboardInterrupt as stop:
        raise UserError("stopped: finished blocks are kept; run the same command again to go on.") from stop
    seconds, voxels = time.monotonic() - start, np.prod(run.place.shape, dtype=np.int64)
    tell(f"{found} in {seconds:.1f} s, {seconds / voxels * 1e6:.2f} s per megavoxel -> {options.session}")
    return 0


def _run_of(options: argparse.Namespace, volume: Volume, card: ModelCard) -> BlockRun:
    from napari_emcad.inference.device import choose_device, multiplies_bf16

    voxel_size = volume.voxel_size or voxel_size_by_name(options.input)
    check_volume(volume.array)
    warn(kind_warning(card, volume.array, voxel_size))
    box = box_of(options, volume.array.shape)
    parameters = settled(SegmentParameters(**given(options, *METHOD)), volume.array, card)
    return BlockRun(
        program=f"napari-emcad {__version__}",
        source=str(volume.path.absolute()),
        dataset=volume.dataset,
        fingerprint=volume.fingerprint,
        voxel_size_nm=voxel_size and tuple(voxel_size),
        model=str(resolve(options.model).absolute()),
        model_sha256=card.sha256,
        parameters=parameters.model_dump(),
        precision="bf16" if multiplies_bf16(choose_device(parameters.device)) else "fp32",
        box=(box.start, box.stop),
        block=_block(options.block),
        group=GROUP,
    )


def _pool(options: argparse.Namespace, budget: int, stack: ExitStack) -> Pool:
    if options.scheduler:
        cluster = cluster_at(options.scheduler)
    elif options.workers:
        cluster = own_cluster(options.workers, budget - PROGRAM_BYTES)
    else:
        return InTurn()
    pool = stack.enter_context(cluster)
    if pool.dashboard:
        tell(f"what the workers do: {pool.dashboard}")
    return pool


def _finish(folder: Path, run: BlockRun, card: ModelCard) -> str:
    """Make the session of what the blocks have left, and remove that; how many neurons there are."""
    parameters = SegmentParameters(**run.parameters)
    segmentation = assembled(folder, run)
    made = provenance(card, parameters, run.place, source=run.source, dataset=run.dataset, fingerprint=run.fingerprint)
    finish_session(folder, segmentation, boxes_of_blocks(folder, run), SessionFacts.of(made, run.voxel_size))
    BlockFiles(folder).clear()
    table = segmentation.table(parameters.threshold, parameters.min_size, parameters.crumbs)
    return count(len(segmentation.neuron_sizes(table)), "neuron")


def _check(options: argparse.Namespace) -> None:
    """Before the work, not after it."""
    if options.session is None:
        raise UserError("session: by blocks neurons go into a session; add --session OUT.emcad.")
    check_suffix(options.session)
    check_folder(options.session)
    for name, instead in (("output", "napari-emcad export"), ("affinities", "the session's affinities.zarr")):
        if getattr(options, name) is not None:
            raise UserError(f"{name}: by blocks only a session is written; leave it out and use {instead} afterwards.")
    if options.workers is not None and options.workers < 1:
        raise UserError(f"workers: 1 or more are needed, got {options.workers}.")
    if options.workers is not None and options.scheduler is not None:
        raise UserError("workers: those of a cluster are its own; leave out --workers or --scheduler.")


def _locked(folder: Path) -> SessionLock:
    lock = SessionLock(folder)
    if lock.why_not:
        raise UserError(lock.why_not)
    return lock


def _budget(options: argparse.Namespace) -> int:
    """Bytes for all processes on this machine."""
    if options.memory is not None:
        return round(options.memory * 1e9)
    return round(FREE_SHARE * psutil.virtual_memory().available)


def _memory(options: argparse.Namespace, budget: int, of_task: int, at_the_end: int) -> str:
    """What is needed here, in words.

    Raises
    ------
    UserError
        Where it is more than the budget.
    """
    own = PROGRAM_BYTES + options.workers * of_task if options.workers else of_task
    needed = max(0 if options.scheduler else own, at_the_end)
    if needed > budget:
        raise UserError(
            f"memory: {size_text(needed)} are needed and there are {size_text(budget)}; take fewer --workers, "
            f"a smaller --block such as 16,{CHUNK},{CHUNK}, a smaller --box, or more --memory."
        )
    return f"at most {size_text(needed)} here" + (f", {size_text(of_task)} a worker" if options.scheduler else "")


def _block(text: str | None) -> tuple[int, int, int]:
    """The size asked for."""
    try:
        size = BLOCK if text is None else tuple(map(int, text.split(",")))
        fits = len(size) == 3 and size[0] > 0 and all(n > 0 and n % CHUNK == 0 for n in size[1:])
    except ValueError:
        fits = False
    if not fits:
        raise UserError(
            f"block: Z,Y,X is needed, with Y and X multiples of {CHUNK}, got {text}; for example 16,1024,1024."
        )
    return size
