"""A foreground network in the dock: probability, neurites, and the threshold over them."""

import numpy as np
import pytest
from drawings import lively_sdasn, uneven

from napari_emcad.core.geometry import Box
from napari_emcad.core.neurites import neurites
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.checkpoint import save_model
from napari_emcad.widgets.desk.neurites import ForegroundRun

pytestmark = pytest.mark.window


@pytest.fixture(scope="module")
def sdasn(tmp_path_factory):
    path = tmp_path_factory.mktemp("sdasn") / "fibres.pt"
    save_model(lively_sdasn(), path, ModelCard(title="fibres", threshold=0.4, black=100, white=600))
    return path


@pytest.fixture
def optical(window, sdasn):
    """A window with an optical volume and a network for it."""
    raw = (uneven((12, 40, 48), np.uint16, seed=4) % 400 + 80).astype(np.uint16)
    window.viewer.add_image(raw, name="fibres", scale=(2, 1, 1), translate=(10, 20, 30))
    desk = window.desk
    desk.model.open_file(sdasn)
    window.wait(lambda: desk.model.card is not None and desk.model.card.role == "foreground")
    desk.settings.change(min_size=5)
    return window


def layers(window):
    return [layer.name for layer in window.viewer.layers]


def test_run_shows_probability_and_neurites(optical):
    desk = optical.desk
    assert desk.threshold.value == 0.4
    optical.run()
    assert layers(optical)[-2:] == ["fibres foreground", "fibres neurites"]
    found = desk.neurites.current
    assert found.probability.any()
    np.testing.assert_array_equal(found.labels_layer.data, neurites(found.probability, 0.4, 5))
    np.testing.assert_allclose(found.labels_layer.translate, (10, 20, 30))
    np.testing.assert_allclose(found.labels_layer.scale, (2, 1, 1))
    made = found.labels_layer.metadata["provenance"]
    assert made["model"] == "fibres" and made["parameters"]["threshold"] == 0.4
    assert (made["parameters"]["black"], made["parameters"]["white"]) == (100, 600)
    assert "neurite" in desk.threshold.read_out and "neurite" in optical.message


def test_the_threshold_moves_over_the_neurites(optical):
    desk = optical.desk
    optical.run()
    found = desk.neurites.current
    for threshold in (0.6, 0.2):
        desk.threshold.move(threshold)
        expected = neurites(found.probability, threshold, 5)
        optical.wait(lambda e=expected: np.array_equal(found.labels_layer.data, e))
        optical.wait(lambda t=threshold: found.labels_layer.metadata["provenance"]["parameters"]["threshold"] == t)
    desk.settings.change(min_size=10**6)
    optical.wait(lambda: not found.labels_layer.data.any())
    optical.wait(lambda: desk.threshold.read_out == "no neurites")


def test_a_run_of_an_em_model_takes_the_threshold_over(optical, model):
    desk = optical.desk
    optical.run()
    optical.viewer.layers["fibres neurites"].data[0, 0, 0] = 7  # corrected by hand
    desk.model.open_file(model)
    optical.wait(lambda: desk.model.card is not None and desk.model.card.role == "student")
    assert desk.threshold.value != 0.4 and optical.dock.segment.settings_form.seed_sigma.isEnabled()
    optical.run()
    assert desk.neurites.current is None
    assert optical.result is not None
    assert optical.viewer.layers["fibres neurites"].data[0, 0, 0] == 7


def test_what_an_optical_network_does_not_have_cannot_be_chosen(optical):
    advanced = optical.dock.segment.settings_form
    for widget in (advanced.crumbs, advanced.seed_sigma, advanced.agglomeration, advanced.scoring):
        assert not widget.isEnabled() and "no fragments" in widget.toolTip()
    assert (advanced.black.value(), advanced.white.value()) == (100, 600)


def test_a_click_needs_affinities(optical):
    desk = optical.desk
    desk.runs.segment_box(Box((0, 0, 0), (4, 32, 32)))
    assert "choose a student or a teacher" in optical.message
    assert not optical.desk.jobs.running


def test_removing_the_neurites_ends_them(optical):
    optical.run()
    optical.viewer.layers.remove("fibres neurites")
    assert optical.desk.neurites.current is None
    optical.desk.threshold.move(0.7)
    optical.run()
    assert optical.desk.neurites.current is not None


def test_removing_the_volume_in_mid_run_is_told(optical, monkeypatch):
    desk = optical.desk
    desk.runs.run()
    assert isinstance(desk.runs._finding, ForegroundRun)
    optical.viewer.layers.remove("fibres")
    optical.idle()
    assert desk.neurites.current is None
    assert "fibres neurites" not in layers(optical)
    assert "was removed" in optical.message or "stopped" in optical.message


def test_the_wrong_kind_of_volume_is_told(window, stack, sdasn):
    window.open(stack)
    desk = window.desk
    desk.model.open_file(sdasn)
    window.wait(lambda: "made for optical volumes" in desk.first_look.warning)
    assert not window.dock.segment.warning.isHidden()
    assert window.dock.segment.run_button.isEnabled()
