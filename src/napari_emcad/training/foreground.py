"""Training of a foreground network: labelled optical volumes teach each of its heads, and their sum.

Source: deep supervision (Lee et al., "Deeply-Supervised Nets", AISTATS 2015) with cross-entropy and the overlap loss of
V-Net (Milletari et al., 3DV 2016), which sees sparse fibres as well as the dark ground.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import count
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from napari_emcad.core.crop import ANCHORS, Crop
from napari_emcad.core.geometry import Shape, triple
from napari_emcad.core.in_threads import map_in_threads
from napari_emcad.networks.sdasn import Sdasn
from napari_emcad.training.augment import LIGHT, augment
from napari_emcad.training.descent import descend, learning_rate
from napari_emcad.training.loop import Step
from napari_emcad.training.params import CropSize, TrainingParameters

BLOCKS = CropSize(batch=2, sections=64, size=64)
"""Blocks of a step, unless the parameters say otherwise."""

ON_FIBRES = 0.75
"""Share of blocks that are drawn around a voxel of a fibre, as most of a volume is dark."""

HEADS = 3
"""Number of the network's heads."""


def foreground_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Return cross-entropy and overlap, of the sum of the heads and of each head as if all gave the same.

    Parameters
    ----------
    logits : (n, 3, z, y, x) float
        Logits of the heads; see `Sdasn.forward`.
    truth : (n, z, y, x) bool

    Returns
    -------
    scalar
    """
    truth = truth.to(logits.dtype)
    answers = [logits.sum(1), *(HEADS * logits[:, head] for head in range(HEADS))]
    losses = torch.stack([_loss(answer, truth) for answer in answers])
    return losses[0] + losses[1:].mean()


class FibreCrop(NamedTuple):
    """A crop, and some of its voxels that belong to fibres, (n, 3)."""

    crop: Crop
    fibres: NDArray[np.int64]

    @classmethod
    def of(cls, crop: Crop) -> Self:
        """Return a crop with up to `ANCHORS` of its fibres' voxels."""
        found = np.flatnonzero(crop.labels)
        every = -(-len(found) // ANCHORS) or 1
        return cls(crop, np.stack(np.unravel_index(found[::every], crop.labels.shape), axis=1))


class ForegroundTraining:
    """A run: the network, the running mean of its weights, optimiser, step and time.

    Parameters
    ----------
    network : Sdasn
        Trained in place.
    parameters : TrainingParameters
        Mode, augmentation and losses do not count.
    device : str
        torch's name.
    """

    def __init__(self, network: Sdasn, parameters: TrainingParameters, device: str = "cpu"):
        self.network, self.parameters, self.device = network.to(device), parameters, device
        average = get_ema_multi_avg_fn(parameters.ema)
        self.mean = AveragedModel(self.network, multi_avg_fn=average, use_buffers=True)
        self.optimiser = torch.optim.AdamW(network.parameters(), weight_decay=parameters.weight_decay)
        self.step, self.began = 0, time.monotonic()

    def averaged(self) -> Sdasn:
        """Return the network with the running mean of its weights, as it is kept: on the CPU, in eval mode."""
        network = Sdasn(self.network.config)
        network.load_state_dict(self.mean.module.state_dict())
        return network.eval()

    def steps(self, crops: Sequence[Crop]) -> Iterator[Step]:
        """Train one step at a time until the budget is spent; stop by not asking for the next.

        Parameters
        ----------
        crops : sequence of Crop
            Grey levels normalised for the network; labels above 0 are foreground.

        Raises
        ------
        UserError
            If the loss is not a number any more.
        """
        parameters, size = self.parameters, block_size(self.parameters)
        sources = [FibreCrop.of(crop) for crop in crops]

        def batch(number: int) -> tuple[Tensor, Tensor]:
            return random_blocks(np.random.default_rng((parameters.seed, number)), sources, size)

        with closing(map_in_threads(batch, count(), threads=1)) as batches:
            while (done := parameters.share_done(self.step, time.monotonic() - self.began)) < 1:
                rate = learning_rate(parameters, self.step, done)
                images, truth = next(batches)
                loss = self._learn(images.to(self.device), truth.to(self.device), rate)
                self.step += 1
                seconds = time.monotonic() - self.began
                done = min(1.0, parameters.share_done(self.step, seconds))
                yield Step(self.step, done, seconds, rate, loss, {"foreground": loss})

    def _learn(self, images: Tensor, truth: Tensor, rate: float) -> float:
        """Make one step and return its loss."""
        self.network.train()
        loss = foreground_loss(self.network(images), truth)
        value = descend(self.optimiser, loss, rate, self.parameters.clip, self.step)
        self.mean.update_parameters(self.network)
        return value


def block_size(parameters: TrainingParameters) -> CropSize:
    """Return the blocks that the parameters ask for, and `BLOCKS` for the rest."""
    size = parameters.size or BLOCKS.size
    return CropSize(parameters.batch or BLOCKS.batch, parameters.sections or size, size)


def random_blocks(rng: Generator, sources: Sequence[FibreCrop], size: CropSize) -> tuple[Tensor, Tensor]:
    """Draw images (n, 1, z, y, x) float32 and foreground (n, z, y, x) bool of blocks, flipped and turned."""
    weights = np.array([source.crop.labels.size for source in sources], float)
    drawn = rng.choice(len(sources), size.batch, p=weights / weights.sum())
    images, truths = zip(*(_block(rng, sources[i], size.shape) for i in drawn), strict=True)
    return torch.from_numpy(np.stack(images))[:, None], torch.from_numpy(np.stack(truths))


def _block(rng: Generator, source: FibreCrop, shape: Shape) -> tuple[NDArray[Any], NDArray[Any]]:
    """Draw image and foreground of one block."""
    crop, fibres = source
    last = np.maximum(0, np.subtract(crop.raw.shape, shape))
    start = rng.integers(0, last + 1)
    if len(fibres) and rng.random() < ON_FIBRES:
        start = np.clip(fibres[rng.integers(len(fibres))] - rng.integers(0, shape), 0, last)
    block = crop.block(triple(start), shape)
    image, truth = augment(rng, block.raw.astype(np.float32), block.labels > 0, chances=LIGHT)
    return image, truth


def _loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Return cross-entropy and overlap loss of logits."""
    probability = logits.sigmoid()
    overlap = (2 * (probability * truth).sum() + 1) / (probability.sum() + truth.sum() + 1)
    return functional.binary_cross_entropy_with_logits(logits, truth) + 1 - overlap
