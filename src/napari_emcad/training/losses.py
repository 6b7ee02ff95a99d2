"""Losses of cross-dimension affinity distillation, each one small function.

Source: Liu et al., "Cross-dimension Affinity Distillation for 3D EM Neuron Segmentation", CVPR 2024. A crop has z
sections; the teacher sees all of it, the student its z - 1 pairs of adjacent sections, or the first p of them. All
losses are means over the known voxel pairs, so that crops and lists of offsets of any length give losses of the same
size, and are computed in 32 bits (64 where the input has them) whatever comes in.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from napari_emcad.core.affinities import NEAREST, Offset
from napari_emcad.networks.embedding import normalised, products
from napari_emcad.networks.teacher import TEACHER_OFFSETS
from napari_emcad.training.truth import Truth, known_pairs

NEAREST_WEIGHT = 10.0
"""Weight of the nearest neighbours in the teacher's loss; farther ones have 1."""

GRAFT_OFFSETS: tuple[Offset, ...] = ((1, 0, 0), (2, 0, 0), (3, 0, 0), (4, 0, 0))
"""Offsets from a section whose embedding the student gives to one of the teacher."""


def student_loss(student: Tensor, truth: Truth) -> Tensor:
    """Return `L_2d`: affinities of every pair of adjacent sections against labels, balanced pair by pair.

    Parameters
    ----------
    student : (n, 3, p, y, x) float
        Channels z, y, x of sections 1 to p.
    truth : Truth
        Truth of z > p sections.

    Returns
    -------
    scalar
    """
    sections = truth.sections(0, student.shape[2] + 1)
    affinities, known = (_by_section(t[:, :, 1:]) for t in sections.target(NEAREST))  # (n * p, 3, y, x)
    return balanced_mse(_by_section(student), affinities, known)


def teacher_loss(teacher: Tensor, truth: Truth, offsets: Sequence[Offset] = TEACHER_OFFSETS) -> Tensor:
    """Return `L_3d`: affinities of many offsets against labels; nearest neighbours weigh `NEAREST_WEIGHT`.

    Parameters
    ----------
    teacher : (n, c, z, y, x) float
    truth : Truth
    offsets : sequence of (z, y, x)
        One a channel, in voxels. If one is longer than the crop its channel adds nothing.

    Returns
    -------
    scalar
    """
    weights = torch.tensor([NEAREST_WEIGHT if offset in NEAREST else 1.0 for offset in offsets], device=teacher.device)
    return balanced_mse(teacher, *truth.target(offsets), weights)


def cross_loss(student: Tensor, teacher: Tensor, teach_back: bool = False, seen: Tensor | None = None) -> Tensor:
    """Return `L_cross`: the student's affinities against the teacher's, clipped at 0, balanced pair by pair.

    Needs no label.

    Parameters
    ----------
    student : (n, 3, p, y, x) float
        Channels z, y, x of sections 1 to p.
    teacher : (n, 3 or more, z, y, x) float
        z > p. The first three channels are z, y, x; others are not looked at.
    teach_back : bool
        Let the teacher learn from the student too, as published; otherwise no gradient reaches it.
    seen : (n, z, y, x) bool, optional
        z > p; False = the picture is missing, and no pair with such a voxel counts. None = all is seen.

    Returns
    -------
    scalar
    """
    teacher = teacher[:, :, : student.shape[2] + 1]
    teacher = teacher if teach_back else teacher.detach()
    seen = torch.ones_like(teacher[:, 0], dtype=torch.bool) if seen is None else seen[:, : teacher.shape[2]]
    inside = known_pairs(seen, NEAREST)  # (n, 3, z, y, x)
    target = teacher[:, :3].clamp(min=0)
    return balanced_mse(_by_section(student), _by_section(target[:, :, 1:]), _by_section(inside[:, :, 1:]))


