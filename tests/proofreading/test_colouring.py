"""Colours that follow the edits of a session."""

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from any_edits import ANY_ORDER, EDITS, PART, THRESHOLDS, hold, on_voxels, quick, some_affinities, steps, unshrunk
from graphs import segmentation
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_emcad.core.errors import UserError
from napari_emcad.proofreading import colouring
from napari_emcad.proofreading.colouring import Colouring
from napari_emcad.proofreading.edges import EditedGraph

NUMBER = 20


def clashes(at: Colouring, graph, table) -> int:
    """Edges between two segments of one colour."""
    u, v = table[graph.u], table[graph.v]
    between = (u != v) & (u > 0) & (v > 0)
    return int((at.colours[u[between]] == at.colours[v[between]]).sum())


def grid(side: int):
    """Fragments of a plane, each with its four neighbours and one across."""
    ids = np.arange(1, side * side + 1).reshape(side, side)
    pairs = [(ids[:, :-1], ids[:, 1:]), (ids[:-1], ids[1:]), (ids[:-1, :-1], ids[1:, 1:])]
    return segmentation([(int(a), int(b), 0.1) for u, v in pairs for a, b in zip(u.flat, v.flat, strict=True)])


@pytest.fixture(scope="module")
def plane():
    """A plane of 30 x 30 fragments, and their edges."""
    base = grid(30)
    return EditedGraph.of(base.graph), np.arange(901, dtype=np.uint32)


def test_an_edit_recolours_only_what_it_must(plane):
    graph, table = plane
    at, rng, table = Colouring(NUMBER), np.random.default_rng(0), table.copy()
    at.follow(graph, table)
    recoloured = []
    for _ in range(200):
        row = rng.integers(graph.row_count)
        kept, gone = table[graph.u[row]], table[graph.v[row]]
        before = at.colours.copy()
        table[table == gone] = kept
        at.follow(graph, table)
        there = np.unique(table)
        assert at.colours[kept] == before[kept], "the one that was joined to keeps its colour"
        recoloured.append(int((at.colours[there] != before[there]).sum()))
        assert clashes(at, graph.whole, table) == 0
    assert np.mean(recoloured) < 1, "a neighbour of the one that was joined, now and then"


def test_a_new_segment_takes_a_colour_of_its_own(plane):
    graph, table = plane
    table = table.copy()
    table[1:] = 1
    at = Colouring(NUMBER)
    at.follow(graph, table)
    table[table > 0] = np.where(np.arange(1, 901) % 100 == 0, 902, 1)
    before = at.colours[1]
    at.follow(graph, table)
    assert at.colours[902] != at.colours[1] == before


def test_few_changes_are_followed_without_all_edges(plane, monkeypatch):
    graph, table = plane
    at, table = Colouring(NUMBER), table.copy()
    at.follow(graph, table)
    monkeypatch.setattr(at, "_follow_all", lambda graph: pytest.fail("all edges were read"))
    for a, b in ((1, 2), (100, 101), (450, 480)):
        table[b] = a
        assert at.follow_near(graph, table)
    table[2] = 2
    at.follow(graph, table)
    assert clashes(at, graph.whole, table) == 0


def test_many_changes_are_not_near(plane):
    graph, table = plane
    at = Colouring(NUMBER)
    assert not at.follow_near(graph, table), "nothing was seen yet"
    at.follow(graph, table)
    assert not at.follow_near(graph, np.minimum(table, 300))


def test_more_neighbours_than_colours(plane):
    """One segment around all others: the one in the middle of few colours is not the end."""
    graph, table = plane
    at, table = Colouring(9), table.copy()
    table[::2] = 1
    at.follow(graph, table)
    assert clashes(at, graph.whole, table) == 0
    table[898::-2][:8] = 900
    at.follow(graph, table)
    assert clashes(at, graph.whole, table) == 0


def test_neighbours_that_cannot_be_kept_apart_so_are_looked_at_with_all_others(plane, monkeypatch):
    graph, table = plane
    at, table = Colouring(NUMBER), table.copy()
    at.follow(graph, table)
    monkeypatch.setattr(colouring, "MOST_NEAR", 0)
    at.colours[3] = at.colours[1]  # it touches 2, not 1
    table[2] = 1
    assert not at.follow_near(graph, table) and not at.copy().follow_near(graph, table)
    at.follow(graph, table)
    assert clashes(at, graph.whole, table) == 0


def test_a_copy_goes_its_own_way(plane):
    graph, table = plane
    at = Colouring(NUMBER)
    at.follow(graph, table)
    before, other = at.colours.copy(), at.copy()
    other.follow(graph, np.minimum(table, 450))
    np.testing.assert_array_equal(at.colours, before)
    assert at.follow_near(graph, table) and not other.follow_near(graph, table)


def test_too_many_edges_for_an_index(plane, monkeypatch):
    monkeypatch.setattr(colouring, "MOST_EDGES", 10)
    graph, table = plane
    at, table = Colouring(NUMBER), table.copy()
    at.follow(graph, table)
    table[2] = 1
    at.follow(graph, table)
    assert clashes(at, graph.whole, table) == 0


@settings(unshrunk, max_examples=20)
@given(st.integers(0, 2**16), steps(60, EDITS, THRESHOLDS, ANY_ORDER, PART))
def test_any_edits(seed, edits):
    """Each is followed by its neighbours alone, where they are enough."""

    def passes(edits):
        with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
            patch.setattr(colouring, "FEW", 1)
            at, colours = on_voxels(some_affinities(seed), quick(Path(folder))), Colouring(NUMBER)
            for step in edits:
                with suppress(UserError):
                    step.do(at)
                colours.follow(at.state.edges, at.state.table)
                assert clashes(colours, at.state.graph, at.state.table) == 0

    hold(passes, edits)


@pytest.mark.parametrize("sorted_at_once", [10**6, 0])
def test_fragments_that_move_come_and_go_are_followed_after_many_others(plane, monkeypatch, sorted_at_once):
    monkeypatch.setattr(colouring, "SORTED_AT_ONCE", sorted_at_once)
    graph, whole = plane
    at, rng, table = Colouring(NUMBER), np.random.default_rng(1), whole.copy()
    at.follow(graph, table)
    near = []
    for step in range(100):
        table[rng.integers(1, len(table), 3)] = table[rng.integers(1, len(table), 3)] if step % 2 else 1000 + step
        part = table.copy()
        part[895:] = 0 if step % 3 == 1 else part[895:]
        near.append(at.follow_near(graph, part))
        if not near[-1]:
            at.follow(graph, part)
        assert clashes(at, graph.whole, part) == 0
    assert sum(near) > 80 if sorted_at_once else 20 < sum(near) < 100
