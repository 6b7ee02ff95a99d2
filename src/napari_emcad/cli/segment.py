"""The command that segments: an EM stack into neurons, or an optical volume into neurites, by what the model is for."""

import argparse
import time
from contextlib import ExitStack
from math import prod
from pathlib import Path

import numpy as np

from napari_emcad import optical
from napari_emcad.cli.bar import follow, tell, warn
from napari_emcad.cli.blocks import segment_by_blocks
from napari_emcad.cli.inputs import (
    box_of,
    check_folder,
    check_session,
    open_input,
    options_set,
    requested_parameters,
)
from napari_emcad.cli.options import BY_BLOCKS
from napari_emcad.cli.outputs import check_free, format_name
from napari_emcad.cli.section_choice import choose_plan
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, VoxelSize
from napari_emcad.core.parameters import OpticalParameters, ResolvedOpticalParameters, ResolvedSegmentParameters
from napari_emcad.core.pixel_size import pixel_size_note
from napari_emcad.core.volume import AffinityStore, check_volume
from napari_emcad.core.wording import count, shape_text, size_text
from napari_emcad.inference.engines.device import reuse_memory
from napari_emcad.inference.kind_warning import contrast_note, kind_warning, stretch_note
from napari_emcad.inference.normalisation import is_exchanged, trained_greys
from napari_emcad.io.affinities import new_affinities
from napari_emcad.io.labels.formats import check_label_target, write_label_volume
from napari_emcad.io.labels.label_volume import LabelPieces, LabelVolume
from napari_emcad.io.labels.tiff import rounded_ids_note
from napari_emcad.io.section_plans import plan_facts
from napari_emcad.io.sessions.facts import SessionFacts
from napari_emcad.io.sessions.new_session import create_session
from napari_emcad.io.stacks.stack import Stack
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.checkpoint import inspect, load_foreground, load_model
from napari_emcad.networks.zoo import resolve_model
from napari_emcad.pipeline import memory_needed, provenance, resolve_parameters, run


def segment(options: argparse.Namespace) -> int:
    """Segment by the method that the model is for, by blocks if any option for these is set."""
    reuse_memory()
    if inspect(resolve_model(options.model)).role == "foreground":
        _refuse_em_options(options)
        _check_outputs(options)
        return _segment_optical(options)
    if any(getattr(options, name) is not None for name in BY_BLOCKS):
        return segment_by_blocks(options)
    _check_outputs(options)
    return _segment_em(options)


def _segment_em(options: argparse.Namespace) -> int:
    requested = requested_parameters(options)
    network, card = load_model(resolve_model(options.model))
    with ExitStack() as open_files:
        stack = open_files.enter_context(open_input(options))
        voxel_size = stack.voxel_size
        _check_size(options, voxel_size)
        check_volume(stack.array)
        exchanged = is_exchanged(requested.black, requested.white)
        warn(kind_warning(card, stack.array, voxel_size, exchanged))
        box = box_of(options, stack.array.shape)
        plan = choose_plan(options, stack.array, box)
        parameters = resolve_parameters(requested, stack.array, card, voxel_size, plan)
        warn(pixel_size_note(voxel_size, card.voxel_size, parameters.scale))
        if requested.black is None and requested.white is None:
            warn(stretch_note(stack.array, parameters.black, parameters.white))
            warn(contrast_note(stack.array, trained_greys(card), plan))
        tell(_plan(_extent(box, parameters), _memory(box, stack, card, parameters), card))
        made_by = provenance(card, parameters, box, **_origin(stack), **plan_facts(plan))
        affinities: AffinityStore = np.zeros((3, *box.shape), np.uint8)
        if options.affinities:
            placed = new_affinities(options.affinities, box.shape, voxel_size, made_by, box.start)
            affinities = open_files.enter_context(placed)
        start = time.monotonic()
        segmentation = follow(run(stack.array, network, affinities, box, parameters, plan))
        seconds = time.monotonic() - start
        table = segmentation.table(parameters.threshold, parameters.min_size, parameters.crumbs)
        if options.output:
            pieces = LabelPieces(segmentation.fragments, table)
            labels = segmentation.labels(table)
            volume = LabelVolume(labels, voxel_size, made_by, box.start, int(table.max()), pieces)
            _write_labels(options, volume)
        if options.session:
            facts = SessionFacts.of(made_by | {"source": str(stack.path.absolute())}, voxel_size)
            create_session(options.session, segmentation, affinities, facts).close()
    found = count(len(segmentation.neuron_sizes(table)), "neuron")
    tell(_outcome(found, seconds, prod(box.shape), options.output or options.session))
    return 0


