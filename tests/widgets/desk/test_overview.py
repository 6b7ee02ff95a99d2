"""Large volumes in 3D, without a window. Here "large" is what a test can hold."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels

from napari_emcad.widgets.desk import overview as module
from napari_emcad.widgets.desk.overview import Overview
from napari_emcad.widgets.kit import labels_view
from napari_emcad.widgets.kit.labels_view import FragmentLabels, pyramid


@pytest.fixture
def layer(monkeypatch) -> Labels:
    """Labels of two levels: 48 x 64 and 24 x 32 pixels."""
    monkeypatch.setattr(labels_view, "OVERVIEW", 3 * 24 * 32)
    fragments = np.arange(1, 3 * 48 * 64 + 1, dtype=np.uint32).reshape(3, 48, 64)
    return Labels(pyramid(FragmentLabels(fragments, np.arange(fragments.size + 1))), multiscale=True)


@pytest.fixture
def viewer(layer):
    viewer = ViewerModel()
    viewer.add_layer(layer)
    viewer.add_labels(np.ones((3, 4, 5), int), name="small")
    return viewer


@pytest.fixture
def overview(viewer, loop, layer):
    return Overview(viewer, loop, lambda: [layer, viewer.layers["small"]])


def test_3d_shows_an_overview_and_then_the_whole(viewer, loop, layer, overview):
    viewer.dims.ndisplay = 3
    assert overview.is_brief and layer.locked_data_level is None
    loop.rest()
    assert not overview.is_brief and layer.locked_data_level == 0
    viewer.dims.ndisplay = 2
    assert layer.locked_data_level is None and not overview.is_brief


def test_back_in_2d_before_the_whole_is_shown(viewer, loop, layer, overview):
    viewer.dims.ndisplay = 3
    viewer.dims.ndisplay = 2
    loop.rest()
    assert layer.locked_data_level is None


def test_a_volume_that_is_too_large_stays_an_overview(viewer, loop, layer, overview, monkeypatch):
    monkeypatch.setattr(module, "WHOLE", 1)
    viewer.dims.ndisplay = 3
    loop.rest()
    assert layer.locked_data_level is None


def test_hidden_and_removed_layers_are_left_alone(viewer, loop, layer, overview):
    layer.visible = False
    viewer.dims.ndisplay = 3
    loop.rest()
    assert layer.locked_data_level is None
    viewer.layers.remove(layer)
    viewer.dims.ndisplay = 2
    viewer.dims.ndisplay = 3
    loop.rest()
    assert layer.locked_data_level is None


def test_after_closing_nothing_is_chosen(viewer, loop, layer, overview):
    viewer.dims.ndisplay = 3
    overview.close()
    loop.rest()
    assert layer.locked_data_level is None and not overview.is_brief
