"""Places to learn from, found on a desk without a window."""

import numpy as np
import pytest
from proofreading_hands import column

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.ids import FragmentId
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.widgets.finetune import sources as finetune_sources
from napari_emcad.widgets.finetune.truth import LayerTruth, NoTruth, SessionTruth

DRAWN = Box((0, 4, 5), (3, 44, 45))


def test_before_anything_is_there(new_hand):
    sources = new_hand().sources
    no_stack = "Open a stack first, or the sample."
    assert sources.why_no_stack == sources.why_no_session == sources.why_no_labels == no_stack
    for find in (sources.box_places, sources.stack_places, sources.done_places, sources.edits_places):
        with pytest.raises(UserError, match=r"^Open a stack first"):
            find()


def test_a_box_of_a_session_knows_what_is_done(at_work):
    at_work.draw(DRAWN)
    (place,) = at_work.sources.box_places()
    assert place.box == DRAWN and isinstance(place.truth, SessionTruth)
    assert place.share == 25 / 40  # columns 5 to 29 are of the neuron that is done


def test_without_a_session_nothing_is_known(hand):
    (place,) = hand.sources.stack_places()
    assert place.box == Box.whole((3, 48, 64)) and isinstance(place.truth, NoTruth) and place.share == 0


def test_a_box_that_is_not_drawn_or_too_small(hand):
    with pytest.raises(UserError, match="there is no Shapes layer yet"):
        hand.sources.box_places()
    hand.draw(Box((0, 4, 5), (1, 44, 45)))
    with pytest.raises(UserError, match="at least 2 sections of 32 x 32 pixels are needed, got 1 x 40 x 40"):
        hand.sources.box_places()


def test_done_neurons(at_work, drawn):
    at = at_work.desk.sessions.current
    neuron = at.session.state.segment_of(FragmentId(1))
    (place,) = at_work.sources.done_places()
    assert place.name == f"neuron {neuron}"
    z, y, x = np.nonzero(np.isin(drawn.fragments, [1, 2, 3]))
    assert all(a <= n.min() and n.max() < b for a, n, b in zip(place.box.start, (z, y, x), place.box.stop, strict=True))
    at.edit(lambda: at.session.unlock(neuron))
    with pytest.raises(UserError, match="no neuron is done"):
        at_work.sources.done_places()


def test_the_last_edits(at_work):
    with pytest.raises(UserError, match="nothing has been merged, split or detached yet"):
        at_work.sources.edits_places()
    at = at_work.desk.sessions.current
    for fragment in (6, 4):
        at.edit(lambda f=fragment: at.session.detach(FragmentId(f), voxels=[column(f)]))
    seqs = at.session.in_force[-2:]
    (place,) = at_work.sources.edits_places()
    assert place.name == f"edits {seqs[0]}-{seqs[1]}" and isinstance(place.truth, SessionTruth) and place.share > 0
    at_work.sources.last = 1
    assert [place.name for place in at_work.sources.edits_places()] == [f"edit {seqs[1]}"]


def test_a_session_that_is_over(at_work):
    assert at_work.sources.why_no_session == ""
    at_work.desk.sessions.end()
    assert 'Press "Start proofreading" first' in at_work.sources.why_no_session
    with pytest.raises(UserError, match="Start proofreading"):
        at_work.sources.done_places()


def test_a_session_of_another_stack(at_work, open_stack, stack):
    at_work.desk.stack.layer = open_stack(stack, name="other")
    assert at_work.sources.why_no_session == 'Choose "stack" as the stack: it is what is being proofread.'
    assert at_work.sources.session is None
    assert isinstance(at_work.sources.stack_places()[0].truth, NoTruth)


def test_labels_from_elsewhere(hand):
    assert "There is no other Labels layer" in hand.sources.why_no_labels
    layer = hand.add_truth()
    assert hand.sources.why_no_labels == "" and hand.sources.labels == [layer]
    (place,) = hand.sources.labels_places(layer)
    assert place.all_checked and place.share == 1 and isinstance(place.truth, LayerTruth)
    hand.draw(DRAWN)
    (part,) = hand.sources.labels_places(layer, within_box=True)
    assert part.box == DRAWN
    np.testing.assert_array_equal(part.truth.labels_in(DRAWN), layer.data[DRAWN.slices])


@pytest.mark.parametrize("lowest", [0, 2])
def test_labels_that_are_mostly_0_count_as_painted(hand, lowest):
    """In one section alone, or a little in each."""
    layer = hand.add_truth()
    painted = np.zeros_like(layer.data)
    painted[lowest:, 5:15, 10:30] = 7
    layer.data = painted
    (place,) = hand.sources.labels_places(layer)
    assert not place.all_checked
    known = place.truth.known_in(place.box, all_checked=False)
    assert known.sum() == (3 - lowest) * 12 * 22
    hand.crops.remove(0)
    hand.setup.add(lambda: [place])
    assert "taken for not painted" in hand.desk.message.text


def test_before_a_run_places_end_where_the_look_found_a_section_to_leave_out(hand):
    layer, stack = hand.add_truth(), hand.desk.stack.layer
    hand.desk.inspection.take_plan(stack, SectionPlan.as_is(stack.data.shape).leaving_out(0))
    (place,) = hand.sources.labels_places(layer)
    assert (place.box.start[0], place.box.stop[0]) == (1, 3)


def test_labels_of_another_shape_have_no_place(hand):
    layer = hand.viewer.add_labels(np.ones((3, 40, 64), int), name="short")
    with pytest.raises(UserError, match=r'^labels: voxels of "stack"'):
        hand.sources.labels_places(layer)


def test_labels_beside_the_box(hand):
    scale = hand.sources.stack.scale
    at = tuple(hand.sources.stack.data_to_world((0, 0, 24)))
    layer = hand.viewer.add_labels(np.ones((3, 48, 40), int), name="right", scale=scale, translate=at)
    hand.draw(Box((0, 0, 0), (3, 40, 20)))
    with pytest.raises(UserError, match='"right" has no voxel in the box'):
        hand.sources.labels_places(layer, within_box=True)


def test_the_middle_of_a_large_stack_teaches_uncorrected(hand, monkeypatch):
    assert hand.sources.uncorrected_place().box == Box.whole((3, 48, 64))
    monkeypatch.setattr(finetune_sources, "UNCORRECTED_SIDE", 40)
    monkeypatch.setattr(finetune_sources, "UNCORRECTED_VOXELS", 2 * 40 * 40)
    assert hand.sources.uncorrected_place().box == Box((0, 4, 12), (2, 44, 52))


def test_listeners_hear_of_stacks_layers_and_sessions(hand, open_stack, stack):
    heard = []
    hand.sources.changed.connect(lambda: heard.append(hand.sources.why_no_labels))
    hand.add_truth()
    assert heard[-1] == ""
    hand.viewer.layers.remove("truth")
    assert "There is no other Labels layer" in heard[-1]
    n = len(heard)
    hand.desk.stack.layer = open_stack(stack, name="other")
    assert len(heard) > n
