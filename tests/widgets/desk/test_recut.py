"""Threshold and settings move over neurons that are there, without a window."""

import numpy as np
import pytest

from napari_emcad.core.agglomeration import agglomerate_fragments
from napari_emcad.core.choices import DEFAULT_THRESHOLDS
from napari_emcad.widgets.kit.labels_view import FragmentLabels


@pytest.fixture
def neurons(desk, loop, open_stack, stack):
    """A desk with neurons on it; gives their result."""
    open_stack(stack)
    desk.runs.run()
    loop.settle()
    return desk.results.current


def test_the_threshold_moves_the_table_and_no_voxel(desk, loop, neurons):
    layer, fragments = neurons.neuron_layer, neurons.segmentation.fragments
    data, before = layer.data, fragments.copy()
    for threshold in (0.0, 0.3, 1.0):
        desk.threshold.move(threshold)
        loop.settle()
        assert layer.data is data and data.fragments is fragments
        table = neurons.segmentation.table(threshold, 100, "strongest")
        np.testing.assert_array_equal(np.asarray(layer.data), table[fragments])
        z = int(desk.viewer.dims.current_step[0])
        np.testing.assert_array_equal(np.asarray(layer._slice.image.raw), table[fragments[z]])  # repainted
        assert f"{len(neurons.neurons.sizes)} neuron" in desk.threshold.read_out
    np.testing.assert_array_equal(fragments, before)


def test_slow_crumbs_wait_until_the_slider_rests(desk, loop, neurons, monkeypatch):
    monkeypatch.setattr("napari_emcad.widgets.desk.results.AT_ONCE", 0.0)
    desk.threshold.move(0.2)
    assert not desk.results.is_settled
    np.testing.assert_array_equal(neurons.view.table, neurons.segmentation.tree.cut(0.2))
    loop.settle()
    assert desk.results.is_settled and neurons.neurons.cut.threshold == 0.2
    np.testing.assert_array_equal(neurons.view.table, neurons.segmentation.table(0.2, 100, "strongest"))


def test_smallest_neuron_and_crumbs_act_at_once(desk, loop, neurons):
    desk.settings.change(crumbs="background")
    desk.settings.change(min_size=10**6)
    loop.settle()
    assert not np.asarray(neurons.neuron_layer.data).any()
    assert desk.threshold.read_out == "no neurons"


def test_seed_smoothing_agglomerates_again_without_predicting(desk, loop, neurons, monkeypatch):
    monkeypatch.setattr("napari_emcad.workers.segmentation.predict_beside", None)
    affinities, before = neurons.affinities, len(neurons.segmentation.sizes)
    desk.settings.change(seed_sigma=0)
    loop.settle()
    assert desk.results.current.affinities is affinities
    assert len(desk.results.current.segmentation.sizes) > before
    assert "nothing was predicted again" in desk.message.text
    assert [layer.name for layer in desk.viewer.layers].count("stack neurons") == 1


def test_seed_smoothing_waits_for_a_job_that_is_running(desk, loop, neurons):
    desk.runs.try_section()
    desk.settings.change(seed_sigma=0)
    loop.rest()
    assert desk.runs.under_way is not None
    loop.settle()
    assert desk.results.current.parameters.seed_sigma == 0


def test_another_agglomeration_takes_its_own_threshold(desk, loop, neurons):
    desk.threshold.move(0.11)
    desk.settings.change(agglomeration="multicut")
    assert (desk.threshold.value, desk.threshold.touched) == (DEFAULT_THRESHOLDS["multicut"], None)
    loop.settle()
    result = desk.results.current
    assert result.parameters.agglomeration == "multicut"
    assert result.neurons.cut.threshold == DEFAULT_THRESHOLDS["multicut"]
    expected = agglomerate_fragments(result.segmentation.graph, result.segmentation.sizes, "multicut")
    np.testing.assert_array_equal(result.segmentation.tree.leaves, expected.leaves)
    np.testing.assert_array_equal(result.segmentation.tree.gaps, expected.gaps)


def test_an_agglomeration_that_is_stopped_puts_the_settings_back(desk, loop, neurons):
    desk.settings.change(agglomeration="multicut")
    loop.rest()
    desk.jobs.stop()
    loop.settle()
    assert desk.settings.values.agglomeration == "waterz"
    assert desk.threshold.value == neurons.neurons.cut.threshold
    assert desk.message.text == "Stopped: the neurons are those from before."


def test_neurons_that_are_proofread_keep_their_agglomeration_and_threshold(desk, loop, neurons):
    neurons.is_edited = True
    before = desk.threshold.value
    desk.settings.change(agglomeration="mutex watershed")
    loop.settle()
    assert "lose the edits" in desk.message.text
    assert desk.settings.values.agglomeration == "waterz" and desk.threshold.value == before


def test_affinities_as_channels(desk, neurons):
    desk.settings.shows_channels = True
    assert [layer.name for layer in neurons.affinity_layers] == [f"stack affinities {axis}" for axis in "zyx"]
    desk.settings.shows_channels = False
    (layer,) = neurons.affinity_layers
    np.testing.assert_array_equal(layer.data[1], np.moveaxis(neurons.affinities[:, 1], 0, -1))
    assert np.shares_memory(layer.data[1], neurons.affinities)


def test_neurons_are_not_painted_on(neurons):
    assert not neurons.neuron_layer.editable
    assert isinstance(neurons.neuron_layer.data, FragmentLabels)


def test_another_model_leaves_neurons_where_they_are(desk, loop, neurons, teacher):
    before = desk.threshold.value
    desk.model.open_file(teacher)
    loop.settle()
    assert desk.model.card.role == "teacher" and desk.threshold.value == before


def test_the_threshold_moves_neurons_in_3d(desk, loop, neurons):
    desk.viewer.dims.ndisplay = 3
    desk.threshold.move(0.1)
    loop.settle()
    raw = np.asarray(neurons.neuron_layer._slice.image.raw)
    np.testing.assert_array_equal(raw, neurons.view.table[neurons.segmentation.fragments])
