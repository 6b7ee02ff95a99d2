"""A foreground network on the desk: probability, neurites, and the threshold over them, without a window."""

import numpy as np
import pytest
from drawings import tissue

from napari_emcad.core.geometry import Box
from napari_emcad.core.neurites import neurites


@pytest.fixture
def optical(desk, loop, sdasn):
    """A desk with an optical volume and a network for it."""
    raw = (tissue((12, 40, 48), np.float32, seed=4) * 400 + 80).astype(np.uint16)
    desk.viewer.add_image(raw, name="fibres", scale=(2, 1, 1), translate=(10, 20, 30))
    desk.model.open_file(sdasn)
    loop.settle()
    desk.settings.change(min_size=5)
    return desk


@pytest.fixture
def found(optical, loop):
    """The neurites of a run."""
    optical.runs.run()
    loop.settle()
    return optical.neurites.current


def layers(desk) -> list[str]:
    return [layer.name for layer in desk.viewer.layers]


def test_a_run_shows_probability_and_neurites(optical, loop):
    assert optical.threshold.value == 0.4  # the card's
    optical.runs.run()
    loop.settle()
    assert layers(optical)[-2:] == ["fibres foreground", "fibres neurites"]
    found = optical.neurites.current
    assert found.probability.any() and not optical.viewer.layers["fibres foreground"].visible
    np.testing.assert_array_equal(found.labels_layer.data, neurites(found.probability, 0.4, 5))
    np.testing.assert_allclose(found.labels_layer.translate, (10, 20, 30))
    np.testing.assert_allclose(found.labels_layer.scale, (2, 1, 1))
    assert "neurite" in optical.threshold.read_out and optical.threshold.read_out in optical.message.text


def test_neurites_say_where_they_come_from(found):
    stated = found.labels_layer.metadata["provenance"]
    assert stated["model"] == "fibres" and stated["parameters"]["threshold"] == 0.4
    assert (stated["parameters"]["black"], stated["parameters"]["white"]) == (100, 600)
    np.testing.assert_array_equal(found.sizes, np.bincount(found.labels_layer.data.ravel())[1:])


@pytest.mark.parametrize("threshold", [0.6, 0.2])
def test_the_threshold_moves_over_the_neurites(optical, loop, found, threshold):
    optical.threshold.move(threshold)
    assert not optical.neurites.is_settled
    loop.settle()
    assert optical.neurites.is_settled
    np.testing.assert_array_equal(found.labels_layer.data, neurites(found.probability, threshold, 5))
    assert found.labels_layer.metadata["provenance"]["parameters"]["threshold"] == threshold


def test_the_smallest_neurite(optical, loop, found):
    optical.settings.change(min_size=10**6)
    loop.settle()
    assert not found.labels_layer.data.any() and optical.threshold.read_out == "no neurites"


def test_a_second_run_hides_the_first(optical, loop, found):
    optical.runs.run()
    assert not any(layer.visible for layer in found.layers) and optical.neurites.current is None
    loop.settle()
    assert optical.neurites.current is not found


def test_neurites_do_not_pile_up_from_run_to_run(optical, loop, found):
    for _ in range(4):
        optical.runs.run()
        loop.settle()
    assert layers(optical) == ["fibres", "fibres foreground", "fibres neurites"]


@pytest.mark.parametrize("how", ["painted", "set", "renamed"])
def test_neurites_that_a_person_has_changed_stay(optical, loop, found, how):
    if how == "painted":
        found.labels_layer.paint((5, 20, 20), 3)
    elif how == "set":
        found.labels_layer.data[:2] = 1
    else:
        found.labels_layer.name = "mine"
    for _ in range(2):
        optical.runs.run()
        loop.settle()
    assert found.labels_layer in optical.viewer.layers and len(optical.viewer.layers) == 5


def test_a_run_of_an_em_model_takes_the_threshold_over(optical, loop, found, model):
    found.labels_layer.data[0, 0, 0] = 7  # corrected by hand
    optical.model.open_file(model)
    loop.settle()
    assert optical.threshold.value != 0.4
    optical.runs.run()
    loop.settle()
    assert optical.neurites.current is None and optical.results.current is not None
    assert optical.viewer.layers["fibres neurites"].data[0, 0, 0] == 7


def test_neurites_that_are_removed_are_forgotten(optical, loop, found):
    optical.viewer.layers.remove("fibres neurites")
    assert optical.neurites.current is None
    optical.threshold.move(0.7)  # moves nothing, breaks nothing
    loop.settle()
    optical.runs.run()
    loop.settle()
    assert optical.neurites.current not in (None, found)


def test_a_run_that_is_stopped_keeps_nothing(optical, loop):
    optical.runs.run()
    assert layers(optical) == ["fibres", "fibres foreground"]
    optical.runs.stop()
    loop.settle()
    assert layers(optical) == ["fibres"] and optical.neurites.current is None
    assert optical.message.text == "neurites: stopped, nothing is kept; press Run to begin anew."


def test_the_volume_is_removed_in_mid_run(optical, loop):
    optical.runs.run()
    optical.viewer.layers.remove("fibres")
    loop.settle()
    assert layers(optical) == [] and optical.neurites.current is None
    assert optical.message.text == 'The layer "fibres" was removed: its run has been stopped.'


def test_the_volume_changes_in_mid_run(optical, loop):
    optical.runs.run()
    optical.viewer.layers["fibres"].data = optical.viewer.layers["fibres"].data[:, ::-1]
    loop.settle()
    assert optical.message.text == '"fibres" has changed: press Run again.'


def test_a_click_needs_affinities(optical):
    optical.runs.segment_box(Box((0, 0, 0), (4, 32, 32)))
    assert "choose a student or a teacher" in optical.message.text
    assert not optical.jobs.running


def test_the_wrong_kind_of_volume(desk, loop, open_stack, stack, sdasn):
    open_stack(stack)
    desk.model.open_file(sdasn)
    loop.settle()
    assert "made for optical volumes" in desk.first_look.warning and desk.choices.why_not == ""
