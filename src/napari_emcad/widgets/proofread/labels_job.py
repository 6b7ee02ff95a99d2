"""The job that makes neurons of labels, with a model's affinities where they are wanted."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.geometry import Box, VoxelSize
from napari_emcad.core.label_contents import KnownLabels
from napari_emcad.core.label_pieces import LabelFragments, build_segmentation, check_pieces, find_label_fragments
from napari_emcad.core.progress import Job, Progress
from napari_emcad.core.sections.pairing import PlannedBox
from napari_emcad.core.sections.plan import SectionPlan, with_tissue
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.networks.card import ModelCard
from napari_emcad.pipeline import SegmentParameters, resolve_parameters
from napari_emcad.session_of_labels import card_of_labels, parameters_of_labels
from napari_emcad.workers.prediction import Model, predict_beside
from napari_emcad.workers.segmentation import Cut, CutNeurons, cut_neurons


@dataclass(frozen=True)
class LabelsOrder:
    """Labels that are to become neurons.

    Attributes
    ----------
    labels : array-like (z, y, x)
    name : str
    box : Box
        Their place in the stack.
    parameters : SegmentParameters
    stack, model : array-like (z, y, x) and Path, or None
        Given where a model is to predict affinities.
    voxel_size : VoxelSize or None
        Of the stack, in nm.
    plan : SectionPlan or None
        Of the stack, where a model is to predict; None = its sections are used as they are.
    """

    labels: Any
    name: str
    box: Box
    parameters: SegmentParameters
    stack: Any = None
    model: Path | None = None
    voxel_size: VoxelSize | None = None
    plan: SectionPlan | None = None


@dataclass(frozen=True)
class LabelsResult:
    """The neurons that labels became; affinities (3, z, y, x) uint8 or None, and the plan that they follow, if any."""

    pieces: LabelFragments
    segmentation: Segmentation
    neurons: CutNeurons
    affinities: NDArray[np.uint8] | None
    card: ModelCard
    parameters: SegmentParameters
    plan: SectionPlan | None


def planned_labels_job(plan: Job[SectionPlan | None], order: LabelsOrder) -> Job[LabelsResult]:
    """Find the plan for the sections of the stack, and make neurons of labels by it.

    Raises
    ------
    UserError
        As `segment_labels_job` does, and if nothing in the box shows tissue by that plan.
    """
    found = yield from with_tissue(plan, order.box)
    return (yield from segment_labels_job(replace(order, plan=found)))


def segment_labels_job(order: LabelsOrder) -> Job[LabelsResult]:
    """Make neurons of labels; labels that cannot be used are refused before the model begins."""
    pieces = yield from find_label_fragments(KnownLabels(order.labels))
    check_pieces(pieces, order.name)
    affinities, card, used = None, card_of_labels(order.name), order.parameters
    if order.model is not None:
        affinities, card, used = yield from _predict(order, order.model)
    planned = None if affinities is None else PlannedBox.of(order.plan, order.box)
    segmentation = yield from build_segmentation(pieces, affinities, planned)
    parameters = parameters_of_labels(used)
    assert parameters.threshold is not None, "labels have the recommended one"
    neurons = cut_neurons(segmentation, Cut(parameters.threshold))
    return LabelsResult(pieces, segmentation, neurons, affinities, card, parameters, order.plan)


def _predict(order: LabelsOrder, model: Path) -> Job[tuple[NDArray[np.uint8], ModelCard, SegmentParameters]]:
    yield Progress("loading the model", 0, 1)
    from napari_emcad.networks.checkpoint import inspect

    card = inspect(model)
    used = resolve_parameters(order.parameters, order.stack, card, order.voxel_size, order.plan)
    affinities = np.zeros((3, *order.box.shape), np.uint8)
    yield from predict_beside(order.stack, Model(model, card), affinities, order.box, used, order.plan)
    return affinities, card_of_labels(order.name, f"of {card.title or model.name}", card.sha256), used
