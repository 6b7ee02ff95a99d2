"""The row of a layer, without a window."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_emcad.widgets.choices.layer import LayerChoice
from napari_emcad.widgets.kit.layer_pick import LayerPick
from napari_emcad.widgets.kit.layers import is_image

VALUES = np.zeros((2, 3, 4), np.uint8)


@pytest.fixture
def viewer():
    viewer = ViewerModel()
    viewer.add_image(VALUES, name="first")
    viewer.add_labels(VALUES, name="labels")
    viewer.add_image(VALUES, name="second")
    return viewer


@pytest.fixture
def pick(viewer) -> LayerPick:
    return LayerPick(viewer, is_image)


@pytest.fixture
def choice(pick, qtbot) -> LayerChoice:
    choice = LayerChoice(pick)
    qtbot.addWidget(choice)
    return choice


def test_a_choice_goes_both_ways(choice, pick, viewer):
    assert [choice.itemText(i) for i in range(choice.count())] == ["first", "second"]
    choice.setCurrentIndex(1)
    assert pick.layer is viewer.layers["second"]
    pick.layer = viewer.layers["first"]
    assert choice.currentText() == "first"


def test_layers_are_renamed_and_removed(choice, pick, viewer):
    viewer.layers["first"].name = "other"
    pick.follow_layers()
    assert choice.currentText() == "other"
    viewer.layers.clear()
    pick.follow_layers()
    assert choice.count() == 0 and choice.currentIndex() == -1 and pick.layer is None
