import numpy as np
import pytest
from graphs import components, random_edges, segmentation

from napari_emcad.proofreading.automatic import AutomaticSegments


@pytest.mark.parametrize("seed", range(6))
def test_free_fragments_are_where_a_brute_force_puts_them(seed):
    """Fixed ones stay; the others of a cluster hang together by contacts among themselves, named by their largest."""
    rng, edges = np.random.default_rng(seed), random_edges(seed, m=60)
    base = segmentation(edges, list(range(1, 31)))
    free = rng.random(31) < 0.7
    free[0] = False
    table = rng.integers(50, 60, 31).astype(np.uint32)
    found = AutomaticSegments(base, 0).settle(0.6, table, free)
    clusters = base.tree.cut(0.6)
    expected = np.where(free, 0, table)
    expected[0] = 0 if free[0] else table[0]
    for cluster in np.unique(clusters[1:]):
        members = np.flatnonzero(clusters == cluster).tolist()
        rest = [f for f in members if free[f]]
        groups = [rest] if rest == members else components(rest, [(u, v) for u, v, *_ in edges])
        for group in groups if rest else []:
            expected[group] = cluster if rest == members else max(group)  # sizes rise with the ids
    np.testing.assert_array_equal(found, expected)


def test_fragments_that_edits_made_are_in_no_automatic_segment():
    base = segmentation([(1, 2, 0.9)])
    assert AutomaticSegments(base, 0).table(0.5, 5).tolist()[3:] == [0, 0]


def test_a_table_is_made_anew_each_time():
    segments = AutomaticSegments(segmentation([(1, 2, 0.9)]), 0)
    one, other = segments.table(0.5, 3), segments.table(0.5, 3)
    one[:] = 9
    assert 9 not in other
