"""The embedding head: embeddings in, affinities for any list of offsets out."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_emcad.core.affinities import NEAREST, Offset, shifted


def affinities_of_embeddings(embeddings: Tensor, offsets: Sequence[Offset] = NEAREST) -> Tensor:
    """Dot product of each voxel's normalised embedding with its partner's.

    Parameters
    ----------
    embeddings : (n, e, z, y, x) float
        Need not be normalised.
    offsets : sequence of (z, y, x)
        In voxels.

    Returns
    -------
    (n, len(offsets), z, y, x) float in [-1, 1]
        0 where the partner lies outside. Callers clamp: the loss wants the sign, agglomeration does not.
    """
    unit = F.normalize(embeddings, dim=1)
    channels = []
    for offset in offsets:
        here, there = shifted(offset)
        inside = (unit[(..., *here)] * unit[(..., *there)]).sum(1)  # (n, z', y', x')
        pad = [p for o in reversed(offset) for p in (max(0, -o), max(0, o))]
        channels.append(F.pad(inside, pad))
    return torch.stack(channels, dim=1)


def pair_affinities(previous: Tensor, current: Tensor) -> Tensor:
    """Affinities z, y, x of section z from the student's two embeddings of the pair (z-1, z).

    Parameters
    ----------
    previous, current : (n, e, y, x) float
        Embeddings of sections z-1 and z, not normalised.

    Returns
    -------
    (n, 3, y, x) float in [-1, 1]
        Channels z, y, x. First row and column have no partner there: 0.
    """
    across, within = NEAREST[:1], NEAREST[1:]
    z = affinities_of_embeddings(torch.stack([previous, current], dim=2), across)[:, :, 1]  # (n, 1, y, x)
    yx = affinities_of_embeddings(current[:, :, None], within)[:, :, 0]  # (n, 2, y, x)
    return torch.cat([z, yx], dim=1)