def interaction_loss(previous: Tensor, current: Tensor, teacher: Tensor, truth: Truth) -> Tensor:
    """Return `L_interaction`: the student's embeddings grafted into the teacher's sequence, against labels.

    Strategy: a section s has an embedding as the first and one as the second of a pair. Each is multiplied with the
    teacher's of sections s + 1 to s + 4; clamped to [0, 1] that is the affinity of the two sections, one channel each.
    All embeddings are normalised: were the teacher's not, products above 1 would be clamped and learn nothing.

    Parameters
    ----------
    previous, current : (n, e, p, y, x) float
        The student's embeddings of sections 0 to p - 1 as first, and of 1 to p as second of a pair.
    teacher : (n, e, z, y, x) float
        The teacher's embeddings, z > p.
    truth : Truth
        Truth of z sections.

    Returns
    -------
    scalar
        0 if the crop has one section.

    Raises
    ------
    ValueError
        If the two differ in the number of embedding channels.
    """
    if teacher.shape[1] != current.shape[1]:
        raise ValueError(
            f"interaction: student and teacher need equally many embedding channels, got {current.shape[1]} and "
            f"{teacher.shape[1]}; give this loss the weight 0."
        )
    previous, current, teacher = (normalised(at_least_float32(values)) for values in (previous, current, teacher))
    pairs = previous.shape[2]
    grafted = [products(previous, teacher, GRAFT_OFFSETS), products(current, teacher[:, :, 1:], GRAFT_OFFSETS)]
    targets = zip(truth.target(GRAFT_OFFSETS), truth.sections(1).target(GRAFT_OFFSETS), strict=True)
    affinities, known = (torch.cat([t[:, :, :pairs] for t in of_both], dim=1) for of_both in targets)
    return balanced_mse(torch.cat(grafted, dim=1).clamp(0, 1), affinities, known)  # (n, 8, p, y, x)


def consistency_loss(first: Tensor, second: Tensor, shown: Tensor) -> Tensor:
    """Return the mean squared difference between affinities of two views of the same sections.

    Source: Huang et al., "Semi-Supervised Neuron Segmentation via Reinforced Consistency Learning", IEEE TMI 2022.

    Parameters
    ----------
    first, second : (n, 3, z, y, x) float
        Affinities; no gradient reaches one that has none.
    shown : (n, 3, z, y, x) bool
        True where both views show the pair of voxels.

    Returns
    -------
    scalar
        0 if they have nothing in common.
    """
    squared = (at_least_float32(first) - at_least_float32(second)) ** 2
    return (squared * shown).sum() / shown.sum().clamp(min=1)


def restoring_loss(restored: Tensor, sections: Tensor) -> Tensor:
    """Return the mean squared error of grey levels; shapes are equal."""
    return ((at_least_float32(restored) - at_least_float32(sections)) ** 2).mean()


def balanced_mse(
    predicted: Tensor, target: Tensor, known: Tensor | None = None, channel_weights: Tensor | None = None
) -> Tensor:
    """Return a mean squared error in which positives and negatives of each sample and channel weigh the same.

    Source: the "weighted MSE" of Liu et al., CVPR 2024.

    Parameters
    ----------
    predicted : (n, c, ...) float
    target : (n, c, ...) bool or float
        Above 0.5 counts as positive.
    known : (n, c, ...) bool, optional
        False = the voxel carries no loss; None = known everywhere.
    channel_weights : (c,) float, optional
        Weight of a voxel of each channel; None = all the same.

    Returns
    -------
    scalar
        At least float32; 0 if nothing is known.
    """
    # Strategy: within a sample and channel, each of the two classes gets half of the weight of all known voxels, spread
    # evenly over its own; a class that is missing leaves its half unused.
    predicted = at_least_float32(predicted)
    known = torch.ones_like(predicted) if known is None else known.to(predicted.dtype)
    target = target.to(predicted.dtype)
    space = tuple(range(2, predicted.ndim))
    count = known.sum(space, keepdim=True)  # (n, c, 1, ...)
    positive = (target > 0.5).to(predicted.dtype) * known
    classes = positive, known - positive
    weight = sum(one * (count / (2 * one.sum(space, keepdim=True)).clamp(min=1)) for one in classes)
    squared = (weight * (predicted - target) ** 2).sum((0, *space))  # (c,)
    share = torch.ones_like(squared) if channel_weights is None else channel_weights.to(squared)
    return (share * squared).sum() / (share * known.sum((0, *space))).sum().clamp(min=SMALLEST_COUNT)


SMALLEST_COUNT = 1e-6
"""Divisor of 0 if nothing is known."""


def at_least_float32(values: Tensor) -> Tensor:
    """Return values in at least 32 bits: a sum over a crop is more than 16 hold."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def _by_section(values: Tensor) -> Tensor:
    """Return (n, c, z, y, x) as (n * z, c, y, x): each section is a sample of its own."""
    return values.transpose(1, 2).flatten(0, 1)
