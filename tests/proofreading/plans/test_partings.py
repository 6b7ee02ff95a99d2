import numpy as np
import pytest
from drawings import drawn

from napari_emcad.core.merge_tree import merge_tree
from napari_emcad.core.progress import drive
from napari_emcad.core.region_graph import build_region_graph
from napari_emcad.core.segmentation import Segmentation, fragment_sizes
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.part import NEAR
from napari_emcad.proofreading.plans.locks import plan_lock
from napari_emcad.proofreading.plans.partings import (
    check_parting,
    find_parts,
    order_parting,
    plan_parting,
    propose_parting,
)
from napari_emcad.proofreading.state import State

DUMBBELL = """
    22222.......
    .111...111..
    .111111111.4
    .111...111.4
    ............

    ............
    ............
    .........33.
    .........33.
    ............
"""
LEFT, RIGHT = (0, 2, 1), (0, 2, 9)


@pytest.fixture
def affinities():
    return np.full((3, 2, 5, 12), 204, np.uint8)


@pytest.fixture
def at(affinities) -> State:
    """All fragments that touch 1 are one segment with it; 4 touches none."""
    fragments = drawn(DUMBBELL)
    graph, sizes = drive(build_region_graph(affinities, fragments)), fragment_sizes(fragments)
    return State(Segmentation(fragments, graph, merge_tree(graph, sizes), sizes), 1.0)


def test_a_plan_draws_nothing(at, affinities):
    fragments, digest = at.base.fragments.copy(), at.digest()
    plan_parting(at, affinities, [LEFT], [RIGHT])
    np.testing.assert_array_equal(at.base.fragments, fragments)
    assert at.digest() == digest


def test_a_proposal_says_what_comes_apart_and_what_it_costs(at, affinities):
    proposal = propose_parting(at, find_parts(order_parting(at, affinities, [LEFT], [RIGHT])))
    assert proposal.near.tolist() == [2] and proposal.far.tolist() == [3]
    assert proposal.patch.sides[LEFT[0], 1, 0] == NEAR
    mean = affinities.flat[0] / 255
    assert proposal.cost == pytest.approx(mean * 1, rel=0.01)  # the neck is one voxel wide
    check_parting(at, proposal)
    at.apply(plan_lock(at, at.segment_of(4)))
    check_parting(at, proposal)
    at.apply(proposal.effect)
    with pytest.raises(Refused, match="the neuron has changed since"):
        check_parting(at, proposal)


def test_parts_and_what_is_on_their_sides(at, affinities):
    segment = at.segment_of(1)
    effect = plan_parting(at, affinities, [LEFT], [RIGHT])
    (parting,) = effect.partings
    assert (parting.fragment, parting.parts, parting.was_free) == (1, (5, 6), True)
    assert {(m.after, *m.fragments.tolist()) for m in effect.moves} == {(segment, 2), (7, 3), (segment, 5), (7, 6)}
    assert [m.was_free for m in effect.moves] == [True, True, False, False]
    at.apply(effect)
    assert at.fragment_at(LEFT) == 5 and at.fragment_at(RIGHT) == 6 and at.next_id == 8


def test_edges_are_those_of_the_graph_made_anew(at, affinities):
    at.apply(plan_parting(at, affinities, [LEFT], [RIGHT]))
    anew = drive(build_region_graph(affinities, at.base.fragments))
    for name in ("u", "v", "mean", "area"):
        np.testing.assert_array_equal(getattr(at.graph, name), getattr(anew, name))


def test_a_bridge_leads_to_the_nearer_part(at, affinities):
    at.bridges = [(4, 1)]
    assert plan_parting(at, affinities, [LEFT], [RIGHT]).bridges == ((5, 4),)  # 4 has no contact: the near part


@pytest.mark.parametrize(
    ("near", "far", "why"),
    [
        ([LEFT], [(0, 0, 0)], "these are in several"),
        ([(0, 4, 0)], [(0, 4, 1)], "^background"),
        ([LEFT], [LEFT], "one point is on both sides"),
    ],
)
def test_points_that_part_nothing(at, affinities, near, far, why):
    with pytest.raises(Refused, match=why):
        plan_parting(at, affinities, near, far)


def test_a_locked_segment_is_not_parted(at, affinities):
    at.apply(plan_lock(at, at.segment_of(1)))
    with pytest.raises(Refused, match=r"^done: neuron"):
        plan_parting(at, affinities, [LEFT], [RIGHT])
