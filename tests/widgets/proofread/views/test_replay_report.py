"""The report on edits that were brought from another session, in a real window."""

import numpy as np
import pytest
from proofreading_hands import column
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QStyle, QStyleOptionViewItem
from replay_hands import LINE, give_other_neurons, make_edits, other_neurons

from napari_emcad.core.errors import UserError
from napari_emcad.io.sessions.new_session import create_session
from napari_emcad.io.sessions.replay_report import read_report

pytestmark = pytest.mark.window


@pytest.fixture
def brought(proofreading, model, monkeypatch):
    """A window whose session has a report: one edit in conflict, one lost."""
    make_edits(proofreading)
    give_other_neurons(monkeypatch, proofreading.dock.desk.model.card)
    proofreading.dock.segment_again(model)
    proofreading.idle()
    assert "4 edits" in proofreading.message
    return proofreading


@pytest.fixture
def view(brought):
    return brought.dock.proofread.body.replay


def lines(view) -> list[str]:
    return [view.list.item(i).text() for i in range(view.list.count())]


def folder_of(window):
    return window.desk.sessions.current.opened.folder


def click_tick(view, row: int) -> None:
    """A click of the mouse on the square of a row."""
    _click(view, row, QStyle.SubElement.SE_ItemViewItemCheckIndicator)


def click_row(view, row: int) -> None:
    """A click of the mouse on the words of a row."""
    _click(view, row, QStyle.SubElement.SE_ItemViewItemText)


def _click(view, row: int, part: QStyle.SubElement) -> None:
    list_, item = view.list, view.list.item(row)
    list_.scrollToItem(item)
    option = QStyleOptionViewItem()
    list_.initViewItemOption(option)
    option.features |= QStyleOptionViewItem.ViewItemFeature.HasCheckIndicator
    option.rect = list_.visualItemRect(item)
    where = list_.style().subElementRect(part, option, list_)
    place = QPoint(where.left() + 4, where.center().y())
    QTest.mouseClick(list_.viewport(), Qt.MouseButton.LeftButton, pos=place)


def test_conflicts_and_lost_ones_come_first(brought, view):
    assert view.line.text() == f"From stack.emcad: {LINE}"
    assert [line.split("\n")[0] for line in lines(view)] == [
        "done at 1, 20, 5: in conflict",
        "detach at 1, 20, 55: lost",
    ]
    assert "another neuron now" in lines(view)[0].split("\n")[1]
    assert view.facts.text() == "2 edits to look at, 0 ticked off: click one to go there."
    view.all.setChecked(True)
    assert [line.split(":")[1].split("\n")[0].strip() for line in lines(view)] == [
        "in conflict",
        "lost",
        "applied again",
        "already right",
    ]
    assert view.list.item(2).data(Qt.ItemDataRole.CheckStateRole) is None  # nothing to look after


def test_a_click_goes_there_and_selects_the_neurons(brought, view):
    panel = brought.dock.proofread
    view.all.setChecked(True)
    brought.viewer.dims.set_current_step(0, 2)
    click_row(view, 0)
    assert panel.editor.at.selection.neurons == [panel.editor.at.neuron_at(column(1))]
    world = brought.result.neuron_layer.data_to_world(column(1))
    np.testing.assert_allclose(brought.viewer.scene.camera.center[1:], world[1:])
    assert brought.viewer.dims.point[0] == world[0]
    click_row(view, 2)  # the detach: both sides
    assert set(panel.editor.at.selection.neurons) == {panel.editor.at.neuron_at(column(f)) for f in (1, 2)}
    before = panel.editor.at.selection.neurons
    click_row(view, 1)  # nothing is left there
    world = brought.result.neuron_layer.data_to_world(column(6))
    np.testing.assert_allclose(brought.viewer.scene.camera.center[1:], world[1:])
    assert panel.editor.at.selection.neurons == before


def test_ticks_are_kept(brought, view):
    centre = brought.viewer.scene.camera.center
    click_tick(view, 0)
    assert read_report(folder_of(brought)).edits[3].is_ticked
    assert view.list.item(0).foreground().color() == Qt.GlobalColor.gray
    assert view.facts.text() == "1 edit to look at, 1 ticked off: click one to go there."
    assert brought.viewer.scene.camera.center == centre  # a tick goes nowhere
    click_row(view, 1)
    assert brought.viewer.scene.camera.center != centre
    click_tick(view, 1)
    assert view.facts.text() == "All that needed a look is ticked off."
    click_tick(view, 1)
    assert len(read_report(folder_of(brought)).open) == 1


