"""Proofreading in a real window: neurons drawn on paper, edited by clicks and keys."""

import numpy as np
import pytest
from proofreading_hands import click, column, groups, press, press_mouse, shown, sides
from qtpy.QtCore import Qt

from napari_emcad.widgets.desk.sides import NEAR_SIDE
from napari_emcad.widgets.kit.picking import Click
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
    assert panel.body.history.lines.index(0).data().endswith(f"merge {kept} <- {added}")
    press(window, Qt.Key.Key_Escape)
    assert panel.editor.mode is Mode.SELECT and not window.viewer.canvas.overlays.text.visible


def test_the_selected_neuron_has_a_rim_on_the_screen(proofreading):
    window, panel = proofreading, proofreading.dock.proofread
    (outline,) = panel._outlines

    def white() -> int:
        picture = outline.grab().toImage()
        pixels = ((x, y) for x in range(picture.width()) for y in range(picture.height()))
        return sum(picture.pixelColor(x, y).getRgb() == (255, 255, 255, 255) for x, y in pixels)

    assert not white()
    panel.editor.at.selection.select(shown(window, 1))
    rim = white()
    assert rim > 100
    panel.editor.centre()
    assert white() > rim  # a ring says where
    panel.editor.at.selection.select()
    window.dock.desk.sessions.end()
    assert not panel._outlines


def test_a_split_by_points_tab_and_enter(proofreading):
    window, panel = proofreading, proofreading.dock.proofread
    assert not panel._next_key.isEnabled()
    press(window, Qt.Key.Key_D)
    assert panel.body.split_row.isVisibleTo(panel) and not panel.body.apply_button.isEnabled()
    press_mouse(window, column(1))
    press_mouse(window, column(3), "Shift")
    assert "cost 0.90" in panel.body.words.text() and panel.body.apply_button.isEnabled()
    assert panel.body.next_button.isEnabled() and panel._next_key.isEnabled()
    panel._next_key.activated.emit()  # Qt hands shortcuts to windows on screen only
    assert "Split 2 of 2" in panel.body.words.text()
    panel.body.next_button.click()
    assert "Split 1 of 2" in panel.body.words.text()
    press(window, Qt.Key.Key_Backspace)
    assert not panel.body.apply_button.isEnabled()
    press_mouse(window, column(3), "Shift")
    press(window, Qt.Key.Key_Return)
    assert [4, 5, 6] in groups(window) and len(groups(window)) == 3
    panel.editor.leave()
    assert not panel.body.split_row.isVisibleTo(panel) and not panel._next_key.isEnabled()


def test_a_doubt_is_asked_about_in_the_panel(proofreading, monkeypatch):
    monkeypatch.setattr("napari_emcad.proofreading.plans.merges.VERY_LOW", 0.5)
    monkeypatch.setattr("napari_emcad.proofreading.plans.merges.FEW", 0)
    window, body = proofreading, proofreading.dock.proofread.body
    body.modes[Mode.MERGE].click()
    click(window, 1)
    click(window, 4)
    assert "is only 0.200; confirm to merge them." in body.question.words
    body.question.no_button.click()
    assert not body.question.words and len(groups(window)) == 2
    click(window, 4)
    body.question.yes_button.click()
    assert not body.question.words and groups(window) == [[1, 2, 3, 4, 5, 6]]


def test_the_review_is_answered_by_key_and_by_button(proofreading):
    window, panel = proofreading, proofreading.dock.proofread
    body, tool = panel.body, panel.editor.review
    body.modes[Mode.REVIEW].click()
    assert body.review_box.isVisibleTo(panel) and "one neuron" in body.words.text().lower()
    assert "matter" in body.facts.text() and "voxels" in body.facts.text() and body.answers["join"].isEnabled()
    press(window, Qt.Key.Key_N)
    assert "1 answer" in body.facts.text()
    while tool.question is not None:
        body.answers["apart" if tool.question.kind == "join?" else "join"].click()
    assert "Nothing is left" in body.words.text() and not body.answers["join"].isEnabled()
    assert groups(window) == [[1, 2, 3], [4, 5, 6]]


