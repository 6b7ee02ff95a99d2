"""Published weights on CREMI, from the stack to neurons, against the published pipeline's scores."""

import h5py
import numpy as np
import pytest
import torch

from napari_emcad.core.geometry import Box
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.progress import drive
from napari_emcad.core.scores import score
from napari_emcad.inference.engines import torch as torch_engine
from napari_emcad.inference.engines.extras import has_onnxruntime, has_openvino, install_command
from napari_emcad.networks.checkpoint import load_student
from napari_emcad.pipeline import run, segment

PUBLISHED_VOI, PUBLISHED_ARAND = 0.465, 0.043
"""The published pipeline at its own threshold, 0.5."""

CROP = (slice(1, 3), slice(150, 342), slice(200, 392))


@pytest.fixture(scope="module")
def cremi(shared):
    """Grey values and neurons, (5, 500, 500)."""
    with h5py.File(shared / "data" / "cremi_b" / "sample_B_46_50.hdf") as file:
        return file["volumes/raw"][:], file["volumes/labels/neuron_ids"][:]


@pytest.fixture(scope="module")
def checkpoint(shared):
    return shared / "checkpoints" / "cad" / "CremiB.ckpt"


@pytest.mark.parametrize(
    "device",
    [
        "cpu",
        pytest.param("openvino", marks=pytest.mark.skipif(not has_openvino(), reason=install_command("openvino"))),
        pytest.param(
            "onnxruntime", marks=pytest.mark.skipif(not has_onnxruntime(), reason=install_command("onnxruntime"))
        ),
    ],
)
def test_neurons_are_as_good_as_the_published_ones(cremi, checkpoint, device):
    raw, truth = cremi
    scores = score(segment(raw, str(checkpoint), device=device).labels, truth)
    assert scores.voi <= PUBLISHED_VOI + 0.005
    assert scores.arand <= PUBLISHED_ARAND + 0.002


def test_half_precision_costs_no_score(cremi, checkpoint, monkeypatch):
    raw, truth = (array[CROP] for array in cremi)
    student, _ = load_student(checkpoint)
    found = {}
    for precision in (torch.float32, torch.bfloat16):
        monkeypatch.setattr(torch_engine, "fastest_precision", lambda *_, precision=precision: precision)
        affinities = np.zeros((3, *raw.shape), np.uint8)
        segmentation = drive(run(raw, student, affinities, Box.whole(raw.shape), SegmentParameters(device="cpu")))
        found[precision] = affinities, score(segmentation.labels(segmentation.table(0.3, 100)), truth)
    (exact, in_fp32), (rough, in_bf16) = found.values()
    assert 0 < np.abs(exact.astype(int) - rough).mean() < 0.25  # levels of 255: less than rounding to them costs
    assert in_bf16.voi == pytest.approx(in_fp32.voi, abs=0.05)
    assert in_bf16.arand == pytest.approx(in_fp32.arand, abs=0.02)