def test_it_is_there_again_when_the_session_is(brought, view, new_window):
    click_tick(view, 0)
    said, folder = lines(view), folder_of(brought)
    brought.dock.sections["proofread"]._fold(False)
    brought.dock.sections["proofread"]._fold(True)
    assert lines(view) == said
    brought.dock.proofread.body.end_button.click()
    assert not view.isVisibleTo(brought.dock)
    brought.dock.proofread.start_button.click()
    brought.idle()
    assert lines(view) == said and view.isVisibleTo(brought.dock.proofread)
    brought.dock.proofread.body.end_button.click()
    other = new_window()
    other.dock.desk.sessions.open(folder)
    other.idle()
    again = other.dock.proofread.body.replay
    assert lines(again) == said and again.list.item(0).checkState() == Qt.CheckState.Checked


def test_dismissing_is_asked_about_while_something_is_open(brought, view):
    view.dismiss_button.click()
    assert view.question.words == "2 edits are not ticked off; dismiss the report?"
    view.question.no_button.click()
    assert view.isVisibleTo(brought.dock.proofread)
    for row in (0, 1):
        click_tick(view, row)
    view.dismiss_button.click()
    assert not view.question.words and not view.isVisibleTo(brought.dock.proofread)
    brought.dock.proofread.body.end_button.click()
    brought.dock.proofread.start_button.click()
    brought.idle()
    assert not view.isVisibleTo(brought.dock.proofread)
    assert read_report(folder_of(brought)).is_dismissed


def test_a_tick_that_cannot_be_written_is_taken_back(brought, view, monkeypatch):
    def full(*_):
        raise UserError("replay.json: disk full, about 1 MB are needed; nothing was written.")

    monkeypatch.setattr("napari_emcad.widgets.proofread.replay_review.write_report", full)
    click_tick(view, 0)
    assert "disk full" in brought.message and view.list.item(0).checkState() == Qt.CheckState.Unchecked
    view.dismiss_button.click()
    view.question.yes_button.click()
    assert view.isVisibleTo(brought.dock.proofread)


def test_a_session_that_another_one_edits_is_not_ticked(brought, view, new_window):
    other = new_window()
    other.dock.desk.sessions.open(folder_of(brought))
    other.idle()
    shown = other.dock.proofread.body.replay
    assert lines(shown) == lines(view) and not shown.dismiss_button.isEnabled()
    click_tick(shown, 0)
    assert shown.list.item(0).checkState() == Qt.CheckState.Unchecked
    assert not other.dock.proofread.body.bring_button.isEnabled()
    assert "reading only" in other.dock.proofread.body.bring_button.toolTip()


# ---- bringing edits without a run ------------------------------------------------------------------------------------


def test_edits_are_brought_by_a_button(proofreading, tmp_path, monkeypatch):
    make_edits(proofreading)
    panel = proofreading.dock.proofread
    create_session(tmp_path / "new.emcad", other_neurons(), None, panel.editor.at.opened.facts).close()
    proofreading.desk.sessions.open(tmp_path / "new.emcad")
    proofreading.idle()
    answers = iter(["", str(tmp_path / "stack.emcad")])  # first the dialog is left
    chosen = "napari_emcad.widgets.proofread.panel.QFileDialog.getExistingDirectory"
    monkeypatch.setattr(chosen, lambda *_: next(answers))
    panel.body.bring_button.click()
    assert not proofreading.desk.jobs.running and not panel.body.replay.isVisibleTo(panel)
    panel.body.bring_button.click()
    assert panel.stop_button.isVisibleTo(panel.before) and panel.before.isVisibleTo(panel)
    proofreading.idle()
    assert not panel.stop_button.isVisibleTo(panel.before)
    assert proofreading.message == f"stack.emcad -> new.emcad: {LINE}"
    assert len(lines(panel.body.replay)) == 2 and panel.body.replay.isVisibleTo(panel)
