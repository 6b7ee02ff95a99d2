"""The embedding head: embeddings in, affinities for any list of offsets out."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from napari_emcad.core.affinities import NEAREST, Offset


def affinities_of_embeddings(embeddings: Tensor, offsets: Sequence[Offset] = NEAREST) -> Tensor:
    """Return the dot product of each voxel's normalised embedding with its partner's.

    Parameters
    ----------
    embeddings : (n, e, z, y, x) float
        Need not be normalised.
    offsets : sequence of (z, y, x)
        In voxels; may be longer than the crop.

    Returns
    -------
    (n, len(offsets), z, y, x) float in [-1, 1]
        0 if the partner lies outside. Callers clamp: the loss wants the sign, agglomeration does not.
    """
    unit = normalised(embeddings)
    return products(unit, unit, offsets)


def pair_affinities(previous: Tensor, current: Tensor) -> Tensor:
    """Return affinities z, y, x of section z from the student's two embeddings of the pair (z-1, z).

    Parameters
    ----------
    previous, current : (n, e, y, x) float
        Embeddings of sections z-1 and z, not normalised.

    Returns
    -------
    (n, 3, y, x) float in [-1, 1]
        Channels z, y, x. First row and column have no partner there: 0.
    """
    previous, current = normalised(previous), normalised(current)
    across = products(current, previous, [(0, 0)])
    within = products(current, current, [offset[1:] for offset in NEAREST[1:]])
    return torch.cat([across, within], dim=1)


def normalised(embeddings: Tensor) -> Tensor:
    """Return embeddings (n, e, ...) with length 1 over e; zeros stay zeros."""
    return F.normalize(embeddings, dim=1)


def products(embeddings: Tensor, partners: Tensor, offsets: Sequence[Sequence[int]]) -> Tensor:
    """Return the dot product of each voxel's embedding with that of its partner, maybe in another network's map.

    Parameters
    ----------
    embeddings, partners : (n, e, ...) float
        Normalised, see `normalised`; may be the same, or of different sizes: both begin at the same voxel.
    offsets : sequence of offsets, as long as there are axes
        From a voxel of `embeddings` to its partner, in voxels; may be longer than the crop.

    Returns
    -------
    (n, len(offsets), ...) float in [-1, 1]
        0 where the partner lies outside.
    """
    return _Products.apply(embeddings, partners, tuple(offsets))


_ALL = slice(None)


class _Context(Protocol):
    """The part of torch's context of an autograd function that is used here."""

    offsets: tuple[Sequence[int], ...]
    saved_tensors: tuple[Tensor, Tensor]
    needs_input_grad: tuple[bool, ...]

    def save_for_backward(self, *tensors: Tensor) -> None: ...


class _Products(torch.autograd.Function):
    """Autograd function of `products`.

    Its gradients are summed in place; those of slices would be as many whole maps of zeros.
    """

    @staticmethod
    def forward(ctx: _Context, embeddings: Tensor, partners: Tensor, offsets: tuple[Sequence[int], ...]) -> Tensor:
        ctx.save_for_backward(embeddings, partners)
        ctx.offsets = offsets
        result = embeddings.new_zeros(len(embeddings), len(offsets), *embeddings.shape[2:])
        for c, offset in enumerate(offsets):
            here, there = _overlap(offset, embeddings.shape[2:], partners.shape[2:])
            result[:, c][(_ALL, *here)] = (embeddings[(_ALL, _ALL, *here)] * partners[(_ALL, _ALL, *there)]).sum(1)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: _Context, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        of_embeddings, of_partners = (
            torch.zeros_like(t) if needed else None
            for t, needed in zip(ctx.saved_tensors, ctx.needs_input_grad, strict=False)
        )
        embeddings, partners = ctx.saved_tensors
        for c, offset in enumerate(ctx.offsets):
            here, there = _overlap(offset, embeddings.shape[2:], partners.shape[2:])
            of_channel = gradient[:, c : c + 1][(_ALL, _ALL, *here)]  # (n, 1, ...)
            if of_embeddings is not None:
                of_embeddings[(_ALL, _ALL, *here)].addcmul_(of_channel, partners[(_ALL, _ALL, *there)])
            if of_partners is not None:
                of_partners[(_ALL, _ALL, *there)].addcmul_(of_channel, embeddings[(_ALL, _ALL, *here)])
        return of_embeddings, of_partners, None


def _overlap(
    offset: Sequence[int], size: Sequence[int], partners: Sequence[int]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return slices `here` of a map and `there` of its partners' map: the voxels that have a partner."""
    starts = [max(0, -o) for o in offset]
    stops = [max(a, min(n, m - o)) for a, o, n, m in zip(starts, offset, size, partners, strict=True)]
    sides = list(zip(starts, stops, offset, strict=True))
    return tuple(slice(a, b) for a, b, _ in sides), tuple(slice(a + o, b + o) for a, b, o in sides)
