"""Labels with and without a place of their own in a stack."""

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.widgets.kit.labels_place import box_in_stack
from napari_emcad.widgets.kit.layers import place_of

SHAPE = (5, 20, 30)


@pytest.fixture
def stack():
    return Image(np.zeros(SHAPE, np.uint8), name="stack", scale=(40, 5, 6), translate=(400, 50, 60))


def labels(shape, **place) -> Labels:
    return Labels(np.zeros(shape, np.uint8), name="labels", **place)


def test_labels_without_a_place_cover_the_stack(stack):
    assert box_in_stack(labels(SHAPE), stack) == Box.whole(SHAPE)


def test_labels_on_the_stack_s_grid(stack):
    assert box_in_stack(labels(SHAPE, **place_of(stack)), stack) == Box.whole(SHAPE)
    assert box_in_stack(labels((2, 6, 7), **place_of(stack, (1, 3, 4))), stack) == Box((1, 3, 4), (3, 9, 11))


@pytest.mark.parametrize(("unit", "length"), [("um", 1e3), ("nm", 1), ("mm", 1e6), ("angstrom", 0.1)])
def test_labels_in_other_units_lie_at_the_same_place(unit, length):
    stack = Image(np.zeros(SHAPE, np.uint8), scale=(40, 5, 6), translate=(400, 50, 60), units=("nm",) * 3)
    place = {"scale": np.array((40, 5, 6)) / length, "translate": np.array((440, 65, 84)) / length}
    assert box_in_stack(labels((2, 6, 7), units=(unit,) * 3, **place), stack) == Box((1, 3, 4), (3, 9, 11))
    with pytest.raises(UserError, match="give both the same voxel size"):
        box_in_stack(labels((2, 6, 7), units=(unit,) * 3, **place | {"scale": np.array((40, 5, 5)) / length}), stack)


def test_labels_in_pixels_lie_in_the_units_of_the_stack():
    stack = Image(np.zeros(SHAPE, np.uint8), scale=(0.04, 0.005, 0.006), units=("um",) * 3)
    place = {"scale": (0.04, 0.005, 0.006), "translate": (0.04, 0.015, 0.024)}
    assert box_in_stack(labels((2, 6, 7), **place), stack) == Box((1, 3, 4), (3, 9, 11))


def test_labels_whose_file_says_that_they_begin_where_the_stack_does(stack):
    placed = labels((2, 6, 7), **place_of(stack), metadata={"is_placed": True})
    assert box_in_stack(placed, stack) == Box((0, 0, 0), (2, 6, 7))


@pytest.mark.parametrize(
    ("shape", "place"),
    [
        ((2, 6, 7), {}),  # another shape, no place
        ((2, 6, 7), {"scale": (40, 5, 5), "translate": (440, 65, 84)}),
        ((2, 6, 7), {"scale": (40, 5, 6), "translate": (400, 50, 60)}),  # at the origin of the stack by chance
        ((2, 6, 7), {"scale": (40, 5, 6), "translate": (600, 50, 66)}),  # outside
    ],
)
def test_labels_elsewhere_are_one_sentence(stack, shape, place):
    with pytest.raises(UserError, match="give both the same voxel size and the labels their place"):
        box_in_stack(labels(shape, **place), stack)
