"""The command that segments: an EM stack into neurons, or an optical volume into neurites, by what the model is for."""

import argparse
import time
from contextlib import ExitStack
from math import prod
from pathlib import Path

import numpy as np

from napari_emcad import optical
from napari_emcad.cli.bar import follow, tell, warn
from napari_emcad.cli.blocks import BY_BLOCKS, add_block_options, by_blocks, segment_blocks
from napari_emcad.cli.options import (
    METHOD,
    STACKS,
    add_box,
    add_dataset,
    add_voxel_size,
    at_least_zero,
    between,
    box_of,
    check_folder,
    check_session,
    given,
    opened,
)
from napari_emcad.core.agglomeration import DEFAULT_THRESHOLDS
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.parameters import OpticalParameters, SegmentParameters
from napari_emcad.core.volume import check_volume
from napari_emcad.core.wishes import WISHES
from napari_emcad.core.wording import count, shape_text, size_text
from napari_emcad.inference.kind_warning import kind_warning
from napari_emcad.io.affinities import new_affinities
from napari_emcad.io.labels.label_volume import LabelVolume
from napari_emcad.io.labels.tiff import write_tiff
from napari_emcad.io.sessions.facts import SessionFacts
from napari_emcad.io.sessions.new_session import create_session
from napari_emcad.io.stacks.locations import parse_location
from napari_emcad.io.stacks.paper_layouts import voxel_size_by_name
from napari_emcad.io.stacks.stack import Stack
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.zoo import BUNDLED, resolve_model
from napari_emcad.pipeline import memory_needed, provenance, resolve_parameters, run

_LEVELS = "default: the model's own grey level, or that of the data"


def add_segment_command(commands) -> None:
    """Add the command to the parser's subcommands."""
    parser = commands.add_parser(
        "segment", help="segment a stack into a label TIFF; an SDASN finds neurites of optical volumes"
    )
    field = SegmentParameters.model_fields
    parser.add_argument("input", type=parse_location, metavar="INPUT|URL", help=STACKS)
    parser.add_argument(
        "-o", "--output", type=Path, metavar="LABELS.tif", help="not by blocks: export the session after"
    )
    parser.add_argument("--model", default=BUNDLED, metavar="NAME|FILE", help=f"default: {BUNDLED}")
    parser.add_argument("--threshold", type=between(0, 1), metavar="T", help=field["threshold"].description)
    parser.add_argument("--min-size", type=at_least_zero, metavar="VOXELS", help=field["min_size"].description)
    parser.add_argument("--seed-sigma", type=between(0, 20), metavar="PX", help=field["seed_sigma"].description)
    parser.add_argument("--agglomeration", choices=tuple(DEFAULT_THRESHOLDS), help=field["agglomeration"].description)
    parser.add_argument("--black", type=float, metavar="GREY", help=f"becomes 0; {_LEVELS}")
    parser.add_argument("--white", type=float, metavar="GREY", help=f"becomes 1; {_LEVELS}")
    parser.add_argument("--device", choices=tuple(WISHES))
    add_dataset(parser, "--dataset", "PATH_IN_INPUT")
    add_voxel_size(parser)
    add_box(parser)
    parser.add_argument("--affinities", type=Path, metavar="OUT.zarr", help="keep the affinities, too")
    parser.add_argument("--session", type=Path, metavar="OUT.emcad", help="write a session to proofread, too")
    add_block_options(parser)
    parser.set_defaults(command=_segment)


def _segment(options: argparse.Namespace) -> int:
    """By the method that the model is for."""
    from napari_emcad.inference.engines.device import reuse_memory
    from napari_emcad.networks.checkpoint import inspect

    reuse_memory()
    if inspect(resolve_model(options.model)).role == "foreground":
        _refuse_em_options(options)
        _check_outputs(options)
        return _segment_optical(options)
    if by_blocks(options):
        return segment_blocks(options)
    _check_outputs(options)
    return _segment_em(options)


