"""A session on screen, without a window: its edits, and the part of the neurons that is shown."""

import numpy as np
import pytest
from hearing import heard
from proofreading_hands import column

from napari_emcad.core.errors import UserError
from napari_emcad.widgets.desk import on_screen
from napari_emcad.widgets.desk.sides import FAR_SIDE, NEAR_SIDE


def shown(at, fragment: int) -> int:
    """The neuron that is seen at a fragment; 0 = none."""
    return int(at.layer.data[column(fragment)])


def groups(at) -> list[list[int]]:
    table = at.session.state.table
    return sorted(np.flatnonzero(table == s).tolist() for s in np.unique(table[1:]) if s)


def test_an_edit_is_shown(session):
    changes = heard(session.changed)
    row = session.edit(lambda: session.session.merge(1, 4))
    assert row.kind == "merge" and shown(session, 1) == shown(session, 6) != 0 and len(changes) == 1
    assert len(session.result.neurons.sizes) == 1 and session.result.is_edited


def test_an_edit_that_is_refused_changes_nothing(session):
    before, changes = shown(session, 1), heard(session.changed)
    with pytest.raises(UserError):
        session.edit(lambda: session.session.merge(1, 2))
    assert shown(session, 1) == before and changes == []


def test_neurons_and_fragments_at_a_voxel(session):
    assert session.fragment_at(column(2)) == 2
    assert session.neuron_at(column(2)) == session.neuron_at(column(3)) == shown(session, 1) != 0
    assert session.neuron_at((1, 0, 0)) == session.fragment_at((1, 0, 0)) == 0


def test_done_neurons_are_hidden_and_stay_in_the_result(session):
    neuron = session.neuron_at(column(1))
    session.edit(lambda: session.session.lock(neuron))
    assert session.result.done == {neuron} and shown(session, 1) == neuron
    session.hides_done = True
    assert session.hides_done and shown(session, 1) == 0 and shown(session, 6) != 0
    assert session.clickable[column(1)] == 0 and session.result.neurons.table[1] == neuron
    session.hides_done = False
    assert shown(session, 1) == neuron


def test_selected_neurons_are_shown_alone(session):
    one, other = session.neuron_at(column(1)), session.neuron_at(column(6))
    session.only_selected = True
    session.selection.select(one)
    assert session.only_selected and shown(session, 1) == one and shown(session, 6) == 0
    session.selection.choose(other, also=True)
    assert shown(session, 6) == other
    session.only_selected = False
    session.selection.select(one)
    assert shown(session, 6) == other


def test_neurons_shown_alone_do_not_follow_the_slider(session, desk, loop):
    session.selection.select(session.neuron_at(column(1)))
    session.only_selected = True
    desk.threshold.move(0.05)
    assert shown(session, 2) == shown(session, 1) != 0
    loop.settle()
    assert session.session.state.threshold == 0.05


def test_two_sides_alone_and_among_others(session, desk):
    session.show_sides(np.array([1]), np.array([2]))
    sides = desk.viewer.layers["sides"]
    assert (sides.data[column(1)], sides.data[column(2)], sides.data[column(3)]) == (NEAR_SIDE, FAR_SIDE, 0)
    assert shown(session, 1) == shown(session, 6) == 0
    session.show_sides(np.array([1]), np.array([2]), alone=False)
    assert shown(session, 1) == shown(session, 2) == 0 and shown(session, 3) != 0 and shown(session, 6) != 0
    session.end_sides()
    assert not sides.visible and shown(session, 1) != 0


def test_an_edit_ends_the_sides(session, desk):
    session.show_sides(np.array([1]), np.array([2]))
    session.edit(lambda: session.session.merge(1, 4))
    assert not desk.viewer.layers["sides"].visible and shown(session, 1) != 0


def test_the_threshold_moves_the_neurons_that_nobody_has_touched(session, desk, loop):
    session.edit(lambda: session.session.lock(session.neuron_at(column(1))))
    desk.threshold.move(0.05)
    assert len({shown(session, n) for n in (4, 5, 6)}) == 3 and len({shown(session, n) for n in (1, 2, 3)}) == 1
    assert session.session.state.threshold == 0.5, "it moves only when the slider rests"
    loop.settle()
    assert session.session.state.threshold == 0.05 and groups(session) == [[1, 2, 3], [4], [5], [6]]
    session.edit(session.session.undo)
    assert groups(session) == [[1, 2, 3], [4, 5, 6]]


