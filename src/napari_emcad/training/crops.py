"""Training examples: random augmented blocks of labelled volumes."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self, TypeVar

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from napari_emcad.core.crop import Crop
from napari_emcad.core.geometry import Shape, Voxel, triple
from napari_emcad.training.augment import CHANCES, LIGHT, Array, Arrays, Chances, augment
from napari_emcad.training.defects import Sections, with_defects
from napari_emcad.training.params import NO_DEFECTS, DefectChances
from napari_emcad.training.perturb import RESTORABLE, PerturbedView, perturbed
from napari_emcad.training.twins import with_twins

Values = TypeVar("Values", NDArray[Any], Tensor)

MARGIN = 16
"""Pixels cut on each side more than asked for, so that bending and shifting bring no rim into the block."""


class Batch(NamedTuple):
    """The blocks that a step learns from; y and x are equal."""

    images: Tensor  # (n, z, y, x) float32 in [0, 1]
    labels: Tensor  # (n, z, y, x) int64, 0 = boundary
    known: Tensor  # (n, z, y, x) bool
    seen: Tensor  # (n, z, y, x) bool: False where a picture is missing

    def to(self, device: str) -> Self:
        """Return the batch on a device."""
        images, labels, known, seen = (tensor.to(device, non_blocking=True) for tensor in self)
        return self._replace(images=images, labels=labels, known=known, seen=seen)


class Views(NamedTuple):
    """Two views of each of n blocks, (z, y, x)."""

    first: list[PerturbedView]
    second: list[PerturbedView]


class Wanted(NamedTuple):
    """A batch as it is wanted.

    Attributes
    ----------
    n : int
        Number of blocks.
    shape : (z, y, x)
        Part of a block that is learnt: it lies in the crop as far as that is large enough.
    shown : (z, y, x)
        Voxels of a block; the part learnt is its middle, see `middle`.
    chances : Chances
        Augmentations with their chances.
    defects : DefectChances
        Defects of sections, after these.
    twins : float
        Chance that a copy of a labelled section stands for a neighbour of which nothing is known, see `twins`.
    """

    n: int
    shape: Shape
    shown: Shape
    chances: Chances = CHANCES
    defects: DefectChances = NO_DEFECTS
    twins: float = 0.0


def random_batch(rng: Generator, crops: Sequence[Crop], wanted: Wanted) -> Batch:
    """Draw a batch of augmented blocks.

    Crops are drawn by the number of their known voxels, blocks around their known voxels. If there are crops of which
    nothing is known, to distil in, every other block is taken from anywhere in them. A block that reaches out of its
    crop is mirrored there, and nothing is known. A block of which only the first section is known is turned over, so
    that its pairs count.

    Parameters
    ----------
    rng : Generator
        Decides everything: the same generator gives the same batch.
    crops : sequence of Crop
        Crops of any size.
    wanted : Wanted
    """
    blocks = [_random_block(rng, crop, wanted) for crop in _drawn(rng, crops, wanted.n)]
    if wanted.defects.total:
        (own,) = rng.spawn(1)  # leaves the numbers that rng draws next as they are
        blocks = [with_defects(own, block, wanted.defects) for block in blocks]
    shown = [[np.ascontiguousarray(middle(array, wanted.shown)) for array in block] for block in blocks]
    return Batch(*(torch.from_numpy(np.stack(arrays)) for arrays in zip(*shown, strict=True)))


def random_views(rng: Generator, crops: Sequence[Crop], wanted: Wanted) -> Views:
    """Draw two perturbed views of random blocks of unlabelled crops, half as many as wanted.

    The blocks are flipped and turned before.
    """
    plain = wanted._replace(n=-(-wanted.n // 2), chances=LIGHT, defects=NO_DEFECTS)
    images = random_batch(rng, crops, plain).images.numpy()
    return Views(*([perturbed(rng, image) for image in images] for _ in range(2)))


def views_to_restore(rng: Generator, images: Tensor) -> Views:
    """Return a perturbed view of each block, (n, z, y, x), and the block as it is."""
    blocks = images.numpy()
    return Views([perturbed(rng, image, RESTORABLE) for image in blocks], [PerturbedView.of(image) for image in blocks])


def middle(values: Values, shape: Shape) -> Values:
    """Return values (..., z, y, x) cut to this shape in their middle; an odd voxel too many is cut at the end."""
    starts = _before(values.shape[-3:], shape)
    z, y, x = (slice(s, s + n) for s, n in zip(starts, shape, strict=True))
    return values[..., z, y, x]


def _drawn(rng: Generator, crops: Sequence[Crop], n: int) -> list[Crop]:
    """Draw n crops; if there are some with and some without known voxels, they take turns."""
    kinds = [[c for c in crops if c.voxels_known], [c for c in crops if not c.voxels_known]]
    kinds = [kind for kind in kinds if kind]
    first = int(rng.integers(len(kinds)))
    drawn: list[Crop] = []
    for i in range(n):
        kind = kinds[(first + i) % len(kinds)]
        weights = np.array([crop.voxels_known or crop.labels.size for crop in kind], float)
        drawn.append(kind[rng.choice(len(kind), p=weights / weights.sum())])
    return drawn


def _random_block(rng: Generator, crop: Crop, wanted: Wanted) -> Sections:
    """Draw one block, `MARGIN` pixels larger on each side than it is shown."""
    z, y, x = wanted.shown
    cut = z, y + 2 * MARGIN, x + 2 * MARGIN
    start = zip(_start(rng, crop, wanted.shape), _before(cut, wanted.shape), strict=True)
    block = crop.block([a - before for a, before in start], cut)
    raw = block.raw.astype(np.float32) / np.float32(255 if block.raw.dtype == np.uint8 else 1)
    arrays: Arrays = raw, block.labels.astype(np.int64), block.mask
    if crop.known is not None and wanted.twins:
        arrays = with_twins(rng, wanted.twins, *arrays)
    image, labels, known = _with_pairs(wanted, *augment(rng, *arrays, chances=wanted.chances))
    return Sections(image, labels, known, np.ones(image.shape, bool))


def _with_pairs(wanted: Wanted, *arrays: Array) -> Arrays:
    """Return image, labels and mask turned over if only their first section is known: pairs look back to one before."""
    known = arrays[-1]
    if wanted.shown[0] == wanted.shape[0] and known[0].any() and not known[1:].any():
        return tuple(np.ascontiguousarray(values[::-1]) for values in arrays)
    return arrays


def _start(rng: Generator, crop: Crop, shape: Shape) -> Voxel:
    """Draw the start of the part learnt: around a known voxel, and in the crop; a smaller crop lies in it whole."""
    last = np.subtract(crop.raw.shape, shape)
    lowest, highest = np.minimum(0, last), np.maximum(0, last)
    if crop.anchors is None or not len(crop.anchors):
        return triple(rng.integers(lowest, highest + 1))
    anchor = crop.anchors[rng.integers(len(crop.anchors))]
    return triple(np.clip(anchor - rng.integers(0, shape), lowest, highest))


def _before(have: Sequence[int], want: Shape) -> Shape:
    """Return the voxels before a middle of this shape."""
    return triple((n - m) // 2 for n, m in zip(have, want, strict=True))
