"""Edits of fragments that span a section that is left out, and of those on both sides of a slip."""

import bridged
import numpy as np
import pytest
from bridged import GAP
from drawings import drawn
from plans import any_plan, leaving_out

from napari_emcad.core.fragment_boxes import find_fragment_boxes
from napari_emcad.core.geometry import Box, triple
from napari_emcad.core.label_pieces import build_segmentation, find_label_fragments
from napari_emcad.core.merge_tree import merge_tree
from napari_emcad.core.progress import drive
from napari_emcad.core.region_graph import build_region_graph
from napari_emcad.core.sections.pairing import PlannedBox
from napari_emcad.core.segmentation import Segmentation, fragment_sizes
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.plans.partings import plan_parting
from napari_emcad.proofreading.review.decisions import Decisions
from napari_emcad.proofreading.review.queue import ReviewQueue, both_sides
from napari_emcad.proofreading.review.suspects import find_edges_between_sections
from napari_emcad.proofreading.state import State

LEFT, RIGHT = (1, 1, 1), (1, 1, 5)


def edges(graph) -> list[tuple]:
    return [*zip(graph.u.tolist(), graph.v.tolist(), graph.area.tolist(), graph.mean.tolist(), strict=True)]


def edges_anew(state: State, affinities: np.ndarray) -> list[tuple]:
    """Brute force: the graph of the fragments as they are now, without what was not seen."""
    fragments = np.where(state.planned.bridged(), 0, state.base.fragments).astype(np.uint32)
    return edges(drive(build_region_graph(affinities, fragments, planned=state.planned)))


def test_neurons_hang_together_across_the_gap_and_the_slip(tmp_path):
    at = bridged.session(tmp_path)
    assert at.state.edges.find(np.array([[1, 3], [3, 5], [4, 6], [1, 5], [4, 5]])).tolist()[3:] == [-1, -1]
    at.merge(1, 3)
    at.merge(1, 5)  # no doubt: they touch
    assert at.state.bridges == [] and at.state.members(1).tolist() == [1, 3, 5]


@pytest.mark.parametrize("z", [GAP - 1, GAP])
def test_a_cut_divides_what_is_made_up_of_the_fragment(tmp_path, z):
    """The same one whether people click where it was seen or in the section that is left out."""
    at = bridged.session(tmp_path)
    before, digest = at.state.base.fragments.copy(), at.state.digest()
    at.split_fragment([(z, 1, 1)], [(z, 1, 4)])
    fragments = at.state.base.fragments
    near, far = int(fragments[GAP - 1, 1, 1]), int(fragments[GAP - 1, 1, 4])
    assert {near, far} == {9, 10}
    np.testing.assert_array_equal(fragments[GAP], fragments[GAP - 1])
    np.testing.assert_array_equal(np.isin(fragments, [near, far]), before == 3)
    assert at.state.sizes[[near, far]].sum() == (before == 3).sum() and at.state.sizes[3] == 0
    assert edges(at.state.graph) == edges_anew(at.state, bridged.affinities_of())
    touching = {tuple(sorted(e[:2])) for e in edges(at.state.graph)}
    assert {(1, near), (5, near)} <= touching  # over one section and over the gap
    at.undo()
    assert at.state.digest() == digest
    np.testing.assert_array_equal(at.state.base.fragments, before)


def test_what_is_made_up_follows_what_is_nearest_in_the_tissue():
    """The gap lies two pixels further to the right than the section before it."""
    fragments = drawn(
        """
        11111111....
        11111111....

        ..11111111..
        ..11111111..
        """
    )
    plan = bridged.SectionPlan.as_is(fragments.shape).leaving_out(1).shifting(1, (0, 2))
    affinities = np.full((3, *fragments.shape), 255, np.uint8)
    affinities[:, 1], affinities[1:, 0, :, 4] = 0, 0
    state = state_of(fragments, affinities, PlannedBox(plan, Box.whole(fragments.shape)))
    state.apply(plan_parting(state, affinities, [(1, 0, 3)], [(1, 0, 8)]))
    np.testing.assert_array_equal(state.base.fragments[1, :, 2:], state.base.fragments[0, :, :-2])
    assert len(set(state.base.fragments[0, 0, :8].tolist())) == 2


