"""Alignment of a teacher's embeddings with a student's, so that grafting begins with sections in one basis.

Two networks trained apart embed neurons in bases of their own. Affinities are products within one basis and do not
change when all embeddings turn; grafting multiplies across both, and would first have to turn the whole student.
"""

import torch
from torch import Tensor

from napari_emcad.networks.embedding import normalised


def rotation_towards(student: Tensor, teacher: Tensor) -> Tensor:
    """Return the orthogonal matrix that brings the teacher's normalised embeddings nearest to the student's.

    Source: Schönemann, "A generalized solution of the orthogonal Procrustes problem", Psychometrika 31:1, 1966.

    Parameters
    ----------
    student, teacher : (n, e, ...) float
        Embeddings of the same voxels.

    Returns
    -------
    (e, e) float
        The rotation that `turned` takes.
    """
    s, t = (normalised(e).transpose(0, 1).flatten(1).float() for e in (student, teacher))  # (e, voxels)
    u, _, v = torch.linalg.svd(s @ t.T)
    return u @ v


def turned(embeddings: Tensor, rotation: Tensor) -> Tensor:
    """Return embeddings (n, e, ...), each multiplied by (e, e)."""
    return torch.einsum("fe,ne...->nf...", rotation.to(embeddings.dtype), embeddings)
