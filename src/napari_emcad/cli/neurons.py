"""Neurons that were segmented, written as the options ask for: labels, a session, or both."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from napari_emcad.cli.bar import follow, warn
from napari_emcad.cli.inputs import check_folder, check_session
from napari_emcad.cli.outputs import PALETTE_NAMES, check_free, format_name
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Voxel, VoxelSize
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.core.volume import AffinityVolume
from napari_emcad.core.wording import count
from napari_emcad.io.labels.formats import check_label_target, write_label_volume
from napari_emcad.io.labels.label_volume import LabelPieces, LabelVolume
from napari_emcad.io.labels.tiff import rounded_ids_note
from napari_emcad.io.sessions.facts import SessionFacts
from napari_emcad.io.sessions.new_session import create_session
from napari_emcad.io.stacks.locations import Location
from napari_emcad.proofreading.colouring import coloured
from napari_emcad.proofreading.edges import EditedGraph


class Neurons(NamedTuple):
    """A segmentation to be written, and what is said of it.

    Attributes
    ----------
    segmentation : Segmentation
    affinities : (3, z, y, x) uint8
    parameters : SegmentParameters
        With the threshold that neurons are cut at.
    made_by : dict
        The provenance.
    voxel_size : VoxelSize or None
        In nm.
    start : (z, y, x)
        The first voxel's place in the stack.
    stack : Path, Url or None
    """

    segmentation: Segmentation
    affinities: AffinityVolume
    parameters: SegmentParameters
    made_by: dict[str, Any]
    voxel_size: VoxelSize | None
    start: Voxel
    stack: Location | None


def write_neurons(options: argparse.Namespace, neurons: Neurons) -> str:
    """Write labels and session, as far as they are asked for, and return how many neurons there are, in words."""
    segmentation, parameters, made_by = neurons.segmentation, neurons.parameters, neurons.made_by
    table = segmentation.table(parameters.threshold or 0, parameters.min_size, parameters.crumbs)
    if options.output:
        pieces, labels = LabelPieces(segmentation.fragments, table), segmentation.labels(table)
        volume = LabelVolume(labels, neurons.voxel_size, made_by, neurons.start, int(table.max()), pieces)
        palette = PALETTE_NAMES[options.colours]
        edges = EditedGraph.of(segmentation.graph)
        write_labels(options, replace(volume, colours=lambda: coloured(edges, table, palette)))
    if options.session and neurons.stack is not None:
        facts = SessionFacts.of(made_by | {"source": str(neurons.stack.absolute())}, neurons.voxel_size)
        create_session(options.session, segmentation, neurons.affinities, facts).close()
    return count(len(segmentation.neuron_sizes(table)), "neuron")


def write_labels(options: argparse.Namespace, volume: LabelVolume) -> None:
    """Write labels, and warn if a program would round their ids."""
    follow(write_label_volume(options.output, volume, format_name(options)))
    warn(rounded_ids_note(options.output))


def outcome(found: str, seconds: float, voxels: int, output: Path) -> str:
    """Return what was found, how long it took, and where it is."""
    return f"{found} in {seconds:.1f} s, {seconds / voxels * 1e6:.2f} s per megavoxel -> {output}"


def check_outputs(options: argparse.Namespace) -> None:
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


def check_size(options: argparse.Namespace, voxel_size: VoxelSize | None) -> None:
    """Refuse a format that needs a voxel size where none is known."""
    if options.output and voxel_size is None and check_label_target(options.output, format_name(options)).needs_size:
        raise UserError(
            f"{options.output}: a precomputed volume needs the voxel size in nm, and it is not known; "
            "add --voxel-size Z Y X."
        )
