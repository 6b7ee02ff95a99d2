"""A region graph in which edges come and go is what it would be if it were made anew."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_emcad.core.region_graph import QUANTILES, RegionGraph
from napari_emcad.proofreading.edges import EditedGraph

N = 9
"""Fragments."""

FAR = 2**33
"""Added to their ids, these have 8 bytes."""

pairs = st.tuples(st.integers(1, N), st.integers(1, N)).filter(lambda pair: pair[0] < pair[1])
COLUMNS = ("u", "v", "mean", "quantiles", "area", "contact")


def graph_of(pairs):
    """In the order given; what is said of an edge follows from its ends."""
    u, v = np.array(list(pairs), np.uint32).reshape(-1, 2).T
    seed = u.astype(np.float32) * 100 + v
    contact = np.stack([u, v, u + v], axis=1).astype(np.int32)
    return RegionGraph(u, v, seed, np.repeat(seed[:, None], len(QUANTILES), 1), (u * v).astype(np.int64), contact)


def far(graph):
    """The same edges between fragments of other ids."""
    return replace(graph, u=graph.u + np.int64(FAR), v=graph.v + np.int64(FAR))


def assert_same(one, other):
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        assert getattr(one, name).dtype == getattr(other, name).dtype


@settings(deadline=None)
@given(st.sets(pairs), st.lists(st.sets(pairs, min_size=1), max_size=6))
def test_many_changes_at_once_are_each_of_them(first, changes):
    graph, there, found = EditedGraph.of(graph_of(sorted(first))), set(first), []
    for change in changes:
        found.append((graph_of(change & there), graph_of(change - there)))
        there ^= change
    assert_same(graph.changed(found).whole, graph_of(sorted(there)))


@settings(deadline=None)
@given(st.sets(pairs), st.lists(st.sets(pairs, min_size=1), max_size=6))
def test_edges_come_and_go(first, changes):
    """Of each set, those that are there go, and those that are not come."""
    graph, there, rows = EditedGraph.of(graph_of(sorted(first))), set(first), {}
    for change in changes:
        graph = graph.without(graph_of(change & there)).also(graph_of(change - there))
        there ^= change
        assert_same(graph.whole, graph_of(sorted(there)))
        found = graph.find(np.array(sorted(there)).reshape(-1, 2)).tolist()
        assert graph.rows().tolist() == sorted(found)
        rows = {**dict(zip(sorted(there), found, strict=True)), **rows}
        for pair in there:
            assert graph.find(np.array([pair[::-1]])).tolist() == [rows[pair]]  # it never changes
        assert_same(graph.at(graph.rows()), graph_of(zip(graph.u[graph.rows()], graph.v[graph.rows()], strict=True)))
        for fragment in range(1, N + 1):
            ours = graph.rows_of(fragment)
            assert sorted(zip(graph.u[ours], graph.v[ours], strict=True)) == sorted(p for p in there if fragment in p)
        some = np.array([2, 3, 7], np.uint32)
        ours = graph.rows_from(some)
        assert sorted(ours) == ours.tolist() and len(ours) == sum(u in some for u, _ in there)


@settings(deadline=None)
@given(st.sets(pairs), st.lists(st.sets(pairs, min_size=1), max_size=6))
def test_ids_of_8_bytes_make_no_difference(first, changes):
    narrow, there = EditedGraph.of(graph_of(sorted(first))), set(first)
    wide = EditedGraph.of(far(narrow.base))
    for change in changes:
        gone, come = graph_of(change & there), graph_of(change - there)
        narrow, wide = narrow.without(gone).also(come), wide.without(far(gone)).also(far(come))
        there ^= change
        assert_same(wide.whole, far(narrow.whole))
        asked = np.array(sorted(there)).reshape(-1, 2)
        np.testing.assert_array_equal(wide.find(asked + FAR), narrow.find(asked))
        for fragment in range(1, N + 1):
            np.testing.assert_array_equal(wide.rows_of(fragment + FAR), narrow.rows_of(fragment))


def test_where_nothing_was_edited_nothing_is_copied():
    base = graph_of([(1, 2), (2, 3)])
    graph = EditedGraph.of(base)
    assert graph.whole is base and graph.without(graph_of([])).also(graph_of([])).whole is base


@pytest.mark.parametrize("pair", [(1, 3), (3, 4), (8, 9)])
def test_an_edge_that_is_not_there_has_no_row(pair):
    graph = EditedGraph.of(graph_of([(1, 2), (2, 3), (3, 5)]))
    assert graph.find(np.array([pair])).tolist() == [-1]


def test_one_row_is_read_as_one():
    graph = EditedGraph.of(graph_of([(1, 2)])).also(graph_of([(1, 3)]))
    assert [int(graph.u[0]), int(graph.v[1]), float(graph.mean[np.int64(1)])] == [1, 3, 103.0]
    assert graph.contact[1].tolist() == [1, 3, 4]