def test_safe_fixes_are_looked_through_in_a_list(proofreading, monkeypatch):
    monkeypatch.setattr(
        "napari_emcad.proofreading.review.safe_fixes.precision_of", lambda question: question.kind == "join?"
    )
    window, panel = proofreading, proofreading.dock.proofread
    body, fixes = panel.body, panel.body.fixes
    body.fixes_button.click()
    window.wait(lambda: fixes.list.count() == 1)
    assert fixes.isVisibleTo(panel) and fixes.make_button.text() == "Make 1 fix"
    fixes.list.item(0).setCheckState(Qt.CheckState.Unchecked)
    assert not fixes.make_button.isEnabled()
    fixes.list.item(0).setCheckState(Qt.CheckState.Checked)
    fixes.make_button.click()
    assert groups(window) == [[1, 2, 3, 4, 5, 6]] and not fixes.isVisibleTo(panel)


def test_looks_selection_and_marks_by_buttons(proofreading):
    window, panel = proofreading, proofreading.dock.proofread
    body, first, second = panel.body, shown(window, 1), shown(window, 6)
    press_mouse(window, column(1))
    assert not body.merge_button.isEnabled() and body.done_button.text().startswith("Done")
    body.only_selected.setChecked(True)
    assert shown(window, 6) == 0
    body.only_selected.setChecked(False)
    body.done_button.click()
    assert body.done_button.text().startswith("Not done")
    body.hide_done.setChecked(True)
    assert shown(window, 1) == 0
    press(window, Qt.Key.Key_H)
    assert shown(window, 1) == first and not body.hide_done.isChecked()
    body.done_button.click()
    press_mouse(window, column(6), "Shift")
    body.merge_button.click()
    assert groups(window) == [[1, 2, 3, 4, 5, 6]] and shown(window, 1) == second
    window.viewer.cursor.position = tuple(window.result.neuron_layer.data_to_world(column(2)))
    body.mark_button.click()
    assert body.to_do.text() == "1 place to do" and len(window.viewer.layers["to do"].data) == 1
    assert not body.tick_button.isEnabled()
    body.next_mark_button.click()
    body.tick_button.click()
    assert body.to_do.text() == "0 places to do" and not body.next_mark_button.isEnabled()


def test_history_greys_what_is_undone_goes_there_and_undoes_one(proofreading):
    window, panel = proofreading, proofreading.dock.proofread
    history = panel.body.history
    panel.editor.enter(Mode.MERGE)
    click(window, 1)
    click(window, 4)
    panel.body.undo_button.click()
    assert history.lines.rowCount() == 1 and "(undone)" in history.lines.index(0).data()
    assert panel.body.redo_button.toolTip().startswith("Redo merge")
    window.viewer.dims.set_point(0, 400)
    history.clicked.emit(history.lines.index(0))
    assert window.viewer.dims.point[0] == 440 and not panel.body.undo_one_button.isEnabled()
    panel.body.redo_button.click()
    assert not panel.body.undo_one_button.isEnabled(), "no edit is marked"
    history.setCurrentIndex(history.lines.index(0))
    history.clicked.emit(history.lines.index(0))
    panel.body.undo_one_button.click()
    assert groups(window) == [[1, 2, 3], [4, 5, 6]]


def test_the_rows_of_the_panel_come_and_go_with_the_session(proofreading):
    window, panel = proofreading, proofreading.dock.proofread
    press(window, Qt.Key.Key_D)
    panel.body.end_button.click()
    assert panel.editor is None and not panel.body.isVisibleTo(panel) and panel.before.isVisibleTo(panel)
    assert not panel._next_key.isEnabled() and panel.start_button.text() == "Go on proofreading"
    panel.start_button.click()
    assert not panel.start_button.isEnabled() and panel.start_button.toolTip() == "A job is running."
    window.idle()
    assert panel.body.isVisibleTo(panel) and not panel.before.isVisibleTo(panel)
    panel.editor.enter(Mode.SPLIT)
    click(window, 1)
    window.dock.release()
    assert not window.viewer.keymap and not any(layer.keymap for layer in window.viewer.layers)
    assert not any("napari_emcad" in heard.__module__ for heard in window.viewer.mouse_drag_callbacks)
    assert "split points" not in window.viewer.layers


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
