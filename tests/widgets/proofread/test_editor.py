"""Editing the drawn neurons without a window, by clicks, keys and the wheel."""

import numpy as np
import pytest
from proofreading_hands import column, groups, hover, press_mouse, shown, sides, turn_wheel

from napari_emcad.widgets.desk.sides import FAR_SIDE, NEAR_SIDE
from napari_emcad.widgets.kit.picking import Click
from napari_emcad.widgets.proofread.modes import Mode

APART, JOINED = [[1, 2, 3], [4, 5, 6]], [[1, 2, 3, 4, 5, 6]]


# ---- merge, undo and redo --------------------------------------------------------------------------------------------


def test_merge_undo_redo_by_clicks_and_keys(editing):
    viewer, attempts = editing.viewer, editing.editor.attempts
    kept, added = shown(editing, 1), shown(editing, 6)
    assert kept != added and groups(editing) == APART
    editing.press("A")
    assert editing.editor.mode is Mode.MERGE
    assert "MERGE" in viewer.canvas.overlays.text.text and viewer.canvas.overlays.text.visible
    press_mouse(editing, column(2))
    press_mouse(editing, column(5))
    assert groups(editing) == JOINED and attempts.toast == f"merge {kept} <- {added}, 6 fragments"
    for layer in viewer.layers:  # whatever layer is active
        viewer.layers.selection.active = layer
        editing.press("Control-Z")
        assert groups(editing) == APART and shown(editing, 6) == added != 0
        assert attempts.toast == f"undone: merge {kept} <- {added}"
        editing.press("Control-Shift-Z")
        assert groups(editing) == JOINED and sides(editing)[column(6)] == NEAR_SIDE
        assert attempts.toast == f"done again: merge {kept} <- {added}"
    editing.press("Escape")
    assert editing.editor.mode is Mode.SELECT and not viewer.canvas.overlays.text.visible


def test_a_merge_across_a_gap_is_asked_about(editing):
    editing.enter(Mode.SPLIT)
    editing.click(1)
    editing.click(3, shift=True)
    editing.editor.apply()
    editing.enter(Mode.MERGE)
    before = groups(editing)
    alone = next(g for g in before if 1 in g)
    editing.click(1)
    editing.click(5)
    assert "do not touch" in editing.editor.attempts.doubt and groups(editing) == before
    editing.editor.attempts.drop_doubt()
    assert not editing.editor.attempts.doubt and groups(editing) == before
    editing.click(5)
    editing.editor.confirm()
    assert sorted([*alone, 4, 5, 6]) in groups(editing) and not editing.editor.attempts.doubt


def test_another_mode_forgets_the_doubt(editing, monkeypatch):
    monkeypatch.setattr("napari_emcad.proofreading.plans.merges.VERY_LOW", 0.5)
    monkeypatch.setattr("napari_emcad.proofreading.plans.merges.FEW", 0)
    editing.enter(Mode.MERGE)
    editing.click(1)
    editing.click(4)
    assert editing.editor.attempts.doubt
    editing.editor.leave()
    assert not editing.editor.attempts.doubt and editing.rows == []


def test_enter_and_esc_answer_with_the_keyboard_on_the_canvas(editing, monkeypatch):
    """In each mode the keys are those of the mode again once there is no question."""
    monkeypatch.setattr("napari_emcad.proofreading.plans.merges.VERY_LOW", 0.5)
    banner = editing.viewer.canvas.overlays.text
    editing.press("A")
    editing.click(1)
    editing.click(4)
    assert editing.editor.attempts.doubt and "Enter merges them" in banner.text
    editing.press("Escape")
    assert not editing.editor.attempts.doubt and editing.editor.mode is Mode.MERGE and editing.rows == []
    assert "click the neuron to keep" in banner.text
    editing.click(4)
    editing.press("Enter")
    assert groups(editing) == JOINED and editing.rows == ["merge"] and not editing.editor.attempts.doubt
    editing.press("Enter")
    assert editing.rows == ["merge"]
    editing.press("Escape")
    assert editing.editor.mode is Mode.SELECT and not banner.visible


def test_an_error_is_gone_once_something_succeeds(editing):
    for act in (lambda: editing.click(4), lambda: editing.enter(Mode.SPLIT), editing.editor.edits.toggle_done):
        editing.editor.edits.redo()
        assert editing.said("redo: there is nothing to redo")
        act()
        assert editing.message == "" and editing.desk.message.kind == "hint"
        editing.enter(Mode.SELECT)


