"""Proofreading in a real window: neurons drawn on paper, edited by clicks and keys."""

from types import SimpleNamespace

import numpy as np
import pytest
from proofreading_hands import click, column, groups, hover, press, press_mouse, shown, sides, turn_wheel
from qtpy.QtCore import Qt

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.widgets.desk.sides import FAR_SIDE, NEAR_SIDE
from napari_emcad.widgets.kit.picking import Click, nearest_labelled, voxel_under
from napari_emcad.widgets.proofread.history_list import told
from napari_emcad.widgets.proofread.modes import Mode

pytestmark = pytest.mark.window


def test_merge_undo_redo_by_clicks_and_keys(proofreading):
    desk, panel = proofreading, proofreading.dock.proofread
    kept, added = shown(desk, 1), shown(desk, 6)
    assert kept != added and groups(desk) == [[1, 2, 3], [4, 5, 6]]
    press(desk, Qt.Key.Key_A)
    assert panel.mode is Mode.MERGE and panel.body.modes[Mode.MERGE].isChecked()
    assert "MERGE" in desk.viewer.canvas.overlays.text.text and desk.viewer.canvas.overlays.text.visible
    press_mouse(desk, column(2))
    press_mouse(desk, column(5))
    assert groups(desk) == [[1, 2, 3, 4, 5, 6]]
    assert panel.body.toast.text() == f"merge {kept} <- {added}, 6 fragments"
    assert panel.body.undo_button.toolTip() == f"Undo merge {kept} <- {added}"
    for layer in desk.viewer.layers:  # whatever layer is active
        desk.viewer.layers.selection.active = layer
        press(desk, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        assert groups(desk) == [[1, 2, 3], [4, 5, 6]] and shown(desk, 6) == added != 0
        press(desk, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
        assert groups(desk) == [[1, 2, 3, 4, 5, 6]] and sides(desk)[column(6)] == NEAR_SIDE
    assert panel.body.history.item(0).text().endswith(f"merge {kept} <- {added}")
    press(desk, Qt.Key.Key_Escape)
    assert panel.mode is Mode.SELECT and not desk.viewer.canvas.overlays.text.visible


def test_a_merge_across_a_gap_is_asked_about(proofreading):
    desk, panel = proofreading, proofreading.dock.proofread
    panel.enter(Mode.SPLIT)
    click(desk, 1)
    click(desk, 3, shift=True)
    panel.apply()
    panel.enter(Mode.MERGE)
    before = groups(desk)
    alone = next(g for g in before if 1 in g)
    click(desk, 1)
    click(desk, 5)
    assert "do not touch" in panel.body.question.words and groups(desk) == before
    panel.body.question.no_button.click()
    assert not panel.body.question.words and groups(desk) == before
    click(desk, 5)
    panel.body.question.yes_button.click()
    assert sorted([*alone, 4, 5, 6]) in groups(desk) and not panel.body.question.words


def test_refusals_are_said(proofreading):
    desk, panel = proofreading, proofreading.dock.proofread
    panel.enter(Mode.MERGE)
    click(desk, 1)
    click(desk, 2)
    assert "already" in desk.message and desk.dock.message.kind == "error"
    assert len(panel.proofreading.session.log.rows) == 0


def test_split_with_preview_next_and_enter(proofreading):
    desk, panel = proofreading, proofreading.dock.proofread
    neuron = shown(desk, 1)
    press(desk, Qt.Key.Key_D)
    press_mouse(desk, column(1))
    press_mouse(desk, column(3), "Shift")
    first = panel.tools[Mode.SPLIT].proposal
    assert "cost 0.90" in panel.body.words.text() and sides(desk)[column(3)] == FAR_SIDE
    assert groups(desk) == [[1, 2, 3], [4, 5, 6]]
    assert "split points" in desk.viewer.layers
    assert panel.body.next_button.isEnabled() and panel._tab.isEnabled()
    panel._tab.activated.emit()  # Qt hands shortcuts to windows on screen only
    assert panel.tools[Mode.SPLIT].proposal is not first and "Split 2 of 2" in panel.body.words.text()
    press(desk, Qt.Key.Key_Backspace)
    assert panel.tools[Mode.SPLIT].proposal is None and sides(desk)[column(3)] == NEAR_SIDE
    press_mouse(desk, column(3), "Shift")
    far = panel.tools[Mode.SPLIT].proposal.far.tolist()
    press(desk, Qt.Key.Key_Return)
    assert far in groups(desk) and shown(desk, 1) == neuron
    assert panel.tools[Mode.SPLIT].points.near == [column(1)] and not panel.tools[Mode.SPLIT].points.far
    panel.enter(Mode.SELECT)
    assert not desk.viewer.layers["split points"].visible
    panel.undo()
    assert groups(desk) == [[1, 2, 3], [4, 5, 6]]


def test_points_in_two_neurons_are_refused_and_taken_away(proofreading):
    desk, panel = proofreading, proofreading.dock.proofread
    panel.enter(Mode.SPLIT)
    click(desk, 1)
    click(desk, 6, shift=True)
    assert "different segments" in desk.message and not panel.tools[Mode.SPLIT].points.far


def test_both_sides_in_one_fragment_split_the_fragment(proofreading):
    desk, panel = proofreading, proofreading.dock.proofread
    panel.enter(Mode.SPLIT)
    neuron = shown(desk, 2)
    panel.click(Click((1, 8, 15), False))
    panel.click(Click((1, 40, 15), True))
    assert "one fragment" in panel.body.words.text()
    panel.apply()
    data = desk.result.neuron_layer.data
    assert data[1, 8, 15] == neuron != data[1, 40, 15]
    assert not desk.result.neuron_layer.editable
    panel.undo()
    assert data[1, 8, 15] == neuron == desk.result.neuron_layer.data[1, 40, 15]
    assert groups(desk) == [[1, 2, 3], [4, 5, 6]]


def test_done_neurons_are_hidden_and_refuse(proofreading):
    desk, panel = proofreading, proofreading.dock.proofread
    neuron = shown(desk, 1)
    press_mouse(desk, column(1))
    assert panel.selected == neuron
    press(desk, Qt.Key.Key_T)
    assert panel.proofreading.session.state.locked == {neuron}
    panel.enter(Mode.SPLIT)
    click(desk, 1)
    click(desk, 3, shift=True)
    assert "unlock it first" in desk.message
    panel.body.hide_done.setChecked(True)
    assert shown(desk, 1) == 0 and shown(desk, 6) != 0
    assert desk.result.neurons.table[1] == neuron  # exported all the same
    panel.body.hide_done.setChecked(False)
    press(desk, Qt.Key.Key_T)
    assert not panel.proofreading.session.state.locked


def test_of_many_fragments_the_threshold_is_found_in_a_thread(proofreading, monkeypatch):
    """While it moves what is on the screen follows; an edit that comes in between is kept; undo goes the same way."""
    monkeypatch.setattr("napari_emcad.widgets.desk.on_screen.AT_ONCE", 0)
    desk, panel = proofreading, proofreading.dock.proofread
    session = panel.proofreading.session
    before = session.state.digest()
    desk.dock.segment.threshold.value = 0.05
    moving = desk.result.segmentation.tree.cut(0.05)
    np.testing.assert_array_equal(desk.result.view.table, np.where(session.state.free, moving, session.state.table))
    assert session.state.digest() == before
    desk.wait(lambda: session.state.threshold == 0.05)
    np.testing.assert_array_equal(desk.result.view.table, session.state.table)
    after = session.state.digest()
    panel.undo()
    panel.proofreading.edit(lambda: session.note((0, 0, 0)))
    panel.proofreading.edit(session.undo)
    desk.wait(lambda: desk.dock.segment.results.is_settled)
    assert session.state.digest() == before
    panel.redo()
    panel.redo()
    desk.wait(lambda: session.state.threshold == 0.05)
    assert session.state.digest() == after


def test_edits_hold_when_the_threshold_moves(proofreading):
    desk, panel = proofreading, proofreading.dock.proofread
    panel.enter(Mode.SPLIT)
    click(desk, 1)
    click(desk, 3, shift=True)
    panel.apply()
    parted = [g for g in groups(desk) if g != [4, 5, 6]]
    desk.dock.segment.threshold.value = 0.05
    desk.wait(lambda: panel.proofreading.session.state.threshold == 0.05)
    assert groups(desk) == sorted([*parted, [4], [5], [6]])
    assert len(desk.result.neurons.sizes) == 5 and "5 neurons" in desk.dock.segment.threshold.read_out
    panel.undo()
    assert desk.dock.segment.threshold.value == 0.5 and [4, 5, 6] in groups(desk)


def test_the_list_of_neurons(proofreading):
    desk, panel = proofreading, proofreading.dock.proofread
    model = panel.body.neurons.model
    neuron = shown(desk, 6)
    row = model.ids.tolist().index(neuron)
    cells = [model.data(model.index(row, c)) for c in range(model.columnCount())]
    assert cells == [str(neuron), "3,600", "3", ""]
    panel.body.neurons.search.setText(str(neuron))
    assert model.ids.tolist() == [neuron]
    panel.body.neurons.chosen.emit([neuron])
    assert panel.selected == neuron
    panel.body.neurons.entered.emit(neuron)
    world = desk.result.neuron_layer.data_to_world(panel.proofreading.voxel_of(neuron))
    np.testing.assert_allclose(desk.viewer.scene.camera.center[1:], world[1:])


def test_history_greys_what_is_undone_and_goes_there(proofreading):
    desk, panel = proofreading, proofreading.dock.proofread
    panel.enter(Mode.MERGE)
    click(desk, 1)
    click(desk, 4)
    panel.undo()
    assert panel.body.history.count() == 1 and "(undone)" in panel.body.history.item(0).text()
    assert panel.body.redo_button.toolTip().startswith("Redo merge")
    desk.viewer.dims.set_point(0, 400)
    panel.body.history.itemClicked.emit(panel.body.history.item(0))
    assert desk.viewer.dims.point[0] == 440
    assert told(panel.proofreading.session.log.rows[0]).startswith("merge")


def test_closing_gives_keys_and_canvas_back(proofreading):
    desk, panel = proofreading, proofreading.dock.proofread
    panel.enter(Mode.SPLIT)
    click(desk, 1)
    desk.dock.release()
    assert not desk.viewer.keymap and not any(layer.keymap for layer in desk.viewer.layers)
    assert not any("napari_emcad" in heard.__module__ for heard in desk.viewer.mouse_drag_callbacks)
    assert not desk.viewer.canvas.overlays.text.visible and desk.viewer.canvas.overlays.text.text == ""
    assert "split points" not in desk.viewer.layers


def test_a_removed_result_ends_its_session(proofreading):
    desk, panel = proofreading, proofreading.dock.proofread
    panel.enter(Mode.MERGE)
    desk.viewer.layers.remove(desk.result.neuron_layer)
    assert panel.proofreading is None and not desk.viewer.keymap


def test_ids_beyond_the_dtype_get_another_one(proofreading):
    desk, panel = proofreading, proofreading.dock.proofread
    assert desk.result.view.dtype == np.uint16
    panel.proofreading.session.state.next_id = 70_000
    panel.enter(Mode.SPLIT)
    click(desk, 1)
    click(desk, 3, shift=True)
    panel.apply()
    assert shown(desk, 3) == 70_000 and desk.result.view.dtype == np.uint32


def test_clicks_snap_in_nanometres():
    """Scenario 22: the next section is 40 nm away, and 11 voxels on y are 44 nm."""
    labels = np.zeros((5, 60, 60), np.uint16)
    labels[3, 30, 30] = 7
    labels[2, 41, 30] = 8
    assert nearest_labelled(labels, (2, 30, 30), VoxelSize(40, 4, 4)) == (3, 30, 30)
    assert nearest_labelled(labels, (2, 34, 30), VoxelSize(40, 4, 4)) == (2, 41, 30)
    assert nearest_labelled(labels, (2, 5, 5), VoxelSize(40, 4, 4)) is None


def test_hovering_shows_both_sides_of_a_merge(proofreading):
    desk, panel = proofreading, proofreading.dock.proofread
    panel.enter(Mode.MERGE)
    hover(desk, column(5))
    assert "sides" not in desk.viewer.layers
    press_mouse(desk, column(1))
    assert sides(desk)[column(2)] == NEAR_SIDE and sides(desk)[column(5)] == 0
    hover(desk, column(5))
    assert sides(desk)[column(2)] == NEAR_SIDE and sides(desk)[column(5)] == FAR_SIDE
    assert panel.body.words.text().startswith(f"Click to add {panel.proofreading.neuron_at(column(5))} to ")
    hover(desk, column(2))
    assert sides(desk)[column(5)] == 0 and shown(desk, 5) != 0
    panel.enter(Mode.SELECT)
    assert not sides(desk).any() and shown(desk, 1) != 0


def test_the_wheel_walks_one_neuron_in_its_mode_and_scrolls_in_others(proofreading):
    desk, panel = proofreading, proofreading.dock.proofread
    desk.viewer.dims.set_current_step(0, 1)
    turn_wheel(desk, column(1), up=True)
    assert desk.viewer.dims.current_step[0] != 1 and groups(desk) == [[1, 2, 3], [4, 5, 6]]
    before = desk.viewer.dims.current_step
    press(desk, Qt.Key.Key_G)
    turn_wheel(desk, column(1), up=True)
    assert groups(desk) == [[1, 2, 3, 4, 5, 6]] and desk.viewer.dims.current_step == before
    assert panel.body.toast.text().startswith("grow 1 + ")
    turn_wheel(desk, column(1), up=True)
    assert "nothing more joins" in desk.message
    turn_wheel(desk, column(1), up=False)
    assert groups(desk) == [[1, 2, 3], [4, 5, 6]]
    panel.undo()
    panel.undo()
    assert groups(desk) == [[1, 2, 3], [4, 5, 6]] and panel.mode is Mode.GROW


def test_the_review_asks_shows_both_sides_and_takes_answers_by_key(proofreading):
    desk, panel = proofreading, proofreading.dock.proofread
    tool = panel.tools[Mode.REVIEW]
    asked = []
    press(desk, Qt.Key.Key_R)
    assert panel.mode is Mode.REVIEW and "one neuron" in panel.body.words.text().lower()
    assert "left" in panel.body.facts.text() and "millibits" in panel.body.facts.text()
    while tool.question is not None:
        asked.append((tool.question.kind, {tool.question.a, tool.question.b}))
        seen = set(np.unique(sides(desk)).tolist())
        assert {NEAR_SIDE, FAR_SIDE} <= seen
        press(desk, Qt.Key.Key_K if tool.question.kind == "join?" else Qt.Key.Key_J)
        assert len(panel.proofreading.session.log.rows) == len(asked)
    assert ("join?", {3, 4}) in asked and groups(desk) == [[1, 2, 3], [4, 5, 6]]
    assert "Nothing is left" in panel.body.words.text() and not panel.body.answers["join"].isEnabled()
    press(desk, Qt.Key.Key_J)
    assert "nothing is left to ask" in desk.message
    panel.enter(Mode.SELECT)
    panel.enter(Mode.REVIEW)
    assert panel.tools[Mode.REVIEW].question is None  # decisions are remembered
    panel.undo()
    assert panel.tools[Mode.REVIEW].question is not None  # and undone


def test_an_answer_of_the_review_is_an_edit(proofreading):
    desk, panel = proofreading, proofreading.dock.proofread
    panel.enter(Mode.REVIEW)
    tool = panel.tools[Mode.REVIEW]
    while tool.question.kind != "join?":
        press(desk, Qt.Key.Key_N)
    press(desk, Qt.Key.Key_J)
    assert groups(desk) == [[1, 2, 3, 4, 5, 6]]
    press(desk, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert groups(desk) == [[1, 2, 3], [4, 5, 6]]


def test_several_are_selected_shown_alone_and_merged(proofreading):
    desk, panel = proofreading, proofreading.dock.proofread
    first, second = shown(desk, 1), shown(desk, 6)
    press_mouse(desk, column(1))
    assert panel.selection == [first] and not panel.body.merge_button.isEnabled()
    panel.body.only_selected.setChecked(True)
    assert shown(desk, 6) == 0
    panel.body.only_selected.setChecked(False)
    press_mouse(desk, column(6), "Shift")
    assert panel.selection == [first, second] and panel.selected == second
    press_mouse(desk, column(6), "Shift")
    assert panel.selection == [first]
    press_mouse(desk, column(6), "Shift")
    panel.body.merge_button.click()
    assert groups(desk) == [[1, 2, 3, 4, 5, 6]] and shown(desk, 1) == second
    panel.undo()
    assert groups(desk) == [[1, 2, 3], [4, 5, 6]]


def test_places_are_marked_visited_and_ticked_off(proofreading):
    desk, panel = proofreading, proofreading.dock.proofread
    for fragment in (2, 5):
        desk.viewer.cursor.position = tuple(desk.result.neuron_layer.data_to_world(column(fragment)))
        press(desk, Qt.Key.Key_O)
    assert panel.body.to_do.text() == "2 places to do" and len(desk.viewer.layers["to do"].data) == 2
    press(desk, Qt.Key.Key_I)
    np.testing.assert_allclose(
        desk.viewer.scene.camera.center[1:], desk.result.neuron_layer.data_to_world(column(2))[1:]
    )
    panel.body.tick_button.click()
    assert panel.body.to_do.text() == "1 place to do"
    np.testing.assert_array_equal(desk.viewer.layers["to do"].data, [column(5)])
    panel.undo()
    assert panel.body.to_do.text() == "2 places to do"
    desk.viewer.cursor.position = (0, 0, 0)
    press(desk, Qt.Key.Key_O)
    assert desk.message.startswith("outside") and panel.body.to_do.text() == "2 places to do"


def test_detach_takes_the_fragment_under_the_cursor(proofreading):
    desk = proofreading
    desk.viewer.cursor.position = tuple(desk.result.neuron_layer.data_to_world(column(2)))
    press(desk, Qt.Key.Key_Q)
    assert groups(desk) == [[1], [2], [3], [4, 5, 6]]


def test_a_session_is_ended_and_gone_on_with(proofreading):
    desk, panel = proofreading, proofreading.dock.proofread
    panel.enter(Mode.MERGE)
    click(desk, 1)
    click(desk, 4)
    folder = panel.proofreading.opened.folder
    panel.body.end_button.click()
    assert panel.proofreading is None and not desk.viewer.keymap and len(desk.viewer.mouse_wheel_callbacks) > 1
    assert shown(desk, 6) == shown(desk, 1) != 0
    desk.dock.segment.threshold.value = 0.05
    desk.wait(lambda: "Go on proofreading" in desk.message)
    assert desk.dock.segment.threshold.value == 0.5 and shown(desk, 6) == shown(desk, 1)
    assert panel.start_button.text() == "Go on proofreading"
    panel.start_button.click()
    desk.idle()
    assert panel.proofreading.opened.folder == folder and groups(desk) == [[1, 2, 3, 4, 5, 6]]
    panel.undo()
    assert groups(desk) == [[1, 2, 3], [4, 5, 6]]


def test_a_new_run_leaves_the_session_whole(proofreading):
    desk, panel = proofreading, proofreading.dock.proofread
    panel.enter(Mode.MERGE)
    click(desk, 1)
    click(desk, 4)
    edited, folder = desk.result, panel.proofreading.opened.folder
    desk.run()
    assert panel.proofreading is None and desk.result is not edited and edited.neuron_layer in desk.viewer.layers
    with open_session(folder) as opened:
        assert [row.kind for row in opened.session.log.rows] == ["merge"] and not opened.why_read_only


def test_a_session_is_opened_from_its_folder(proofreading, new_desk):
    desk, panel = proofreading, proofreading.dock.proofread
    panel.enter(Mode.MERGE)
    click(desk, 1)
    click(desk, 4)
    folder, before = panel.proofreading.opened.folder, panel.proofreading.session.state.digest()
    other = new_desk()
    other.dock.proofread.open(folder)
    other.idle()
    assert "is being edited" in other.message or "reading only" in other.message
    assert not other.dock.proofread.body.undo_button.isEnabled()
    panel.body.end_button.click()
    other.dock.proofread.body.end_button.click()
    other.dock.proofread.open(folder)
    other.idle()
    assert other.dock.proofread.proofreading.session.state.digest() == before
    assert groups(other) == [[1, 2, 3, 4, 5, 6]]
    other.dock.proofread.undo()
    assert groups(other) == [[1, 2, 3], [4, 5, 6]]


def test_a_folder_that_is_no_session_is_refused(proofreading, tmp_path):
    desk, panel = proofreading, proofreading.dock.proofread
    panel.body.end_button.click()
    panel.open(tmp_path)
    desk.idle()
    assert "this is none; choose another folder" in desk.message and panel.proofreading is None


def test_selected_neurons_are_seen_in_3d_and_picked_there(proofreading):
    desk, panel = proofreading, proofreading.dock.proofread
    first, second = shown(desk, 1), shown(desk, 6)
    panel.select(first)
    panel.body.view_button.click()
    view = panel._surfaces
    desk.wait(lambda: view.is_settled and view.shown == [first])
    panel.select(first, second)
    desk.wait(lambda: view.is_settled and set(view.shown) == {first, second})
    view.picked.emit(Click(column(1, z=2), False))
    assert panel.selection == [first] and desk.viewer.dims.current_step[0] == 2
    panel.enter(Mode.SPLIT)
    click(desk, 1)
    click(desk, 3, shift=True)
    panel.apply()
    assert len(panel.selection) == 2 and panel.selected == first  # what came off is looked at, too
    desk.wait(lambda: view.is_settled and len(view.shown) == 2)
    panel.body.end_button.click()
    assert view.is_released and panel._surfaces is None


def test_in_3d_the_first_neuron_that_the_eye_meets_is_picked(proofreading):
    desk, panel = proofreading, proofreading.dock.proofread
    desk.viewer.dims.ndisplay = 3
    layer = desk.result.neuron_layer
    look = {"view_direction": np.array([1.0, 0, 0]), "dims_displayed": [0, 1, 2]}
    for fragment, z in ((1, 0), (5, 0)):
        before = np.array(layer.data_to_world(column(fragment))) - [500, 0, 0]
        found = voxel_under(layer, panel.proofreading.clickable, SimpleNamespace(position=tuple(before), **look))
        assert found == (z, *column(fragment)[1:])
    aslant = np.array([0.0, 0, 1.0])  # along x: column 1 comes first
    start = np.array(layer.data_to_world(column(6))) - [0, 0, 5000]
    event = SimpleNamespace(position=tuple(start), view_direction=aslant, dims_displayed=[0, 1, 2])
    assert voxel_under(layer, panel.proofreading.clickable, event) == (1, 20, 0)
    panel.body.only_selected.setChecked(True)
    panel.select(panel.proofreading.neuron_at(column(6)))
    assert voxel_under(layer, panel.proofreading.clickable, event) == (1, 20, 30)  # hidden ones are looked through
    desk.viewer.dims.ndisplay = 2
