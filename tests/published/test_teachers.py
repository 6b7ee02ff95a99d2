"""The teachers take the published layout and give what the published code gives."""

import json

import numpy as np
import pytest
import tifffile
import torch
import zarr

from napari_emcad.cli import main as cli
from napari_emcad.core.geometry import Box
from napari_emcad.inference.engines import device
from napari_emcad.inference.normalisation import Normalisation
from napari_emcad.networks.checkpoint import inspect, load_teacher
from napari_emcad.networks.mala import MalaUNetConfig
from napari_emcad.networks.recognise import teacher_config
from napari_emcad.networks.residual_unet import SSNS, ResidualUNetConfig
from napari_emcad.networks.teacher import build_teacher, nearest_affinities

RANDOM = {
    "teacher_residual_unet_random": (ResidualUNetConfig(), "embedding"),
    "ssns_residual_unet_random": (SSNS, "affinities"),
}
LAYOUTS = {
    "residual U-Net, embeddings (CAD teacher)": ResidualUNetConfig(),
    "residual U-Net, 3 sigmoid affinities (SSNS-Net)": SSNS,
    "MALA U-Net, sigmoid affinities": MalaUNetConfig(outputs=3, affinities=True),
    "MALA U-Net, embeddings": MalaUNetConfig(),
}


def reference(shared, name: str) -> dict[str, np.ndarray]:
    with np.load(shared / "reference" / f"{name}_io.npz") as file:
        return dict(file)


@pytest.mark.parametrize(("name", "config", "output"), [(n, *of) for n, of in RANDOM.items()], ids=RANDOM)
def test_outputs_equal_the_published_ones(shared, name, config, output):
    path = shared / "reference" / f"{name}.ckpt"
    teacher, card = load_teacher(path)
    assert teacher.config == config
    assert card == inspect(path)
    arrays = reference(shared, name)
    with torch.inference_mode():
        found = teacher(torch.from_numpy(arrays["input"])).numpy()
    expected = arrays[output]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    assert np.linalg.norm(found - expected) < 1e-5 * np.linalg.norm(expected)


@pytest.mark.parametrize(("name", "config"), LAYOUTS.items(), ids=LAYOUTS)
def test_keys_and_shapes_are_the_published_ones(shared, name, config):
    layouts = json.loads((shared / "reference" / "teacher_state_dict_keys.json").read_text())
    assert layouts.keys() == LAYOUTS.keys()
    with torch.device("meta"):
        state = build_teacher(config).state_dict()
        published = {key: torch.empty(shape) for key, shape in layouts[name].items()}
    assert [(key, list(tensor.shape)) for key, tensor in state.items()] == list(layouts[name].items())
    assert teacher_config(published, name) == config


def test_the_command_line_segments_with_a_teacher(shared, tmp_path, capsys, monkeypatch):
    """Random weights: what is asked is that every voxel gets there, not that it is any good."""
    monkeypatch.setattr(device, "_cpu_multiplies_bf16", lambda: False)
    name = "ssns_residual_unet_random"
    teacher, _ = load_teacher(shared / "reference" / f"{name}.ckpt")
    stack = tifffile.imread(shared / "data" / "ac4" / "raw.tif", key=range(80, 83))[:, 300:340, 500:560]
    tifffile.imwrite(tmp_path / "stack.tif", stack, photometric="minisblack")
    model, labels = shared / "reference" / f"{name}.ckpt", tmp_path / "labels.tif"
    affinities = tmp_path / "affinities.zarr"
    arguments = ["segment", tmp_path / "stack.tif", "-o", labels, "--model", model, "--affinities", affinities]
    assert cli.main([*map(str, arguments), "--device", "cpu"]) == 0
    assert "residual U-Net with 3 sigmoid affinities" in capsys.readouterr().out
    assert tifffile.imread(labels).shape == stack.shape
    seen = np.pad(Normalisation.of(stack).apply(stack), [(2, 2), (16, 24), (16, 20)], "reflect")  # one tile
    with torch.inference_mode():
        whole = nearest_affinities(teacher, torch.from_numpy(seen)[None, None])[0].numpy()
    expected = whole[(slice(None), *Box((2, 16, 16), (5, 56, 76)).slices)] * 255
    written = zarr.open_array(affinities, mode="r")[:]
    np.testing.assert_allclose(written, expected, atol=1.01)