def test_a_threshold_that_comes_back_is_no_edit(session, desk, loop):
    desk.threshold.move(0.05)
    desk.threshold.move(0.5)
    loop.settle()
    assert session.session.log.rows == [] and shown(session, 2) == shown(session, 1)


def test_many_fragments_are_cut_in_a_job(session, desk, loop, monkeypatch):
    monkeypatch.setattr(on_screen, "AT_ONCE", 0)
    desk.threshold.move(0.05)
    loop.rest()
    assert session.session.state.threshold == 0.5 and not desk.results.is_settled
    session.edit(lambda: session.session.merge(1, 4))  # in between: the job's answer is of no use any more
    loop.settle()
    assert session.session.state.threshold == 0.05 and desk.results.is_settled
    assert groups(session) == [[1, 2, 3, 4, 5, 6]], "people's own"


def test_a_session_that_has_ended_hears_of_no_job(session, desk, loop, monkeypatch):
    monkeypatch.setattr(on_screen, "AT_ONCE", 0)
    desk.threshold.move(0.05)
    loop.rest()
    desk.sessions.end()
    loop.settle()
    assert session.session.state.threshold == 0.5


def test_the_selected_neuron_stands_out_in_3d(desk, session):
    one, other = session.neuron_at(column(1)), session.neuron_at(column(6))
    before = session.layer.get_color(other)
    session.selection.select(one)
    np.testing.assert_array_equal(session.layer.get_color(other), before, "a rim is enough on sections")
    desk.viewer.dims.ndisplay = 3
    assert np.ptp(session.layer.get_color(other)[:3]) < np.ptp(before[:3])
    session.selection.select(other)
    np.testing.assert_array_equal(session.layer.get_color(other), before)
    session.selection.select(one)
    desk.sessions.end()
    np.testing.assert_array_equal(session.layer.get_color(other), before)


def test_a_list_of_neurons(session):
    one, other = session.neuron_at(column(1)), session.neuron_at(column(6))
    session.edit(lambda: session.session.lock(other))
    rows = {row[0]: row[1:] for row in session.rows().tolist()}
    assert rows == {one: [3 * 3 * 40 * 10, 3, 0], other: [3 * 3 * 40 * 10, 3, 1]}


def test_parts_come_to_lie_under_the_views_that_napari_has(session):
    shown = session.result.shown
    layers, given = [shown.layer, shown.fragment_layer], []
    views = [layer.data for layer in layers]
    for layer in layers:
        layer.events.data.connect(given.append)
    session.edit(lambda: session.session.split_fragment([(1, 10, 5)], [(1, 40, 5)]))
    assert [layer.data for layer in layers] == views and not given
    for view in views:
        assert view[1, 10, 5] != view[1, 40, 5]
    session.session.undo()
    session.show()
    for view in views:
        assert view[1, 10, 5] == view[1, 40, 5]


def test_boxes_follow_fragments_that_are_parted(session):
    before = session.boxes.box_of(np.array([1]))
    assert before.start == (0, 4, 0) and before.stop == (3, 44, 10)
    session.edit(lambda: session.session.split_fragment([(1, 10, 5)], [(1, 40, 5)]))
    here, there = session.fragment_at((1, 10, 5)), session.fragment_at((1, 40, 5))
    assert here != there
    boxes = [session.boxes.box_of(np.array([fragment])) for fragment in (here, there)]
    assert boxes[0].stop[1] <= boxes[1].start[1] + 1 and all(box.shape[1] < 40 for box in boxes)


def test_a_voxel_inside_a_neuron(session):
    neuron = session.neuron_at(column(5))
    assert session.neuron_at(session.voxel_of(neuron)) == neuron
    assert session.voxel_of(4_000) is None


def test_neurons_that_are_removed_are_gone(session, desk):
    assert not session.is_gone
    desk.viewer.layers.remove(session.layer)
    assert session.is_gone and desk.sessions.current is None


def test_closing_leaves_the_neurons_and_takes_the_sides_away(session, desk):
    session.show_sides(np.array([1]), np.array([2]))
    session.end_sides()
    desk.sessions.end()
    assert "sides" not in desk.viewer.layers and session.layer in desk.viewer.layers and shown(session, 1) != 0
