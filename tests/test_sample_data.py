import numpy as np
import pytest

from napari_emcad import sample_data
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.synthetic import SyntheticStack

SIZES = {"small": (8, 256, 256), "medium": (16, 512, 512), "large": (32, 1024, 1024)}


@pytest.fixture
def no_drawing(monkeypatch):
    """Stacks that say their shape instead of holding it: the real ones are tested in core."""

    def empty(shape, voxel_size):
        return SyntheticStack(np.zeros((2, 3, 4), np.uint8), np.zeros((2, 3, 4), np.uint16), VoxelSize(*voxel_size))

    asked = []
    monkeypatch.setattr(sample_data, "synthetic_stack", lambda s, v: asked.append(tuple(s)) or empty(s, v))
    return asked


@pytest.mark.parametrize("name", SIZES)
def test_each_sample_is_an_image_and_its_hidden_truth(name, no_drawing):
    (_, image, image_type), (_, truth, truth_type) = getattr(sample_data, name)()
    assert no_drawing == [SIZES[name]]
    assert (image_type, truth_type) == ("image", "labels")
    assert (image["name"], truth["name"]) == ("synthetic EM", "ground truth")
    assert image.get("visible", True)
    assert truth["visible"] is False
    for layer in (image, truth):
        assert layer["scale"] == (30, 6, 6)
        assert layer["metadata"] == {"voxel_size_nm": (30, 6, 6)}
    assert image["metadata"] is not truth["metadata"]


def test_the_small_sample_is_drawn():
    (raw, _, _), (labels, _, _) = sample_data.small()
    assert raw.shape == labels.shape == SIZES["small"]
    assert labels.max() > 10


def test_the_optical_sample_is_an_image_and_its_hidden_truth():
    (raw, image, image_type), (labels, truth, truth_type) = sample_data.optical()
    assert raw.shape == labels.shape == (96, 192, 192)
    assert (image_type, truth_type) == ("image", "labels")
    assert (image["name"], truth["visible"]) == ("synthetic optical", False)
    assert image["scale"] == truth["scale"] == (500, 500, 500)


def test_napari_takes_the_layers(no_drawing):
    layers = pytest.importorskip("napari.layers")
    for data, attributes, kind in sample_data.small():
        layer = layers.Layer.create(data, attributes, kind)
        assert [f"{unit:~}" for unit in layer.units] == ["nm", "nm", "nm"]
        assert tuple(layer.axis_labels) == ("z", "y", "x")
        assert tuple(layer.scale) == (30, 6, 6)
