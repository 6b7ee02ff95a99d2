"""The commands that segment by blocks: a stack larger than memory, on the machine's cores or on a cluster."""

import argparse
import time
from math import prod
from pathlib import Path

from napari_emcad.blocks.moved_run import find_run
from napari_emcad.blocks.run import Means, Needs, RunRequest, finish_run, free_budget, new_run
from napari_emcad.cli.bar import follow, tell, warn
from napari_emcad.cli.inputs import (
    box_of,
    check_folder,
    check_suffix,
    open_input,
    requested_parameters,
    size_of,
)
from napari_emcad.cli.section_choice import interpolates, sections_asked_for
from napari_emcad.core.choices import DEFAULT_BLOCK
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Shape, triple
from napari_emcad.core.pixel_size import pixel_size_note
from napari_emcad.core.sections.look import SectionLook
from napari_emcad.core.volume import resolutions
from napari_emcad.core.wording import count, size_text
from napari_emcad.inference.engines.device import reuse_memory
from napari_emcad.inference.kind_warning import contrast_note, kind_warning, stretch_note
from napari_emcad.inference.normalisation import is_exchanged, trained_greys
from napari_emcad.io.sessions.block_files import CHUNK
from napari_emcad.io.sessions.block_run_facts import BlockRunFacts, begin_run
from napari_emcad.io.sessions.lock import edit_alone
from napari_emcad.io.sessions.voxel_size import set_voxel_size
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.checkpoint import inspect
from napari_emcad.networks.zoo import resolve_model


def segment_by_blocks(options: argparse.Namespace) -> int:
    """Segment into a session; what an earlier run of the same command has finished is not done again."""
    _check(options)
    if options.alone:
        edit_alone(options.session)
    with open_input(options) as stack:
        voxel_size = stack.voxel_size
        requested = requested_parameters(options)
        request = RunRequest(
            resolve_model(options.model),
            box_of(options, stack.array.shape),
            requested,
            voxel_size,
            _block(options.block),
            sections_asked_for(options, triple(stack.array.shape)),
            interpolates(options),
        )
        run = new_run(stack, request)
        if run.looked_at:
            warn(SectionLook.of(resolutions(stack.array), run.looked_at).note)
        warn(kind_warning(_card(run), stack.array, voxel_size, is_exchanged(requested.black, requested.white)))
        warn(pixel_size_note(voxel_size, _card(run).voxel_size, run.resolved.scale))
        if requested.black is None and requested.white is None:
            warn(stretch_note(stack.array, run.parameters["black"], run.parameters["white"]))
            warn(contrast_note(stack.array, trained_greys(_card(run))))
    return _finish(options, run)


def resume(options: argparse.Namespace) -> int:
    """Go on with a run that was begun."""
    reuse_memory()
    if options.alone:
        edit_alone(options.session)
    run, notes = find_run(options.session, options.stack, options.model and resolve_model(options.model))
    for note in notes:
        tell(note)
    size = size_of(options)
    if size is None:
        return _finish(options, run)
    warn(pixel_size_note(size, _card(run).voxel_size, run.resolved.scale))
    _finish(options, run)
    set_voxel_size(options.session, size)
    return 0


def _finish(options: argparse.Namespace, run: BlockRunFacts) -> int:
    """Do what is left of a run, and tell."""
    memory = free_budget() if options.memory is None else round(options.memory * 1e9)
    means, needs = Means(memory, options.workers, options.scheduler), Needs.of(run)
    needs.check(means)
    begin_run(options.session, run)
    tell(f"{run.extent}, {_memory_text(needs, means)}, {_card(run).summary()}")
    start = time.monotonic()
    try:
        neurons = follow(finish_run(options.session, run, means, tell))
    except KeyboardInterrupt as stop:
        raise UserError("stopped: finished blocks are kept; run the same command again to go on.") from stop
    seconds, megavoxels = time.monotonic() - start, prod(run.place.shape) / 1e6
    speed = f"{seconds / megavoxels:.2f} s per megavoxel"
    tell(f"{count(neurons, 'neuron')} in {seconds:.1f} s, {speed} -> {options.session}")
    return 0


def _card(run: BlockRunFacts) -> ModelCard:
    return inspect(Path(run.model))


def _memory_text(needs: Needs, means: Means) -> str:
    """Return the memory that is needed, in words."""
    of_worker = f", {size_text(needs.task)} a worker" if means.scheduler else ""
    return f"at most {size_text(needs.here(means))} here{of_worker}"


def _check(options: argparse.Namespace) -> None:
    """Refuse outputs that are not written by blocks, before the work and not after it."""
    if options.session is None:
        raise UserError("session: by blocks neurons go into a session; add --session OUT.emcad.")
    check_suffix(options.session)
    check_folder(options.session)
    for name, instead in (("output", "napari-emcad export"), ("affinities", "the session's affinities.zarr")):
        if getattr(options, name) is not None:
            raise UserError(f"{name}: by blocks only a session is written; leave it out and use {instead} afterwards.")


def _block(text: str | None) -> Shape:
    """Read the size of a block."""
    if text is None:
        return DEFAULT_BLOCK
    try:
        size = triple(int(n) for n in text.split(","))
        fits = size[0] > 0 and all(n > 0 and n % CHUNK == 0 for n in size[1:])
    except ValueError:
        fits = False
    if not fits:
        raise UserError(
            f"block: Z,Y,X is needed, with Y and X multiples of {CHUNK}, got {text}; for example 16,1024,1024."
        )
    return size
