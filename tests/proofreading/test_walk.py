"""One segment along the merge tree, step by step."""

from dataclasses import replace

import numpy as np
import pytest
from graphs import LINE, groups, segmentation, segments, session

from napari_emcad.proofreading import walk
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.walk import search_outwards

CHAIN = [*LINE, (4, 5, 0.6), (5, 6, 0.1)]
"""At 0.2: {1, 2}, {3, 4}, 5, 6; then 5 joins at 0.4, {1, 2} at 0.8, 6 at 0.9."""


@pytest.fixture(autouse=True, params=[1, walk.REACH])
def reach(request, monkeypatch):
    """Leaves that are looked at first: one, so that more are needed, and all."""
    monkeypatch.setattr(walk, "REACH", request.param)


def test_a_segment_takes_in_what_joins_it_next(tmp_path):
    at = session(CHAIN, tmp_path, threshold=0.2)
    steps = [[[1, 2], [3, 4, 5], [6]], [[1, 2, 3, 4, 5], [6]], [[1, 2, 3, 4, 5, 6]]]
    for step in steps:
        row = at.walk(3, upwards=True, voxels=[[0, 0, 2]])
        assert groups(at) == step and at.state.table[3] == 3
        assert row.kind == "segment_threshold" and row.input["voxels"] == [[0, 0, 2]]
    with pytest.raises(Refused, match=r"^grow: nothing more joins neuron 3"):
        at.walk(3, upwards=True)
    for step in [*steps[1::-1], [[1, 2], [3, 4], [5], [6]]]:
        at.undo()
        assert groups(at) == step
    assert at.state.threshold == 0.2


def test_and_lets_go_of_what_joined_it_last(tmp_path):
    at = session(CHAIN, tmp_path, threshold=1.0)
    segment = int(at.state.table[1])
    for step in ([[1, 2, 3, 4, 5], [6]], [[1, 2], [3, 4, 5], [6]]):
        at.walk(segment, upwards=False)
        assert groups(at) == step
    at.walk(segment, upwards=False)
    with pytest.raises(Refused, match=r"^grow: nothing more leaves neuron"):
        for _ in range(6):
            at.walk(segment, upwards=False)


def test_what_people_joined_stays(tmp_path):
    at = session(CHAIN, tmp_path, threshold=0.45, sizes=[10, 10, 50, 10, 10, 10])
    assert groups(at) == [[1, 2], [3, 4, 5], [6]]
    at.merge(6, 3)
    at.walk(6, upwards=False)
    assert groups(at) == [[1, 2], [3, 4, 6], [5]]
    at.walk(6, upwards=False)
    assert groups(at) == [[1, 2], [3, 6], [4], [5]]
    with pytest.raises(Refused, match="nothing more leaves"):
        at.walk(6, upwards=False)


def test_edited_segments_are_not_taken_in(tmp_path):
    at = session(CHAIN, tmp_path, threshold=0.2)
    at.lock(5)
    at.walk(3, upwards=True)
    assert segments(at) == {3: [1, 2, 3, 4], 5: [5], 6: [6]}
    with pytest.raises(Refused, match=r"^done: neuron 5"):
        at.walk(5, upwards=True)


def test_crumbs_do_not_leave(tmp_path):
    at = session(CHAIN, tmp_path, threshold=0.45, sizes=[10, 10, 50, 10, 3, 10])
    at.state.min_size = 5
    at.walk(3, upwards=False)  # 5 would leave first; it goes with 4, on which it hangs
    assert groups(at) == [[1, 2], [3], [4, 5], [6]]


def join_heights(tree, fragment):
    """Of all fragments, (n + 1,)."""
    *_, (leaves, found, beyond) = search_outwards(tree, fragment)
    heights = np.full(len(leaves) + 1, np.inf)
    heights[leaves] = found
    assert np.isinf(beyond)
    return heights


def test_what_comes_farther_out_is_no_lower():
    base = segmentation(CHAIN)
    for fragment in range(1, 7):
        every = join_heights(base.tree, fragment)
        for leaves, heights, beyond in search_outwards(base.tree, fragment):
            np.testing.assert_array_equal(heights, every[leaves])
            assert (np.delete(every, leaves)[1:] >= beyond).all()


def test_heights_are_the_scores_of_the_merges(tmp_path):
    base = segmentation(CHAIN)
    heights = join_heights(base.tree, 4)
    np.testing.assert_allclose(heights, [np.inf, 0.8, 0.8, 0.1, 0, 0.4, 0.9], atol=1e-6)
    for fragment in range(1, 7):
        heights = join_heights(base.tree, fragment)
        for threshold in (0.05, 0.3, 0.6, 0.85, 0.95):
            table = base.tree.cut(threshold)
            np.testing.assert_array_equal(heights < threshold, table == table[fragment])
    apart = replace(base.tree, gaps=np.full(6, np.inf, np.float32))
    assert np.isinf(join_heights(apart, 2)).sum() == 6