def test_a_neck_is_one_also_beside_sections_that_were_not_seen(tmp_path):
    at = bridged.session(tmp_path)
    at.split_fragment([(GAP - 1, 1, 0)], [(GAP - 1, 1, 5)])
    near = at.state.base.fragments[GAP - 1] == at.state.base.fragments[GAP - 1, 1, 0]
    assert near[:, :4].all()  # the narrow part is beyond


def test_a_part_of_a_session_lies_elsewhere_in_its_stack(tmp_path):
    """The plan counts from the first section of the stack, the fragments from that of their box."""
    box = Box((7, 0, 0), (12, 3, 12))
    plan = bridged.planned(box)
    here = State(bridged.segmentation(plan=plan), 0.0, planned=plan)
    there = State(bridged.segmentation(), 0.0, planned=bridged.planned())
    found = [plan_parting(s, bridged.affinities_of(), [LEFT], [RIGHT]).partings[0] for s in (here, there)]
    np.testing.assert_array_equal(found[0].patch.sides, found[1].patch.sides)
    assert edges(found[0].added) == edges(found[1].added)


def test_a_bridge_leads_to_the_part_that_is_nearer_in_the_tissue(tmp_path):
    """Fragment 4 lies nearer to the far part of 5 in the sections, and nearer to the near part in the tissue."""
    at = bridged.session(tmp_path)
    at.merge(5, 4, confirmed=True)
    assert at.state.bridges == [(5, 4)]
    at.split_fragment([(3, 1, 5)], [(3, 1, 9)])
    near, far = int(at.state.base.fragments[3, 1, 5]), int(at.state.base.fragments[3, 1, 9])
    (bridge,) = [b for b in at.state.bridges if 5 not in b]
    assert bridge == (far, 4) and near != far


def test_labels_by_others_are_split_in_a_section_that_is_left_out():
    """None of the fragment was seen: its parts touch each other and their neighbours, and that is all that is known."""
    labels = np.array([1, 1, 1, 2], np.uint8)[None, None].repeat(3, 0).repeat(4, 1)
    affinities = np.full((3, *labels.shape), 200, np.uint8)
    affinities[:, 1] = 0
    planned = PlannedBox(leaving_out(labels.shape, 1), Box.whole(labels.shape))
    base = drive(build_segmentation(drive(find_label_fragments(labels)), affinities, planned))
    state, before = State(base, 0.3, planned=planned), base.fragments.copy()
    effect = plan_parting(state, affinities, [(1, 0, 1)], [(1, 3, 1)])
    parting = effect.partings[0]
    near, far = parting.parts
    neighbours = {int(before[z, 0, 0]) for z in (0, 2)} | {int(before[1, 0, 3])}
    touching = {(*sorted(e[:2]), round(255 * e[3])) for e in edges(parting.added)}
    assert touching == {(near, far, 128), *((n, part, 128) for n in neighbours for part in (near, far))}


def state_of(fragments: np.ndarray, affinities: np.ndarray, planned: PlannedBox, threshold: float = 0.0) -> State:
    graph = drive(build_region_graph(affinities, bridged.seen_fragments(planned, fragments), planned=planned))
    sizes = fragment_sizes(fragments)
    return State(Segmentation(fragments, graph, merge_tree(graph, sizes), sizes), threshold, planned=planned)


def any_state(seed: int) -> tuple[State, np.ndarray]:
    """Random fragments, of one section each but for what is made up, by a random plan."""
    shape = (7, 10, 14)
    rng = np.random.default_rng(seed)
    planned = PlannedBox(any_plan((9, 12, 16), seed), Box((1, 1, 1), (8, 11, 15)))
    fragments = np.stack([rng.integers(0, 2, (4, 5)).repeat(3, 0).repeat(3, 1)[:10, :14] + 2 * z for z in range(7)]) + 1
    usable = np.stack([planned.usable(z) for z in range(7)])
    fragments = np.where(usable, fragments, 0)
    for z in range(7):  # what was not seen has ids of sections around it
        source = int(np.clip(z + rng.integers(-3, 4), 0, 6))
        fragments[z] = np.where(planned.bridged()[z], np.roll(fragments[source], 1, axis=1), fragments[z])
    _, fragments = np.unique(np.append(0, fragments), return_inverse=True)
    affinities = rng.integers(0, 256, (3, *shape), np.uint8)
    return state_of(fragments[1:].reshape(shape).astype(np.uint32), affinities, planned), affinities