def test_several_are_selected_shown_alone_and_merged(editing):
    first, second = shown(editing, 1), shown(editing, 6)
    selection = editing.at.selection
    press_mouse(editing, column(1))
    assert selection.neurons == [first] and "Shift+click" in editing.editor.edits.why_no_merge
    editing.at.only_selected = True
    assert shown(editing, 6) == 0
    editing.at.only_selected = False
    press_mouse(editing, column(6), "Shift")
    assert selection.neurons == [first, second] and selection.last == second
    press_mouse(editing, column(6), "Shift")
    assert selection.neurons == [first]
    press_mouse(editing, column(6), "Shift")
    assert editing.editor.edits.why_no_merge == ""
    editing.editor.edits.merge_selected()
    assert groups(editing) == JOINED and shown(editing, 1) == second
    editing.editor.edits.undo()
    assert groups(editing) == APART


def test_hovering_shows_both_sides_of_a_merge(editing):
    editing.enter(Mode.MERGE)
    hover(editing, column(5))
    assert not editing.viewer.layers["sides"].visible
    press_mouse(editing, column(1))
    assert sides(editing)[column(2)] == NEAR_SIDE and sides(editing)[column(5)] == 0
    hover(editing, column(5))
    assert sides(editing)[column(2)] == NEAR_SIDE and sides(editing)[column(5)] == FAR_SIDE
    assert editing.editor.words.startswith(f"Click to merge {editing.at.neuron_at(column(5))} into ")
    hover(editing, column(2))
    assert sides(editing)[column(5)] == 0 and shown(editing, 5) != 0
    editing.enter(Mode.SELECT)
    assert not sides(editing).any() and shown(editing, 1) != 0


def test_shift_keeps_another_neuron(editing):
    kept = shown(editing, 6)
    editing.enter(Mode.MERGE)
    editing.click(1)
    editing.click(6, shift=True)
    editing.click(1)
    assert groups(editing) == JOINED and editing.at.neuron_at(column(1)) == kept


# ---- split -----------------------------------------------------------------------------------------------------------


def test_split_with_preview_next_back_and_enter(editing):
    neuron, tool = shown(editing, 1), editing.editor.split
    editing.press("D")
    press_mouse(editing, column(1))
    press_mouse(editing, column(3), "Shift")
    first = tool.proposal
    assert "cost 0.90" in editing.editor.words and sides(editing)[column(3)] == FAR_SIDE
    assert groups(editing) == APART and "split points" in editing.viewer.layers
    assert tool.can_change and tool.can_apply
    editing.editor.next()
    assert tool.proposal is not first and "Split 2 of 2" in editing.editor.words
    editing.editor.next()
    assert tool.proposal is first
    editing.press("Backspace")
    assert tool.proposal is None and sides(editing)[column(3)] == NEAR_SIDE
    press_mouse(editing, column(3), "Shift")
    far = tool.proposal.far.tolist()
    editing.press("Enter")
    assert far in groups(editing) and shown(editing, 1) == neuron
    assert tool.points.near == [column(1)] and not tool.points.far
    editing.enter(Mode.SELECT)
    assert not editing.viewer.layers["split points"].visible
    editing.editor.edits.undo()
    assert groups(editing) == APART


def test_what_comes_off_a_selected_neuron_is_selected_with_it(editing):
    neuron = shown(editing, 1)
    editing.at.selection.select(neuron)
    editing.enter(Mode.SPLIT)
    editing.click(1)
    editing.click(3, shift=True)
    editing.editor.apply()
    assert set(editing.at.selection.neurons) == {neuron, shown(editing, 3)}
    assert editing.at.selection.last == neuron


def test_a_first_side_in_another_neuron_starts_anew(editing):
    points = editing.editor.split.points
    editing.enter(Mode.SPLIT)
    editing.click(1)
    editing.click(2)
    assert points.near == [column(1), column(2)]
    editing.click(5)
    assert points.near == [column(5)]


