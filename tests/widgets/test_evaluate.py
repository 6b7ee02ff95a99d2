import numpy as np
import pytest

from napari_emcad.core.scores import score
from napari_emcad.widgets.kit.layers import place_of

pytestmark = pytest.mark.window


@pytest.fixture
def truth(stack):
    return (np.arange(stack.size).reshape(stack.shape) // 700 + 1).astype(np.uint16)


def compare(window):
    window.dock.evaluate.compare_button.click()
    window.idle()
    return window.dock.evaluate.read_out.text()


def test_neurons_against_a_truth(window, stack, truth):
    window.open(stack)
    window.viewer.add_labels(truth, name="truth", scale=(40, 5, 6), units=("nm",) * 3)
    window.run()
    window.dock.evaluate.labels.layer = window.result.neuron_layer
    expected = score(np.asarray(window.result.neuron_layer.data), truth)
    read_out = compare(window)
    assert f"VOI {expected.voi:.3f} bits" in read_out and f"ARAND {expected.arand:.3f}" in read_out
    assert f"split {expected.voi_split:.3f}, merge {expected.voi_merge:.3f}" in read_out


def test_a_box_against_the_truth_of_the_whole(window, truth):
    whole = window.viewer.add_labels(truth, name="truth", scale=(40, 5, 6), translate=(400, 50, 60), units=("nm",) * 3)
    box = np.s_[1:3, 9:40, 11:41]
    part = window.viewer.add_labels(truth[box] % 7, name="part", **place_of(whole, (1, 9, 11)))
    window.dock.evaluate.labels.layer, window.dock.evaluate.truth.layer = part, whole
    assert f"VOI {score(truth[box] % 7, truth[box]).voi:.3f} bits" in compare(window)


def test_different_shapes_are_one_sentence(window, truth):
    one = window.viewer.add_labels(truth, name="one")
    two = window.viewer.add_labels(truth[:2], name="two")
    window.dock.evaluate.labels.layer, window.dock.evaluate.truth.layer = one, two
    compare(window)
    assert "equal shape" in window.message and "(2, 48, 64)" in window.message


def test_an_empty_truth_is_one_sentence(window, truth):
    one = window.viewer.add_labels(truth, name="one")
    two = window.viewer.add_labels(truth * 0, name="two")
    window.dock.evaluate.labels.layer, window.dock.evaluate.truth.layer = one, two
    compare(window)
    assert "no labelled voxel" in window.message


def test_why_it_cannot_compare(window, truth):
    assert "two Labels layers" in window.dock.evaluate.compare_button.toolTip()
    window.viewer.add_labels(truth)
    assert "two different" in window.dock.evaluate.compare_button.toolTip()
