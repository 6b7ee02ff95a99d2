"""Training examples: random augmented blocks of labelled volumes."""

from collections.abc import Sequence
from typing import NamedTuple, Self, TypeVar

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from napari_emcad.core.crop import Crop
from napari_emcad.training.augment import CHANCES, LIGHT, Chances, augment
from napari_emcad.training.perturb import RESTORABLE, PerturbedView, perturbed

Shape = tuple[int, int, int]
Values = TypeVar("Values", NDArray, Tensor)

MARGIN = 16
"""Pixels cut on each side more than asked for, so that bending and shifting bring no rim into the block."""


class Batch(NamedTuple):
    """What a step learns from; y and x are equal."""

    images: Tensor  # (n, z, y, x) float32 in [0, 1]
    labels: Tensor  # (n, z, y, x) int64, 0 = boundary
    known: Tensor  # (n, z, y, x) bool

    def to(self, device: str) -> Self:
        """The same on a device."""
        return Batch(*(tensor.to(device, non_blocking=True) for tensor in self))


class Views(NamedTuple):
    """Of each of n blocks, (z, y, x), one view and another."""

    first: list[PerturbedView]
    second: list[PerturbedView]


class Wanted(NamedTuple):
    """What a batch is to be.

    Attributes
    ----------
    n : int
        Blocks.
    shape : (z, y, x)
        What is learnt of a block: it lies in the crop as far as that is large enough.
    shown : (z, y, x)
        Of the blocks; the part learnt is their middle, see `middle`.
    chances : Chances
        Of the augmentations.
    """

    n: int
    shape: Shape
    shown: Shape
    chances: Chances = CHANCES


def random_batch(rng: Generator, crops: Sequence[Crop], wanted: Wanted) -> Batch:
    """A batch of augmented blocks.

    Crops are drawn by the number of their known voxels, blocks around their known voxels. Of crops of which nothing is
    known, to distil in, every other block is taken, from anywhere. Where a block reaches out of its crop it is
    mirrored, and nothing known.

    Parameters
    ----------
    rng : Generator
        Decides everything: the same generator gives the same batch.
    crops : sequence of Crop
        Of any size.
    wanted : Wanted
    """
    blocks = [_random_block(rng, crop, wanted) for crop in _drawn(rng, crops, wanted.n)]
    return Batch(*(torch.from_numpy(np.stack(arrays)) for arrays in zip(*blocks, strict=True)))


def random_views(rng: Generator, crops: Sequence[Crop], wanted: Wanted) -> Views:
    """Two perturbed views of random blocks of unlabelled crops, flipped and turned before; half as many as wanted."""
    images = random_batch(rng, crops, wanted._replace(n=-(-wanted.n // 2), chances=LIGHT)).images.numpy()
    return Views(*([perturbed(rng, image) for image in images] for _ in range(2)))


def views_to_restore(rng: Generator, images: Tensor) -> Views:
    """A perturbed view of each block, (n, z, y, x), and the block as it is."""
    blocks = images.numpy()
    return Views([perturbed(rng, image, RESTORABLE) for image in blocks], [PerturbedView.of(image) for image in blocks])


def middle(values: Values, shape: Shape) -> Values:
    """(..., z, y, x) cut to this shape; of an odd number of voxels too many, one more at the end."""
    starts = _before(values.shape[-3:], shape)
    return values[(..., *(slice(s, s + n) for s, n in zip(starts, shape, strict=True)))]


def _drawn(rng: Generator, crops: Sequence[Crop], n: int) -> list[Crop]:
    """As many crops; where there are those with and without known voxels, they take turns."""
    kinds = [[c for c in crops if c.voxels_known], [c for c in crops if not c.voxels_known]]
    kinds = [kind for kind in kinds if kind]
    first, drawn = int(rng.integers(len(kinds))), []
    for i in range(n):
        kind = kinds[(first + i) % len(kinds)]
        weights = np.array([crop.voxels_known or crop.labels.size for crop in kind], float)
        drawn.append(kind[rng.choice(len(kind), p=weights / weights.sum())])
    return drawn


def _random_block(rng: Generator, crop: Crop, wanted: Wanted) -> tuple[NDArray, NDArray, NDArray]:
    """Image, labels and known voxels of one block."""
    cut = np.add(wanted.shown, (0, 2 * MARGIN, 2 * MARGIN))
    block = crop.block(_start(rng, crop, wanted.shape) - _before(cut, wanted.shape), cut)
    raw = block.raw.astype(np.float32) / 255 if block.raw.dtype == np.uint8 else block.raw.astype(np.float32)
    arrays = augment(rng, raw, block.labels.astype(np.int64), block.known, chances=wanted.chances)
    return tuple(np.ascontiguousarray(middle(a, wanted.shown)) for a in arrays)


def _start(rng: Generator, crop: Crop, shape: Shape) -> NDArray[np.int64]:
    """Where the part learnt begins: around a known voxel, and in the crop; a smaller crop lies in it as a whole."""
    last = np.subtract(crop.raw.shape, shape)
    lowest, highest = np.minimum(0, last), np.maximum(0, last)
    if crop.anchors is None or not len(crop.anchors):
        return rng.integers(lowest, highest + 1)
    anchor = crop.anchors[rng.integers(len(crop.anchors))]
    return np.clip(anchor - rng.integers(0, shape), lowest, highest)


def _before(have: Sequence[int], want: Sequence[int]) -> NDArray[np.int64]:
    return np.subtract(have, want) // 2
