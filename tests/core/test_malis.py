"""Counts of pairs against a search for the weakest edge of every single pair's best path."""

import itertools

import numpy as np
import pytest
from drawings import drawn, patient
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_emcad.core.affinities import NEAREST, affinities_of_labels
from napari_emcad.core.malis import count_pairs

FORWARD = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
MIXED = ((0, 0, -1), (1, 0, 0), (0, -1, 1), (-1, 2, 0))
ROW = ((0, 0, -1),)


@st.composite
def volumes(draw, levels=(0.1, 0.2, 0.5, 0.9)):
    """Affinities with ties, labels with background and in pieces, known edges, offsets."""
    shape = draw(st.sampled_from([(1, 2, 3), (2, 1, 4), (2, 3, 2), (3, 2, 3), (1, 4, 5)]))
    offsets = draw(st.sampled_from([NEAREST, FORWARD, MIXED]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    affinities = rng.choice(levels, (len(offsets), *shape)).astype(np.float32)
    labels = rng.integers(0, draw(st.integers(1, 4)), shape)
    known = rng.random(affinities.shape) < draw(st.sampled_from([0.7, 1.0]))
    return affinities, labels, known, offsets


def edges_of(shape, known, offsets):
    """{place in the array of affinities: (voxel, voxel)}."""
    found = {}
    for c, offset in enumerate(offsets):
        for voxel in np.ndindex(shape):
            partner = tuple(a + o for a, o in zip(voxel, offset, strict=True))
            if known[(c, *voxel)] and all(0 <= p < n for p, n in zip(partner, shape, strict=True)):
                found[(c, *voxel)] = (voxel, partner)
    return found


def reached(start, edges):
    """All voxels that hang together with one over these edges."""
    found, grows = {start}, True
    while grows:
        more = {v for pair in edges for v in pair if found & set(pair)} - found
        found, grows = found | more, bool(more)
    return frozenset(found)


def weakest_of_best_path(a, b, order, edges):
    """The edge, strongest first, without which the two do not hang together; None where they never do."""
    for i in range(1, len(order) + 1):
        if b in reached(a, [edges[place] for place in order[:i]]):
            return order[i - 1]
    return None


def by_hand(affinities, labels, known, offsets):
    """Both passes as published, pair by pair."""
    edges = edges_of(labels.shape, known, offsets)
    inside = {place: labels[a] == labels[b] != 0 for place, (a, b) in edges.items()}
    passes = [  # affinity of a true boundary is 0; affinity within an object is 1
        sorted(edges, key=lambda p: (-(affinities[p] if inside[p] else 0), p)),
        sorted(edges, key=lambda p: (-(1 if inside[p] else affinities[p]), p)),
    ]
    own = [pair for place, pair in edges.items() if inside[place]]
    objects = {voxel: reached(voxel, own) for voxel in np.ndindex(labels.shape)}
    counts = np.zeros(affinities.shape, np.int64)
    for a, b in itertools.combinations([v for v in np.ndindex(labels.shape) if labels[v]], 2):
        place = weakest_of_best_path(a, b, passes[objects[a] != objects[b]], edges)
        if place is not None:
            counts[place] += 1
    return counts


@patient
@given(volumes())
def test_counts_are_those_of_a_search_for_every_pair(case):
    before = [np.copy(part) for part in case[:3]]
    np.testing.assert_array_equal(count_pairs(*case), by_hand(*case))
    for part, copy in zip(case, before, strict=False):
        np.testing.assert_array_equal(part, copy)


def kruskal(affinities, labels):
    """Join by join, with sizes; each object's own edges first."""
    inside = affinities_of_labels(labels)
    edges = edges_of(labels.shape, np.ones(affinities.shape, bool), NEAREST)
    root = {voxel: voxel for voxel in np.ndindex(labels.shape)}
    size = {voxel: int(labels[voxel] > 0) for voxel in root}
    counts = np.zeros(affinities.shape, np.int64)

    def found(voxel):
        while root[voxel] != voxel:
            root[voxel] = voxel = root[root[voxel]]
        return voxel

    for place in sorted(edges, key=lambda p: (not inside[p], -affinities[p], p)):
        a, b = map(found, edges[place])
        if a != b:
            counts[place] = size[a] * size[b]
            root[b], size[a] = a, size[a] + size[b]
    return counts


@pytest.mark.parametrize("levels", [2, 20, None], ids=["two levels", "twenty levels", "all different"])
@pytest.mark.parametrize("neurons", [1, 3, 50])
def test_counts_of_larger_volumes_are_those_of_kruskal(levels, neurons):
    rng = np.random.default_rng(neurons)
    labels = rng.integers(0, neurons + 1, (4, 7, 9)).repeat(3, 1).repeat(3, 2)
    affinities = rng.uniform(-1, 1, (3, *labels.shape)).astype(np.float32)
    if levels:
        affinities = np.round(affinities * levels) / levels
    np.testing.assert_array_equal(count_pairs(affinities, labels), kruskal(affinities, labels))


@pytest.mark.parametrize("falling", [True, False])
def test_a_row_joined_one_voxel_after_the_other(falling):
    """The dendrogram is as deep as there are voxels."""
    labels = np.ones((1, 1, 500), int)
    affinities = np.linspace(1, 0, 500)[None, None, None, :: 1 if falling else -1]
    counts = count_pairs(affinities, labels, offsets=ROW)[0, 0, 0]
    joined = np.arange(500)  # voxel i is the (i + 1)th: i pairs with those before
    np.testing.assert_array_equal(counts, joined if falling else np.append(0, joined[:0:-1]))


def in_a_row(letters, affinities):
    """Counts of voxels 2, 3, ... with the voxel before."""
    labels = drawn(letters)
    return count_pairs(np.array([0, *affinities])[None, None, None], labels, offsets=ROW)[0, 0, 0, 1:].tolist()


def test_an_object_pays_for_its_weakest_place_and_a_boundary_for_whole_objects():
    assert in_a_row("111222", [0.9, 0.2, 0.7, 0.3, 0.8]) == [1, 2, 9, 2, 1]


def test_paths_lead_through_the_background_which_is_in_no_pair():
    assert in_a_row("11..22", [0.5, 0.3, 0.1, 0.4, 0.5]) == [1, 0, 4, 0, 1]


def test_pieces_of_a_label_are_objects_of_their_own():
    assert in_a_row("11.211", [0.5, 0.4, 0.3, 0.2, 0.5]) == [1, 0, 2, 6, 1]


def test_equal_affinities_join_in_the_order_of_the_array():
    assert in_a_row("1111", [0.5, 0.5, 0.5]) == [1, 2, 3]
    assert in_a_row("1111", [-0.0, 0.0, -0.0]) == [1, 2, 3]


def test_every_pair_is_counted_once():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, (3, 4, 5)).repeat(4, 1).repeat(4, 2)
    counts = count_pairs(rng.random((3, *labels.shape)), labels)
    inside = affinities_of_labels(labels)
    sizes = piece_sizes(labels, inside)
    assert counts[inside].sum() == (sizes * (sizes - 1) // 2).sum()
    assert counts.sum() == (labels > 0).sum() * ((labels > 0).sum() - 1) // 2


def piece_sizes(labels, inside):
    places = np.arange(labels.size).reshape(labels.shape)
    pairs = [(places[tuple(v)], places[tuple(np.add(v, NEAREST[c]))]) for c, *v in np.argwhere(inside)]
    graph = coo_array((np.ones(len(pairs)), np.array(pairs).T), (labels.size, labels.size))
    return np.bincount(connected_components(graph, directed=False)[1][labels.ravel() > 0])


def test_only_the_order_of_affinities_counts():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 4, (3, 4, 5)).repeat(3, 1).repeat(3, 2)
    affinities = rng.uniform(-1, 1, (3, *labels.shape)).astype(np.float32)
    np.testing.assert_array_equal(count_pairs(affinities, labels), count_pairs(affinities**3, labels))


@pytest.mark.parametrize("shape", [(0, 4, 5), (1, 1, 1), (2, 1, 1)])
def test_volumes_with_few_edges_or_none(shape):
    counts = count_pairs(np.ones((3, *shape)), np.ones(shape, np.uint16))
    assert (counts.dtype, counts.shape, counts.sum()) == (np.int64, (3, *shape), int(shape == (2, 1, 1)))


def test_nothing_known_is_nothing_counted():
    affinities = np.ones((3, 2, 3, 4))
    assert not count_pairs(affinities, np.ones((2, 3, 4), int), np.zeros(affinities.shape, bool)).any()
