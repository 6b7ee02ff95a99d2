"""Seconds to count the pairs of voxels for MALIS, both passes, and how they grow with the volume.

    python benchmarks/malis.py [LABELS] [--dataset PATH_IN_LABELS]

Without labels cells grown from random seeds are counted. Affinities are those of the labels, blurred and noisy. n is
the number of voxels; the last column is the time per n log2(n) beside that of the smallest volume. The best of some
repeats, on one core.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_emcad.core.affinities import affinities_of_labels, without_borders
from napari_emcad.core.malis import count_pairs
from napari_emcad.core.wording import shape_text
from napari_emcad.inference.engines.device import reuse_memory
from napari_emcad.io.stacks.stack import open_stack

SHAPES = ((2, 160, 160), (5, 160, 160), (18, 160, 160), (18, 320, 320))
"""A student's block, a block with a teacher, that of the published 3D networks, and one four times as large."""

REPEATS = 15
CELL = 24
"""Pixels between seeds, about; cells are a fifth as deep, as sections are thick."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", type=Path, nargs="?")
    parser.add_argument("--dataset")
    options = parser.parse_args()
    reuse_memory()
    labels = _cells(SHAPES[-1]) if options.labels is None else open_stack(options.labels, options.dataset).array
    print(f"{'volume':>16}{'objects':>9}{'seconds':>9}{'/ (n log2 n)':>14}{'ratio':>7}")
    rates = []
    for shape in SHAPES:
        part = without_borders(np.asarray(labels[tuple(slice(n) for n in shape)]))
        seconds, n = _seconds(part), part.size
        rates.append(seconds / (n * np.log2(n)))
        name, objects = shape_text(part.shape), len(np.unique(part[part > 0]))
        print(f"{name:>16}{objects:>9}{seconds:>9.3f}{rates[-1] * 1e9:>11.1f} ns{rates[-1] / rates[0]:>7.2f}")


def _seconds(labels: NDArray) -> float:
    affinities, taken = _affinities(labels), []
    for _ in range(REPEATS):
        start = time.perf_counter()
        count_pairs(affinities, labels)
        taken.append(time.perf_counter() - start)
    return min(taken)


def _affinities(labels: NDArray) -> NDArray[np.float32]:
    """As a network gives them: no two the same, some on the wrong side."""
    blurred = ndimage.gaussian_filter(affinities_of_labels(labels).astype(np.float32), (0, 0, 1, 1))
    noise = np.random.default_rng(0).normal(0, 0.15, blurred.shape)
    return np.clip(blurred + noise, 0, 1).astype(np.float32)


def _cells(shape: tuple[int, int, int]) -> NDArray[np.int64]:
    """Each voxel belongs to the nearest seed."""
    rng, scale = np.random.default_rng(0), np.array([5, 1, 1])
    seeds = np.ones(shape, bool)
    seeds[tuple(rng.integers(0, n, np.prod(shape) * 5 // CELL**3) for n in shape)] = False
    nearest = ndimage.distance_transform_edt(seeds, sampling=scale, return_distances=False, return_indices=True)
    return np.ravel_multi_index(tuple(nearest), shape) + 1


if __name__ == "__main__":
    main()
