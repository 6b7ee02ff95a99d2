"""The student gives the affinities of the published code, voxel by voxel."""

import h5py
import numpy as np
import pytest
import tifffile
import torch
from torch.nn import functional as F

from napari_emcad.networks.checkpoint import load_student
from napari_emcad.networks.embedding import pair_affinities
from napari_emcad.networks.student import STRIDE

SECTIONS = 3
"""Enough for the pair of the first section with itself and two pairs of neighbours."""


def cremi(shared) -> np.ndarray:
    with h5py.File(shared / "data" / "cremi_b" / "sample_B_46_50.hdf") as file:
        return file["volumes/raw"][:]


def ac4(shared) -> np.ndarray:
    sections = tifffile.imread(shared / "data" / "ac4" / "raw.tif", key=range(80, 84))
    return sections[:, 256:512, 256:512]


def published_recipe(student, volume: np.ndarray) -> np.ndarray:
    """(z, y, x) uint8 -> (3, z, y, x) float32: pairs of neighbours, the first section with itself, fp32."""
    height, width = volume.shape[1:]
    sections = torch.from_numpy(volume)[:, None].float() / 255  # (z, 1, y, x)
    padded = F.pad(sections, (0, -width % STRIDE, 0, -height % STRIDE), mode="reflect")
    student = student.to(memory_format=torch.channels_last)
    affinities = []
    with torch.inference_mode():
        for z in range(len(padded)):
            pair = torch.cat([padded[max(z - 1, 0)], padded[z]])[None]  # (1, 2, y, x)
            affinities.append(pair_affinities(*student(pair))[0, :, :height, :width].clamp(0, 1))
    return torch.stack(affinities, dim=1).numpy()


@pytest.mark.parametrize(
    ("volume", "checkpoint", "reference"),
    [(cremi, "CremiB", "cremi_b_CremiB"), (ac4, "AC34", "ac4_80_84_crop_AC34")],
)
def test_affinities_equal_the_published_ones(shared, volume, checkpoint, reference):
    student, _ = load_student(shared / "checkpoints" / "cad" / f"{checkpoint}.ckpt")
    with np.load(shared / "reference" / f"{reference}_affinities.npz") as file:
        expected = file["affinities"][:, :SECTIONS].astype(np.float32)
    difference = np.abs(published_recipe(student, volume(shared)[:SECTIONS]) - expected)
    inner = difference[:, 1:, 1:, 1:]
    assert inner.mean() < 1e-3
    assert inner.max() < 0.02
    assert difference[0].max() < 0.02  # z of the first section too: it was paired with itself
