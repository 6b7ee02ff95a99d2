"""Proofreading in a real window: neurons drawn on paper, edited by clicks and keys."""

import numpy as np
import pytest
from proofreading_hands import click, column, groups, press, press_mouse, shown, sides
from qtpy.QtCore import Qt

from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.widgets.desk.sides import FAR_SIDE, NEAR_SIDE
from napari_emcad.widgets.kit.picking import Click
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
    panel.editor.edits.undo()
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
    panel.editor.edits.undo()
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
    panel.editor.edits.undo()
    assert panel.editor.tools[Mode.REVIEW].question is not None  # and undone


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
    panel.editor.edits.undo()
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
    panel.editor.edits.undo()
    assert panel.body.to_do.text() == "2 places to do"
    window.viewer.cursor.position = (0, 0, 0)
    press(window, Qt.Key.Key_O)
    assert window.message.startswith("outside") and panel.body.to_do.text() == "2 places to do"


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
    panel.editor.edits.undo()
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
    other.dock.proofread.editor.edits.undo()
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
    window.wait(lambda: view.scene.is_settled and view.scene.shown == [first])
    panel.editor.at.selection.select(first, second)
    window.wait(lambda: view.scene.is_settled and set(view.scene.shown) == {first, second})
    view.picked.emit(Click(column(1, z=2), False))
    assert panel.editor.at.selection.neurons == [first] and window.viewer.dims.current_step[0] == 2
    panel.editor.enter(Mode.SPLIT)
    click(window, 1)
    click(window, 3, shift=True)
    panel.editor.apply()
    selection = panel.editor.at.selection
    assert len(selection.neurons) == 2 and selection.last == first  # what came off is looked at, too
    window.wait(lambda: view.scene.is_settled and len(view.scene.shown) == 2)
    panel.body.end_button.click()
    assert view.is_released and panel._surfaces is None
