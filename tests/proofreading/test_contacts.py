import numpy as np
import pytest
from graphs import contacts, random_edges, state

from napari_emcad.proofreading.contacts import BRIDGE


@pytest.mark.parametrize("seed", range(4))
def test_edges_among_and_between_are_those_of_a_brute_force(seed):
    at, rng = state(random_edges(seed)), np.random.default_rng(seed)
    ids = rng.permutation(np.arange(1, 31)).astype(np.uint32)
    one, other = np.sort(ids[:9]), np.sort(ids[9:20])
    pairs = list(zip(at.graph.u.tolist(), at.graph.v.tolist(), strict=True))
    found = contacts(at)
    for _ in range(2):  # nothing is left of the first look
        assert sorted(found.among(one)) == [i for i, pair in enumerate(pairs) if set(pair) <= set(one.tolist())]
        assert sorted(found.between(one, other)) == [
            i for i, (u, v) in enumerate(pairs) if (u in one and v in other) or (u in other and v in one)
        ]


def test_a_segment_graph_has_its_bridges():
    at = state([(1, 2, 0.5, 8), (2, 3, 0.25, 4), (4, 5, 0.9, 1)])
    graph = contacts(at).segment_graph(np.array([1, 2, 4], np.uint32), [(2, 4), (4, 5)])
    edges = zip(graph.nodes[graph.u].tolist(), graph.nodes[graph.v].tolist(), graph.capacity.tolist(), strict=True)
    assert list(edges) == [(1, 2, 4.0), (2, 4, BRIDGE)]