def _segment_optical(options: argparse.Namespace) -> int:
    requested = OpticalParameters(**options_set(options, "threshold", "min_size", "device", "black", "white"))
    network, card = load_foreground(resolve_model(options.model))
    with open_input(options) as stack:
        _check_size(options, stack.voxel_size)
        check_volume(stack.array, smallest=1)
        warn(kind_warning(card, stack.array, stack.voxel_size))
        box = box_of(options, stack.array.shape)
        parameters = optical.resolve_parameters(requested, stack.array, card)
        tell(_plan(_extent(box, parameters), optical.memory_needed(box, stack.array.shape, card), card))
        made_by = provenance(card, parameters, box, **_origin(stack))
        start = time.monotonic()
        labels = follow(optical.run(stack.array, network, np.zeros(box.shape, np.uint8), box, parameters))
        seconds, largest = time.monotonic() - start, int(labels.max())
        _write_labels(options, LabelVolume(labels, stack.voxel_size, made_by, box.start, largest))
    tell(_outcome(count(largest, "neurite"), seconds, labels.size, options.output))
    return 0


def _write_labels(options: argparse.Namespace, volume: LabelVolume) -> None:
    follow(write_label_volume(options.output, volume, format_name(options)))
    warn(rounded_ids_note(options.output))


def _memory(box: Box, stack: Stack, card: ModelCard, parameters: ResolvedSegmentParameters) -> int:
    sigma, scale = parameters.seed_sigma, parameters.scale
    return memory_needed(box, stack.array.shape[1:], card=card, seed_sigma=sigma, scale=scale)


def _extent(box: Box, parameters: ResolvedSegmentParameters | ResolvedOpticalParameters) -> str:
    """Return what is segmented: "4 x 32 x 48 voxels, grey levels 0 to 255"."""
    return f"{shape_text(box.shape)} voxels, grey levels {parameters.black:g} to {parameters.white:g}"


def _plan(extent: str, memory: int, card: ModelCard) -> str:
    return f"{extent}, at most {size_text(memory)}, {card.summary()}"


def _outcome(found: str, seconds: float, voxels: int, output: Path) -> str:
    return f"{found} in {seconds:.1f} s, {seconds / voxels * 1e6:.2f} s per megavoxel -> {output}"


def _origin(stack: Stack) -> dict[str, str | None]:
    names = {"source": str(stack.path), "dataset": stack.dataset, "fingerprint": stack.fingerprint}
    return names | {"voxel_size_source": stack.size_source}


def _check_outputs(options: argparse.Namespace) -> None:
    """Refuse outputs that cannot be written, before the work and not after it."""
    if not (options.output or options.session):
        raise UserError("output: a name for the labels is needed; add -o LABELS.tif, or --session OUT.emcad.")
    for output in filter(None, (options.output, options.affinities, options.session)):
        check_folder(output)
    for output in filter(None, (options.output, options.affinities)):
        check_free(output, options.overwrite)
    if options.output:
        check_label_target(options.output, format_name(options))
    if options.session:
        check_session(options.session)


def _check_size(options: argparse.Namespace, voxel_size: VoxelSize | None) -> None:
    """Refuse a format that needs a voxel size where none is known."""
    if options.output and voxel_size is None and check_label_target(options.output, format_name(options)).needs_size:
        raise UserError(
            f"{options.output}: a precomputed volume needs the voxel size in nm, and it is not known; "
            "add --voxel-size Z Y X."
        )


def _refuse_em_options(options: argparse.Namespace) -> None:
    """Refuse options that only the method for EM stacks knows."""
    for name in ("seed_sigma", "agglomeration", "affinities", "session", "sections", "bridged", "resample", *BY_BLOCKS):
        if getattr(options, name) is not None:
            option = f"--{name.replace('_', '-')}"
            raise UserError(
                f"{option}: a model for EM stacks is needed for this, {options.model} finds the foreground of optical "
                "volumes; leave the option out."
            )
