import numpy as np
import pytest
from graphs import LINE, components, contacts, groups_of, random_edges, state

from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.hand_work import HandWork
from napari_emcad.proofreading.plans.locks import plan_lock
from napari_emcad.proofreading.plans.merges import plan_merge
from napari_emcad.proofreading.plans.thresholds import plan_segment_threshold, plan_step_down, plan_step_up

CHAIN = [*LINE, (4, 5, 0.6), (5, 6, 0.1)]
"""At 0.2: {1, 2}, {3, 4}, 5, 6; then 5 joins at 0.4, {1, 2} at 0.8, 6 at 0.9."""

NOTHING = HandWork()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("start", "threshold"), [(0.3, 0.7), (0.8, 0.2)])
def test_where_nobody_edited_a_segment_is_that_of_the_tree(seed, start, threshold):
    """Brute force: the components of the edges within one cluster at the other threshold."""
    edges = random_edges(seed, m=60)
    at = state(edges, start, sizes=list(range(1, 31)))
    segment = int(np.bincount(at.table[1:]).argmax())
    clusters, members = at.base.tree.cut(threshold), at.members(segment).tolist()
    largest = max(members)
    pairs = [(u, v) for u, v, *_ in edges if clusters[u] == clusters[v]]
    if threshold > start:  # whole segments come, or none of them
        expected = next(g for g in components(range(1, 31), pairs) if largest in g)
    else:
        expected = next(g for g in components(members, pairs) if largest in g)
    if expected == members:
        with pytest.raises(Refused, match="is the same at"):
            plan_segment_threshold(at, contacts(at), segment, threshold, NOTHING)
        return
    at.apply(plan_segment_threshold(at, contacts(at), segment, threshold, NOTHING))
    assert at.members(segment).tolist() == expected


def test_joins_by_hand_stay_at_every_threshold():
    at = state(CHAIN, 0.2)
    at.apply(plan_merge(at, contacts(at), 3, 6))
    by_hand = HandWork(joins=((3, 6),))
    segment = at.segment_of(3)
    at.apply(plan_segment_threshold(at, contacts(at), segment, 0.0, by_hand))
    assert groups_of(at) == [[1, 2], [3, 6], [4], [5]]


def test_steps_up_and_down():
    at = state(CHAIN, 0.2)
    segment = at.segment_of(3)
    for expected in ([3, 4, 5], [1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6]):
        at.apply(plan_step_up(at, contacts(at), segment))
        assert at.members(segment).tolist() == expected
    with pytest.raises(Refused, match="nothing more joins neuron"):
        plan_step_up(at, contacts(at), segment)
    for expected in ([1, 2, 3, 4, 5], [1, 2]):  # the side of the largest fragment, of several the first
        at.apply(plan_step_down(at, contacts(at), segment, NOTHING))
        assert at.members(segment).tolist() == expected


def test_plans_change_nothing_by_themselves():
    at = state(CHAIN, 0.45)
    segment, before = at.segment_of(3), at.digest()
    for threshold in (0.0, 1.0):
        plan_segment_threshold(at, contacts(at), segment, threshold, NOTHING)
    plan_step_up(at, contacts(at), segment)
    plan_step_down(at, contacts(at), segment, NOTHING)
    assert at.digest() == before


def test_locked_segments_stay():
    at = state(CHAIN, 0.2)
    segment = at.segment_of(3)
    at.apply(plan_lock(at, segment))
    for plan in (
        lambda: plan_segment_threshold(at, contacts(at), segment, 1.0, NOTHING),
        lambda: plan_step_up(at, contacts(at), segment),
        lambda: plan_step_down(at, contacts(at), segment, NOTHING),
    ):
        with pytest.raises(Refused, match=r"^done: neuron"):
            plan()
