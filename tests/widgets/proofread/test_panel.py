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
from napari_emcad.widgets.proofread.history_text import edit_text
from napari_emcad.widgets.proofread.modes import Mode

pytestmark = pytest.mark.window


def test_merge_undo_redo_by_clicks_and_keys(proofreading):
    window, panel = proofreading, proofreading.dock.proofread
    kept, added = shown(window, 1), shown(window, 6)
    assert kept != added and groups(window) == [[1, 2, 3], [4, 5, 6]]
    press(window, Qt.Key.Key_A)
    assert panel.editor.mode is Mode.MERGE and panel.body.modes[Mode.MERGE].isChecked()
    assert "MERGE" in window.viewer.canvas.overlays.text.text and window.viewer.canvas.overlays.text.visible
    press_mouse(window, column(2))
    press_mouse(window, column(5))
    assert groups(window) == [[1, 2, 3, 4, 5, 6]]
    assert panel.body.toast.text() == f"merge {kept} <- {added}, 6 fragments"
    assert panel.body.undo_button.toolTip() == f"Undo merge {kept} <- {added}"
    for layer in window.viewer.layers:  # whatever layer is active
        window.viewer.layers.selection.active = layer
        press(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        assert groups(window) == [[1, 2, 3], [4, 5, 6]] and shown(window, 6) == added != 0
        press(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
        assert groups(window) == [[1, 2, 3, 4, 5, 6]] and sides(window)[column(6)] == NEAR_SIDE
    assert panel.body.history.item(0).text().endswith(f"merge {kept} <- {added}")
    press(window, Qt.Key.Key_Escape)
    assert panel.editor.mode is Mode.SELECT and not window.viewer.canvas.overlays.text.visible


def test_a_merge_across_a_gap_is_asked_about(proofreading):
    window, panel = proofreading, proofreading.dock.proofread
    panel.editor.enter(Mode.SPLIT)
    click(window, 1)
    click(window, 3, shift=True)
    panel.editor.apply()
    panel.editor.enter(Mode.MERGE)
    before = groups(window)
    alone = next(g for g in before if 1 in g)
    click(window, 1)
    click(window, 5)
    assert "do not touch" in panel.body.question.words and groups(window) == before
    panel.body.question.no_button.click()
    assert not panel.body.question.words and groups(window) == before
    click(window, 5)
    panel.body.question.yes_button.click()
    assert sorted([*alone, 4, 5, 6]) in groups(window) and not panel.body.question.words


def test_refusals_are_said(proofreading):
    window, panel = proofreading, proofreading.dock.proofread
    panel.editor.enter(Mode.MERGE)
    click(window, 1)
    click(window, 2)
    assert "already" in window.message and window.desk.message.kind == "error"
    assert len(panel.editor.at.session.log.rows) == 0


def test_split_with_preview_next_and_enter(proofreading):
    window, panel = proofreading, proofreading.dock.proofread
    neuron = shown(window, 1)
    press(window, Qt.Key.Key_D)
    press_mouse(window, column(1))
    press_mouse(window, column(3), "Shift")
    first = panel.editor.tools[Mode.SPLIT].proposal
    assert "cost 0.90" in panel.body.words.text() and sides(window)[column(3)] == FAR_SIDE
    assert groups(window) == [[1, 2, 3], [4, 5, 6]]
    assert "split points" in window.viewer.layers
    assert panel.body.next_button.isEnabled() and panel._next_key.isEnabled()
    panel._next_key.activated.emit()  # Qt hands shortcuts to windows on screen only
    assert panel.editor.tools[Mode.SPLIT].proposal is not first and "Split 2 of 2" in panel.body.words.text()
    press(window, Qt.Key.Key_Backspace)
    assert panel.editor.tools[Mode.SPLIT].proposal is None and sides(window)[column(3)] == NEAR_SIDE
    press_mouse(window, column(3), "Shift")
    far = panel.editor.tools[Mode.SPLIT].proposal.far.tolist()
    press(window, Qt.Key.Key_Return)
    assert far in groups(window) and shown(window, 1) == neuron
    assert panel.editor.tools[Mode.SPLIT].points.near == [column(1)] and not panel.editor.tools[Mode.SPLIT].points.far
    panel.editor.enter(Mode.SELECT)
    assert not window.viewer.layers["split points"].visible
    panel.editor.undo()
    assert groups(window) == [[1, 2, 3], [4, 5, 6]]


def test_points_in_two_neurons_are_refused_and_taken_away(proofreading):
    window, panel = proofreading, proofreading.dock.proofread
    panel.editor.enter(Mode.SPLIT)
    click(window, 1)
    click(window, 6, shift=True)
    assert "different segments" in window.message and not panel.editor.tools[Mode.SPLIT].points.far


def test_both_sides_in_one_fragment_split_the_fragment(proofreading):
    window, panel = proofreading, proofreading.dock.proofread
    panel.editor.enter(Mode.SPLIT)
    neuron = shown(window, 2)
    panel.editor.click(Click((1, 8, 15), False))
    panel.editor.click(Click((1, 40, 15), True))
    assert "one fragment" in panel.body.words.text()
    panel.editor.apply()
    data = window.result.neuron_layer.data
    assert data[1, 8, 15] == neuron != data[1, 40, 15]
    assert not window.result.neuron_layer.editable
    panel.editor.undo()
    assert data[1, 8, 15] == neuron == window.result.neuron_layer.data[1, 40, 15]
    assert groups(window) == [[1, 2, 3], [4, 5, 6]]


def test_done_neurons_are_hidden_and_refuse(proofreading):
    window, panel = proofreading, proofreading.dock.proofread
    neuron = shown(window, 1)
    press_mouse(window, column(1))
    assert panel.editor.at.selection.last == neuron
    press(window, Qt.Key.Key_T)
    assert panel.editor.at.session.state.locked == {neuron}
    panel.editor.enter(Mode.SPLIT)
    click(window, 1)
    click(window, 3, shift=True)
    assert "unlock it first" in window.message
    panel.body.hide_done.setChecked(True)
    assert shown(window, 1) == 0 and shown(window, 6) != 0
    assert window.result.neurons.table[1] == neuron  # exported all the same
    panel.body.hide_done.setChecked(False)
    press(window, Qt.Key.Key_T)
    assert not panel.editor.at.session.state.locked


def test_of_many_fragments_the_threshold_is_found_in_a_thread(proofreading, monkeypatch):
    """While it moves what is on the screen follows; an edit that comes in between is kept; undo goes the same way."""
    monkeypatch.setattr("napari_emcad.widgets.desk.on_screen.AT_ONCE", 0)
    window, panel = proofreading, proofreading.dock.proofread
    session = panel.editor.at.session
    before = session.state.digest()
    window.desk.threshold.move(0.05)
    moving = window.result.segmentation.tree.cut(0.05)
    np.testing.assert_array_equal(window.result.view.table, np.where(session.state.free, moving, session.state.table))
    assert session.state.digest() == before
    window.wait(lambda: session.state.threshold == 0.05)
    np.testing.assert_array_equal(window.result.view.table, session.state.table)
    after = session.state.digest()
    panel.editor.undo()
    panel.editor.at.edit(lambda: session.note((0, 0, 0)))
    panel.editor.at.edit(session.undo)
    window.wait(lambda: window.desk.results.is_settled)
    assert session.state.digest() == before
    panel.editor.redo()
    panel.editor.redo()
    window.wait(lambda: session.state.threshold == 0.05)
    assert session.state.digest() == after


def test_edits_hold_when_the_threshold_moves(proofreading):
    window, panel = proofreading, proofreading.dock.proofread
    panel.editor.enter(Mode.SPLIT)
    click(window, 1)
    click(window, 3, shift=True)
    panel.editor.apply()
    parted = [g for g in groups(window) if g != [4, 5, 6]]
    window.desk.threshold.move(0.05)
    window.wait(lambda: panel.editor.at.session.state.threshold == 0.05)
    assert groups(window) == sorted([*parted, [4], [5], [6]])
    assert len(window.result.neurons.sizes) == 5 and "5 neurons" in window.desk.threshold.read_out
    panel.editor.undo()
    assert window.desk.threshold.value == 0.5 and [4, 5, 6] in groups(window)


def test_the_list_of_neurons(proofreading):
    window, panel = proofreading, proofreading.dock.proofread
    model = panel.body.neurons.model
    neuron = shown(window, 6)
    row = model.ids.tolist().index(neuron)
    cells = [model.data(model.index(row, c)) for c in range(model.columnCount())]
    assert cells == [str(neuron), "3,600", "3", ""]
    panel.body.neurons.search.setText(str(neuron))
    assert model.ids.tolist() == [neuron]
    panel.body.neurons.chosen.emit([neuron])
    assert panel.editor.at.selection.last == neuron
    panel.body.neurons.entered.emit(neuron)
    world = window.result.neuron_layer.data_to_world(panel.editor.at.voxel_of(neuron))
    np.testing.assert_allclose(window.viewer.scene.camera.center[1:], world[1:])


def test_history_greys_what_is_undone_and_goes_there(proofreading):
    window, panel = proofreading, proofreading.dock.proofread
    panel.editor.enter(Mode.MERGE)
    click(window, 1)
    click(window, 4)
    panel.editor.undo()
    assert panel.body.history.count() == 1 and "(undone)" in panel.body.history.item(0).text()
    assert panel.body.redo_button.toolTip().startswith("Redo merge")
    window.viewer.dims.set_point(0, 400)
    panel.body.history.itemClicked.emit(panel.body.history.item(0))
    assert window.viewer.dims.point[0] == 440
    assert edit_text(panel.editor.at.session.log.rows[0]).startswith("merge")


def test_closing_gives_keys_and_canvas_back(proofreading):
    window, panel = proofreading, proofreading.dock.proofread
    panel.editor.enter(Mode.SPLIT)
    click(window, 1)
    window.dock.release()
    assert not window.viewer.keymap and not any(layer.keymap for layer in window.viewer.layers)
    assert not any("napari_emcad" in heard.__module__ for heard in window.viewer.mouse_drag_callbacks)
    assert not window.viewer.canvas.overlays.text.visible and window.viewer.canvas.overlays.text.text == ""
    assert "split points" not in window.viewer.layers


def test_a_removed_result_ends_its_session(proofreading):
    window, panel = proofreading, proofreading.dock.proofread
    panel.editor.enter(Mode.MERGE)
    window.viewer.layers.remove(window.result.neuron_layer)
    assert panel.editor is None and not window.viewer.keymap


def test_ids_beyond_the_dtype_get_another_one(proofreading):
    window, panel = proofreading, proofreading.dock.proofread
    assert window.result.view.dtype == np.uint16
    panel.editor.at.session.state.next_id = 70_000
    panel.editor.enter(Mode.SPLIT)
    click(window, 1)
    click(window, 3, shift=True)
    panel.editor.apply()
    assert shown(window, 3) == 70_000 and window.result.view.dtype == np.uint32


def test_clicks_snap_in_nanometres():
    """Scenario 22: the next section is 40 nm away, and 11 voxels on y are 44 nm."""
    labels = np.zeros((5, 60, 60), np.uint16)
    labels[3, 30, 30] = 7
    labels[2, 41, 30] = 8
    assert nearest_labelled(labels, (2, 30, 30), VoxelSize(40, 4, 4)) == (3, 30, 30)
    assert nearest_labelled(labels, (2, 34, 30), VoxelSize(40, 4, 4)) == (2, 41, 30)
    assert nearest_labelled(labels, (2, 5, 5), VoxelSize(40, 4, 4)) is None


def test_hovering_shows_both_sides_of_a_merge(proofreading):
    window, panel = proofreading, proofreading.dock.proofread
    panel.editor.enter(Mode.MERGE)
    hover(window, column(5))
    assert "sides" not in window.viewer.layers
    press_mouse(window, column(1))
    assert sides(window)[column(2)] == NEAR_SIDE and sides(window)[column(5)] == 0
    hover(window, column(5))
    assert sides(window)[column(2)] == NEAR_SIDE and sides(window)[column(5)] == FAR_SIDE
    assert panel.body.words.text().startswith(f"Click to add {panel.editor.at.neuron_at(column(5))} to ")
    hover(window, column(2))
    assert sides(window)[column(5)] == 0 and shown(window, 5) != 0
    panel.editor.enter(Mode.SELECT)
    assert not sides(window).any() and shown(window, 1) != 0


def test_the_wheel_walks_one_neuron_in_its_mode_and_scrolls_in_others(proofreading):
    window, panel = proofreading, proofreading.dock.proofread
    window.viewer.dims.set_current_step(0, 1)
    turn_wheel(window, column(1), up=True)
    assert window.viewer.dims.current_step[0] != 1 and groups(window) == [[1, 2, 3], [4, 5, 6]]
    before = window.viewer.dims.current_step
    press(window, Qt.Key.Key_G)
    turn_wheel(window, column(1), up=True)
    assert groups(window) == [[1, 2, 3, 4, 5, 6]] and window.viewer.dims.current_step == before
    assert panel.body.toast.text().startswith("grow 1 + ")
    turn_wheel(window, column(1), up=True)
    assert "nothing more joins" in window.message
    turn_wheel(window, column(1), up=False)
    assert groups(window) == [[1, 2, 3], [4, 5, 6]]
    panel.editor.undo()
    panel.editor.undo()
    assert groups(window) == [[1, 2, 3], [4, 5, 6]] and panel.editor.mode is Mode.GROW


def test_the_review_asks_shows_both_sides_and_takes_answers_by_key(proofreading):
    window, panel = proofreading, proofreading.dock.proofread
    tool = panel.editor.tools[Mode.REVIEW]
    asked = []
    press(window, Qt.Key.Key_R)
    assert panel.editor.mode is Mode.REVIEW and "one neuron" in panel.body.words.text().lower()
    assert "left" in panel.body.facts.text() and "millibits" in panel.body.facts.text()
    while tool.question is not None:
        asked.append((tool.question.kind, {tool.question.a, tool.question.b}))
        seen = set(np.unique(sides(window)).tolist())
        assert {NEAR_SIDE, FAR_SIDE} <= seen
        press(window, Qt.Key.Key_K if tool.question.kind == "join?" else Qt.Key.Key_J)
        assert len(panel.editor.at.session.log.rows) == len(asked)
    assert ("join?", {3, 4}) in asked and groups(window) == [[1, 2, 3], [4, 5, 6]]
    assert "Nothing is left" in panel.body.words.text() and not panel.body.answers["join"].isEnabled()
    press(window, Qt.Key.Key_J)
    assert "nothing is left to ask" in window.message
    panel.editor.enter(Mode.SELECT)
    panel.editor.enter(Mode.REVIEW)
    assert panel.editor.tools[Mode.REVIEW].question is None  # decisions are remembered
    panel.editor.undo()
    assert panel.editor.tools[Mode.REVIEW].question is not None  # and undone


def test_an_answer_of_the_review_is_an_edit(proofreading):
    window, panel = proofreading, proofreading.dock.proofread
    panel.editor.enter(Mode.REVIEW)
    tool = panel.editor.tools[Mode.REVIEW]
    while tool.question.kind != "join?":
        press(window, Qt.Key.Key_N)
    press(window, Qt.Key.Key_J)
    assert groups(window) == [[1, 2, 3, 4, 5, 6]]
    press(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert groups(window) == [[1, 2, 3], [4, 5, 6]]


def test_several_are_selected_shown_alone_and_merged(proofreading):
    window, panel = proofreading, proofreading.dock.proofread
    first, second = shown(window, 1), shown(window, 6)
    press_mouse(window, column(1))
    assert panel.editor.at.selection.neurons == [first] and not panel.body.merge_button.isEnabled()
    panel.body.only_selected.setChecked(True)
    assert shown(window, 6) == 0
    panel.body.only_selected.setChecked(False)
    press_mouse(window, column(6), "Shift")
    assert panel.editor.at.selection.neurons == [first, second] and panel.editor.at.selection.last == second
    press_mouse(window, column(6), "Shift")
    assert panel.editor.at.selection.neurons == [first]
    press_mouse(window, column(6), "Shift")
    panel.body.merge_button.click()
    assert groups(window) == [[1, 2, 3, 4, 5, 6]] and shown(window, 1) == second
    panel.editor.undo()
    assert groups(window) == [[1, 2, 3], [4, 5, 6]]


def test_places_are_marked_visited_and_ticked_off(proofreading):
    window, panel = proofreading, proofreading.dock.proofread
    for fragment in (2, 5):
        window.viewer.cursor.position = tuple(window.result.neuron_layer.data_to_world(column(fragment)))
        press(window, Qt.Key.Key_O)
    assert panel.body.to_do.text() == "2 places to do" and len(window.viewer.layers["to do"].data) == 2
    press(window, Qt.Key.Key_I)
    np.testing.assert_allclose(
        window.viewer.scene.camera.center[1:], window.result.neuron_layer.data_to_world(column(2))[1:]
    )
    panel.body.tick_button.click()
    assert panel.body.to_do.text() == "1 place to do"
    np.testing.assert_array_equal(window.viewer.layers["to do"].data, [column(5)])
    panel.editor.undo()
    assert panel.body.to_do.text() == "2 places to do"
    window.viewer.cursor.position = (0, 0, 0)
    press(window, Qt.Key.Key_O)
    assert window.message.startswith("outside") and panel.body.to_do.text() == "2 places to do"


def test_detach_takes_the_fragment_under_the_cursor(proofreading):
    window = proofreading
    window.viewer.cursor.position = tuple(window.result.neuron_layer.data_to_world(column(2)))
    press(window, Qt.Key.Key_Q)
    assert groups(window) == [[1], [2], [3], [4, 5, 6]]


def test_a_session_is_ended_and_gone_on_with(proofreading):
    window, panel = proofreading, proofreading.dock.proofread
    panel.editor.enter(Mode.MERGE)
    click(window, 1)
    click(window, 4)
    folder = panel.editor.at.opened.folder
    panel.body.end_button.click()
    assert panel.editor is None and not window.viewer.keymap and len(window.viewer.mouse_wheel_callbacks) > 1
    assert shown(window, 6) == shown(window, 1) != 0
    window.desk.threshold.move(0.05)
    window.wait(lambda: "Go on proofreading" in window.message)
    assert window.desk.threshold.value == 0.5 and shown(window, 6) == shown(window, 1)
    assert panel.start_button.text() == "Go on proofreading"
    panel.start_button.click()
    window.idle()
    assert panel.editor.at.opened.folder == folder and groups(window) == [[1, 2, 3, 4, 5, 6]]
    panel.editor.undo()
    assert groups(window) == [[1, 2, 3], [4, 5, 6]]


def test_a_new_run_leaves_the_session_whole(proofreading):
    window, panel = proofreading, proofreading.dock.proofread
    panel.editor.enter(Mode.MERGE)
    click(window, 1)
    click(window, 4)
    edited, folder = window.result, panel.editor.at.opened.folder
    window.run()
    assert panel.editor is None and window.result is not edited and edited.neuron_layer in window.viewer.layers
    with open_session(folder) as opened:
        assert [row.kind for row in opened.session.log.rows] == ["merge"] and not opened.why_read_only


def test_a_session_is_opened_from_its_folder(proofreading, new_window):
    window, panel = proofreading, proofreading.dock.proofread
    panel.editor.enter(Mode.MERGE)
    click(window, 1)
    click(window, 4)
    folder, before = panel.editor.at.opened.folder, panel.editor.at.session.state.digest()
    other = new_window()
    other.dock.desk.sessions.open(folder)
    other.idle()
    assert "is being edited" in other.message or "reading only" in other.message
    assert not other.dock.proofread.body.undo_button.isEnabled()
    panel.body.end_button.click()
    other.dock.proofread.body.end_button.click()
    other.dock.desk.sessions.open(folder)
    other.idle()
    assert other.dock.desk.sessions.current.session.state.digest() == before
    assert groups(other) == [[1, 2, 3, 4, 5, 6]]
    other.dock.proofread.editor.undo()
    assert groups(other) == [[1, 2, 3], [4, 5, 6]]


def test_a_folder_that_is_no_session_is_refused(proofreading, tmp_path):
    window, panel = proofreading, proofreading.dock.proofread
    panel.body.end_button.click()
    proofreading.desk.sessions.open(tmp_path)
    window.idle()
    assert "this is none; choose another folder" in window.message and panel.editor is None


def test_selected_neurons_are_seen_in_3d_and_picked_there(proofreading):
    window, panel = proofreading, proofreading.dock.proofread
    first, second = shown(window, 1), shown(window, 6)
    panel.editor.at.selection.select(first)
    panel.body.view_button.click()
    view = panel._surfaces
    window.wait(lambda: view.is_settled and view.shown == [first])
    panel.editor.at.selection.select(first, second)
    window.wait(lambda: view.is_settled and set(view.shown) == {first, second})
    view.picked.emit(Click(column(1, z=2), False))
    assert panel.editor.at.selection.neurons == [first] and window.viewer.dims.current_step[0] == 2
    panel.editor.enter(Mode.SPLIT)
    click(window, 1)
    click(window, 3, shift=True)
    panel.editor.apply()
    selection = panel.editor.at.selection
    assert len(selection.neurons) == 2 and selection.last == first  # what came off is looked at, too
    window.wait(lambda: view.is_settled and len(view.shown) == 2)
    panel.body.end_button.click()
    assert view.is_released and panel._surfaces is None


def test_in_3d_the_first_neuron_that_the_eye_meets_is_picked(proofreading):
    window, panel = proofreading, proofreading.dock.proofread
    window.viewer.dims.ndisplay = 3
    layer = window.result.neuron_layer
    look = {"view_direction": np.array([1.0, 0, 0]), "dims_displayed": [0, 1, 2]}
    for fragment, z in ((1, 0), (5, 0)):
        before = np.array(layer.data_to_world(column(fragment))) - [500, 0, 0]
        found = voxel_under(layer, panel.editor.at.clickable, SimpleNamespace(position=tuple(before), **look))
        assert found == (z, *column(fragment)[1:])
    aslant = np.array([0.0, 0, 1.0])  # along x: column 1 comes first
    start = np.array(layer.data_to_world(column(6))) - [0, 0, 5000]
    event = SimpleNamespace(position=tuple(start), view_direction=aslant, dims_displayed=[0, 1, 2])
    assert voxel_under(layer, panel.editor.at.clickable, event) == (1, 20, 0)
    panel.body.only_selected.setChecked(True)
    panel.editor.at.selection.select(panel.editor.at.neuron_at(column(6)))
    assert voxel_under(layer, panel.editor.at.clickable, event) == (1, 20, 30)  # hidden ones are looked through
    window.viewer.dims.ndisplay = 2
