"""Training examples: random augmented pairs of adjacent sections from labelled volumes."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from napari_emcad.core.affinities import affinities_of_labels, without_borders
from napari_emcad.core.errors import UserError
from napari_emcad.training.augment import augment

MARGIN = 16
"""Pixels cut on each side more than asked for, so that bending and shifting bring no rim into the crop."""


class LabelledVolume(NamedTuple):
    """A volume with its truth and how often it is drawn."""

    raw: NDArray  # (z, y, x) uint8
    labels: NDArray  # (z, y, x) integer, 0 = boundary
    weight: float = 1.0


class PairBatch(NamedTuple):
    """Inputs and targets of one step."""

    sections: Tensor  # (n, 2, y, x) float32 in [0, 1]
    target: Tensor  # (n, 3, y, x) bool, affinities of the second section
    known: Tensor  # (n, 3, y, x) bool, False in the first row and column, which have no partner


def pair_batches(rng: Generator, volumes: Sequence[LabelledVolume], batch: int, size: int) -> Iterator[PairBatch]:
    """Endless random batches of `batch` augmented pairs of `size` x `size` pixels."""
    weights = np.array([v.weight for v in volumes], float)
    while True:
        chosen = rng.choice(len(volumes), size=batch, p=weights / weights.sum())
        yield _collate([_random_pair(rng, volumes[i], size) for i in chosen])


def _random_pair(rng: Generator, volume: LabelledVolume, size: int) -> tuple[NDArray, NDArray]:
    corner = [int(rng.integers(0, n - want + 1)) for n, want in zip(volume.raw.shape, _cut(volume, size), strict=True)]
    place = tuple(slice(c, c + want) for c, want in zip(corner, _cut(volume, size), strict=True))
    sections, labels = augment(rng, volume.raw[place].astype(np.float32) / 255, volume.labels[place])
    y, x = ((n - size) // 2 for n in labels.shape[1:])
    return sections[:, y : y + size, x : x + size], labels[:, y : y + size, x : x + size]


def _cut(volume: LabelledVolume, size: int) -> tuple[int, int, int]:
    height, width = volume.raw.shape[1:]
    if min(height, width) < size or len(volume.raw) < 2:
        raise UserError(
            f"training volume: at least 2 sections of {size} x {size} pixels are needed, got {volume.raw.shape}; "
            "choose a larger volume or a smaller crop."
        )
    return 2, min(height, size + 2 * MARGIN), min(width, size + 2 * MARGIN)


def _collate(pairs: list[tuple[NDArray, NDArray]]) -> PairBatch:
    sections = torch.from_numpy(np.stack([s for s, _ in pairs]))
    target = np.stack([affinities_of_labels(without_borders(labels))[:, 1] for _, labels in pairs])
    known = torch.ones(target.shape, dtype=torch.bool)
    known[:, 1, 0, :] = False
    known[:, 2, :, 0] = False
    return PairBatch(sections, torch.from_numpy(target), known)
