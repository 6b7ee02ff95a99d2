"""The stack to work on, without a window."""

import numpy as np
import pytest
from hearing import heard
from napari.components import ViewerModel

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.widgets.desk.stack import NO_STACK, StackPick
from napari_emcad.widgets.kit.layers import voxel_size_of

VALUES = np.random.default_rng(5).integers(0, 255, (4, 40, 50), np.uint8)
NM = {"scale": (40, 5, 6), "units": ("nm",) * 3}


@pytest.fixture
def viewer():
    return ViewerModel()


def test_the_first_image_is_chosen_and_another_when_it_goes(viewer):
    stack = StackPick(viewer)
    assert stack.layer is None and stack.why_not == NO_STACK and stack.facts == ""
    changes = heard(stack.changed)
    first = viewer.add_image(VALUES, name="first", **NM)
    stack.follow_layers()
    second = viewer.add_image(VALUES[:3], name="second", **NM)
    stack.follow_layers()
    assert stack.layer is first and len(changes) == 1
    assert stack.facts == "4 x 40 x 50 voxels, uint8, 40 x 5 x 6 nm"
    viewer.layers.remove(first)
    stack.follow_layers()
    assert stack.layer is second and len(changes) == 2


def test_the_source_of_the_voxel_size_and_what_was_guessed_are_said(viewer):
    stack, notes = StackPick(viewer), ("its 4 channels are taken for sections.", "section 3 is missing.")
    viewer.add_image(VALUES, metadata={"voxel_size_source": "ImageJ metadata", "notes": notes}, **NM)
    stack.follow_layers()
    assert stack.facts.endswith("40 x 5 x 6 nm (ImageJ metadata)")
    assert stack.notes == "Its 4 channels are taken for sections.\nSection 3 is missing."
    stack.voxel_size = VoxelSize(30, 5, 6)
    assert stack.facts.endswith("30 x 5 x 6 nm (given)")
    viewer.layers.clear()
    stack.follow_layers()
    assert stack.notes == ""


def test_layers_of_other_kinds_are_not_offered(viewer):
    stack = StackPick(viewer)
    viewer.add_labels(np.zeros((4, 40, 50), np.uint8))
    viewer.add_image(VALUES, metadata={"napari_emcad": "affinities"})
    stack.follow_layers()
    assert stack.pick.offers == []
    stack.layer = viewer.layers[0]
    assert stack.layer is None


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (np.zeros((48, 64), np.uint8), "2D image"),
        (np.zeros((2, 3, 48, 64), np.uint8), "4 axes"),
        (np.zeros((3, 48, 64, 3), np.uint8), "colour"),
        (np.zeros((3, 48, 8), np.uint8), "48 x 8"),
    ],
    ids=["2d", "4d", "rgb", "small"],
)
def test_what_is_no_stack_is_said(viewer, data, sentence):
    stack = StackPick(viewer)
    viewer.add_image(data, rgb=data.ndim == 4 and data.shape[-1] == 3)
    stack.follow_layers()
    assert sentence in stack.why_unusable and stack.why_not == stack.why_unusable
    assert stack.why_unusable.count(". ") == 0


def test_another_voxel_size_for_all_layers_on_the_grid(viewer):
    stack = StackPick(viewer)
    source = viewer.add_image(VALUES, translate=(400, 50, 60), **NM)
    other = viewer.add_labels(np.zeros(VALUES.shape, np.uint8), translate=(400, 50, 60), **NM)
    elsewhere = viewer.add_image(VALUES, name="elsewhere", scale=(7, 7, 7), units=("nm",) * 3)
    stack.follow_layers()
    changes = heard(stack.changed)
    stack.voxel_size = VoxelSize(30, 4, 4)
    assert voxel_size_of(source) == stack.voxel_size == (30, 4, 4) and len(changes) == 1
    for layer in (source, other):
        np.testing.assert_allclose(layer.translate, (300, 40, 40))
    np.testing.assert_allclose(elsewhere.scale, (7, 7, 7))


def test_a_level_of_a_pyramid(viewer):
    stack = StackPick(viewer)
    pyramid = viewer.add_image([VALUES, VALUES[:, ::2, ::2]], multiscale=True, **NM)
    stack.follow_layers()
    assert stack.levels == ["Level 0: 40 x 5 x 6 nm", "Level 1: 40 x 10 x 12 nm"] and stack.level == 0
    stack.level = 1
    assert stack.layer is not pyramid and stack.level == 1
    assert stack.facts == "4 x 20 x 25 voxels, uint8, 40 x 10 x 12 nm"
    stack.level = 0
    assert stack.layer is pyramid
