"""Outputs of a network on perturbed views: of two of the same sections, or of one to be restored."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from napari_emcad.core.geometry import Shape
from napari_emcad.networks.embedding import pair_affinities
from napari_emcad.networks.student import Student
from napari_emcad.networks.teacher import Teacher, nearest_affinities
from napari_emcad.training.crops import Views, middle
from napari_emcad.training.objective import by_crop
from napari_emcad.training.pairs import FIRST, SECOND, embed_pairs
from napari_emcad.training.perturb import PerturbedView, affinities_of_sections
from napari_emcad.training.saved_state import TrainingState


def affinities_of_views(state: TrainingState, views: Views, shape: Shape) -> tuple[Tensor, Tensor, Tensor]:
    """Return affinities of both views of each block, and where both show them, (n, 3, z, y, x) each.

    The running mean of the weights gives those of the second view, if that was asked for, and learns nothing from it.
    """
    (name,) = state.learning
    network, mean = _affinity_network(state.networks[name]), state.means[name].module
    with _running_means_kept(network):
        first, shown = _of_view(network, views.first, shape, state.device)
        with torch.no_grad() if state.consistency == "ema" else nullcontext():
            other = _affinity_network(mean.eval()) if state.consistency == "ema" else network
            second, shown_too = _of_view(other, views.second, shape, state.device)
    return first, second, shown & shown_too


def _affinity_network(network: nn.Module) -> Student | Teacher:
    if not isinstance(network, Student | Teacher):
        raise TypeError(f"views: a student or a teacher is needed, got a {type(network).__name__}.")
    return network


@contextmanager
def _running_means_kept(network: nn.Module) -> Iterator[None]:
    """Keep BatchNorm's running means those of sections as they are: perturbed ones are never segmented."""
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


def restored_sections(state: TrainingState, views: Views, shape: Shape) -> tuple[Tensor, Tensor]:
    """Return grey levels made of perturbed blocks, and those of the blocks, (n, z, y, x) each."""
    shown, sections = _pictures(views.first, state.device), middle(_pictures(views.second, state.device), shape)
    if "teacher" in state.networks:
        outputs = middle(state.networks["teacher"](shown[:, None]), shape)
    else:
        pairs = embed_pairs(state.networks["student"], middle(shown, shape))
        outputs = torch.cat([by_crop(embeddings, len(shown)) for embeddings in pairs], dim=2)
        sections = torch.cat([sections[:, FIRST], sections[:, SECOND]], dim=1)
    return state.networks["head"](outputs)[:, 0], sections


def _of_view(
    network: Student | Teacher, views: list[PerturbedView], shape: Shape, device: str
) -> tuple[Tensor, Tensor]:
    """Return affinities of one view of each block, brought back onto it, and where it shows them."""
    affinities = _affinities(network, _pictures(views, device), shape)
    pairs = [affinities_of_sections(one, view) for one, view in zip(affinities, views, strict=True)]
    return torch.stack([back for back, _ in pairs]), torch.stack([shown for _, shown in pairs])


def _pictures(views: list[PerturbedView], device: str) -> Tensor:
    """Return the pictures of views, (n, z, y, x) float32."""
    return torch.from_numpy(np.stack([view.image for view in views])).to(device)


def _affinities(network: Student | Teacher, images: Tensor, shape: Shape) -> Tensor:
    """Return affinities z, y, x of the middle of images, (n, 3, z, y, x); a student's from z = 1 on."""
    if isinstance(network, Student):
        previous, current = (embeddings.float() for embeddings in embed_pairs(network, middle(images, shape)))
        return by_crop(pair_affinities(previous, current), len(images))
    return middle(nearest_affinities(network, images[:, None]), shape).float()
