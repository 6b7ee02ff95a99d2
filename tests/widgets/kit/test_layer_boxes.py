"""Boxes in layers: unequal scales and an origin, so that swapped axes show. No window."""

import numpy as np
import pytest
from napari.layers import Image, Labels, Shapes

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.widgets.kit.layer_boxes import box_of_shapes, overlap, section_at
from napari_emcad.widgets.kit.layers import place_of

PLACE = {"scale": (40, 5, 6), "translate": (400, 50, 60), "units": ("nm",) * 3}


@pytest.fixture
def image():
    return Image(np.zeros((7, 30, 50), np.uint8), name="stack", **PLACE)


def test_section_at(image):
    assert section_at(image, (520, 0, 0)) == 3
    assert section_at(image, (99_999, 0, 0)) == 6


def test_box_of_a_flat_rectangle_takes_the_sections(image):
    shapes = Shapes([[[3, 4.4, 10.4], [3, 4.4, 20.2], [3, 9.7, 20.2], [3, 9.7, 10.4]]], **PLACE)
    assert box_of_shapes(shapes, image, (1, 5)).slices == np.s_[1:6, 5:10, 11:21]


def test_box_of_a_2d_layer_on_another_scale(image):
    world = np.array([[4.4, 10.4], [4.4, 20.2], [9.7, 20.2], [9.7, 10.4]]) * (5, 6) + (50, 60)
    shapes = Shapes([world / 2], scale=(2, 2))
    assert box_of_shapes(shapes, image, (0, 6)).slices == np.s_[0:7, 5:10, 11:21]


def test_box_of_a_solid_shape(image):
    shapes = Shapes([[[1, 4, 10], [1, 4, 20], [4, 9, 20], [4, 9, 10]]], **PLACE)
    assert box_of_shapes(shapes, image, (0, 6)).slices == np.s_[1:5, 4:10, 10:21]


def test_box_outside(image):
    shapes = Shapes([[[3, 90, 90], [3, 90, 95], [3, 95, 95], [3, 95, 90]]], **PLACE)
    with pytest.raises(UserError, match="holds no voxel"):
        box_of_shapes(shapes, image, (0, 6))


def test_overlap_of_a_box_with_the_whole():
    truth = Labels(np.zeros((7, 30, 50), int), name="truth", **PLACE)
    part = Labels(np.zeros((2, 40, 12), int), name="part", **place_of(truth, (1, 9, 11)))
    assert overlap(part, truth) == (Box((0, 0, 0), (2, 21, 12)), Box((1, 9, 11), (3, 30, 23)))


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        (Labels(np.zeros((7, 30, 51), int), **PLACE), "equal shape"),
        (Labels(np.zeros((7, 30, 50), int), **PLACE | {"scale": (40, 5, 5)}), "equal voxel size"),
        (Labels(np.zeros((7, 30, 50), int), **PLACE | {"translate": (9999, 0, 0)}), "do not overlap"),
        (Labels(np.zeros((30, 50), int)), "2 axes"),
    ],
)
def test_no_overlap(other, sentence):
    truth = Labels(np.zeros((7, 30, 50), int), name="truth", **PLACE)
    with pytest.raises(UserError, match=sentence):
        overlap(other, truth)


def test_layers_in_other_units_overlap_where_they_lie():
    first = Labels(np.zeros((5, 20, 30), np.uint8), scale=(40, 5, 6), units=("nm",) * 3)
    place = {"scale": (0.04, 0.005, 0.006), "translate": (0.04, 0.015, 0.024), "units": ("um",) * 3}
    second = Labels(np.zeros((2, 6, 7), np.uint8), **place)
    assert overlap(first, second) == (Box((1, 3, 4), (3, 9, 11)), Box((0, 0, 0), (2, 6, 7)))


def test_a_shape_in_other_units():
    image = Image(np.zeros((5, 20, 30), np.uint8), scale=(40, 5, 6), units=("nm",) * 3)
    corners = np.array([(0.08, 0.009, 0.011), (0.08, 0.009, 0.031), (0.08, 0.026, 0.031), (0.08, 0.026, 0.011)])
    shapes = Shapes([corners], ndim=3, units=("um",) * 3)
    assert box_of_shapes(shapes, image, (1, 2)) == Box((1, 2, 2), (3, 6, 6))
