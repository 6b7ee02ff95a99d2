import numpy as np
import pytest
from drawings import patient
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_emcad.core._waterz import Merges
from napari_emcad.core.merge_tree import WIDE, MergeTree, tree_of_merges, with_wide_contacts
from napari_emcad.core.region_graph import RegionGraph

LEVELS = [0, 0.1, 0.25, 0.3, 0.5, 0.7, 0.9, 1.0]


@st.composite
def histories(draw, rising=False, tied=True):
    """Sizes of n fragments and merges of regions, each named by one of its fragments."""
    n = draw(st.integers(1, 12))
    sizes = [7, *draw(st.lists(st.integers(1, 5 if tied else 1000), min_size=n, max_size=n, unique=not tied))]
    regions, merges = list(range(1, n + 1)), []
    for _ in range(draw(st.integers(0, n - 1))):
        a, b = draw(st.permutations(regions))[:2]
        into = draw(st.sampled_from([a, b]))
        regions.remove(a + b - into)
        merges.append((a, b))
    scores = draw(st.lists(st.sampled_from(LEVELS[:-1]), min_size=len(merges), max_size=len(merges)))
    return history(merges, sorted(scores) if rising else scores), np.array(sizes, np.int64)


def history(merges, scores):
    a, b = np.array(merges, np.uint32).reshape(-1, 2).T
    return Merges(a, b, np.array(scores, np.float32))


def components(merges, n, threshold):
    """Component of each fragment 0..n: the merges made before the first that does not lie below the threshold."""
    made = int(np.argmax(np.append(merges.score, np.inf) >= np.float32(threshold)))
    graph = coo_array((np.ones(made), (merges.a[:made], merges.b[:made])), (n + 1, n + 1))
    return connected_components(graph, directed=False)[1]


def partition(names):
    return {frozenset(np.flatnonzero(names == name).tolist()) for name in np.unique(names)}


@patient
@given(histories(), st.sampled_from([*LEVELS, 0.29, 2]), st.data())
def test_segments_of_some_fragments_are_those_of_the_cut(case, threshold, data):
    tree = tree_of_merges(*case)
    table = tree.cut(threshold)
    some = data.draw(st.lists(st.integers(1, len(table) - 1), max_size=20))
    found = tree.segments_of(np.array(some, np.uint32), threshold)
    assert found.dtype == np.uint32
    np.testing.assert_array_equal(found, table[some])


@pytest.mark.parametrize("n", [1, 2, 63, 64, 65, 1000])
def test_segments_of_long_runs(n):
    rng = np.random.default_rng(n)
    gaps = rng.random(n, np.float32)
    gaps[0] = np.inf
    tree = MergeTree(rng.permutation(np.arange(1, n + 1, dtype=np.uint32)), gaps)
    for threshold in (0, 0.01, 0.5, 0.99, 0.999, 1):
        np.testing.assert_array_equal(tree.segments_of(np.arange(1, n + 1), threshold), tree.cut(threshold)[1:])


@patient
@given(histories())
def test_a_cut_gives_the_components_of_the_merges_below(case):
    merges, sizes = case
    before = [column.copy() for column in (*merges, sizes)]
    tree, n = tree_of_merges(merges, sizes), len(sizes) - 1
    assert sorted(tree.leaves.tolist()) == list(range(1, n + 1))
    assert tree.gaps[0] == np.inf
    for threshold in (*LEVELS, 0.29, 0.31, 2):
        table = tree.cut(threshold)
        assert (table.shape, table.dtype, table[0]) == ((n + 1,), np.uint32, 0)
        assert partition(table) == partition(components(merges, n, threshold))
    for column, copy in zip((*merges, sizes), before, strict=True):
        np.testing.assert_array_equal(column, copy)


@patient
@given(histories())
def test_a_segment_is_named_by_one_of_its_fragments(case):
    tree = tree_of_merges(*case)
    for threshold in LEVELS:
        table = tree.cut(threshold)
        np.testing.assert_array_equal(table[table], table)


@patient
@given(histories(tied=False))
def test_the_larger_part_keeps_its_name_at_every_merge(case):
    merges, sizes = case
    scores = np.linspace(0.1, 0.9, len(merges.a))  # one merge a step
    tree = tree_of_merges(merges._replace(score=scores.astype(np.float32)), sizes)
    for score in scores:
        table, after = tree.cut(score), tree.cut(np.nextafter(np.float32(score), np.float32(2)))
        (kept,) = set(after[table != after])
        (lost,) = set(table[table != after])
        assert sizes[table == kept].sum() >= sizes[table == lost].sum()


