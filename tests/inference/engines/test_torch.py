import numpy as np
import pytest
import torch

from napari_emcad.inference.engines import torch as torch_engine
from napari_emcad.inference.engines.device import Device
from napari_emcad.inference.engines.torch import STRIP, TorchEngine, quantised_affinities
from napari_emcad.networks.embedding import pair_affinities


@pytest.mark.parametrize("height", [1, STRIP - 1, STRIP, STRIP + 1, 3 * STRIP + 5])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_affinities_are_made_strip_by_strip(height, dtype):
    previous, current = torch.randn(2, 1, 4, height, 7, generator=torch.Generator().manual_seed(height)).to(dtype)
    whole = pair_affinities(previous.float(), current.float())[0].clamp(0, 1) * 255
    levels = quantised_affinities(previous, current)
    assert levels.shape == (3, height, 7)
    np.testing.assert_array_equal(levels, whole.round().to(torch.uint8))


def test_sections_are_encoded_in_fp32_whatever_the_precision_of_pairs(student, monkeypatch):
    section = np.random.default_rng(0).random((32, 48), np.float32)
    exact = TorchEngine(student, Device("cpu", "")).encode(section)
    monkeypatch.setattr(torch_engine, "fastest_precision", lambda *_: torch.bfloat16)
    engine = TorchEngine(student, Device("cpu", ""))
    half = engine.encode(section)
    for rough, precise in zip(half, exact, strict=True):
        assert rough.dtype == torch.bfloat16
        assert torch.equal(rough, precise.bfloat16())
    assert engine.affinities(half, half, None).shape == (3, 32, 48)
