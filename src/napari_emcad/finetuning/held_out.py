"""Scores of a network on crops that it was not trained on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.crop import Crop
from napari_emcad.core.geometry import Box
from napari_emcad.core.ids import Ids
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.progress import drive
from napari_emcad.core.scores import Scores
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.pipeline import run
from napari_emcad.proofreading.known_truth import KnownTruth

if TYPE_CHECKING:  # these bring torch, which takes seconds
    from napari_emcad.networks.student import Student
    from napari_emcad.networks.teacher import Teacher

THRESHOLDS = tuple(n / 20 for n in range(2, 15))
"""Thresholds of the agglomeration, 0.1 to 0.7: the network is scored at one of these."""

AS_GOOD = 1.03
"""Factor on the lowest VOI: of the thresholds up to there the middle one is taken.

On few sections the VOI jumps from threshold to threshold with single merges of large neurons, and the very lowest lies
anywhere between too low and too high for others.
"""


@dataclass(frozen=True)
class HeldOutScore:
    """Scores over all crops, weighted by their verified voxels, at the middle of the thresholds as good as the best.

    Attributes
    ----------
    voi, voi_split, voi_merge : float
        Bits.
    arand : float
    threshold : float
    """

    voi: float
    voi_split: float
    voi_merge: float
    arand: float
    threshold: float


def score_network(
    network: "Student | Teacher", crops: Sequence[Crop], device: str = "auto"
) -> tuple[HeldOutScore, list[NDArray[np.integer]]]:
    """Segment the crops and compare with their labels where these are verified.

    A verified neuron that is joined with a segment of another label is merged, be that verified or not.

    Parameters
    ----------
    network : Student or Teacher
        In eval mode; not modified.
    crops : sequence of Crop
        One or more, with verified voxels.
    device : str
        As in `SegmentParameters`.

    Returns
    -------
    score : HeldOutScore
    labels : list of (z, y, x) integer
        The segmentation of each crop at the score's threshold.
    """
    segmentations = [_segment_crop(network, crop, device) for crop in crops]
    weights = [crop.voxels_known for crop in crops]
    truths = [
        KnownTruth(segmentation.fragments[:], crop.truth)
        for segmentation, crop in zip(segmentations, crops, strict=True)
    ]
    beside = [
        _voxels_of_others(segmentation.fragments[:], crop)
        for segmentation, crop in zip(segmentations, crops, strict=True)
    ]
    curve = []
    for threshold in THRESHOLDS:
        tables = [_table(segmentation, threshold) for segmentation in segmentations]
        scores = [truth.scores(table, more) for table, truth, more in zip(tables, truths, beside, strict=True)]
        curve.append(_mean_score(scores, weights, threshold))
    best = _middle_of_the_best(curve)
    return best, [segmentation.labels(_table(segmentation, best.threshold)) for segmentation in segmentations]


def _mean_score(scores: Sequence[Scores], weights: Sequence[int], threshold: float) -> HeldOutScore:
    split, merge, arand = (
        float(np.average(values, weights=weights))
        for values in zip(*((s.voi_split, s.voi_merge, s.arand) for s in scores), strict=True)
    )
    return HeldOutScore(split + merge, split, merge, arand, threshold)


def _middle_of_the_best(curve: Sequence[HeldOutScore]) -> HeldOutScore:
    """Return the middle of the scores that are about as good as the best."""
    enough = AS_GOOD * min(score.voi for score in curve)
    good = [score for score in curve if score.voi <= enough]
    return good[(len(good) - 1) // 2]


def _segment_crop(network: "Student | Teacher", crop: Crop, device: str) -> Segmentation:
    white = 255.0 if crop.raw.dtype == np.uint8 else 1.0
    parameters = SegmentParameters(device=device, black=0.0, white=white)
    box = Box.whole(crop.raw.shape)
    affinities = np.zeros((3, *box.shape), np.uint8)
    return drive(run(crop.raw, network, affinities, box, parameters))


def _voxels_of_others(fragments: NDArray[np.integer], crop: Crop) -> NDArray[np.int64] | None:
    """Count the voxels of each fragment, by id, that are neither verified nor of a verified neuron; None if all are."""
    if crop.known is None:
        return None
    verified = np.unique(crop.labels[crop.known])
    others = ~crop.known & (crop.labels != 0) & ~np.isin(crop.labels, verified)
    return np.bincount(fragments[others], minlength=int(fragments.max()) + 1)


def _table(segmentation: Segmentation, threshold: float) -> Ids:
    """Return the table of a threshold as a person sees it, with crumbs joined."""
    defaults = SegmentParameters()
    return segmentation.table(threshold, defaults.min_size, defaults.crumbs)
