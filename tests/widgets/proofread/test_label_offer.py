"""Labels that somebody has opened are offered, without a window and with the mouse."""

import numpy as np
import pytest
from napari.layers import Labels
from proofreading_hands import PLACE
from qtpy.QtCore import Qt

from napari_emcad.widgets.kit.layers import place_of
from napari_emcad.widgets.proofread.from_labels import PRESS
from napari_emcad.widgets.proofread.label_offer import LabelOffer


@pytest.fixture
def offer(desk, proofreader, beside):
    """The offer on a desk without a window."""
    return LabelOffer(desk, proofreader.from_labels)


def test_nothing_is_offered_where_there_is_nothing(offer, open_stack, stack):
    assert offer.words == ""
    open_stack(stack, **PLACE)
    assert offer.words == ""
    offer.press()


def test_labels_are_offered_until_they_are_neurons(desk, loop, offer, open_stack, stack, neurons):
    source, taken = open_stack(stack, **PLACE), []
    offer.taken.connect(lambda: taken.append(1))
    desk.viewer.add_labels(neurons[1:, 4:40, 8:60], name="mine", **place_of(source, (1, 4, 8)))
    assert offer.words == '"mine" holds labels, 2 x 36 x 52 voxels.'
    assert (offer.is_image, offer.why_not, offer.doubt) == (False, "", "")
    offer.press()
    assert offer.why_not == "A job is running."
    loop.settle()
    assert taken == [1] and desk.sessions.current is not None and offer.words == ""
    assert desk.results.current.source is source


def test_the_labels_that_are_seen_are_the_ones(desk, loop, offer, neurons):
    desk.viewer.add_labels(neurons, name="truth", visible=False)
    assert offer.words == ""
    desk.viewer.add_labels(neurons + 20, name="mine")
    assert offer.layer.name == "mine"
    offer.press()
    loop.settle()
    assert desk.results.current.source.name == "mine"


@pytest.mark.parametrize(
    ("shape", "place"),
    [
        pytest.param((2, 40, 60), {}, id="another shape without a place"),
        pytest.param((3, 48, 64), {"scale": (40, 10, 12)}, id="another voxel size"),
        pytest.param((3, 48, 64), PLACE | {"translate": (4000, 50, 60)}, id="elsewhere"),
    ],
)
def test_labels_that_do_not_lie_in_the_stack_say_so(desk, loop, offer, open_stack, stack, neurons, shape, place):
    open_stack(stack, **PLACE)
    z, y, x = shape
    layer = desk.viewer.add_labels(neurons[:z, :y, :x], name="mine", **place)
    assert 'voxels, which do not lie in "stack".' in offer.words
    assert offer.doubt.startswith('labels: voxels of "stack"') and "give both the same voxel size" in offer.doubt
    offer.press()
    loop.settle()
    assert desk.results.current.source is layer
    assert "They are shown without the stack: labels: voxels of" in desk.message.text


def test_labels_of_other_axes_are_refused(desk, offer):
    desk.viewer.add_labels(np.ones((4, 5), int), name="flat")
    assert "a stack (z, y, x) is needed, got one section" in offer.why_not


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, np.float64])
def test_an_image_of_ids_is_shown_as_labels(desk, offer, open_stack, stack, neurons, dtype):
    open_stack(stack, **PLACE)
    ids = neurons.astype(dtype)
    image = desk.viewer.add_image(ids, name="from MATLAB", **PLACE)
    desk.viewer.add_image(stack, name="other")
    assert offer.layer is image and offer.is_image and offer.is_from_elsewhere
    assert offer.words == '"from MATLAB" looks like ids of neurons, not like grey levels.'
    offer.show_as_labels()
    layer = desk.viewer.layers[1]
    assert isinstance(layer, Labels) and image not in desk.viewer.layers and image.data is ids
    np.testing.assert_array_equal(layer.data, neurons)
    np.testing.assert_array_equal(layer.translate, PLACE["translate"])
    assert offer.layer is layer and not offer.is_image and offer.doubt == ""


def test_an_image_of_ids_is_proofread_at_one_press(desk, loop, offer, open_stack, stack, neurons, beside):
    source = open_stack(stack, **PLACE)
    desk.viewer.add_image(neurons, name="ids", **PLACE)
    offer.press()
    loop.settle()
    assert desk.sessions.current is not None and desk.results.current.source is source and offer.words == ""


def test_an_image_with_fractions_stays_one(desk, offer, neurons):
    ids = np.tile(neurons, (3, 1, 1)).astype(np.float32)
    ids[0, 0, 0] = 0.5
    image = desk.viewer.add_image(ids, name="ids")
    assert offer.layer is image
    offer.press()
    assert desk.message.text == '"ids": labels are whole numbers, and it holds fractions; it stays an image.'
    assert image in desk.viewer.layers


def test_an_image_is_looked_at_once(offer, open_stack, stack, monkeypatch):
    looks = []
    monkeypatch.setattr("napari_emcad.widgets.proofread.label_offer.look_at", looks.append)
    open_stack(stack, **PLACE)
    assert [offer.words for _ in range(3)] == [""] * 3 and len(looks) == 1


def test_a_layer_that_goes_in_the_middle_of_the_job(desk, loop, offer, neurons):
    layer = desk.viewer.add_labels(neurons, name="mine", **PLACE)
    offer.press()
    desk.viewer.layers.remove(layer)
    loop.settle()
    assert desk.message.text == f'"mine" or its stack has changed: press "{PRESS}" again.'
    assert offer.words == "" and desk.results.current is None


# ---- in a window -----------------------------------------------------------------------------------------------------


def test_one_press_from_labels_to_the_tools(window, qtbot, stack, neurons, beside):
    window.viewer.show()
    row = window.dock.offer
    assert row.isHidden()
    window.open(stack, **PLACE)
    window.viewer.add_labels(neurons, name="mine", **PLACE)
    assert row.isVisible() and row.button.isEnabled() and row.width() <= window.dock.width()
    qtbot.mouseClick(row.button, Qt.MouseButton.LeftButton)
    window.idle()
    assert window.desk.sessions.current is not None and row.isHidden()
    qtbot.waitUntil(lambda: not window.dock.proofread.body.words.visibleRegion().isEmpty())
