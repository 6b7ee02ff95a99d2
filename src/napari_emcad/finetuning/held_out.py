"""How good a network is on crops that it was not trained on."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.crop import Crop
from napari_emcad.core.geometry import Box
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.progress import drive
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.pipeline import run
from napari_emcad.proofreading.known_truth import KnownTruth

THRESHOLDS = tuple(n / 20 for n in range(2, 15))
"""Of the agglomeration, 0.1 to 0.7: the network is scored at one of these."""


AS_GOOD = 1.03
"""Times the lowest VOI: of the thresholds up to there the middle one is taken.

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

    def as_dict(self) -> dict[str, Any]:
        """Name -> value, for JSON."""
        return asdict(self)


def score_network(network, crops: Sequence[Crop], device: str = "auto") -> tuple[HeldOutScore, list[NDArray]]:
    """Segment the crops and compare with their labels where these are verified.

    A verified neuron that is joined with what carries another label is merged, be that verified or not.

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
    found = [_segmented(network, crop, device) for crop in crops]
    weights = [crop.voxels_known for crop in crops]
    truths = [KnownTruth(one.fragments[:], crop.truth) for one, crop in zip(found, crops, strict=True)]
    beside = [_of_others(one.fragments[:], crop) for one, crop in zip(found, crops, strict=True)]
    curve = []
    for threshold in THRESHOLDS:
        tables = [_table(one, threshold) for one in found]
        each = [truth.scores(table, more) for table, truth, more in zip(tables, truths, beside, strict=True)]
        split, merge, arand = (
            float(np.average([getattr(s, name) for s in each], weights=weights))
            for name in ("voi_split", "voi_merge", "arand")
        )
        curve.append(HeldOutScore(split + merge, split, merge, arand, threshold))
    enough = AS_GOOD * min(score.voi for score in curve)
    good = [score for score in curve if score.voi <= enough]
    best = good[(len(good) - 1) // 2]
    return best, [one.labels(_table(one, best.threshold)) for one in found]


def _segmented(network, crop: Crop, device: str) -> Segmentation:
    white = 255.0 if crop.raw.dtype == np.uint8 else 1.0
    parameters = SegmentParameters(device=device, black=0.0, white=white)
    affinities = np.zeros((3, *crop.raw.shape), np.uint8)
    return drive(run(crop.raw, network, affinities, Box.whole(crop.raw.shape), parameters))


def _of_others(fragments: NDArray[np.integer], crop: Crop) -> NDArray[np.int64] | None:
    """Voxels of each fragment, by id, that are not verified but not of a verified neuron either; None where all is."""
    if crop.known is None:
        return None
    verified = np.unique(crop.labels[crop.known])
    others = ~crop.known & (crop.labels != 0) & ~np.isin(crop.labels, verified)
    return np.bincount(fragments[others], minlength=int(fragments.max()) + 1)


def _table(segmentation: Segmentation, threshold: float) -> NDArray[np.uint32]:
    """As a person sees it, crumbs joined."""
    defaults = SegmentParameters()
    return segmentation.table(threshold, defaults.min_size, defaults.crumbs)