@pytest.mark.parametrize("seed", range(25))
def test_edges_of_parts_are_those_of_the_graph_made_anew(seed):
    state, affinities = any_state(seed)
    rng, parted = np.random.default_rng(seed), 0
    for fragment in rng.permutation(np.flatnonzero(state.sizes))[:8]:
        before = np.argwhere(state.base.fragments == fragment)
        points = [triple(voxel) for voxel in rng.permutation(before)[:2]]
        try:
            effect = plan_parting(state, affinities, points[:1], points[1:])
        except (Refused, IndexError):
            continue
        state.apply(effect)
        parted += 1
        assert edges(state.graph) == edges_anew(state, affinities)
        parts = state.base.fragments[tuple(before.T)]
        assert set(parts.tolist()) == set(effect.partings[0].parts)
        assert state.sizes[np.unique(parts)].sum() == len(before)
    assert parted or seed == 0


def test_a_session_knows_its_plan(tmp_path):
    at = bridged.session(tmp_path)
    at.split_fragment([(GAP, 1, 1)], [(GAP, 1, 4)])
    at.log.close()
    again = bridged.session(tmp_path)
    assert again.state.digest() == at.state.digest()
    np.testing.assert_array_equal(again.state.base.fragments, at.state.base.fragments)


def test_review_sees_contacts_across_the_gap(tmp_path):
    at = bridged.session(tmp_path)
    graph, boxes = at.state.graph, drive(find_fragment_boxes(at.state.base.fragments))
    section = {1: 0, 2: 0, 3: 1, 4: 1, 5: 3, 6: 3, 7: 4, 8: 4}
    expected = [section[u] != section[v] for u, v in zip(graph.u.tolist(), graph.v.tolist(), strict=True)]
    for known in (boxes, None):
        found = find_edges_between_sections(graph, at.state.base.fragments, known, at.state.planned)
        assert found.tolist() == expected
    queue = ReviewQueue(at, boxes=lambda: boxes)
    question = next(q for q in queue.questions() if (q.a, q.b) == (3, 5))
    there, here = both_sides(at.state, 3, 5, question.voxel)
    assert (there[0], here[0]) == (1, 3) and there[2] == here[2] - bridged.SHIFT, "both were seen"
    row = queue.answer(question, "join")
    assert row.kind == "merge" and row.input["voxels"] == [there, here]
    assert at.state.members(at.state.segment_of(3)).tolist() == [3, 5]


def test_a_question_over_the_gap_is_a_decision_that_is_found_again(tmp_path):
    at = bridged.session(tmp_path)
    queue = ReviewQueue(at)
    question = next(q for q in queue.questions() if (q.a, q.b) == (4, 6))
    queue.answer(question, "apart")
    assert Decisions(at).pairs("apart").tolist() == [[4, 6]]
    assert not any({q.a, q.b} == {4, 6} for q in queue.questions())


def test_the_tree_is_walked_over_the_gap(tmp_path):
    at = bridged.session(tmp_path)
    at.walk(3, upwards=True)
    assert at.state.members(3).tolist() == [1, 3, 5, 7]
    at.walk(3, upwards=False)
    assert at.state.members(3).tolist() == [3]
    at.undo()
    at.undo()
    at.set_segment_threshold(3, 0.5)
    assert at.state.members(3).tolist() == [1, 3, 5, 7]
    at.undo()
    assert at.state.members(3).tolist() == [3]


def test_a_neuron_is_split_at_the_gap(tmp_path):
    at = bridged.session(tmp_path)
    at.merge_all(1, [3, 5, 7])
    at.split(at.propose([3], [5])[0])
    assert at.state.members(at.state.segment_of(1)).tolist() == [1, 3]
    at.undo()
    at.detach(5)
    assert at.state.members(at.state.segment_of(1)).tolist() == [1, 3]
