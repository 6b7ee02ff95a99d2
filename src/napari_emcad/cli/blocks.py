"""The commands that segment by blocks: a stack larger than memory, on the machine's cores or on a cluster."""

import argparse
import time
from math import prod
from pathlib import Path

from napari_emcad.blocks.run import Means, Needs, RunRequest, finish_run, free_budget, new_run
from napari_emcad.blocks.steps import BLOCK
from napari_emcad.cli.bar import follow, tell, warn
from napari_emcad.cli.options import METHOD, box_of, check_folder, check_suffix, given, opened
from napari_emcad.core.errors import UserError
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.wording import count, size_text
from napari_emcad.inference.kind_warning import kind_warning
from napari_emcad.io.sessions.block_files import CHUNK
from napari_emcad.io.sessions.block_run_facts import BlockRunFacts, begin_run, read_unfinished_run
from napari_emcad.io.stacks.paper_layouts import voxel_size_by_name
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.zoo import resolve_model

BY_BLOCKS = ("workers", "scheduler", "memory", "block")
"""The options that make `segment` work by blocks."""


def add_block_options(parser: argparse.ArgumentParser) -> None:
    """Any of these makes the command work by blocks."""
    group = parser.add_argument_group("stacks larger than memory, by blocks into a session (with --session)")
    _add_means(group)
    group.add_argument(
        "--block", metavar="Z,Y,X", help=f"voxels; default: {','.join(map(str, BLOCK))}, smaller ones take less memory"
    )


def add_resume_command(commands) -> None:
    """The command that goes on with a run by blocks."""
    parser = commands.add_parser("resume", help="go on with a session that was begun by blocks")
    parser.add_argument("session", type=Path, metavar="SESSION", help="folder NAME.emcad")
    _add_means(parser)
    parser.set_defaults(command=_resume)


def by_blocks(options: argparse.Namespace) -> bool:
    """Whether any option of this file was given."""
    return any(getattr(options, name) is not None for name in BY_BLOCKS)


def segment_blocks(options: argparse.Namespace) -> int:
    """Segment into a session; what an earlier run of the same command has finished is not done again."""
    _check(options)
    with opened(options) as volume:
        model, voxel_size = resolve_model(options.model), volume.voxel_size or voxel_size_by_name(options.input)
        box, parameters = box_of(options, volume.array.shape), SegmentParameters(**given(options, *METHOD))
        run = new_run(volume, RunRequest(model, box, parameters, voxel_size, _block(options.block)))
        warn(kind_warning(_card(run), volume.array, voxel_size))
    return _finish(options, run)


def _resume(options: argparse.Namespace) -> int:
    from napari_emcad.inference.engines.device import reuse_memory

    reuse_memory()
    return _finish(options, read_unfinished_run(options.session))


def _finish(options: argparse.Namespace, run: BlockRunFacts) -> int:
    """Do what is left of a run, and tell."""
    means = _means(options)
    needs = Needs.of(run)
    needs.check(means)
    begin_run(options.session, run)
    tell(f"{run.extent}, {_memory(needs, means)}, {_card(run).summary()}")
    start = time.monotonic()
    try:
        found = follow(finish_run(options.session, run, means, tell))
    except KeyboardInterrupt as stop:
        raise UserError("stopped: finished blocks are kept; run the same command again to go on.") from stop
    seconds, megavoxels = time.monotonic() - start, prod(run.place.shape) / 1e6
    tell(
        f"{count(found, 'neuron')} in {seconds:.1f} s, {seconds / megavoxels:.2f} s per megavoxel -> {options.session}"
    )
    return 0


def _card(run: BlockRunFacts) -> ModelCard:
    from napari_emcad.networks.checkpoint import inspect

    return inspect(Path(run.model))


def _add_means(parser) -> None:
    parser.add_argument("--workers", type=int, metavar="N", help="processes on this machine; default: this one")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask cluster, such as tcp://host:8786")
    parser.add_argument(
        "--memory", type=float, metavar="GB", help="for all processes here; default: half of what is free"
    )


def _means(options: argparse.Namespace) -> Means:
    memory = free_budget() if options.memory is None else round(options.memory * 1e9)
    return Means(memory, options.workers, options.scheduler)


def _memory(needs: Needs, means: Means) -> str:
    """What is needed, in words."""
    of_worker = f", {size_text(needs.task)} a worker" if means.scheduler else ""
    return f"at most {size_text(needs.here(means))} here{of_worker}"


def _check(options: argparse.Namespace) -> None:
    """Before the work, not after it."""
    if options.session is None:
        raise UserError("session: by blocks neurons go into a session; add --session OUT.emcad.")
    check_suffix(options.session)
    check_folder(options.session)
    for name, instead in (("output", "napari-emcad export"), ("affinities", "the session's affinities.zarr")):
        if getattr(options, name) is not None:
            raise UserError(f"{name}: by blocks only a session is written; leave it out and use {instead} afterwards.")


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
