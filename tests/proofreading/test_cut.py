import networkx
import numpy as np
import pytest
from graphs import LADDER
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_emcad.proofreading.cut import SegmentGraph, propose_cuts
from napari_emcad.proofreading.errors import Refused


def graph_of(edges) -> SegmentGraph:
    u, v, capacity = (np.array(column) for column in zip(*edges, strict=True))
    nodes = np.unique([u, v]).astype(np.uint32)
    return SegmentGraph(nodes, np.searchsorted(nodes, u), np.searchsorted(nodes, v), capacity.astype(float))


def random_edges(seed: int, n: int) -> list:
    """Connected, capacities over four orders of magnitude, some of them in parallel."""
    rng = np.random.default_rng(seed)
    pairs = [(int(rng.integers(i)), i) for i in range(1, n)]
    pairs += [tuple(sorted(map(int, rng.choice(n, 2, replace=False)))) for _ in range(rng.integers(3 * n))]
    return [(a, b, float(c)) for (a, b), c in zip(pairs, np.exp(rng.normal(0, 2, len(pairs))), strict=True)]


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 2**20), st.integers(3, 40))
def test_the_cut_costs_what_networkx_finds(seed, n):
    edges = random_edges(seed, n)
    cut = propose_cuts(graph_of(edges), [0], [n - 1])[0]
    other = networkx.Graph()
    for a, b, capacity in edges:
        before = other.get_edge_data(a, b, {"capacity": 0})["capacity"]
        other.add_edge(a, b, capacity=before + capacity)
    assert cut.cost == pytest.approx(networkx.minimum_cut_value(other, 0, n - 1), rel=1e-5)
    assert 0 in cut.near and n - 1 in cut.far
    np.testing.assert_array_equal(np.union1d(cut.near, cut.far), np.arange(n))


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 2**20), st.integers(6, 30))
def test_points_stay_on_their_sides_and_edges_may_come_in_any_order(seed, n):
    edges, rng = random_edges(seed, n), np.random.default_rng(seed)
    near, far = np.split(rng.choice(n, 4, replace=False), 2)
    found = propose_cuts(graph_of(edges), near, far)
    for cut in found:
        assert set(near) <= set(cut.near.tolist()) and set(far) <= set(cut.far.tolist())
    shuffled = [edges[i] for i in rng.permutation(len(edges))]
    again = propose_cuts(graph_of(shuffled), near[::-1], far[::-1])
    assert [c.method for c in again] == [c.method for c in found]
    for one, other in zip(found, again, strict=True):
        np.testing.assert_array_equal(one.near, other.near)


def test_a_spanning_tree_is_offered_where_points_are_few():
    thread = graph_of([*LADDER, (1, 9, 0.05)])
    assert [cut.method for cut in propose_cuts(thread, [9], [6])] == ["minimum cut"]  # the tree finds the same
    one, other = propose_cuts(graph_of(LADDER), [1], [5])
    assert (one.method, other.method) == ("minimum cut", "spanning tree")
    assert other.near.tolist() == [1, 2, 3, 4] and other.cost == pytest.approx(1.1)
    assert len(propose_cuts(graph_of(LADDER), [1], [5, 6, 7])) == 1


def test_what_hangs_together_with_neither_side_stays_with_the_first():
    graph = SegmentGraph(np.arange(1, 7, dtype=np.uint32), np.array([0, 1, 4]), np.array([1, 2, 5]), np.ones(3))
    cut = propose_cuts(graph, [1], [3])[0]
    assert 3 in cut.far and {4, 5, 6} <= set(cut.near.tolist())
    assert propose_cuts(graph, [1], [5])[0].far.tolist() == [5, 6]  # nothing to cut


@pytest.mark.parametrize(("near", "far"), [([1], []), ([], [2]), ([1], [9])])
def test_points_that_are_missing_or_elsewhere(near, far):
    with pytest.raises(Refused, match="points on both sides and in one neuron are needed"):
        propose_cuts(graph_of([(1, 2, 1.0), (2, 3, 1.0)]), near, far)


def test_one_fragment_on_both_sides():
    with pytest.raises(Refused, match="one fragment is on both sides; split the fragment itself"):
        propose_cuts(graph_of([(1, 2, 1.0), (2, 3, 1.0)]), [1, 2], [2])
