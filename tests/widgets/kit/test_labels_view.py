"""Fragments looked up in a table, as napari shows them."""

import numpy as np
import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.core.live_cut import LiveCut
from napari_emcad.core.merge_tree import MergeTree
from napari_emcad.widgets.kit.labels_view import FragmentLabels, Without, pyramid


@pytest.fixture
def fragments():
    return np.random.default_rng(0).integers(0, 6, (3, 4, 5)).astype(np.uint32)


@pytest.mark.parametrize(("n", "dtype"), [(5, np.uint32), (65_536, np.uint32)])
def test_dtype_follows_the_number_of_fragments(fragments, n, dtype):
    view = FragmentLabels(fragments, np.arange(n + 1, dtype=np.uint32))
    assert view.dtype == dtype == view[0].dtype and view.nbytes == 60 * np.dtype(dtype).itemsize


def test_reads_like_an_array(fragments):
    table = np.array([0, 5, 5, 3, 3, 0], np.uint32)
    view, expected = FragmentLabels(fragments, table), table[fragments]
    for key in (0, (1, slice(None, None, 2)), np.s_[..., 2], np.s_[:, 1:3, 2], (2, 3, 4)):
        np.testing.assert_array_equal(view[key], expected[key])
    np.testing.assert_array_equal(np.asarray(view), expected)
    np.testing.assert_array_equal(np.stack(list(view)), expected)
    assert (view.shape, view.ndim, view.size, len(view)) == ((3, 4, 5), 3, 60, 3)


def test_another_table_is_another_labelling(fragments):
    before = fragments.copy()
    view = FragmentLabels(fragments, np.arange(6, dtype=np.uint32))
    view.show(np.array([0, 1, 1, 1, 1, 1], np.uint32))
    np.testing.assert_array_equal(np.asarray(view), fragments > 0)
    np.testing.assert_array_equal(fragments, before)


def test_a_table_is_followed(fragments):
    table = np.arange(70_000, dtype=np.uint32)
    view = FragmentLabels(fragments, table)
    table[5] = 69_999
    np.testing.assert_array_equal(np.asarray(view), table[fragments])


def test_some_fragments_are_left_out(fragments):
    table, out = np.array([0, 9, 8, 7, 6, 5], np.uint32), np.array([1, 4], np.uint32)
    view = FragmentLabels(fragments, table)
    view.show(Without(table, out))
    expected = np.where(np.isin(fragments, out), 0, table[fragments])
    np.testing.assert_array_equal(np.asarray(view), expected)
    assert view[0].dtype == view.dtype == np.uint32
    np.testing.assert_array_equal(view.table, [0, 0, 8, 7, 0, 5])


def test_ids_of_8_bytes_are_shown(fragments, make_napari_viewer_proxy):
    table = np.array([0, 2**32 + 9, 8, 7, 2**32 + 6, 5])
    view = FragmentLabels(fragments.astype(np.int64), table)
    np.testing.assert_array_equal(np.asarray(view), table[fragments])
    assert view.dtype == np.int64 and view.holds(table) and view.holds(table.astype(np.uint32))
    viewer = make_napari_viewer_proxy()
    layer = viewer.add_labels(view)
    z, y, x = np.argwhere(fragments == 1)[0]
    viewer.dims.set_point(0, z)
    assert layer.get_value((z, y, x)) == 2**32 + 9
    assert not np.array_equal(layer.get_color(2**32 + 9), layer.get_color(2**32 + 6))


def test_levels_show_what_the_view_shows(fragments, monkeypatch):
    monkeypatch.setattr("napari_emcad.widgets.kit.labels_view.OVERVIEW", 10)
    tree = MergeTree(np.array([2, 1, 5, 3, 4], np.uint32), np.array([np.inf, 0.1, 0.5, 0.2, 0.6], np.float32))
    view = FragmentLabels(fragments, tree.cut(0))
    levels = pyramid(view)
    view.show(LiveCut(tree, 0.3))
    for step, level in zip((1, 2, 4), levels, strict=False):
        np.testing.assert_array_equal(np.asarray(level), tree.cut(0.3)[fragments[:, ::step, ::step]])
    assert view.holds(tree.cut(0.3)) and not view.holds(np.zeros(7, np.uint32))


def test_painting_is_refused_with_a_sentence(fragments):
    view = FragmentLabels(fragments, np.arange(6, dtype=np.uint32))
    with pytest.raises(UserError, match="duplicate the layer"):
        view[0, 0, 0] = 1


def test_a_snapshot_stays_while_the_table_changes(fragments):
    view = FragmentLabels(fragments, np.array([0, 5, 5, 3, 3, 0], np.uint32))
    before, then = view.snapshot(), np.asarray(view)
    view.show(np.zeros(6, np.uint32))
    np.testing.assert_array_equal(np.asarray(before), then)
    assert before.dtype == view.dtype


def test_a_snapshot_of_a_level(fragments, monkeypatch):
    monkeypatch.setattr("napari_emcad.widgets.kit.labels_view.OVERVIEW", 10)
    view = FragmentLabels(fragments, np.array([0, 9, 8, 7, 6, 5], np.uint32))
    level = pyramid(view)[1]
    np.testing.assert_array_equal(np.asarray(level.snapshot()), np.asarray(view)[:, ::2, ::2])