def _segment_em(options: argparse.Namespace) -> int:
    from napari_emcad.networks.checkpoint import load_model

    wished = SegmentParameters(**given(options, *METHOD))
    network, card = load_model(resolve_model(options.model))
    with ExitStack() as stack:
        volume = stack.enter_context(opened(options))
        voxel_size = volume.voxel_size or voxel_size_by_name(options.input)
        check_volume(volume.array)
        warn(kind_warning(card, volume.array, voxel_size))
        box = box_of(options, volume.array.shape)
        parameters = resolve_parameters(wished, volume.array, card)
        memory = memory_needed(box, volume.array.shape[1:], card=card, seed_sigma=parameters.seed_sigma)
        tell(_plan(box, memory, card))
        made = provenance(card, parameters, box, **_origin(volume))
        if options.affinities:
            affinities = stack.enter_context(new_affinities(options.affinities, box.shape, voxel_size, made))
        else:
            affinities = np.zeros((3, *box.shape), np.uint8)
        start = time.monotonic()
        segmentation = follow(run(volume.array, network, affinities, box, parameters))
        seconds = time.monotonic() - start
        table = segmentation.table(parameters.threshold, parameters.min_size, parameters.crumbs)
        if options.output:
            labels = segmentation.labels(table)
            follow(write_tiff(options.output, LabelVolume(labels, voxel_size, made, largest=int(table.max()))))
        if options.session:
            facts = SessionFacts.of(made | {"source": str(volume.path.absolute())}, voxel_size)
            create_session(options.session, segmentation, affinities, facts).close()
    found = count(len(segmentation.neuron_sizes(table)), "neuron")
    tell(_outcome(found, seconds, prod(box.shape), options.output or options.session))
    return 0


def _segment_optical(options: argparse.Namespace) -> int:
    from napari_emcad.networks.checkpoint import load_foreground

    wished = OpticalParameters(**given(options, "threshold", "min_size", "device", "black", "white"))
    network, card = load_foreground(resolve_model(options.model))
    with opened(options) as volume:
        check_volume(volume.array, smallest=1)
        warn(kind_warning(card, volume.array, volume.voxel_size))
        box = box_of(options, volume.array.shape)
        parameters = optical.resolve_parameters(wished, volume.array, card)
        memory = optical.memory_needed(box, volume.array.shape, card)
        tell(_plan(box, memory, card))
        made = provenance(card, parameters, box, **_origin(volume))
        start = time.monotonic()
        labels = follow(optical.run(volume.array, network, np.zeros(box.shape, np.uint8), box, parameters))
        seconds, largest = time.monotonic() - start, int(labels.max())
        follow(write_tiff(options.output, LabelVolume(labels, volume.voxel_size, made, largest=largest)))
    tell(_outcome(count(largest, "neurite"), seconds, labels.size, options.output))
    return 0


def _plan(box: Box, memory: int, card: ModelCard) -> str:
    return f"{shape_text(box.shape)} voxels, at most {size_text(memory)}, {card.summary()}"


def _outcome(found: str, seconds: float, voxels: int, output: Path) -> str:
    return f"{found} in {seconds:.1f} s, {seconds / voxels * 1e6:.2f} s per megavoxel -> {output}"


def _origin(volume: Stack) -> dict[str, str | None]:
    return {"source": str(volume.path), "dataset": volume.dataset, "fingerprint": volume.fingerprint}


def _check_outputs(options: argparse.Namespace) -> None:
    """Before the work, not after it."""
    if not (options.output or options.session):
        raise UserError("output: a name for the labels is needed; add -o LABELS.tif, or --session OUT.emcad.")
    for output in filter(None, (options.output, options.affinities, options.session)):
        check_folder(output)
    if options.output and options.output.suffix.lower() not in (".tif", ".tiff"):
        raise UserError(f"output: a name that ends in .tif is needed, got {options.output}.")
    if options.session:
        check_session(options.session)


def _refuse_em_options(options: argparse.Namespace) -> None:
    """What only the method for EM stacks knows."""
    for name in ("seed_sigma", "agglomeration", "affinities", "session", *BY_BLOCKS):
        if getattr(options, name) is not None:
            option = f"--{name.replace('_', '-')}"
            raise UserError(
                f"{option}: a model for EM stacks is needed for this, {options.model} finds the foreground of optical "
                "volumes; leave the option out."
            )