def test_both_sides_in_one_fragment_split_the_fragment(editing):
    editing.enter(Mode.SPLIT)
    neuron = shown(editing, 2)
    editing.editor.click(Click((1, 8, 15), False))
    editing.editor.click(Click((1, 40, 15), True))
    assert "its two parts are being found" in editing.editor.words and not editing.editor.split.can_apply
    editing.editor.apply()
    assert editing.said("split: the two parts are being found") and editing.rows == []
    editing.loop.work()
    assert "Split inside one fragment: cost" in editing.editor.words and editing.editor.split.can_apply
    parts = editing.viewer.layers["parts"]
    inside = (1, 8, 15), (1, 40, 15)
    there = [
        tuple(np.round(parts.world_to_data(editing.result.neuron_layer.data_to_world(v))).astype(int)) for v in inside
    ]
    assert parts.visible and [parts.data[v] for v in there] == [NEAR_SIDE, FAR_SIDE]
    assert sides(editing)[1, 8, 15] == 0 and sides(editing)[column(1)] and editing.rows == []
    editing.editor.apply()
    assert not parts.visible
    data = editing.result.neuron_layer.data
    assert data[1, 8, 15] == neuron != data[1, 40, 15]
    assert not editing.result.neuron_layer.editable
    editing.editor.edits.undo()
    assert data[1, 8, 15] == neuron == editing.result.neuron_layer.data[1, 40, 15]
    assert groups(editing) == APART


def test_an_id_above_65_535(editing):
    editing.session.state.next_id = 70_000
    editing.enter(Mode.SPLIT)
    editing.click(1)
    editing.click(3, shift=True)
    editing.editor.apply()
    assert shown(editing, 3) == 70_000 and editing.result.view.dtype == np.uint32


def test_an_edit_without_the_tool_takes_its_points_away(editing):
    editing.enter(Mode.SPLIT)
    editing.click(1)
    editing.click(3, shift=True)
    editing.point_at(column(2))
    editing.press("Q")
    assert groups(editing) == [[1], [2], [3], [4, 5, 6]] and editing.editor.split.proposal is None
    assert not len(editing.editor.split.points)


# ---- grow ------------------------------------------------------------------------------------------------------------


def test_the_wheel_walks_one_neuron_in_its_mode_and_scrolls_in_others(editing):
    viewer = editing.viewer
    viewer.dims.set_current_step(0, 1)
    turn_wheel(editing, column(1), up=True)
    assert viewer.dims.current_step[0] != 1 and groups(editing) == APART
    before = viewer.dims.current_step
    editing.press("G")
    turn_wheel(editing, column(1), up=True)
    assert groups(editing) == JOINED and viewer.dims.current_step == before
    assert editing.editor.attempts.toast.startswith("grow 1 + ")
    turn_wheel(editing, column(1), up=True)
    assert editing.said("nothing more joins")
    turn_wheel(editing, column(1), up=False)
    assert groups(editing) == APART
    editing.editor.edits.undo()
    editing.editor.edits.undo()
    assert groups(editing) == APART and editing.editor.mode is Mode.GROW


# ---- done, detach and places to do -----------------------------------------------------------------------------------


def test_done_neurons_are_hidden_and_refuse(editing):
    neuron = shown(editing, 1)
    press_mouse(editing, column(1))
    assert editing.at.selection.last == neuron
    editing.press("T")
    assert editing.session.state.locked == {neuron} and editing.editor.edits.is_done
    editing.enter(Mode.SPLIT)
    editing.click(1)
    editing.click(3, shift=True)
    assert editing.said("take the tick off first")
    editing.press("H")
    assert shown(editing, 1) == 0 and shown(editing, 6) != 0
    assert editing.result.neurons.table[1] == neuron  # exported all the same
    editing.press("H")
    editing.press("T")
    assert not editing.session.state.locked and not editing.editor.edits.is_done


def test_detach_takes_the_fragment_under_the_cursor(editing):
    editing.point_at(column(2))
    editing.press("Q")
    assert groups(editing) == [[1], [2], [3], [4, 5, 6]]


def test_what_tools_draw_does_not_extend_the_view(editing):
    layers = editing.viewer.layers

    def seen() -> list:
        editing.viewer.fit_to_view()
        camera = editing.viewer.scene.camera
        return [layers.extent.world.tolist(), editing.viewer.dims.range, camera.center, camera.zoom]

    before, count = seen(), len(layers)
    editing.enter(Mode.MERGE)
    editing.click(1)
    editing.editor.hover(column(6))
    assert seen() == before
    editing.enter(Mode.SPLIT)
    editing.editor.click(Click((0, 0, 0), False))
    editing.editor.click(Click((2, 47, 63), True))
    assert seen() == before
    assert len(layers) == count + 2, layers
    editing.enter(Mode.SELECT)
    editing.point_at(column(6, z=2))
    editing.press("O")
    editing.editor.marks.show()
    assert seen() == before and len(layers) == count + 3


