"""One layer chosen among those of a kind, without a window."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_emcad.widgets.kit.layer_pick import LayerPick
from napari_emcad.widgets.kit.layers import is_image

VALUES = np.zeros((2, 3, 4), np.uint8)


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def pick(viewer):
    """A choice among the images of a viewer, with one image and labels in it."""
    viewer.add_image(VALUES, name="first")
    viewer.add_labels(VALUES, name="labels")
    return LayerPick(viewer, is_image)


def heard(pick) -> list[str]:
    """Which of its signals are emitted from now on."""
    signals = []
    pick.changed.connect(lambda: signals.append("changed"))
    pick.offers_changed.connect(lambda: signals.append("offers"))
    return signals


def test_the_first_one_is_chosen_until_another_is(viewer, pick):
    second = viewer.add_image(VALUES, name="second")
    signals = heard(pick)
    pick.follow_layers()
    assert [layer.name for layer in pick.offers] == ["first", "second"]
    assert pick.layer.name == "first" and signals == ["offers"]
    pick.layer = second
    assert pick.layer is second and signals == ["offers", "changed"]


def test_a_layer_that_is_not_offered_is_not_chosen(viewer, pick):
    pick.layer = viewer.layers["labels"]
    assert pick.layer is None


def test_the_choice_stays_while_layers_move_and_goes_with_its_layer(viewer, pick):
    second = viewer.add_image(VALUES, name="second")
    pick.follow_layers()
    pick.layer = second
    viewer.layers.move(2, 0)
    pick.follow_layers()
    assert pick.layer is second and pick.offers[0] is second
    viewer.layers.remove(second)
    pick.follow_layers()
    assert pick.layer.name == "first"


def test_what_is_forgotten_is_forgotten_silently(pick):
    signals = heard(pick)
    pick.forget()
    assert pick.layer is None and pick.offers == [] and signals == []
