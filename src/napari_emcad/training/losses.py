"""Losses of cross-dimension affinity distillation, each one small function."""

import torch
from torch import Tensor


def balanced_mse(predicted: Tensor, target: Tensor, known: Tensor | None = None) -> Tensor:
    """Mean squared error in which, per sample and channel, positives and negatives weigh the same in total.

    Source: the "weighted MSE" of Liu et al., CVPR 2024.

    Parameters
    ----------
    predicted : (n, c, ...) float
    target : (n, c, ...) bool or float
        Above 0.5 counts as positive.
    known : (n, c, ...) bool, optional
        Where False the voxel carries no loss; None = known everywhere.

    Returns
    -------
    scalar
        0 where nothing is known.
    """
    known = torch.ones_like(predicted) if known is None else known.to(predicted.dtype)
    target = target.to(predicted.dtype)
    positive = (target > 0.5).to(predicted.dtype) * known
    negative = known - positive
    space = tuple(range(2, predicted.ndim))
    count = known.sum(space, keepdim=True)
    weight = positive * (count / (2 * positive.sum(space, keepdim=True)).clamp(min=1)) + negative * (
        count / (2 * negative.sum(space, keepdim=True)).clamp(min=1)
    )
    return (weight * (predicted - target) ** 2).sum() / known.sum().clamp(min=1)
