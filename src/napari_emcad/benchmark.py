"""The rows of the papers' tables: a dataset, segmented by a model and scored against its labels."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.choices import Agglomeration
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.label_contents import KnownLabels
from napari_emcad.core.parameters import ResolvedSegmentParameters
from napari_emcad.core.progress import Job
from napari_emcad.core.scores import Scores, score
from napari_emcad.core.sections.pairing import PlannedBox
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.io.stacks.paper_datasets import LabelledStack
from napari_emcad.networks.card import ModelCard
from napari_emcad.pipeline import agglomerate, predict

if TYPE_CHECKING:  # these bring torch, which takes seconds
    from napari_emcad.networks.student import Student
    from napari_emcad.networks.teacher import Teacher


@dataclass(frozen=True)
class BenchmarkRow:
    """Scores of one agglomeration of a model's affinities.

    Attributes
    ----------
    dataset : str
        With the box in the voxels of its labels, if that is not all of them.
    model : str
    agglomeration : str
        One of `choices.Agglomeration`.
    threshold : float
    scores : Scores
        Truth 0 is left out.
    seconds : float
        From grey values to neurons; the prediction, which all rows share, counts in each.
    sections : str
        One sentence on what was done with sections; empty if all are used as they are.
    """

    dataset: str
    model: str
    agglomeration: Agglomeration
    threshold: float
    scores: Scores
    seconds: float
    sections: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return name -> value, for JSON; the scores as `napari-emcad evaluate` names them."""
        row = asdict(self)
        return row | row.pop("scores") | {"voi": self.scores.voi}


def benchmark(
    pair: LabelledStack,
    box: Box,
    model: "tuple[Student | Teacher, ModelCard]",
    ways: Sequence[ResolvedSegmentParameters],
    plan: SectionPlan | None = None,
) -> Job[list[BenchmarkRow]]:
    """Segment the labelled part of a stack once in each way; affinities are predicted once.

    Parameters
    ----------
    pair : LabelledStack
    box : Box
        Part of the labels, in their voxels; the stack around it is read as context.
    model : (Student or Teacher, ModelCard)
        Network and card, as `load_model` returns them.
    ways : sequence of ResolvedSegmentParameters
        They differ in agglomeration, threshold and crumbs alone.
    plan : SectionPlan, optional
        Of the stack; None = every section is used as it is. What it bridges, and takes for no tissue, is not scored.

    Raises
    ------
    UserError
        If nothing is labelled in the box, or the network cannot predict there.
    """
    _check_labelled(pair, box)
    network, card = model
    place = box.moved(pair.place.start)
    truth, sentence = _scored_truth(pair, box, PlannedBox.of(plan, place)), plan.sentence if plan else ""
    affinities = np.zeros((3, *box.shape), np.uint8)
    start = time.monotonic()
    yield from predict(pair.raw.array, network, affinities, place, ways[0], plan)
    predicted = time.monotonic() - start
    rows = []
    for parameters in ways:
        start = time.monotonic()
        segmentation = yield from agglomerate(affinities, parameters, plan, place)
        table = segmentation.table(parameters.threshold, parameters.min_size, parameters.crumbs)
        labels = segmentation.labels(table)
        seconds = predicted + time.monotonic() - start
        scores, way = score(labels, truth), (parameters.agglomeration, parameters.threshold)
        rows.append(BenchmarkRow(_name(pair, box), card.title, *way, scores, seconds, sentence))
    return rows


def _check_labelled(pair: LabelledStack, box: Box) -> None:
    """Refuse a box without labels, before the work and not after it; mostly one section is read."""
    sections, *place = box.slices
    if not any(pair.labels.array[(z, *place)].any() for z in range(sections.start, sections.stop)):
        raise UserError(f"{pair.labels.path}: nothing is labelled in {box.text} (all are 0); choose another box.")


def _scored_truth(pair: LabelledStack, box: Box, planned: PlannedBox | None) -> NDArray[np.integer]:
    """Return the labels of a box, 0 where the plan shows nothing that could be used."""
    truth = KnownLabels(pair.labels.array)[box.slices]
    if planned is None:
        return truth
    usable = np.stack([planned.usable(z) for z in range(len(truth))])
    if not truth[usable].any():
        raise UserError(f"{pair.labels.path}: nothing that is used is labelled in {box.text}; choose another box.")
    return np.where(usable, truth, 0)


def _name(pair: LabelledStack, box: Box) -> str:
    return pair.title if box == Box.whole(pair.labels.array.shape) else f"{pair.title}[{box.text}]"
