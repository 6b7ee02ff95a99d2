"""Large volumes: every view of one table, an overview in 3D first, without a window; a test's "large" is small."""

from types import SimpleNamespace

import numpy as np
import pytest
from proofreading_hands import column

from napari_emcad.widgets.kit import labels_view
from napari_emcad.widgets.kit.labels_view import FragmentLabels, PyramidLevel, pyramid
from napari_emcad.widgets.kit.picking import voxel_under


@pytest.fixture
def overview(monkeypatch):
    """Two levels for the drawn neurons: 48 x 64 and 24 x 32 pixels."""
    monkeypatch.setattr(labels_view, "OVERVIEW", 3 * 24 * 32)


@pytest.fixture
def large(overview, session):
    """A session on neurons that are a pyramid, without a window."""
    return session


def test_levels_share_voxels_and_table(overview):
    fragments = np.arange(1, 3 * 90 * 61 + 1, dtype=np.uint32).reshape(3, 90, 61)
    view = FragmentLabels(fragments, np.arange(fragments.size + 1, dtype=np.uint32))
    levels = pyramid(view)
    assert [level.shape for level in levels] == [(3, 90, 61), (3, 45, 31), (3, 23, 16)]
    assert all(np.shares_memory(level.fragments, fragments) for level in levels)
    view.show(np.full(fragments.size + 1, 7, np.uint32))
    assert all((level[0] == 7).all() for level in levels)


def test_of_a_box_of_a_level_only_what_is_read_is_looked_up(overview):
    fragments = np.arange(1, 3 * 90 * 61 + 1, dtype=np.uint32).reshape(3, 90, 61)
    view = FragmentLabels(fragments, np.arange(fragments.size + 1, dtype=np.uint32))
    box = pyramid(view)[1][:, 3:5, 7:9]
    assert not isinstance(box, np.ndarray)
    np.testing.assert_array_equal(box[2], fragments[2, 6:10:2, 14:18:2])
    np.testing.assert_array_equal(np.asarray(box), fragments[:, 6:10:2, 14:18:2])
    assert np.asarray(box).dtype == view.dtype


def test_napari_looks_up_no_section_but_those_on_screen(desk, large, monkeypatch):
    looked_up = []
    monkeypatch.setattr(PyramidLevel, "look_up", lambda view, key: looked_up.append(key) or view.fragments[key])
    monkeypatch.setattr(PyramidLevel, "__array__", lambda *_: pytest.fail("all sections were looked up"))
    large.layer.refresh()
    assert looked_up
    assert all(key[0] == desk.viewer.dims.current_step[0] for key in looked_up)


def test_a_small_volume_is_no_pyramid(session):
    assert not session.layer.multiscale
    view = FragmentLabels(np.ones((9, 1, 1), np.uint32), np.arange(2, dtype=np.uint32))
    assert pyramid(view) == [view]


def test_edits_and_threshold_are_seen_at_every_level(desk, loop, large):
    layer, at = large.layer, large.session
    assert layer.multiscale and not layer.editable
    large.edit(lambda: at.merge(1, 4))
    for level in layer.data:
        assert level[1].max() == level[1][level[1] > 0].min() == at.state.table[1]
    large.edit(at.undo)
    for level in layer.data:
        assert len(np.unique(level[1])) == 3
    desk.threshold.move(0.05)
    loop.settle()
    assert at.state.threshold == 0.05
    assert all(len(np.unique(level[1])) == 7 for level in layer.data)


def test_3d_shows_an_overview_and_then_the_whole(desk, loop, large):
    desk.viewer.dims.ndisplay = 3
    assert large.layer.locked_data_level is None and desk.results.overview.is_brief
    loop.rest()
    assert large.layer.locked_data_level == 0
    desk.viewer.dims.ndisplay = 2
    assert large.layer.locked_data_level is None


@pytest.mark.parametrize("level", [0, 1])
def test_a_click_in_3d_meets_the_voxel_that_is_seen(desk, large, level):
    layer = large.layer
    desk.viewer.dims.ndisplay = 3
    layer.locked_data_level = level
    position = np.asarray(layer.data_to_world(column(5)))
    towards = np.array([1.0, 0.0, 0.0])
    event = SimpleNamespace(position=position - 500 * towards, view_direction=towards, dims_displayed=[0, 1, 2])
    assert voxel_under(layer, large.clickable, event) == column(5, z=0)


def test_neurons_of_other_fragments_are_a_pyramid_too(large):
    layer = large.layer
    large.edit(lambda: large.session.split_fragment([column(1)], [(1, 40, 5)]))
    assert layer.multiscale
    assert layer.data[0].fragments is large.result.view.fragments
    assert len(np.unique(layer.data[1][1])) > 3


def test_a_close_look_stays_when_a_fragment_is_parted(large):
    layer = large.layer
    layer.data_level, layer.corner_pixels = 0, np.array([[0, 36, 40], [0, 47, 63]])  # beyond the coarse level
    large.edit(lambda: large.session.split_fragment([column(1)], [(1, 40, 5)]))
    assert layer.data_level == 0 and layer._slice.image.raw.shape == (12, 24)