def test_marked_are_the_neurons_that_were_selected_or_both_sides(editing):
    at = editing.at
    assert at.marked == (at.layer, [])
    neuron = at.neuron_at(column(2))
    at.selection.select(neuron)
    assert at.marked == (at.layer, [neuron])
    editing.enter(Mode.MERGE)
    editing.click(1)
    layer, chosen = at.marked
    assert layer.name == "sides" and chosen is None
    editing.enter(Mode.SELECT)
    assert at.marked[0] is at.layer


def test_places_are_marked_visited_and_ticked_off(editing):
    marks, layer = editing.editor.marks, editing.result.neuron_layer
    for fragment in (2, 5):
        editing.point_at(column(fragment))
        editing.press("O")
    marks.show()
    assert len(marks.rows) == 2 and len(editing.viewer.layers["to do"].data) == 2 and not marks.can_tick_off
    editing.press("I")
    np.testing.assert_allclose(editing.viewer.scene.camera.center[1:], layer.data_to_world(column(2))[1:])
    marks.tick_off()
    marks.show()
    assert len(marks.rows) == 1
    np.testing.assert_array_equal(editing.viewer.layers["to do"].data, [column(5)])
    editing.editor.edits.undo()
    assert len(marks.rows) == 2
    for fragment in (5, 2):
        editing.press("I")
        np.testing.assert_allclose(editing.viewer.scene.camera.center[1:], layer.data_to_world(column(fragment))[1:])


def test_a_mark_leaves_the_tool_as_it_is(editing):
    changed = []
    editing.editor.changed.connect(lambda: changed.append(len(editing.editor.marks.rows)))
    editing.enter(Mode.SPLIT)
    editing.click(1)
    editing.click(3, shift=True)
    proposal = editing.editor.split.proposal
    editing.point_at(column(2))
    editing.press("O")
    editing.press("I")
    editing.editor.marks.tick_off()
    assert editing.editor.split.proposal is proposal and sides(editing)[column(3)] == FAR_SIDE
    assert editing.rows == ["note", "note"] and 1 in changed and changed[-1] == 0


# ---- the threshold ---------------------------------------------------------------------------------------------------


def test_edits_hold_when_the_threshold_moves(editing):
    desk, loop = editing.desk, editing.loop
    editing.enter(Mode.SPLIT)
    editing.click(1)
    editing.click(3, shift=True)
    editing.editor.apply()
    parted = [g for g in groups(editing) if g != [4, 5, 6]]
    desk.threshold.move(0.05)
    loop.settle()
    assert editing.session.state.threshold == 0.05 and groups(editing) == sorted([*parted, [4], [5], [6]])
    assert len(editing.result.neurons.sizes) == 5 and "5 neurons" in desk.threshold.read_out
    editing.editor.edits.undo()
    assert editing.session.state.threshold == 0.5 and [4, 5, 6] in groups(editing)


def test_of_many_fragments_the_threshold_is_found_in_a_thread(editing, monkeypatch):
    """While it moves what is on the screen follows; an edit that comes in between is kept; undo goes the same way."""
    monkeypatch.setattr("napari_emcad.widgets.desk.on_screen.AT_ONCE", 0)
    session, loop, edits = editing.session, editing.loop, editing.editor.edits
    before = session.state.digest()
    editing.desk.threshold.move(0.05)
    moving = editing.result.segmentation.tree.cut(0.05)
    np.testing.assert_array_equal(editing.result.view.table, np.where(session.state.free, moving, session.state.table))
    assert session.state.digest() == before
    loop.settle()
    assert session.state.threshold == 0.05
    np.testing.assert_array_equal(editing.result.view.table, session.state.table)
    after = session.state.digest()
    edits.undo()
    editing.at.edit(lambda: session.note((0, 0, 0)))
    editing.at.edit(session.undo)
    loop.settle()
    assert session.state.digest() == before
    edits.redo()
    edits.redo()
    loop.settle()
    assert session.state.digest() == after


