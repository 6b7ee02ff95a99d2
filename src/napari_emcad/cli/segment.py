"""The command that segments: an EM stack into neurons, or an optical volume into neurites, by what the model is for."""

import argparse
import time
from contextlib import ExitStack
from math import prod
from typing import Any

import numpy as np

from napari_emcad import optical
from napari_emcad.cli.bar import follow, tell, warn
from napari_emcad.cli.blocks import segment_by_blocks
from napari_emcad.cli.from_affinities import segment_from_affinities
from napari_emcad.cli.inputs import box_of, open_input, options_set, requested_parameters
from napari_emcad.cli.neurons import Neurons, check_outputs, check_size, outcome, write_labels, write_neurons
from napari_emcad.cli.options import BY_BLOCKS, OF_AFFINITIES
from napari_emcad.cli.section_choice import choose_plan
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.parameters import OpticalParameters, ResolvedOpticalParameters, ResolvedSegmentParameters
from napari_emcad.core.pixel_size import pixel_size_note
from napari_emcad.core.volume import AffinityStore, check_volume
from napari_emcad.core.wording import count, shape_text, size_text
from napari_emcad.inference.engines.device import reuse_memory
from napari_emcad.inference.kind_warning import contrast_note, kind_warning, stretch_note
from napari_emcad.inference.normalisation import is_exchanged, trained_greys
from napari_emcad.io.affinities import new_affinities
from napari_emcad.io.labels.label_volume import LabelVolume
from napari_emcad.io.section_plans import plan_facts
from napari_emcad.io.stacks.stack import Stack
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.checkpoint import inspect, load_foreground, load_model
from napari_emcad.networks.zoo import BUNDLED, resolve_model
from napari_emcad.pipeline import memory_needed, provenance, resolve_parameters, run


def segment(options: argparse.Namespace) -> int:
    """Segment by affinities in a file, or by the method that the model is for, if need be by blocks."""
    if options.from_affinities:
        return segment_from_affinities(options)
    _check_input(options)
    reuse_memory()
    if inspect(resolve_model(options.model)).role == "foreground":
        _refuse_em_options(options)
        check_outputs(options)
        return _segment_optical(options)
    if any(getattr(options, name) is not None for name in BY_BLOCKS):
        return segment_by_blocks(options)
    check_outputs(options)
    return _segment_em(options)


def _check_input(options: argparse.Namespace) -> None:
    """Refuse a run without a stack, and options that are about affinities in a file; take the model that is ours."""
    if options.input is None:
        raise UserError("input: a stack is needed; name it, or affinities of another network with --from-affinities.")
    for name in OF_AFFINITIES:
        if getattr(options, name) not in (None, False):
            raise UserError(f"--{name.replace('_', '-')}: --from-affinities FILE is needed for this; add it.")
    options.model = options.model or BUNDLED


def _segment_em(options: argparse.Namespace) -> int:
    requested = requested_parameters(options)
    network, card = load_model(resolve_model(options.model))
    with ExitStack() as open_files:
        stack = open_files.enter_context(open_input(options))
        voxel_size = stack.voxel_size
        check_size(options, voxel_size)
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
        neurons = Neurons(segmentation, affinities, parameters, made_by, voxel_size, box.start, stack.path)
        found = write_neurons(options, neurons)
    tell(outcome(found, seconds, prod(box.shape), options.output or options.session))
    return 0


def _segment_optical(options: argparse.Namespace) -> int:
    requested = OpticalParameters(**options_set(options, "threshold", "min_size", "device", "black", "white"))
    network, card = load_foreground(resolve_model(options.model))
    with open_input(options) as stack:
        check_size(options, stack.voxel_size)
        check_volume(stack.array, smallest=1)
        warn(kind_warning(card, stack.array, stack.voxel_size))
        box = box_of(options, stack.array.shape)
        parameters = optical.resolve_parameters(requested, stack.array, card)
        tell(_plan(_extent(box, parameters), optical.memory_needed(box, stack.array.shape, card), card))
        made_by = provenance(card, parameters, box, **_origin(stack))
        start = time.monotonic()
        labels = follow(optical.run(stack.array, network, np.zeros(box.shape, np.uint8), box, parameters))
        seconds, largest = time.monotonic() - start, int(labels.max())
        write_labels(options, LabelVolume(labels, stack.voxel_size, made_by, box.start, largest))
    tell(outcome(count(largest, "neurite"), seconds, labels.size, options.output))
    return 0


def _memory(box: Box, stack: Stack, card: ModelCard, parameters: ResolvedSegmentParameters) -> int:
    sigma, scale = parameters.seed_sigma, parameters.scale
    return memory_needed(box, stack.array.shape[1:], card=card, seed_sigma=sigma, scale=scale)


def _extent(box: Box, parameters: ResolvedSegmentParameters | ResolvedOpticalParameters) -> str:
    """Return what is segmented: "4 x 32 x 48 voxels, grey levels 0 to 255"."""
    return f"{shape_text(box.shape)} voxels, grey levels {parameters.black:g} to {parameters.white:g}"


def _plan(extent: str, memory: int, card: ModelCard) -> str:
    return f"{extent}, at most {size_text(memory)}, {card.summary()}"


def _origin(stack: Stack) -> dict[str, Any]:
    names = {"source": str(stack.path), "dataset": stack.dataset, "fingerprint": stack.fingerprint}
    return names | {"voxel_size_source": stack.size_source, **({"origin": stack.origin} if stack.origin else {})}


def _refuse_em_options(options: argparse.Namespace) -> None:
    """Refuse options that only the method for EM stacks knows."""
    for name in ("seed_sigma", "agglomeration", "affinities", "session", "sections", "bridged", "resample", *BY_BLOCKS):
        if getattr(options, name) is not None:
            option = f"--{name.replace('_', '-')}"
            raise UserError(
                f"{option}: a model for EM stacks is needed for this, {options.model} finds the foreground of optical "
                "volumes; leave the option out."
            )
