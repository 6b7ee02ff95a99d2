"""Geometry of layers: unequal scales and an origin, so that swapped axes show. No window."""

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.stacks.locations import parse_location
from napari_emcad.widgets.kit.layers import origin_of, place_of, set_voxel_size, voxel_size_of

PLACE = {"scale": (40, 5, 6), "translate": (400, 50, 60), "units": ("nm",) * 3}


@pytest.fixture
def image():
    return Image(np.zeros((7, 30, 50), np.uint8), name="stack", **PLACE)


@pytest.mark.parametrize(
    ("scale", "unit", "metadata", "expected"),
    [
        ((40, 5, 6), "nm", {}, (40, 5, 6)),
        ((0.04, 0.005, 0.006), "um", {}, (40, 5, 6)),
        ((1, 1, 1), "pixel", {}, None),
        ((1, 1, 1), "pixel", {"voxel_size_nm": (40, 5, 6)}, (40, 5, 6)),
    ],
)
def test_voxel_size(scale, unit, metadata, expected):
    layer = Image(np.zeros((2, 3, 4)), scale=scale, units=(unit,) * 3, metadata=metadata)
    assert voxel_size_of(layer) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("/data/raw.tif", "/data/raw.tif"),
        ("s3://bucket/em.zarr", "s3://bucket/em.zarr"),
        ("https://host/em.zarr?signature=secret", None),
        (None, None),
    ],
)
def test_the_origin_holds_no_secret(source, expected):
    """Whatever another plugin has opened."""
    layer = Image(np.zeros((2, 3, 4)), metadata={"source": source, "dataset": "s0"})
    assert origin_of(layer) == {"source": expected and str(parse_location(expected)), "dataset": "s0"}


def test_place_of_a_box_with_rotation_and_affine():
    turned = {"rotate": (0, 0, 30), "affine": [[1, 0, 0, 5], [0, 2, 0, 6], [0, 0, 3, 7], [0, 0, 0, 1]]}
    image = Image(np.zeros((7, 30, 50)), **PLACE, **turned)
    part = Labels(np.zeros((2, 3, 4), int), **place_of(image, (1, 9, 11)))
    for corner in ((0, 0, 0), (1, 2, 3)):
        np.testing.assert_allclose(part.data_to_world(corner), image.data_to_world(np.add(corner, (1, 9, 11))))
    assert part.units == image.units


def test_a_new_voxel_size_is_that_of_all_layers_on_the_grid_in_whatever_units():
    data = np.zeros((2, 3, 4), np.uint8)
    stack = Image(data, scale=(40, 5, 5), translate=(80, 0, 0), units=("nm",) * 3)
    labels = Labels(data, scale=(0.04, 0.005, 0.005), translate=(0.08, 0, 0), units=("um",) * 3)
    other = Labels(data, scale=(40, 5, 5), units=("um",) * 3)
    set_voxel_size([stack, labels, other], labels, VoxelSize(30, 6, 6))
    for layer in (stack, labels):
        assert voxel_size_of(layer) == (30, 6, 6)
        np.testing.assert_allclose(layer.translate, (60, 0, 0))
    assert tuple(other.scale) == (40, 5, 5)
