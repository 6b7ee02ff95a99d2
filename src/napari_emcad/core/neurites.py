"""Foreground probability -> neurites: voxels that hang together above a threshold."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_emcad.core.segmentation import fragment_sizes

_ALL_NEIGHBOURS = np.ones((3, 3, 3), bool)


def dice(found: NDArray[Any], truth: NDArray[Any]) -> float:
    """Return twice the voxels that two foregrounds (above 0) share over the sum of both; 1 if both are empty."""
    found, truth = found > 0, truth > 0
    both = int(np.count_nonzero(found)) + int(np.count_nonzero(truth))
    return 2 * int(np.count_nonzero(found & truth)) / both if both else 1.0


def neurites(probability: NDArray[Any], threshold: float = 0.5, min_size: int = 100) -> NDArray[np.uint32]:
    """Label the foreground, each connected piece (26 neighbours) on its own.

    Parameters
    ----------
    probability : (z, y, x) uint8 (value x 255) or float
        Probability of each voxel to be foreground; not modified.
    threshold : float
        From 0 to 1; voxels of this probability or more are foreground.
    min_size : int
        Voxels; smaller pieces become background.

    Returns
    -------
    (z, y, x) uint32
        0 = background; 1 is the largest piece, 2 the next one, without gaps.
    """
    level = threshold * 255 if probability.dtype == np.uint8 else threshold
    # Strategy: pieces in the order of their sizes get new numbers; a table of them renumbers all voxels at once.
    pieces: NDArray[np.int32] = np.empty(probability.shape, np.int32)
    ndimage.label(probability >= level, _ALL_NEIGHBOURS, output=pieces)
    sizes = fragment_sizes(pieces)
    by_size = np.argsort(-sizes[1:], kind="stable") + 1
    kept = by_size[sizes[by_size] >= min_size]
    number = np.zeros(len(sizes), np.uint32)
    number[kept] = np.arange(1, len(kept) + 1)
    return number[pieces]
