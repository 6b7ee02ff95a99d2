"""Every refusal of proofreading, as the sentence that stands in the dock."""

import numpy as np
import pytest
from proofreading_hands import click, column, groups, press, press_mouse
from qtpy.QtCore import Qt

from napari_emcad.widgets.kit.picking import Click
from napari_emcad.widgets.proofread.modes import Mode

pytestmark = pytest.mark.window


@pytest.fixture
def panel(proofreading):
    return proofreading.dock.proofread


def said(window, words: str) -> bool:
    """Whether the dock says it, as an error, and nothing was edited."""
    assert window.desk.message.kind == "error", window.message
    return words in window.message


def rows(panel) -> int:
    return len(panel.editor.at.session.log.rows)


def test_merge(proofreading, panel):
    panel.editor.enter(Mode.MERGE)
    click(proofreading, 1)
    click(proofreading, 2)
    assert said(proofreading, "merge: both points are in segment 1 already; click another segment.")
    press_mouse(proofreading, (1, 200, 20))
    assert said(proofreading, "background: there is no neuron within 100 nm; click on one.")
    assert rows(panel) == 0
    panel.editor.at.selection.select(panel.editor.at.neuron_at(column(5)))
    panel.editor.toggle_done()
    panel.editor.enter(Mode.MERGE)
    click(proofreading, 1)
    click(proofreading, 5)
    assert said(proofreading, "locked: segment 4 is done; unlock it first.")
    assert rows(panel) == 1 and groups(proofreading) == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("VERY_LOW", 0.5, "merge: the affinity between segments 1 and 4 is only 0.200; confirm to join them."),
        ("BY_FAR", 0.1, "merge: segments 1 and 4 would be by far the largest segment; confirm to join them."),
    ],
)
def test_doubts_are_asked_about(proofreading, panel, monkeypatch, name, value, words):
    monkeypatch.setattr(f"napari_emcad.proofreading.plans.merges.{name}", value)
    monkeypatch.setattr("napari_emcad.proofreading.plans.merges.FEW", 0)
    panel.editor.enter(Mode.MERGE)
    click(proofreading, 1)
    click(proofreading, 4)
    assert panel.body.question.words == words and rows(panel) == 0
    panel.body.question.yes_button.click()
    assert groups(proofreading) == [[1, 2, 3, 4, 5, 6]] and rows(panel) == 1


def test_split(proofreading, panel):
    panel.editor.enter(Mode.SPLIT)
    panel.editor.apply()
    assert said(proofreading, "split: points on both sides are needed; click one side, Shift+click the other.")
    click(proofreading, 1)
    click(proofreading, 6, shift=True)
    assert said(proofreading, "split: the points are in different segments; place all of them in one.")
    click(proofreading, 2, shift=True)
    panel.editor.click(Click((1, 30, column(1)[2]), True))
    assert said(proofreading, "split: one fragment is on both sides; split the fragment itself.")
    assert rows(panel) == 0


def test_detach_and_marks(proofreading, panel):
    proofreading.viewer.cursor.position = (0, 0, 0)
    press(proofreading, Qt.Key.Key_Q)
    assert said(proofreading, "outside: the cursor is not over the neurons; put it on one.")
    for _ in range(3):
        proofreading.viewer.cursor.position = tuple(panel.editor.at.layer.data_to_world(column(2)))
        press(proofreading, Qt.Key.Key_Q)
    assert said(proofreading, "has no other fragment; there is nothing to detach it from.")
    proofreading.viewer.cursor.position = tuple(panel.editor.at.layer.data_to_world((1, 20, 63)))
    press(proofreading, Qt.Key.Key_Q)
    assert said(proofreading, "background: there is no segment here; click on one.")
    press(proofreading, Qt.Key.Key_I)
    assert said(proofreading, "to do: no place is marked; press O over one.")


def test_3d_shows_no_depth_under_the_cursor(proofreading, panel):
    proofreading.viewer.dims.ndisplay = 3
    press(proofreading, Qt.Key.Key_Q)
    assert said(proofreading, "detach: the cursor shows no depth in 3D; go back to 2D.")
    press(proofreading, Qt.Key.Key_O)
    assert said(proofreading, "mark: the cursor shows no depth in 3D; go back to 2D.")
    proofreading.viewer.dims.ndisplay = 2


def test_undo_redo_and_the_marked_edit(proofreading, panel):
    panel.editor.undo()
    assert said(proofreading, "undo: there is nothing to undo.")
    panel.editor.redo()
    assert said(proofreading, "redo: there is nothing to redo.")
    panel.editor.enter(Mode.MERGE)
    click(proofreading, 1)
    click(proofreading, 4)
    panel.editor.at.selection.select(1)
    panel.editor.toggle_done()
    assert not panel.body.undo_one_button.isEnabled()
    panel.body.history.setCurrentRow(1)
    panel.body.history.itemClicked.emit(panel.body.history.item(1))
    panel.body.undo_one_button.click()
    assert said(proofreading, "undo: edit 2 (lock) changed the same; undo that one first.")
    assert rows(panel) == 2


def test_an_earlier_edit_alone_is_undone(proofreading, panel):
    for fragment in (2, 5):
        proofreading.viewer.cursor.position = tuple(panel.editor.at.layer.data_to_world(column(fragment)))
        press(proofreading, Qt.Key.Key_Q)
    assert groups(proofreading) == [[1], [2], [3], [4], [5], [6]]
    panel.body.history.setCurrentRow(1)
    panel.body.history.itemClicked.emit(panel.body.history.item(1))
    panel.body.undo_one_button.click()
    assert groups(proofreading) == [[1, 2, 3], [4], [5], [6]]
    assert panel.body.toast.text().startswith("undone: detach")


def test_done_without_a_neuron(proofreading, panel):
    panel.editor.at.selection.select(999)
    press(proofreading, Qt.Key.Key_T)
    assert said(proofreading, "done: no neuron is selected; click one in the mode Select, or in the list.")
    press(proofreading, Qt.Key.Key_C)
    assert said(proofreading, "centre: no neuron is selected; click one in the mode Select, or in the list.")


def test_paint_is_refused_and_nothing_is_lost(proofreading, panel):
    before = np.asarray(panel.editor.at.layer.data)
    for key in (Qt.Key.Key_1, Qt.Key.Key_2, Qt.Key.Key_3, Qt.Key.Key_4):
        press(proofreading, key)
        assert said(proofreading, "paint: neurons are made of fragments, not of paint.")
        assert str(panel.editor.at.layer.mode) == "pan_zoom"
    np.testing.assert_array_equal(np.asarray(panel.editor.at.layer.data), before)


def test_a_full_disk_is_told_and_nothing_changes(proofreading, panel, monkeypatch):
    class Full:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return False

        def execute(self, *_):
            import sqlite3

            raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(panel.editor.at.session.log, "_database", Full())
    before = panel.editor.at.session.state.digest()
    panel.editor.enter(Mode.MERGE)
    click(proofreading, 1)
    click(proofreading, 4)
    assert said(proofreading, "could not be written (database or disk is full); nothing was changed.")
    assert panel.editor.at.session.state.digest() == before and groups(proofreading) == [[1, 2, 3], [4, 5, 6]]
    monkeypatch.undo()
