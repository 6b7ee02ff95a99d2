import numpy as np
import pytest
from drawings import drawn, patient, uneven
from hypothesis import given
from hypothesis import strategies as st

from napari_emcad.core._waterz import Merges
from napari_emcad.core.geometry import Box
from napari_emcad.core.merge_tree import merge_tree, tree_of_merges
from napari_emcad.core.progress import drive
from napari_emcad.core.region_graph import RegionGraph, build_region_graph
from napari_emcad.core.segmentation import Segmentation, fragment_sizes, label_dtype


def segmentation_of(fragments, affinities):
    sizes = fragment_sizes(fragments)
    graph = drive(build_region_graph(affinities, fragments))
    return Segmentation(fragments, graph, merge_tree(graph, sizes), sizes)


def dense(values):
    """Ids without gaps, 0 stays."""
    ids, places = np.unique(values, return_inverse=True)
    return (places + (ids[0] > 0)).astype(np.uint32).reshape(values.shape)


@st.composite
def segmentations(draw):
    """Segmentations with any edges and any merges at 0.5, of up to 14 fragments of sizes 1 to 20."""
    n = draw(st.integers(1, 14))
    sizes = np.array([draw(st.integers(0, 30)), *draw(st.lists(st.integers(1, 20), min_size=n, max_size=n))], np.int64)
    pairs = [(u, v) for u in range(1, n + 1) for v in range(u + 1, n + 1)]
    edges = sorted(draw(st.lists(st.sampled_from(pairs), unique=True, max_size=25))) if pairs else []
    means = draw(st.lists(st.integers(0, 9), min_size=len(edges), max_size=len(edges)))
    u, v = np.array(edges, np.uint32).reshape(-1, 2).T
    mean, none = np.array(means, np.float32) / 10, np.zeros(len(edges))
    graph = RegionGraph(u, v, mean, none, none, none)
    return Segmentation(np.repeat(np.arange(n + 1), sizes)[None, None].astype(np.uint32), graph, tree(draw, n), sizes)


def tree(draw, n):
    merges = [(draw(st.integers(1, b - 1)), b) for b in range(n, 1, -1) if draw(st.booleans())]  # b is still whole
    a, b = np.array(merges, np.uint32).reshape(-1, 2).T
    return tree_of_merges(Merges(a, b, np.full(len(a), 0.5, np.float32)), np.ones(n + 1, np.int64))


def join_one_by_one(segmentation, table, min_size):
    """Groups of fragments and their names after rounds in which each small group joins that of its strongest edge."""
    groups = {frozenset(np.flatnonzero(table == t).tolist()): int(t) for t in np.unique(table) if t}
    while True:
        crumbs = [group for group in groups if sum(segmentation.sizes[list(group)]) < min_size]
        chosen = {crumb: strongest_neighbour(crumb, groups, segmentation.graph) for crumb in crumbs}
        chosen = {crumb: neighbour for crumb, neighbour in chosen.items() if neighbour}
        if not chosen:
            return groups
        groups = united(groups, chosen, segmentation.sizes)


def strongest_neighbour(crumb, groups, graph):
    """The group at the edge of highest mean affinity, of several that of the smallest name; None without edges."""
    options = []
    for u, v, mean in zip(graph.u.tolist(), graph.v.tolist(), graph.mean.tolist(), strict=True):
        for inner, outer in ((u, v), (v, u)):
            if inner in crumb and outer not in crumb:
                neighbour = next(group for group in groups if outer in group)
                options.append((-mean, groups[neighbour], neighbour))
    return min(options, key=lambda option: option[:2])[2] if options else None


def united(groups, chosen, sizes):
    clusters = [{g} for g in groups]
    for one, other in chosen.items():
        first = next(c for c in clusters if one in c)
        second = next(c for c in clusters if other in c)
        if first is not second:
            clusters.remove(second)
            first |= second
    largest = [max(c, key=lambda g: (sum(sizes[list(g)]), groups[g])) for c in clusters]
    return {frozenset().union(*c): groups[name] for c, name in zip(clusters, largest, strict=True)}


@patient
@given(segmentations(), st.integers(2, 30), st.sampled_from([0.1, 0.9]))
def test_crumbs_join_their_strongest_neighbour(segmentation, min_size, threshold):
    table = segmentation.tree.cut(threshold)
    joined = segmentation.table(threshold, min_size)
    expected = join_one_by_one(segmentation, table, min_size)
    assert joined.dtype == np.uint32
    for group, name in expected.items():
        assert set(joined[list(group)]) == {name}
    assert joined[0] == 0


@patient
@given(segmentations(), st.integers(0, 30), st.sampled_from([0.1, 0.9]))
def test_no_two_segments_of_full_size_are_joined_and_no_voxel_is_lost(segmentation, min_size, threshold):
    table, joined = segmentation.tree.cut(threshold), segmentation.table(threshold, min_size)
    sizes = np.bincount(table, segmentation.sizes, len(table))
    full = [t for t in np.unique(table[1:]) if sizes[t] >= min_size]
    assert len({int(joined[table == t][0]) for t in full}) == len(full)
    assert all(len(np.unique(joined[table == t])) == 1 for t in np.unique(table))
    assert segmentation.neuron_sizes(joined).sum() == segmentation.sizes[1:].sum() == (segmentation.fragments > 0).sum()


