"""Segmentation by affinities in a file, beside the window."""

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.progress import Job
from napari_emcad.core.sections.pairing import PlannedBox
from napari_emcad.core.sections.plan import SectionPlan, with_tissue
from napari_emcad.from_affinities import PREDICTED_WITHOUT, card_of_affinities
from napari_emcad.io.foreign_affinities import AffinityFile, AffinityPlaces
from napari_emcad.workers.agglomeration import agglomerate_beside
from napari_emcad.workers.segmentation import Cut, SegmentResult, cut_neurons


@dataclass(frozen=True)
class AffinitiesRequest:
    """A box of a volume that is to be segmented by affinities in a file.

    Attributes
    ----------
    file : AffinityFile
    places : AffinityPlaces
        The box in the file and in the volume.
    parameters : SegmentParameters
        Resolved.
    affinities : (3, z, y, x) uint8
        Written while the run goes on.
    """

    file: AffinityFile
    places: AffinityPlaces
    parameters: SegmentParameters
    affinities: NDArray[np.uint8]


def segment_by_affinities(request: AffinitiesRequest, plan: Job[SectionPlan | None]) -> Job[SegmentResult]:
    """Read, agglomerate, and cut at the threshold.

    Parameters
    ----------
    request : AffinitiesRequest
    plan : job
        Gives the plan for the volume's sections; our own affinities have theirs.

    Raises
    ------
    UserError
        If values are not those of affinities, nothing of the box shows tissue, or memory does not suffice.
    """
    file, (part, box), parameters = request.file, request.places, request.parameters
    found = file.plan if file.provenance else (yield from with_tissue(plan, box))
    start = time.monotonic()
    notes = yield from file.affinities.write(request.affinities, part)
    segmentation = yield from agglomerate_beside(request.affinities, parameters, PlannedBox.of(found, box))
    neurons = cut_neurons(segmentation, Cut(parameters.threshold or 0, parameters.min_size, parameters.crumbs))
    if PlannedBox.of(found, box) and not file.provenance:
        notes.append(f"{PREDICTED_WITHOUT}.")
    sentences = tuple(f"{note[0].upper()}{note[1:]}" for note in notes)
    card, seconds = card_of_affinities(file.title), time.monotonic() - start
    return SegmentResult(parameters, segmentation, card, neurons, "", "cpu", seconds, found, sentences)
