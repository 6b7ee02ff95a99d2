import numpy as np
import pytest
from graphs import LINE, contacts, groups_of, random_edges, state

from napari_emcad.proofreading.errors import Doubtful, Refused
from napari_emcad.proofreading.plans import merges
from napari_emcad.proofreading.plans.locks import plan_lock
from napari_emcad.proofreading.plans.merges import MergeDoubts, plan_group, plan_merge
from napari_emcad.proofreading.plans.pieces import find_pieces


def test_a_merge_takes_the_id_of_the_anchor_and_changes_nothing_by_itself():
    at = state(LINE)
    before, kept, added = at.digest(), at.segment_of(2), at.segment_of(3)
    effect = plan_merge(at, contacts(at), 2, 3)
    assert at.digest() == before
    stays, comes = effect.moves
    assert (stays.fragments.tolist(), stays.before, stays.after) == ([1, 2], kept, kept)
    assert (comes.fragments.tolist(), comes.before, comes.after) == ([3, 4], added, kept)
    assert not effect.bridges and not effect.partings and effect.threshold is None


def test_segments_that_do_not_touch_are_bridged_between_the_points():
    at = state([(1, 2, 0.9), (3, 4, 0.9)])
    assert plan_merge(at, contacts(at), 1, 4).bridges == ((1, 4),)


def test_merges_that_cannot_be():
    at = state(LINE)
    with pytest.raises(Refused, match="both points are in neuron"):
        plan_merge(at, contacts(at), 1, 2)
    with pytest.raises(Refused, match=r"^background"):
        plan_merge(at, contacts(at), 1, 0)
    at.apply(plan_lock(at, at.segment_of(4)))
    with pytest.raises(Refused, match=r"^done: neuron"):
        plan_merge(at, contacts(at), 1, 4)


@pytest.mark.parametrize(
    ("edges", "why"),
    [
        ([(1, 2, 0.9), (3, 4, 0.9)], "neurons . and . do not touch"),
        ([(1, 2, 0.9), (2, 3, 0.01), (3, 4, 0.9)], "the affinity between neurons . and . is only 0.010"),
    ],
)
def test_doubts(edges, why):
    at = state(edges)
    with pytest.raises(Doubtful, match=why):
        plan_merge(at, contacts(at), 1, 4, MergeDoubts(at))
    assert plan_merge(at, contacts(at), 1, 4)  # without doubts it is planned


def test_giants_are_those_of_a_brute_force():
    """Whatever was merged before, and whatever segment was the largest then."""
    assert sum(map(giants, range(12))) > 5


def giants(seed: int) -> int:
    """How many of sixty merges are asked about, none of them wrongly."""
    rng, asked = np.random.default_rng(seed), 0
    at = state(random_edges(seed, n=40), threshold=0.05, sizes=rng.integers(1, 200, 40).tolist())
    doubts = MergeDoubts(at)
    for anchor, other in rng.integers(1, 41, (60, 2)).tolist():
        segments = np.bincount(at.table, at.sizes)[1:]
        kept, added = int(at.table[anchor]), int(at.table[other])
        if kept == added:
            continue
        largest = segments.max()
        is_giant = segments[[kept - 1, added - 1]].sum() > merges.BY_FAR * largest
        is_giant &= np.count_nonzero(segments) > merges.FEW
        try:
            doubts.check(kept, added, np.array([int(at.graph.mean.argmax())]))
            assert not is_giant
        except Doubtful:
            assert is_giant
            asked += 1
        at.apply(plan_merge(at, contacts(at), anchor, other))
    return asked


@pytest.mark.parametrize("seed", range(5))
def test_a_group_is_one_segment_that_hangs_together(seed):
    rng = np.random.default_rng(seed)
    at = state(random_edges(seed, m=30), threshold=0.4)
    anchor, *others = rng.choice(np.flatnonzero(at.sizes), 6, replace=False).tolist()
    wanted = {int(at.table[f]) for f in (anchor, *others)}
    expected = np.flatnonzero(np.isin(at.table, list(wanted)))
    rest = [group for group in groups_of(at) if not set(group) & set(expected.tolist())]
    effect = plan_group(at, contacts(at), anchor, others)
    assert len(effect.moves) == len(wanted)
    at.apply(effect)
    assert groups_of(at) == sorted([expected.tolist(), *rest])
    assert len(find_pieces(at, contacts(at), expected.astype(np.uint32))) == 1


def test_a_group_is_all_or_nothing():
    at = state(LINE)
    with pytest.raises(Refused, match="all points are in neuron"):
        plan_group(at, contacts(at), 1, [2])
    with pytest.raises(Refused, match=r"^background"):
        plan_group(at, contacts(at), 1, [3, 0])