@patient
@given(segmentations(), st.integers(0, 30), st.sampled_from([0.1, 0.9]))
def test_crumbs_become_background(segmentation, min_size, threshold):
    table, cleared = segmentation.tree.cut(threshold), segmentation.table(threshold, min_size, "background")
    assert cleared.dtype == np.uint32
    for fragment, (before, after) in enumerate(zip(table, cleared, strict=True)):
        size = segmentation.sizes[table == before].sum()
        assert after == (before if fragment and size >= min_size else 0)


def test_no_crumb_is_left_where_it_has_a_neighbour():
    affinities = uneven((3, 2, 9, 8))
    fragments = dense(np.random.default_rng(0).integers(1, 40, (2, 9, 8)))
    segmentation = segmentation_of(fragments, affinities)
    assert segmentation.neuron_sizes(segmentation.table(0)).min() < 10
    assert segmentation.neuron_sizes(segmentation.table(0, 10)).min() >= 10


def test_crumbs_in_a_drawing():
    fragments = drawn("""
        1112444..6
        1113444...
        1115444...
    """)
    affinities = np.full((3, *fragments.shape), 20, np.uint8)
    affinities[2, 0, 0, 3], affinities[2, 0, 0, 4] = 90, 80  # 2 holds to 1
    affinities[2, 0, 1, 3], affinities[2, 0, 1, 4] = 80, 90  # 3 to 4
    affinities[1, 0, 2, 3] = 200  # 5 to 3, and with it to 4
    segmentation = segmentation_of(fragments, affinities)
    assert segmentation.table(0, 3).tolist() == [0, 1, 1, 4, 4, 4, 6]  # 6 touches none and stays
    assert segmentation.table(0, 2).tolist() == [0, 1, 1, 5, 4, 5, 6]  # 3 and 5 together are large enough
    assert segmentation.table(0, 2, "background").tolist() == [0, 1, 0, 0, 4, 0, 0]
    assert segmentation.table(0, 1).tolist() == segmentation.table(0).tolist() == [0, 1, 2, 3, 4, 5, 6]


def test_all_crumbs_become_one_where_none_is_large():
    fragments = drawn("1234")
    segmentation = segmentation_of(fragments, uneven((3, 1, 1, 4)))
    assert len(set(segmentation.table(0, 100)[1:])) == 1


def test_labels_are_the_table_of_the_fragments():
    fragments = drawn("""
        1122
        .133

        1144
        5544
    """)
    segmentation = segmentation_of(fragments, uneven((3, *fragments.shape)))
    table = np.array([0, 7, 7, 9, 300, 9], np.uint32)
    before = fragments.copy(), table.copy()
    labels = segmentation.labels(table)
    box = Box((0, 1, 1), (2, 2, 3))
    assert labels.tolist() == [[[7, 7, 7, 7], [0, 7, 9, 9]], [[7, 7, 300, 300], [9, 9, 300, 300]]]
    np.testing.assert_array_equal(segmentation.labels(table, box), labels[box.slices])
    assert segmentation.neuron_sizes(table).tolist() == [7, 4, 4]
    np.testing.assert_array_equal(fragments, before[0])
    np.testing.assert_array_equal(table, before[1])


@pytest.mark.parametrize(("largest", "dtype"), [(0, np.uint16), (65_535, np.uint16), (65_536, np.uint32)])
def test_labels_are_as_small_as_the_ids_allow(largest, dtype):
    segmentation = segmentation_of(drawn("12"), uneven((3, 1, 1, 2)))
    labels = segmentation.labels(np.array([0, largest, 0], np.uint32))
    assert label_dtype(largest) is dtype
    assert labels.dtype == dtype
    assert labels.tolist() == [[[largest, 0]]]


def test_sizes_of_fragments():
    sizes = fragment_sizes(drawn("11.\n122\n\n33.\n33."))
    assert sizes.tolist() == [3, 3, 2, 4]
    assert sizes.dtype == np.int64
    assert fragment_sizes(np.zeros((2, 3, 4), np.uint32)).tolist() == [24]
    assert fragment_sizes(np.zeros((0, 3, 4), np.uint32)).tolist() == [0]


def test_a_segmentation_of_one_fragment():
    segmentation = segmentation_of(drawn("111\n111"), uneven((3, 1, 2, 3)))
    for min_size in (0, 6, 7):
        assert segmentation.table(0.5, min_size).tolist() == [0, 1]
    assert segmentation.table(0.5, 7, "background").tolist() == [0, 0]
    assert segmentation.neuron_sizes(np.array([0, 0], np.uint32)).tolist() == []
