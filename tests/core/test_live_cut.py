import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_emcad.core.live_cut import LiveCut
from napari_emcad.core.merge_tree import MergeTree

N = 40


def tree():
    rng = np.random.default_rng(3)
    gaps = rng.random(N, np.float32)
    gaps[0] = np.inf
    return MergeTree(rng.permutation(np.arange(1, N + 1, dtype=np.uint32)), gaps)


views = arrays(np.uint32, st.sampled_from([(), (0,), (7,), (3, 5)]), elements=st.integers(0, N))


@given(views, st.floats(0, 1))
def test_looks_like_the_table_of_the_cut(view, threshold):
    live = LiveCut(tree(), threshold)
    assert len(live) == N + 1
    np.testing.assert_array_equal(live[view], tree().cut(threshold)[view])


@given(views, st.floats(0, 1), st.integers(0, 2**20))
def test_what_the_threshold_does_not_move_stays(view, threshold, seed):
    rng = np.random.default_rng(seed)
    free, table = rng.random(N + 3) < 0.5, rng.integers(0, 99, N + 3).astype(np.uint32)
    free[0], table[0] = False, 0
    free[N + 1 :] = False  # made by people: in no tree
    cut = np.append(tree().cut(threshold), [0, 0])
    expected = np.where(free, cut, table)
    np.testing.assert_array_equal(LiveCut(tree(), threshold, table, free)[view], expected[view])


def test_a_table_needs_to_say_what_moves():
    with pytest.raises(ValueError, match=r"^live cut: a table without free was given; say which fragments"):
        LiveCut(tree(), 0.5, np.zeros(N + 1, np.uint32))
