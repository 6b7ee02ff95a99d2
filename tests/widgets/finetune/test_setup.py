"""Everything chosen before a run, and what follows from it, without a window."""

import numpy as np
import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.widgets.finetune.crop_places import Role
from napari_emcad.widgets.finetune.truth import NoTruth, SessionTruth

ROWS = Box((0, 4, 0), (3, 44, 64))
"""All rows that have neurons; the last 4 of its 64 columns are of no neuron."""


def test_a_stack_comes_first(new_hand):
    hand = new_hand()
    assert hand.setup.why_not == "Open a stack first, or the sample."
    with pytest.raises(UserError, match="Open a stack first"):
        hand.setup.request()


def test_crops_come_next(hand):
    assert "Add a crop first" in hand.setup.why_not
    hand.add_truth()
    assert hand.setup.why_not == ""


def test_what_cannot_be_added_says_why(hand):
    hand.setup.add(hand.sources.box_places)
    assert "there is no Shapes layer yet" in hand.message
    hand.add_box(ROWS)
    hand.setup.add(hand.sources.box_places)
    assert hand.message == "crops: these are listed already." and hand.names == ["box"]


def test_crops_go_with_their_layer(hand):
    hand.add_truth()
    hand.setup.add(hand.sources.stack_places)
    hand.setup.outline.show(hand.crops.places[0])
    hand.viewer.layers.remove("truth")
    assert hand.names == ["whole stack"]
    assert hand.message == 'The crops in "truth" have gone with it.'
    hand.viewer.layers.remove("stack")
    assert hand.names == [] and len(hand.viewer.layers) == 0


def test_edits_count_once_they_rest(at_work):
    at_work.add_box(ROWS)
    assert at_work.crops.places[0].share == 30 / 64
    assert "can be held out" in at_work.crops.facts
    at_work.do(4)
    assert "can be held out" in at_work.crops.facts
    at_work.loop.rest()
    assert sum(at_work.crops.plan.voxels) == 3 * 40 * 60


def test_a_session_that_begins_later_says_what_is_true(at_work):
    at_work.desk.sessions.end()
    at_work.add_box(ROWS)
    assert isinstance(at_work.crops.places[0].truth, NoTruth)
    assert 'Nothing is verified in "box"' in at_work.setup.why_not
    at_work.desk.sessions.start()
    at_work.loop.settle()
    assert isinstance(at_work.crops.places[0].truth, SessionTruth)
    assert at_work.crops.places[0].share == 30 / 64


def test_uncorrected_sections_teach_a_network_that_learns_alone(hand, teacher):
    hand.setup.uses_uncorrected = True
    assert "Add a crop first" in hand.setup.why_not
    hand.add_truth()
    assert hand.names == ["truth"] and hand.setup.why_not == ""
    assert hand.setup.parameters.consistency == "ema" and len(hand.crops.plan.train) == 2
    memory = hand.setup.estimate
    hand.open_teacher(teacher)
    assert hand.setup.parameters.consistency == "off"  # there the teacher says what is in them
    assert len(hand.crops.plan.train) == 2
    hand.networks.mode = "student"
    hand.setup.uses_uncorrected = False
    assert hand.setup.parameters.consistency == "off" and len(hand.crops.plan.train) == 1
    assert hand.setup.estimate != memory


def test_uncorrected_sections_are_those_of_the_stack_chosen(hand, open_stack, stack):
    hand.setup.uses_uncorrected = True
    other = open_stack(stack[:2, :40, :40], name="other")
    hand.desk.stack.layer = other
    assert hand.crops.uncorrected.stack is other and hand.crops.uncorrected.box == Box.whole((2, 40, 40))
    hand.desk.stack.layer = open_stack(stack[:1], name="thin")
    assert hand.crops.uncorrected is None
    assert "at least 2 sections of 32 x 32 pixels are needed" in hand.message


def test_a_teacher_teaches_in_the_whole_stack_too(hand, teacher):
    hand.add_truth()
    hand.setup.add(hand.sources.stack_places)
    assert "Nothing is verified" in hand.setup.why_not
    hand.open_teacher(teacher)
    assert hand.setup.why_not == ""
    hand.crops.remove(0)
    assert "Nothing is verified" in hand.setup.why_not
    hand.networks.mode = "distil"
    assert hand.setup.why_not == ""


def test_the_estimate(hand):
    hand.setup.budget.change(minutes=0.5, batch=2, size=96)
    assert hand.setup.estimate.startswith("0.5 min at most on ") and hand.setup.estimate.endswith("~ 440 MB of memory")
    hand.add_truth()
    assert hand.setup.estimate.endswith(" of disk")


def test_the_request_has_labels_as_they_stand(at_work):
    at_work.do(4)
    at_work.add_box(ROWS)
    assert at_work.crops.roles == (Role.BOTH,)
    request = at_work.setup.request()
    folder = at_work.desk.sessions.current.opened.folder
    assert request.runs == folder / "finetune"
    assert request.order.about["voxel_size"] == [40, 5, 6] and "2 neurons done" in request.order.about["data"]
    before = [crop.labels.copy() for crop in request.train]
    at = at_work.desk.sessions.current
    at.edit(lambda: at.session.unlock(at.session.state.segment_of(4)))
    at.edit(lambda: at.session.detach(4))
    for crop, labels in zip(request.train, before, strict=True):
        np.testing.assert_array_equal(crop.labels, labels)
    assert [facts["name"] for facts in request.places] == ["box"]
    offset = request.held_out[0].box.start
    np.testing.assert_allclose(request.places[0]["translate"], np.add((400, 50, 60), np.multiply((40, 5, 6), offset)))


def test_listeners_hear_of_every_choice(hand):
    heard = []
    hand.setup.changed.connect(lambda: heard.append(hand.setup.why_not))
    hand.add_truth()
    assert heard[-1] == ""
    for change in (
        lambda: hand.setup.budget.change(minutes=1),
        lambda: setattr(hand.networks, "mode", "restore"),
        lambda: setattr(hand.desk.device, "wish", "cpu"),
        lambda: hand.crops.remove(0),
    ):
        n = len(heard)
        change()
        assert len(heard) > n
    assert "Add a crop first" in heard[-1]
