"""A held-out crop with the labels that the networks before and after a run find in it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.io.npz_files import read_npz
from napari_emcad.io.read_errors import HEADER_ERRORS
from napari_emcad.widgets.finetune.runs import RunFolder

NETWORKS = ("before", "after")
"""The networks that are compared, by when they are asked."""


@dataclass(frozen=True)
class HeldOutCrop:
    """Grey values and labels of a crop.

    Attributes
    ----------
    raw : (z, y, x) uint8, or float32 in [0, 1]
    labels : dict of str to (z, y, x) integer
        "before", "after" and "truth", as far as they are there; in the ids of the truth, as far as they match.
    facts : dict
        The place of the crop, see `held_out_place.place_facts`.
    """

    raw: NDArray[Any]
    labels: dict[str, NDArray[Any]]
    facts: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, run: RunFolder, number: int) -> Self:
        """Read a crop of a run.

        Raises
        ------
        UserError
            If the file is missing or damaged.
        """
        file = run.folder / f"held_out_{number}.npz"
        try:
            return cls(*_read(file), run.facts_of(number))
        except HEADER_ERRORS as error:
            raise UserError(f"{file}: the held-out crop could not be read ({error}).") from error


def _read(file: Path) -> tuple[NDArray[Any], dict[str, NDArray[Any]]]:
    """Return grey values and labels."""
    arrays = read_npz(file)
    truth = arrays["truth"]
    found = {name: match_labels(arrays[name], truth) for name in NETWORKS if name in arrays}
    return arrays["raw"], {**found, "truth": _small(truth)}


def match_labels(labels: NDArray[Any], truth: NDArray[Any]) -> NDArray[Any]:
    """Return labels in the ids of a truth, so that a neuron has one colour in both.

    Each neuron of the truth gives its id to the segment that it shares most voxels with; the other segments get ids
    above the truth's.

    Parameters
    ----------
    labels, truth : (z, y, x) integer
        0 = none. Not modified.

    Returns
    -------
    (z, y, x) uint16 or uint32
    """
    # Strategy: count voxels by pairs of segment and neuron, each pair one number, the largest first. The first pair of
    # a neuron has the segment that it wants; a segment that several neurons want goes to the first one, the largest.
    most, n = int(truth.max()) + 1, int(labels.max()) + 1
    pairs, voxels = np.unique(labels.astype(np.int64) * most + truth, return_counts=True)
    pairs = pairs[np.argsort(-voxels, kind="stable")]
    segment, neuron = np.divmod(pairs[(pairs >= most) & (pairs % most > 0)], most)
    _, first = np.unique(neuron, return_index=True)
    segment, neuron = segment[np.sort(first)], neuron[np.sort(first)]
    segment, first = np.unique(segment, return_index=True)
    ids = np.arange(most - 1, most - 1 + n, dtype=np.uint32)
    ids[0] = 0
    ids[segment] = neuron[first]
    return _small(ids[labels])


def _small(labels: NDArray[Any]) -> NDArray[Any]:
    """Return labels in the dtype that napari shows fastest."""
    return labels.astype(np.uint16 if labels.max(initial=0) < 2**16 else np.uint32)
