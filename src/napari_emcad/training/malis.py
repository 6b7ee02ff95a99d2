"""The MALIS loss: an affinity counts as much as pairs of voxels are joined or parted by it; see `core.malis`.

Source: Funke et al., "Large Scale Image Segmentation with Structured Loss Based Deep Learning for Connectome
Reconstruction", TPAMI 2019.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_emcad.core.affinities import NEAREST, Offset
from napari_emcad.core.malis import count_pairs
from napari_emcad.training.losses import at_least_float32
from napari_emcad.training.truth import Truth


def malis_loss(
    predicted: Tensor, truth: Truth, offsets: Sequence[Offset] = NEAREST, seen: Tensor | None = None
) -> Tensor:
    """Return the mean of the two passes' squared errors, each weighted by pairs of voxels, and over samples.

    Each pass of each sample has a total weight of 1/2, as the two classes have in the balanced MSE, so crops of any
    size give losses of the same size. Counted on the CPU, whatever device the affinities are on.

    Parameters
    ----------
    predicted : (n, c, z, y, x) float
        Only through its errors does a gradient reach it.
    truth : Truth
        Voxels that are not known are in no pair, and no path leads through them.
    offsets : sequence of (z, y, x)
        One a channel, in voxels.
    seen : (n, c, z, y, x) bool, optional
        False = the network gives no affinity there; None = it gives all.

    Returns
    -------
    scalar
        At least float32. A pass without pairs adds nothing.
    """
    target, known = truth.target(offsets)
    known = known if seen is None else known & seen
    predicted = at_least_float32(predicted)
    # Strategy: each sample's pairs are counted over all its edges at once; those inside objects are the positive pass,
    # all others the negative one, and each pass is scaled to a sum of one.
    samples = zip(*(t.detach().cpu().numpy() for t in (predicted, truth.labels, known)), strict=True)
    counts = torch.stack([torch.from_numpy(count_pairs(a, b, c, offsets)) for a, b, c in samples]).to(predicted)
    weights = _shares(counts * target) + _shares(counts * ~target)
    return (weights * (predicted - target.to(predicted.dtype)) ** 2).sum() / (2 * len(predicted))


def student_malis(student: Tensor, truth: Truth) -> Tensor:
    """Return `malis_loss` of the affinities of every pair of adjacent sections, a crop's pairs in one volume.

    Within the first section the student gives no affinities: its voxels hang on those of the second.

    Parameters
    ----------
    student : (n, 3, p, y, x) float
        Channels z, y, x of sections 1 to p.
    truth : Truth
        Truth of z > p sections.
    """
    predicted = F.pad(student, (0, 0, 0, 0, 1, 0))  # (n, 3, p + 1, y, x)
    seen = torch.ones_like(predicted, dtype=torch.bool)
    seen[:, :, 0] = False
    return malis_loss(predicted, truth.sections(0, predicted.shape[2]), NEAREST, seen)


def _shares(counts: Tensor) -> Tensor:
    """Return (n, ...) with each sample divided by its sum; zeros stay zeros."""
    return counts / counts.flatten(1).sum(1).clamp(min=1).view(-1, *[1] * (counts.ndim - 1))
