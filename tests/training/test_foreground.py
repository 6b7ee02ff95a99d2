"""Training of a foreground network on fibres that it can learn in a few steps."""

from itertools import islice

import numpy as np
import pytest
import torch

from napari_emcad.core.crop import Crop
from napari_emcad.core.errors import UserError
from napari_emcad.networks.sdasn import Sdasn, SdasnConfig
from napari_emcad.training.foreground import (
    BLOCKS,
    FibreCrop,
    ForegroundTraining,
    block_size,
    foreground_loss,
    random_blocks,
)
from napari_emcad.training.params import CropSize, TrainingParameters

SMALL = TrainingParameters(mode="teacher", steps=40, batch=2, size=32, learning_rate=1e-2, warm_up=3, ema=0.8)


def fibres(shape=(40, 48, 56)):
    """Bright bars of 3 x 3 voxels along x, on a dark ground."""
    z, y, _ = np.indices(shape)
    labels = ((z % 16 < 3) & (y % 16 < 3)).astype(np.uint16)
    noise = np.random.default_rng(0).normal(0, 0.1, shape)
    return Crop((labels + noise).astype(np.float32), labels, name="fibres")


def training(parameters=SMALL):
    torch.manual_seed(0)
    return ForegroundTraining(Sdasn(SdasnConfig((3, 4, 5))), parameters)


def test_the_loss_is_lowest_where_all_heads_and_their_sum_are_right():
    truth = torch.rand(2, 8, 8, 8) < 0.2
    sure = torch.where(truth, 20.0, -20.0)[:, None].expand(-1, 3, -1, -1, -1)
    right, unsure, wrong = (float(foreground_loss(logits, truth)) for logits in (sure, 0 * sure, -sure))
    assert right < 0.01 < unsure < wrong
    one_head = sure.clone()
    one_head[:, 1] *= -0.5
    assert float(foreground_loss(one_head, truth)) > 1


def test_each_head_learns():
    logits = torch.zeros(1, 3, 4, 4, 4, requires_grad=True)
    foreground_loss(logits, torch.ones(1, 4, 4, 4, dtype=torch.bool)).backward()
    assert (logits.grad.flatten(2).abs().sum(2) > 0).all()


def test_blocks_are_parts_of_the_crop_mostly_on_fibres():
    crop = fibres()
    images, truths = random_blocks(np.random.default_rng(0), [FibreCrop.of(crop)], CropSize(8, 32, 32))
    assert images.shape == (8, 1, 32, 32, 32) and images.dtype == torch.float32
    assert truths.shape == (8, 32, 32, 32) and truths.dtype == torch.bool
    assert truths.flatten(1).any(1).sum() >= 6
    assert (images[:, 0][truths].mean() - images[:, 0][~truths].mean()) > 0.8
    empty = Crop(crop.raw, np.zeros_like(crop.labels), name="empty")
    assert not random_blocks(np.random.default_rng(0), [FibreCrop.of(empty)], CropSize(2, 32, 32))[1].any()


def test_a_crop_smaller_than_a_block_is_mirrored():
    images, truths = random_blocks(np.random.default_rng(0), [FibreCrop.of(fibres((20, 40, 36)))], CropSize(2, 64, 64))
    assert images.shape == (2, 1, 64, 64, 64) and truths.any()


def test_it_learns_fibres_and_the_average_finds_them():
    run = training()
    steps = list(run.steps([fibres()]))
    assert [step.step for step in steps] == list(range(1, 41))
    assert steps[-1].done == 1 and steps[-1].loss < 0.6 * steps[0].loss
    network = run.averaged()
    assert not network.training
    crop = fibres((32, 32, 32))
    with torch.no_grad():
        found = network(torch.from_numpy(crop.raw)[None, None]).sum(1)[0] > 0
    assert (found.numpy() == (crop.labels > 0)).mean() > 0.95


def test_a_run_is_reproducible():
    one, two = ([s._replace(seconds=0) for s in islice(training().steps([fibres()]), 5)] for _ in range(2))
    assert one == two


def test_the_size_of_blocks():
    assert block_size(TrainingParameters(minutes=1)) == BLOCKS
    assert block_size(TrainingParameters(minutes=1, batch=1, size=96)) == (1, 96, 96)
    assert block_size(TrainingParameters(minutes=1, sections=32)) == (2, 32, 64)


def test_a_loss_that_is_no_number_is_told():
    crop = fibres()
    bad = Crop(np.full_like(crop.raw, np.nan), crop.labels, name="bad")
    with pytest.raises(UserError, match="the loss is nan at step 1"):
        list(training().steps([bad]))
