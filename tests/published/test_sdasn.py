"""The published SDASN gives the probability of the published code, and finds synthetic neurites."""

import numpy as np
import pytest
import torch

from napari_emcad.core.synthetic.optical import synthetic_optical
from napari_emcad.networks.checkpoint import load_foreground
from napari_emcad.networks.sdasn import foreground
from napari_emcad.optical import find_neurites


@pytest.fixture(scope="module")
def checkpoint(shared):
    path = shared / "checkpoints" / "sdasn" / "Fast_MyNet5_Re300_epoch_31.ckpt"
    if not path.is_file():
        pytest.skip(f"published SDASN: {path} is missing")
    return path


def test_probability_equals_the_published_one(shared, checkpoint):
    path = shared / "reference" / "sdasn_io.npz"
    if not path.is_file():
        pytest.skip(f"published SDASN: {path} is missing")
    network, card = load_foreground(checkpoint)
    with np.load(path) as file:
        volume, expected = file["volume"].astype(np.float32), file["probability"]
    grey = torch.from_numpy((volume - card.black) / (card.white - card.black))
    with torch.inference_mode():
        found = foreground(network, grey[None, None])[0, 0].numpy()
    assert np.abs(found - expected).max() < 1e-4
    assert 0 < (expected > 0.5).mean() < 0.1


def test_synthetic_neurites_are_found(checkpoint):
    volume = synthetic_optical((40, 72, 72), seed=4)
    found = find_neurites(volume.raw, str(checkpoint), device="cpu", min_size=20)
    mine, truth = found.labels > 0, volume.labels > 0
    assert truth.sum() > 500
    assert 2 * (mine & truth).sum() / (mine.sum() + truth.sum()) > 0.6
