"""The report on edits that were brought from another session, in a real window."""

import numpy as np
import pytest
from proofreading_hands import column, groups
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QStyle, QStyleOptionViewItem
from replay_hands import LINE, content, give_other_neurons, make_edits, other_neurons

from napari_emcad.core.errors import UserError
from napari_emcad.io.sessions.facts import SessionFacts
from napari_emcad.io.sessions.file_names import REPLAY_REPORT
from napari_emcad.io.sessions.new_session import create_session
from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.io.sessions.replay_report import read_report, write_report

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
    assert view._line.text() == f"From stack.emcad: {LINE}"
    assert [line.split("\n")[0] for line in lines(view)] == [
        "done at 1, 20, 5: in conflict",
        "detach at 1, 20, 55: lost",
    ]
    assert "another neuron now" in lines(view)[0].split("\n")[1]
    assert view._facts.text() == "2 edits to look at, 0 ticked off: click one to go there."
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


def test_a_click_finds_the_neurons_as_they_are_now(brought, view):
    panel = brought.dock.proofread
    view.all.setChecked(True)
    panel.editor.edits.undo()
    click_row(view, 2)
    assert panel.editor.at.selection.neurons == [panel.editor.at.neuron_at(column(3))] and groups(brought) == [
        [1, 2, 3, 4, 5]
    ]


def test_ticks_are_kept(brought, view):
    centre = brought.viewer.scene.camera.center
    click_tick(view, 0)
    assert read_report(folder_of(brought)).edits[3].is_ticked
    assert view.list.item(0).foreground().color() == Qt.GlobalColor.gray
    assert view._facts.text() == "1 edit to look at, 1 ticked off: click one to go there."
    assert brought.viewer.scene.camera.center == centre  # a tick goes nowhere
    click_row(view, 1)
    assert brought.viewer.scene.camera.center != centre
    click_tick(view, 1)
    assert view._facts.text() == "All that needed a look is ticked off."
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


def test_another_session_has_no_report(brought, view, tmp_path):
    brought.dock.desk.sessions.open(tmp_path / "stack.emcad")
    brought.idle()
    assert folder_of(brought).name == "stack.emcad" and not view.isVisibleTo(brought.dock.proofread)


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

    monkeypatch.setattr("napari_emcad.widgets.proofread.replay_report.write_report", full)
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


def test_a_report_that_is_damaged_keeps_nobody_out(brought, view):
    folder = folder_of(brought)
    brought.dock.proofread.body.end_button.click()
    (folder / REPLAY_REPORT).write_text('{"edits": 3')
    brought.dock.proofread.start_button.click()
    brought.idle()
    assert brought.dock.desk.sessions.current is not None and not view.isVisibleTo(brought.dock.proofread)
    assert "the report cannot be read" in brought.message and brought.message.count(". ") == 0


def test_a_log_that_was_damaged_is_told(brought, view):
    folder = folder_of(brought)
    brought.dock.proofread.body.end_button.click()
    write_report(folder, read_report(folder).model_copy(update={"damage": "edit log: it is damaged after edit 4."}))
    brought.dock.proofread.start_button.click()
    brought.idle()
    assert view._facts.text().endswith("edit log: it is damaged after edit 4.")


# ---- bringing edits without a run ------------------------------------------------------------------------------------


@pytest.fixture
def elsewhere(proofreading, tmp_path):
    """A session with four edits on the columns, which nobody has open; the one that is on has the other neurons."""
    make_edits(proofreading)
    panel = proofreading.dock.proofread
    opened = panel.editor.at.opened
    create_session(tmp_path / "new.emcad", other_neurons(), None, opened.facts).close()
    proofreading.desk.sessions.open(tmp_path / "new.emcad")
    proofreading.idle()
    assert folder_of(proofreading).name == "new.emcad"
    return tmp_path / "stack.emcad"


def bring(window, folder, monkeypatch) -> None:
    """As a person does who presses the button and chooses a folder."""
    chosen = "napari_emcad.widgets.proofread.panel.QFileDialog.getExistingDirectory"
    monkeypatch.setattr(chosen, lambda *_: str(folder) if folder else "")
    window.dock.proofread.body.bring_button.click()
    window.idle()


