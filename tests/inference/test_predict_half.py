"""3D networks in bf16, where a device multiplies in it."""

import numpy as np
import pytest
import torch
from drawings import lively_sdasn, uneven

from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import drive
from napari_emcad.inference import predict_by_tiles
from napari_emcad.inference.normalisation import Normalisation
from napari_emcad.inference.predict_foreground import predict_foreground


@pytest.fixture
def predicted(prediction, monkeypatch):
    """(precision) -> probability (z, y, x) uint8."""
    network, volume = lively_sdasn(), uneven((20, 40, 36), seed=1)

    def predicted(precision):
        examples = []
        monkeypatch.setattr(
            predict_by_tiles, "fastest_precision", lambda *given: examples.append(given[2].shape) or precision
        )
        out = np.zeros(volume.shape, np.uint8)
        normalisation = Normalisation(60, 200, clips=False)
        drive(predict_foreground(network, volume, out, prediction(volume, Box.whole(volume.shape), 32, normalisation)))
        assert len(examples) == 1 and min(examples[0][-2:]) >= 64
        assert {p.dtype for p in network.parameters()} == {torch.float32}
        return out.astype(int)

    return predicted


def test_bf16_gives_nearly_what_fp32_gives(predicted):
    exact, rough = predicted(torch.float32), predicted(torch.bfloat16)
    assert exact.std() > 5
    assert 0 < np.abs(exact - rough).mean() < 0.05 * exact.std()
