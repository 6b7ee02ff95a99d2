import numpy as np
import pytest
from graphs import LADDER, LINE, components, contacts, groups_of, random_edges, state

from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.plans.locks import plan_lock
from napari_emcad.proofreading.plans.pieces import find_pieces
from napari_emcad.proofreading.plans.splits import plan_detach, plan_split, propose_splits


def test_the_near_side_keeps_the_id_and_nothing_changes_by_itself():
    at = state(LINE, threshold=1.0)
    before, segment = at.digest(), at.segment_of(1)
    (proposal,) = propose_splits(at, contacts(at), [1], [4])
    stays, goes = plan_split(at, contacts(at), proposal).moves
    assert at.digest() == before
    assert (stays.fragments.tolist(), stays.after) == ([1, 2], segment)
    assert (goes.fragments.tolist(), goes.before, goes.after) == ([3, 4], segment, at.next_id)


def test_proposals_for_points_that_cannot_be():
    at = state(LINE)
    with pytest.raises(Refused, match="in different neurons"):
        propose_splits(at, contacts(at), [1], [4])
    with pytest.raises(Refused, match="one fragment is on both sides"):
        propose_splits(at, contacts(at), [1], [1])
    at.apply(plan_lock(at, at.segment_of(1)))
    with pytest.raises(Refused, match=r"^done: neuron"):
        propose_splits(at, contacts(at), [1], [2])


def test_a_proposal_holds_for_the_segment_as_it_was():
    at = state(LADDER)
    proposal = propose_splits(at, contacts(at), [1], [5])[0]
    at.apply(plan_detach(at, contacts(at), 8))
    with pytest.raises(Refused, match="the neuron has changed since"):
        plan_split(at, contacts(at), proposal)


@pytest.mark.parametrize("seed", range(8))
def test_sides_of_a_split_hang_together(seed):
    """Also where the far points hang together by the near side alone: then a bridge is added."""
    rng = np.random.default_rng(seed)
    at = state(random_edges(seed, m=45), threshold=1.0)
    segment = int(np.bincount(at.table[1:]).argmax())
    points = rng.choice(at.members(segment), 6, replace=False).tolist()
    proposal = propose_splits(at, contacts(at), points[:3], points[3:])[0]
    at.apply(plan_split(at, contacts(at), proposal))
    assert len({int(at.table[f]) for f in points[:3]}) == len({int(at.table[f]) for f in points[3:]}) == 1
    for side in (proposal.near, proposal.far):
        assert len(find_pieces(at, contacts(at), side)) == 1


@pytest.mark.parametrize("seed", range(8))
def test_what_falls_apart_without_a_fragment_is_what_a_brute_force_finds(seed):
    edges = random_edges(seed, m=32)
    at = state(edges, threshold=1.0, sizes=list(range(1, 31)))
    members = at.members(int(np.bincount(at.table[1:]).argmax())).tolist()
    joints = [f for f in members if len(components(set(members) - {f}, [e[:2] for e in edges])) > 1]
    for fragment in joints[:2] or members[:1]:
        rest = components(set(members) - {fragment}, [edge[:2] for edge in edges])
        stays, alone, *others = plan_detach(at, contacts(at), fragment).moves
        assert alone.fragments.tolist() == [fragment]
        assert sorted(move.fragments.tolist() for move in (stays, *others)) == rest
        assert sum(stays.fragments) == max(map(sum, rest))  # the largest piece keeps the id, sizes are ids
        assert stays.after == stays.before
        assert [move.after for move in (alone, *others)] == list(range(at.next_id, at.next_id + len(rest)))


def test_a_fragment_alone_has_nothing_to_be_detached_from():
    at = state(LINE, threshold=0.0)
    with pytest.raises(Refused, match=r"^detach: neuron 2 has no other fragment"):
        plan_detach(at, contacts(at), 2)
    assert groups_of(at) == [[1], [2], [3], [4]]
