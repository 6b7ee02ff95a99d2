"""Labels against a truth, without a window."""

import numpy as np
import pytest

from napari_emcad.core.scores import score
from napari_emcad.widgets.evaluate.evaluation import NOTHING_YET, Evaluation
from napari_emcad.widgets.kit.layers import place_of

PLACE = {"scale": (40, 5, 6), "units": ("nm",) * 3}


@pytest.fixture
def truth(stack):
    return (np.arange(stack.size).reshape(stack.shape) // 700 + 1).astype(np.uint16)


@pytest.fixture
def evaluation(desk):
    return Evaluation(desk)


@pytest.fixture
def compare(evaluation, loop):
    """Compare two layers; the read-out."""

    def compare(labels, truth):
        evaluation.labels.layer, evaluation.truth.layer = labels, truth
        evaluation.compare()
        loop.work()
        return evaluation.read_out

    return compare


def test_neurons_against_a_truth(evaluation, compare, desk, truth, drawn_result):
    layer = desk.viewer.add_labels(truth, name="truth", translate=(400, 50, 60), **PLACE)
    expected = score(np.asarray(drawn_result.neuron_layer.data), truth)
    read_out = compare(drawn_result.neuron_layer, layer)
    assert f"VOI {expected.voi:.3f} bits" in read_out and f"ARAND {expected.arand:.3f}" in read_out
    assert f"split {expected.voi_split:.3f}, merge {expected.voi_merge:.3f}" in read_out
    assert desk.message.text == read_out.replace("\n", "; ")


def test_neurons_are_compared_as_they_stood(evaluation, compare, desk, loop, truth, drawn_result):
    layer = desk.viewer.add_labels(truth, name="truth", translate=(400, 50, 60), **PLACE)
    before = compare(drawn_result.neuron_layer, layer)
    evaluation.compare()
    desk.threshold.move(0.05)
    loop.settle()
    assert evaluation.read_out == before
    assert compare(drawn_result.neuron_layer, layer) != before


def test_a_box_against_the_truth_of_the_whole(compare, desk, truth):
    whole = desk.viewer.add_labels(truth, name="truth", translate=(400, 50, 60), **PLACE)
    box = np.s_[1:3, 9:40, 11:41]
    part = desk.viewer.add_labels(truth[box] % 7, name="part", **place_of(whole, (1, 9, 11)))
    assert f"VOI {score(truth[box] % 7, truth[box]).voi:.3f} bits" in compare(part, whole)


def test_different_shapes_are_one_sentence(compare, desk, truth):
    compare(desk.viewer.add_labels(truth, name="one"), desk.viewer.add_labels(truth[:2], name="two"))
    assert "equal shape" in desk.message.text and "(2, 48, 64)" in desk.message.text


def test_an_empty_truth_is_one_sentence(compare, desk, truth):
    compare(desk.viewer.add_labels(truth, name="one"), desk.viewer.add_labels(truth * 0, name="two"))
    assert "no labelled voxel" in desk.message.text


def test_why_it_cannot_compare(evaluation, desk, truth):
    assert "two Labels layers" in evaluation.why_not
    layer = desk.viewer.add_labels(truth)
    assert "two different" in evaluation.why_not
    evaluation.compare()
    assert "two different" in desk.message.text
    desk.viewer.layers.remove(layer)
    assert "two Labels layers" in evaluation.why_not


def test_one_job_at_a_time(evaluation, desk, loop, truth):
    evaluation.labels.layer = desk.viewer.add_labels(truth, name="one")
    evaluation.truth.layer = desk.viewer.add_labels(truth, name="two")
    evaluation.labels.layer = desk.viewer.layers["one"]
    evaluation.compare()
    assert evaluation.why_not == "A job is running." and evaluation.read_out == "comparing ..."
    desk.jobs.stop()
    loop.work()
    assert desk.message.text == "Comparison stopped." and evaluation.read_out == NOTHING_YET


def test_our_labels_are_no_truth(evaluation, drawn_result):
    assert evaluation.labels.offers == [drawn_result.neuron_layer]
    assert evaluation.truth.offers == []