def test_a_score_below_an_earlier_one_waits_for_it():
    """waterz's queue holds outdated scores: a run that stops at 0.4 would not have seen the merge at 0.2."""
    tree = tree_of_merges(history([(1, 2), (1, 3), (4, 5)], [0.5, 0.2, 0.6]), np.array([0, 4, 3, 2, 2, 3]))
    assert tree.cut(0.4).tolist() == [0, 1, 2, 3, 4, 5]
    assert tree.cut(0.55).tolist() == [0, 1, 1, 1, 4, 5]
    assert tree.cut(0.7).tolist() == [0, 1, 1, 1, 5, 5]


def test_a_score_at_the_threshold_is_not_merged():
    for score in (0.1, 0.3, 0.7):  # none of them is a float32
        tree = tree_of_merges(history([(1, 2)], [score]), np.array([0, 1, 1]))
        assert tree.cut(score).tolist() == [0, 1, 2]


@pytest.mark.parametrize("n", [0, 1, 3])
def test_without_merges_every_fragment_is_a_segment(n):
    tree = tree_of_merges(history([], []), np.ones(n + 1, np.int64))
    assert isinstance(tree, MergeTree)
    for threshold in (0, 0.5, 1):
        assert tree.cut(threshold).tolist() == list(range(n + 1))
        assert tree.cut(threshold).dtype == np.uint32


def test_a_long_chain_needs_no_deep_stack():
    n = 20_000
    merges = history([(1, b) for b in range(2, n + 1)], np.linspace(0, 0.9, n - 1))
    tree = tree_of_merges(merges, np.arange(n + 1))
    assert len(np.unique(tree.cut(1))) == 2
    assert len(np.unique(tree.cut(0))) == n + 1


def wide(*edges):
    """A graph of edges (u, v, mean, area)."""
    u, v, mean, area = np.array(edges, float).reshape(-1, 4).T
    return RegionGraph(u.astype("u4"), v.astype("u4"), mean.astype("f4"), mean[:, None], area.astype(int), None)


def test_a_wide_contact_merges_by_its_mean():
    """Fragments 1 to 4; waterz joins 3 and 4 late, as small contacts round the wide one count as much as it."""
    merges, sizes = history([(1, 2), (1, 3), (1, 4)], [0.1, 0.5, 0.6]), np.array([0, 9, 2, 8, 7])
    for area, together in ((WIDE - 1, {}), (WIDE, {3, 4})):
        tree = tree_of_merges(with_wide_contacts(merges, wide((3, 4, 0.8, area))), sizes)
        assert partition(tree.cut(0.19)) == {frozenset({0}), frozenset({1, 2}), frozenset({3}), frozenset({4})}
        expected = {frozenset(together)} if together else {frozenset({3}), frozenset({4})}
        assert partition(tree.cut(0.21)) == {frozenset({0}), frozenset({1, 2}), *expected}
        assert partition(tree.cut(0.7)) == {frozenset({0}), frozenset({1, 2, 3, 4})}


@patient
@given(histories(), st.data())
def test_a_cut_with_wide_contacts_gives_the_components_of_both(case, data):
    merges, sizes = case
    n = len(sizes) - 1
    ends = st.tuples(st.integers(1, n), st.integers(1, n), st.sampled_from(LEVELS), st.sampled_from([1, WIDE]))
    edges = [(min(e[:2]), max(e[:2]), *e[2:]) for e in data.draw(st.lists(ends, max_size=6))]
    graph = wide(*edges)
    tree = tree_of_merges(with_wide_contacts(merges, graph), sizes)
    for threshold in (*LEVELS, 0.29, 0.31, 2):
        joined = components(merges, n, threshold)
        strong = (graph.area >= WIDE) & (1 - graph.mean < np.float32(threshold))
        pairs = joined[graph.u[strong]], joined[graph.v[strong]]
        both = connected_components(coo_array((np.ones(strong.sum()), pairs), (n + 1, n + 1)), directed=False)[1]
        assert partition(tree.cut(threshold)) == partition(both[joined])