def test_another_edit_takes_the_place_of_an_undo_that_is_still_foreseen(editing, monkeypatch):
    editing.desk.threshold.move(0.05)
    editing.loop.settle()
    monkeypatch.setattr("napari_emcad.widgets.desk.on_screen.AT_ONCE", 0)
    editing.editor.edits.undo()
    editing.at.edit(lambda: editing.session.note((0, 0, 0)))
    editing.loop.settle()
    assert editing.session.state.threshold == 0.05 and editing.rows == ["threshold", "note"]


# ---- refusals --------------------------------------------------------------------------------------------------------


def test_merges_that_are_refused(editing):
    editing.enter(Mode.MERGE)
    editing.click(1)
    editing.click(2)
    assert editing.said("merge: both points are in neuron 1 already; click another neuron.")
    press_mouse(editing, (1, 200, 20))
    assert editing.said("background: there is no neuron within 100 nm; click on one.")
    assert editing.rows == []
    editing.at.selection.select(editing.at.neuron_at(column(5)))
    editing.editor.edits.toggle_done()
    editing.enter(Mode.MERGE)
    editing.click(1)
    editing.click(5)
    assert editing.said("done: neuron 4 is done; take the tick off first.")
    assert editing.rows == ["lock"] and groups(editing) == APART


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("VERY_LOW", 0.5, "merge: the affinity between neurons 1 and 4 is only 0.200; confirm to merge them."),
        ("BY_FAR", 0.1, "merge: neurons 1 and 4 would be by far the largest neuron; confirm to merge them."),
    ],
)
def test_doubts_are_asked_about(editing, monkeypatch, name, value, words):
    monkeypatch.setattr(f"napari_emcad.proofreading.plans.merges.{name}", value)
    monkeypatch.setattr("napari_emcad.proofreading.plans.merges.FEW", 0)
    editing.enter(Mode.MERGE)
    editing.click(1)
    editing.click(4)
    assert editing.editor.attempts.doubt == words and editing.rows == []
    editing.editor.confirm()
    assert groups(editing) == JOINED and editing.rows == ["merge"]


def test_splits_that_are_refused(editing):
    editing.enter(Mode.SPLIT)
    editing.editor.apply()
    assert editing.said("split: points on both sides are needed; click one side, Shift+click the other.")
    editing.click(1)
    editing.click(6, shift=True)
    assert editing.said("split: the points are in different neurons; place all of them in one.")
    assert not editing.editor.split.points.far
    editing.click(2, shift=True)
    editing.editor.click(Click((1, 30, column(1)[2]), True))
    assert editing.said("split: one fragment is on both sides; split the fragment itself.")
    assert editing.rows == []


def test_detaches_and_marks_that_are_refused(editing):
    editing.viewer.cursor.position = (0, 0, 0)
    for key in ("Q", "O"):
        editing.press(key)
        assert editing.said("outside: the cursor is not over the neurons; put it on one.")
    for _ in range(3):
        editing.point_at(column(2))
        editing.press("Q")
    assert editing.said("has no other fragment; there is nothing to detach it from.")
    editing.point_at((1, 20, 63))
    editing.press("Q")
    assert editing.said("background: there is no neuron here; click on one.")
    editing.press("I")
    assert editing.said("to do: no place is marked; press O over one.")
    editing.editor.marks.tick_off()
    assert editing.said("to do: 0 is no open place; choose one from the list.")


def test_3d_shows_no_depth_under_the_cursor(editing):
    editing.viewer.dims.ndisplay = 3
    editing.press("Q")
    assert editing.said("detach: the cursor shows no depth in 3D; go back to 2D.")
    editing.press("O")
    assert editing.said("mark: the cursor shows no depth in 3D; go back to 2D.")


def test_nothing_to_undo_or_redo(editing):
    editing.editor.edits.undo()
    assert editing.said("undo: there is nothing to undo.")
    editing.editor.edits.redo()
    assert editing.said("redo: there is nothing to redo.")


def test_an_earlier_edit_on_which_a_later_one_builds_stays(editing):
    editing.enter(Mode.MERGE)
    editing.click(1)
    editing.click(4)
    editing.at.selection.select(1)
    editing.editor.edits.toggle_done()
    merge, _ = editing.session.log.rows
    editing.editor.edits.undo_one(merge)
    assert editing.said("undo: edit 2 (lock) changed the same; undo that one first.")
    assert editing.rows == ["merge", "lock"]


