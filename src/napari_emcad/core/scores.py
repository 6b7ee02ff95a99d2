"""VOI and ARAND, on contingency tables.

Equal to scikit-image's `variation_of_information` and `adapted_rand_error` with truth 0 ignored; the table of
fragments against truth is counted once and serves every threshold.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

from napari_emcad.core.errors import UserError
from napari_emcad.core.volume import Volume

_Counts = NDArray[np.float64]
"""Numbers of voxels."""


@dataclass(frozen=True)
class Scores:
    """The distance between a segmentation and the truth.

    Attributes
    ----------
    voi_split, voi_merge : float
        Bits: H(segments | truth), what was split, and H(truth | segments), what was merged.
    arand : float
        Adapted Rand error, 0 = perfect.
    segments : int
        Segments on labelled truth.
    """

    voi_split: float
    voi_merge: float
    arand: float
    segments: int

    @property
    def voi(self) -> float:
        """Variation of information in bits: split + merge."""
        return self.voi_split + self.voi_merge


def contingency(labels: Volume, truth: Volume) -> csr_array:
    """Count the voxels of each pair of (label, truth), section by section; truth 0 is left out.

    Parameters
    ----------
    labels, truth : (z, y, x) integer
        Arrays of equal shape; read by sections.

    Returns
    -------
    (labels, truths) sparse int64

    Raises
    ------
    UserError
        If the shapes differ or nothing in the truth is labelled.
    """
    if labels.shape != truth.shape:
        raise UserError(
            f"scores: labels and truth of equal shape are needed, got {labels.shape} and {truth.shape}; "
            "choose the same box of both."
        )
    parts = [_pairs(np.asarray(labels[z]), np.asarray(truth[z])) for z in range(labels.shape[0])]
    rows, columns, counts = (np.concatenate([p[i] for p in parts] or [np.empty(0, np.int64)]) for i in range(3))
    if not len(rows):
        raise UserError("scores: the truth has no labelled voxel (all are 0); choose another layer or box.")
    _, rows = np.unique(rows, return_inverse=True)
    _, columns = np.unique(columns, return_inverse=True)
    return coo_array((counts, (rows, columns))).tocsr()


def scores_of(table: csr_array, beside: NDArray[np.integer] | None = None) -> Scores:
    """Return VOI and ARAND of voxels counted by (label, truth).

    Parameters
    ----------
    table : (labels, truths) sparse integer
    beside : (labels,) integer, optional
        Voxels of each label that lie in none of these truths, and whose own is not known. They are not scored
        themselves, but they count as merged: every scored voxel is held against all of its segment.
    """
    joint = table.tocoo().data.astype(np.float64)
    segments = np.asarray(table.sum(1), np.float64).ravel()
    truths = np.asarray(table.sum(0), np.float64).ravel()
    sizes = segments if beside is None else segments + beside
    both = _entropy(joint, joint)
    return Scores(
        voi_split=float(both - _entropy(truths, truths)),
        voi_merge=float(both - _entropy(segments, sizes)),
        arand=_adapted_rand_error(joint, segments, sizes, truths),
        segments=int((segments > 0).sum()),
    )


def score(labels: Volume, truth: Volume) -> Scores:
    """Score a labelling against the truth, both (z, y, x); truth 0 is ignored, label 0 is a segment."""
    return scores_of(contingency(labels, truth))


def _pairs(labels: NDArray[Any], truth: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.intp]]:
    """Return labels, truths and numbers of voxels of the pairs in one section."""
    known = truth != 0
    label_ids, rows = np.unique(labels[known], return_inverse=True)
    truth_ids, columns = np.unique(truth[known], return_inverse=True)
    packed, counts = np.unique(rows * len(truth_ids) + columns, return_counts=True)  # ids of any size fit so
    row, column = np.divmod(packed, max(1, len(truth_ids)))
    return label_ids[row], truth_ids[column], counts


def _entropy(counts: _Counts, sizes: _Counts) -> float:
    """Return the entropy in bits: each voxel counted pays the logarithm of the size of its class."""
    some = counts > 0
    return float(-(counts[some] * np.log2(sizes[some] / counts.sum())).sum() / counts.sum())


def _adapted_rand_error(joint: _Counts, segments: _Counts, sizes: _Counts, truths: _Counts) -> float:
    """Return one minus the F-score of voxel pairs that are together in both; 0 if no pair is together in either."""
    voxels = joint.sum()
    together = (joint**2).sum() - voxels
    in_segments, in_truth = (segments * sizes).sum() - voxels, (truths**2).sum() - voxels
    return float(1 - 2 * together / (in_segments + in_truth)) if in_segments + in_truth else 0.0
