"""The loss of the generalist, and the same fused: value and gradient in one pass over the embeddings.

Per pair and channel it is the package's `balanced_mse` of affinity and truth, positives and negatives of equal weight;
the mean over pairs, over the nearest channels z, y, x, and `FAR_WEIGHT` times the mean over the long-range ones.

In torch each channel makes a handful of passes over maps of 13 MB, which took longer than the network; numba keeps each
pixel's 16 values in one register. `fused` is checked against `plain` by `python loss.py`.
"""

import numpy as np
import torch
from numba import njit, prange
from torch import Tensor

from napari_emcad.networks.embedding import normalised, products
from napari_emcad.training.losses import balanced_mse
from napari_emcad.training.truth import Truth

NEAR = ((-1, 0, 0), (0, -1, 0), (0, 0, -1))
FAR = ((0, -3, 0), (0, 0, -3), (0, -9, 0), (0, 0, -9))
"""From a voxel of the second section to its partner."""

FAR_WEIGHT = 0.15
"""Of all long-range affinities together, where the nearest count 1."""


def total(parts: Tensor) -> Tensor:
    """The loss from its channels, (7,) in the order NEAR + FAR."""
    return parts[:3].mean() + FAR_WEIGHT * parts[3:].mean()


def plain(previous: Tensor, current: Tensor, labels: Tensor) -> Tensor:
    """The loss of each channel by the package's own functions.

    Parameters
    ----------
    previous, current : (n, e, y, x)
        Embeddings of the two sections, not normalised.
    labels : (n, 2, y, x) integer
        0 = border.

    Returns
    -------
    (7,)
    """
    previous, current = normalised(previous.float()), normalised(current.float())
    truth = Truth(labels, torch.ones_like(labels, dtype=torch.bool))
    within = products(current, current, [offset[1:] for offset in NEAR[1:] + FAR])
    said = torch.cat([products(current, previous, [(0, 0)]), within], 1)
    asked, known = (t[:, :, 1] for t in truth.target(NEAR + FAR))
    channels = (slice(c, c + 1) for c in range(said.shape[1]))
    return torch.stack([balanced_mse(said[:, c], asked[:, c], known[:, c]) for c in channels])


def fused(previous: Tensor, current: Tensor, labels: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Return what `plain` does, with the gradient of `total`.

    Returns
    -------
    (7,) Tensor
        The loss of each channel.
    list of two Tensors
        Gradient of `total` of them with respect to `previous` and `current`, of their shape and dtype.
    """
    maps = [e.detach().permute(0, 2, 3, 1).float().contiguous().numpy() for e in (previous, current)]
    gradients = [np.zeros_like(m) for m in maps]
    channels = np.array([(0, 0), *(offset[1:] for offset in NEAR[1:] + FAR)], np.int64)
    share = np.array([1 / len(NEAR)] * len(NEAR) + [FAR_WEIGHT / len(FAR)] * len(FAR), np.float32) / len(labels)
    parts = np.zeros((len(labels), len(channels)))
    _fused(*maps, labels.numpy(), -channels, share, parts, *gradients)
    back = [
        torch.from_numpy(g).permute(0, 3, 1, 2).to(e.dtype) for g, e in zip(gradients, (previous, current), strict=True)
    ]
    return torch.from_numpy(parts.mean(0)).float(), back


@njit(parallel=True, fastmath=True, cache=True)
def _fused(previous, current, labels, back, share, parts, of_previous, of_current):
    """Fill `parts` and the gradients, (n, y, x, e) float32; `back`: rows and columns back to a voxel's partner."""
    for i in prange(len(labels)):
        lengths = np.empty((2, *labels.shape[2:]), np.float32)
        _normalise(previous[i], lengths[0])
        _normalise(current[i], lengths[1])
        for c in range(len(back)):
            if c == 0:
                parts[i, c] = _channel(
                    current[i], previous[i], labels[i, 1], labels[i, 0], 0, 0, share[c], of_current[i], of_previous[i]
                )
            else:
                dy, dx = back[c]
                parts[i, c] = _channel(
                    current[i], current[i], labels[i, 1], labels[i, 1], dy, dx, share[c], of_current[i], of_current[i]
                )
        _through_normalising(previous[i], lengths[0], of_previous[i])
        _through_normalising(current[i], lengths[1], of_current[i])


@njit(fastmath=True, cache=True)
def _normalise(values, lengths):
    """In place; remembers the lengths."""
    height, width, depth = values.shape
    for y in range(height):
        for x in range(width):
            squared = np.float32(0)
            for k in range(depth):
                squared += values[y, x, k] * values[y, x, k]
            lengths[y, x] = max(np.sqrt(squared), np.float32(1e-12))
            for k in range(depth):
                values[y, x, k] /= lengths[y, x]


@njit(fastmath=True, cache=True)
def _channel(here, there, ids, partners, dy, dx, share, of_here, of_there):
    """Balanced squared error of one channel of one pair; adds `share` times its gradient."""
    height, width, depth = here.shape
    positives = 0
    for y in range(dy, height):
        for x in range(dx, width):
            positives += (ids[y, x] == partners[y - dy, x - dx]) & (ids[y, x] != 0)
    negatives = (height - dy) * (width - dx) - positives
    of_positive, of_negative = np.float32(0.5 / max(1, positives)), np.float32(0.5 / max(1, negatives))
    loss = 0.0
    for y in range(dy, height):
        for x in range(dx, width):
            same = (ids[y, x] == partners[y - dy, x - dx]) & (ids[y, x] != 0)
            product = np.float32(0)
            for k in range(depth):
                product += here[y, x, k] * there[y - dy, x - dx, k]
            weight = of_positive if same else of_negative
            error = product - (np.float32(1) if same else np.float32(0))
            loss += weight * error * error
            slope = np.float32(2) * share * weight * error
            for k in range(depth):
                of_here[y, x, k] += slope * there[y - dy, x - dx, k]
            for k in range(depth):
                of_there[y - dy, x - dx, k] += slope * here[y, x, k]
    return loss


@njit(fastmath=True, cache=True)
def _through_normalising(unit, lengths, gradient):
    """Gradient of normalised values -> that of the values as they were, in place."""
    height, width, depth = unit.shape
    for y in range(height):
        for x in range(width):
            along = np.float32(0)
            for k in range(depth):
                along += gradient[y, x, k] * unit[y, x, k]
            for k in range(depth):
                gradient[y, x, k] = (gradient[y, x, k] - along * unit[y, x, k]) / lengths[y, x]


def _check() -> None:
    """Value and gradient of `fused` are those of `plain`."""
    torch.manual_seed(0)
    labels = torch.randint(0, 4, (3, 2, 5, 5)).repeat_interleave(8, 2).repeat_interleave(8, 3).int()
    embeddings = [torch.randn(3, 16, 40, 40, requires_grad=True) for _ in range(2)]
    parts = plain(*embeddings, labels)
    total(parts).backward()
    same, gradients = fused(*embeddings, labels)
    assert torch.allclose(parts, same, atol=1e-5), (parts, same)
    for e, gradient in zip(embeddings, gradients, strict=True):
        assert torch.allclose(e.grad, gradient, atol=1e-8, rtol=1e-3), (e.grad - gradient).abs().max()
    print("fused and plain agree", same.tolist())


if __name__ == "__main__":
    _check()