def test_an_earlier_edit_alone_is_undone(editing):
    for fragment in (2, 5):
        editing.point_at(column(fragment))
        editing.press("Q")
    assert groups(editing) == [[1], [2], [3], [4], [5], [6]]
    edits, row = editing.editor.edits, editing.session.log.rows[0]
    assert edits.why_no_undo_of(None) == "Click an edit in the history first." and edits.why_no_undo_of(row) == ""
    edits.undo_one(row)
    assert edits.why_no_undo_of(row) == "It is undone already."
    assert groups(editing) == [[1, 2, 3], [4], [5], [6]]
    assert editing.editor.attempts.toast.startswith("undone: detach")


def test_no_neuron_is_selected(editing):
    editing.at.selection.select(999)
    editing.press("T")
    assert editing.said("done: no neuron is selected; click one in the mode Select, or in the list.")
    editing.press("C")
    assert editing.said("centre: no neuron is selected; click one in the mode Select, or in the list.")
    editing.editor.edits.merge_selected()
    assert editing.said("merge: several neurons are needed; Shift+click them in the mode Select, or in the list.")


def test_the_canvas_goes_to_the_selected_neuron(editing):
    neuron = shown(editing, 6)
    editing.at.selection.select(neuron)
    editing.press("C")
    world = editing.result.neuron_layer.data_to_world(editing.at.voxel_of(neuron))
    np.testing.assert_allclose(editing.viewer.scene.camera.center, world)


def test_paint_is_refused_and_nothing_is_lost(editing):
    before = np.asarray(editing.at.layer.data)
    for key in "1234":
        editing.desk.message.say("")
        editing.press(key)
        assert editing.said("paint: neurons are made of fragments, not of paint.")
        assert str(editing.at.layer.mode) == "pan_zoom"
    np.testing.assert_array_equal(np.asarray(editing.at.layer.data), before)


def test_a_full_disk_is_said_and_nothing_changes(editing, monkeypatch):
    class Full:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return False

        def execute(self, *_):
            import sqlite3

            raise sqlite3.OperationalError("database or disk is full")

    before = editing.session.state.digest()
    editing.enter(Mode.MERGE)
    editing.click(1)
    with monkeypatch.context() as patch:
        patch.setattr(editing.session.log, "_database", Full())
        editing.click(4)
    assert editing.said("could not be written (database or disk is full); nothing was changed.")
    assert editing.session.state.digest() == before and groups(editing) == APART


# ---- picking in 3D, and the end --------------------------------------------------------------------------------------


def test_in_3d_the_first_neuron_that_the_eye_meets_is_picked(editing):
    editing.viewer.dims.ndisplay = 3
    layer = editing.result.neuron_layer
    for fragment in (1, 5):
        editing.look_from(np.array(layer.data_to_world(column(fragment))) - [500, 0, 0], (1, 0, 0))
        assert editing.at.selection.last == editing.at.neuron_at(column(fragment))
    along_x = np.array(layer.data_to_world(column(6))) - [0, 0, 5000]
    editing.look_from(along_x, (0, 0, 1))
    assert editing.at.selection.last == editing.at.neuron_at(column(1))
    editing.at.only_selected = True
    editing.at.selection.select(editing.at.neuron_at(column(6)))
    editing.look_from(along_x, (0, 0, 1))  # hidden ones are looked through
    assert editing.at.selection.last == editing.at.neuron_at(column(6))


def test_closing_gives_keys_and_canvas_back(editing):
    viewer = editing.viewer
    editing.enter(Mode.SPLIT)
    editing.click(1)
    editing.point_at(column(2))
    editing.press("O")
    editing.editor.marks.show()
    editing.proofreader.close()
    assert not viewer.keymap and not any(layer.keymap for layer in viewer.layers)
    heard = [*viewer.mouse_drag_callbacks, *viewer.mouse_move_callbacks, *viewer.mouse_wheel_callbacks]
    assert not any("napari_emcad" in callback.__module__ for callback in heard)
    assert not viewer.canvas.overlays.text.visible and viewer.canvas.overlays.text.text == ""
    assert "split points" not in viewer.layers and "to do" not in viewer.layers
