"""The command that segments, with affinities or boundaries in a file in the place of a network."""

import argparse
import time
from contextlib import ExitStack
from math import prod

import numpy as np

from napari_emcad.cli.bar import follow, tell, warn
from napari_emcad.cli.inputs import box_of, open_input, requested_parameters, selection_of, size_of
from napari_emcad.cli.neurons import Neurons, check_outputs, check_size, outcome, write_neurons
from napari_emcad.cli.options import BY_BLOCKS
from napari_emcad.cli.section_choice import as_bridged, choose_plan, sections_asked_for
from napari_emcad.core.agglomeration import agglomeration_memory
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, triple
from napari_emcad.core.sections.plan import SectionPlan, check_tissue
from napari_emcad.core.volume import AffinityStore, check_volume
from napari_emcad.core.wording import shape_text, size_text
from napari_emcad.from_affinities import PREDICTED_WITHOUT, card_of_affinities, resolved
from napari_emcad.io.affinities import new_affinities
from napari_emcad.io.foreign_affinities import AffinityFile, AffinityPlaces, AffinityRequest, open_affinity_file
from napari_emcad.io.section_plans import plan_facts
from napari_emcad.io.stacks.stack import Stack, holds_datasets
from napari_emcad.io.stacks.stack_selection import errors_of
from napari_emcad.pipeline import agglomerate, provenance

_OF_A_NETWORK = ("model", "device", "black", "white", "resample", *BY_BLOCKS)
"""Options that mean nothing where no network runs in one go."""


def segment_from_affinities(options: argparse.Namespace) -> int:
    """Segment by affinities or boundaries that another program wrote."""
    _refuse_options(options)
    check_outputs(options)
    _share_dataset(options)
    with ExitStack() as open_files:
        stack = open_files.enter_context(open_input(options)) if options.input else None
        file = open_files.enter_context(_open_file(options))
        tell(file.line)
        for note in file.notes:
            warn(note)
        parameters = resolved(requested_parameters(options)).model_copy(update={"scale": file.scale})
        measured = stack if stack and stack.voxel_size else file.stack
        voxel_size = measured.voxel_size
        check_size(options, voxel_size)
        part, box = _places(options, file, stack)
        plan = _plan(options, file, stack, box)
        memory = 3 * prod(box.shape) + agglomeration_memory(prod(box.shape), parameters.seed_sigma)
        card = card_of_affinities(file.title)
        tell(f"{shape_text(box.shape)} voxels, at most {size_text(memory)}, {card.title}")
        origin = _origin(stack) | {"voxel_size_source": measured.size_source, "affinities": file.facts}
        made_by = provenance(card, parameters, box, **origin, **plan_facts(plan))
        affinities: AffinityStore = np.zeros((3, *box.shape), np.uint8)
        if options.affinities:
            affinities = open_files.enter_context(new_affinities(options.affinities, box.shape, voxel_size, made_by))
        start = time.monotonic()
        for doubt in follow(file.affinities.write(affinities, part)):
            warn(f"{file.stack.path.name}: {doubt}")
        segmentation = follow(agglomerate(affinities, parameters, plan, box))
        seconds = time.monotonic() - start
        shown = stack.path if stack else None
        neurons = Neurons(segmentation, affinities, parameters, made_by, voxel_size, box.start, shown)
        found = write_neurons(options, neurons)
    tell(outcome(found, seconds, prod(box.shape), options.output or options.session))
    return 0


def _refuse_options(options: argparse.Namespace) -> None:
    for name in _OF_A_NETWORK:
        if getattr(options, name) is not None:
            raise UserError(
                f"--{name.replace('_', '-')}: no network runs with --from-affinities, and nothing is done by blocks; "
                "leave the option out."
            )
    if options.session and not options.input:
        raise UserError("session: the stack is needed, as a session shows it; name it as INPUT, before the options.")


def _share_dataset(options: argparse.Namespace) -> None:
    """Let --dataset name that of the affinities where the stack can have none."""
    if options.input and options.dataset and not options.affinities_dataset and not holds_datasets(options.input):
        options.affinities_dataset, options.dataset = options.dataset, None
        file, stack = options.from_affinities.name, options.input.name
        warn(f"--dataset is taken for {file}, as {stack} holds no datasets; --affinities-dataset says so, too.")


def _open_file(options: argparse.Namespace) -> AffinityFile:
    """Open the file; without a stack, the options that select a stack in a file select the affinities."""
    selected = selection_of(options, "affinities") or (None if options.input else selection_of(options))
    request = AffinityRequest(
        options.from_affinities,
        selected,
        options.offsets,
        options.boundaries,
        options.affinities_range and tuple(options.affinities_range),
        size_of(options),
    )
    if not options.input:
        return open_affinity_file(request)
    with errors_of("affinities"):
        return open_affinity_file(request)


def _places(options: argparse.Namespace, file: AffinityFile, stack: Stack | None) -> AffinityPlaces:
    if stack is None:
        part = box_of(options, file.affinities.shape)
        return AffinityPlaces(part, part.moved(file.start))
    check_volume(stack.array)
    shape = triple(stack.array.shape)
    asked = Box.parse(options.box, shape) if options.box else None
    return file.places_in(shape, stack.voxel_size, stack.offset, asked)


def _plan(options: argparse.Namespace, file: AffinityFile, stack: Stack | None, box: Box) -> SectionPlan | None:
    """Return the plan that our own affinities carry, or that is asked for; None if all sections are used as they are.

    Without a stack nothing can be looked at, so that a plan is one that a file names.
    """
    shape = triple(stack.array.shape if stack else file.affinities.shape)
    asked = sections_asked_for(options, shape)
    if asked == "auto" and (file.provenance or stack is None):
        plan = file.plan
        if plan is not None:
            plan = as_bridged(options, plan)
            check_tissue(plan, box)
            tell(f"by plan: {plan.sentence}")
        return plan
    plan = choose_plan(options, (stack or file.stack).array, box)
    if plan is not None and not file.provenance:
        warn(f"{PREDICTED_WITHOUT}; --sections as-is leaves the sections as they are.")
    return plan


def _origin(stack: Stack | None) -> dict[str, str | None]:
    if stack is None:
        return {}
    return {"source": str(stack.path), "dataset": stack.dataset, "fingerprint": stack.fingerprint}