def test_edits_are_brought_from_a_folder(proofreading, elsewhere, monkeypatch):
    window, before = proofreading, content(elsewhere)
    result, layers = window.result, list(window.viewer.layers)
    bring(window, None, monkeypatch)  # the dialog was left
    assert not window.dock.proofread.body.replay.isVisibleTo(window.dock.proofread)
    bring(window, elsewhere, monkeypatch)
    assert window.message == f"stack.emcad -> new.emcad: {LINE}" and content(elsewhere) == before
    assert window.result is result and list(window.viewer.layers) == layers
    assert groups(window) == [[1], [2, 3, 4, 5]]
    assert len(lines(window.dock.proofread.body.replay)) == 2
    bring(window, elsewhere, monkeypatch)  # once more: nothing is made twice
    assert "4 edits: 2 already right, 0 applied again, 1 in conflict, 1 lost" in window.message
    window.dock.proofread.editor.edits.undo()
    assert groups(window) == [[1, 2, 3, 4, 5]]


def _no_session(tmp_path, facts, elsewhere):
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


def _same(tmp_path, facts, elsewhere):
    return tmp_path / "new.emcad"


def _other_region(tmp_path, facts, elsewhere):
    moved = facts.model_copy(update={"box": ((0, 0, 1), (3, 48, 65))})
    create_session(tmp_path / "moved.emcad", other_neurons(), None, moved).close()
    return tmp_path / "moved.emcad"


def _other_stack(tmp_path, facts, elsewhere):
    """The session that is on was begun in the window, and knows its stack."""
    _, shape, dtype = facts.fingerprint.split()
    other = facts.model_copy(update={"fingerprint": f"abc {shape} {dtype} 40 1700 other.tif"})
    create_session(tmp_path / "other.emcad", other_neurons(), None, other).close()
    return tmp_path / "other.emcad"


def _damaged(tmp_path, facts, elsewhere):
    (elsewhere / "graph" / "leaves.npy").write_bytes(b"nothing")
    return elsewhere


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        pytest.param(_no_session, "this is none; choose another folder", id="no session"),
        pytest.param(_same, "two sessions are needed", id="same"),
        pytest.param(_other_region, "a session of the same region 0:3,0:48,1:65 is needed", id="region"),
        pytest.param(_other_stack, "sessions of the same stack are needed", id="stack"),
        pytest.param(_damaged, "missing or damaged; copy the session again", id="damaged"),
    ],
)
def test_what_cannot_be_brought_is_refused(proofreading, elsewhere, tmp_path, monkeypatch, made, sentence):
    facts = proofreading.dock.desk.sessions.current.opened.facts
    bring(proofreading, made(tmp_path, facts, elsewhere), monkeypatch)
    assert sentence in proofreading.message and proofreading.dock.desk.message.kind == "error"
    assert folder_of(proofreading).name == "new.emcad" and groups(proofreading) == [[1, 2, 3, 4, 5]]
    assert proofreading.dock.proofread.body.bring_button.isEnabled()


def test_a_session_that_somebody_is_editing_is_refused(proofreading, elsewhere, monkeypatch):
    with open_session(elsewhere):
        bring(proofreading, elsewhere, monkeypatch)
        assert "has the session open since" in proofreading.message and "close it there first" in proofreading.message
    bring(proofreading, elsewhere, monkeypatch)
    assert LINE in proofreading.message


def test_a_session_without_edits(proofreading, elsewhere, tmp_path, monkeypatch):
    facts = SessionFacts(threshold=0.5)
    create_session(tmp_path / "empty.emcad", other_neurons(), None, facts).close()
    bring(proofreading, tmp_path / "empty.emcad", monkeypatch)
    assert proofreading.message == "new.emcad: empty.emcad has no edits to make again."
    assert not proofreading.dock.proofread.body.replay.isVisibleTo(proofreading.dock.proofread)
