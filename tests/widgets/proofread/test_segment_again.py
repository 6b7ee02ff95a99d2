"""The same region with another model, and the edits of its session made again, without a window."""

import json

import numpy as np
import pytest
from proofreading_hands import groups
from replay_hands import LINE, OUTCOMES, content, give_other_neurons, make_edits

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import Progress
from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.io.sessions.replay_report import read_report
from napari_emcad.widgets.kit.session_place import next_session_folder
from napari_emcad.widgets.proofread import bring_edits
from napari_emcad.widgets.proofread.bring_edits import BringEdits
from napari_emcad.widgets.proofread.segment_again import SegmentAgain


@pytest.fixture
def again(desk, loop, proofreader):
    """Segment again, to the end."""
    again = SegmentAgain(desk, proofreader.bring)

    def again_(model):
        again.start(model)
        loop.settle()

    again_.start = again.start
    return again_


@pytest.fixture
def edited(editing, monkeypatch):
    """A session with four edits, where every run gives other neurons."""
    make_edits(editing)
    editing.runs = give_other_neurons(monkeypatch, editing.desk.model.card)
    return editing


def step_until(desk, done) -> None:
    """Drive the job under way until something is done."""
    while not done():
        assert desk.jobs.running, desk.message.text
        desk.jobs.step()


def test_edits_are_made_again_in_a_session_beside_the_old_one(edited, again, model, tmp_path):
    old = edited.at.result
    again(model)
    at, desk = edited.at, edited.desk
    assert sorted(p.name for p in tmp_path.iterdir()) == ["stack-2.emcad", "stack.emcad"]
    assert at.opened.folder == tmp_path / "stack-2.emcad" and not at.opened.why_read_only
    assert groups(edited) == [[1], [2, 3, 4, 5]] and edited.rows == ["detach"]
    assert edited.message == f"stack.emcad -> stack-2.emcad: {LINE}" and desk.message.kind == "result"
    assert edited.runs[0].model == model == desk.model.path
    assert edited.runs[0].box == old.box and at.result.source is old.source
    assert not old.neuron_layer.visible and at.layer.visible and old.neuron_layer in edited.viewer.layers
    report = read_report(at.opened.folder)
    assert [edit.outcome for edit in report.edits] == OUTCOMES and report.is_whole
    with open_session(tmp_path / "stack.emcad") as before:
        assert len(before.session.log.rows) == 4 and not before.why_read_only
    edited.editor.edits.undo()
    assert groups(edited) == [[1, 2, 3, 4, 5]]


def test_the_old_session_is_untouched_on_the_disk(edited, again, model):
    result, folder = edited.at.result, edited.at.opened.folder
    edited.desk.sessions.end()
    before = content(folder)
    assert result.session_folder == folder  # it is over, and its neurons are still on screen
    again(model)
    assert edited.at.opened.folder.name == "stack-2.emcad"
    assert content(folder) == before


def test_a_real_run(editing, again, model, tmp_path):
    make_edits(editing)
    desk = editing.desk
    desk.threshold.move(0.05)
    editing.loop.settle()
    assert editing.session.state.threshold == 0.05
    again(model)
    facts = editing.at.opened.facts
    assert facts.model == "tiny" and facts.threshold == 0.45  # the model's own
    np.testing.assert_array_equal(editing.at.opened.affinities[:], editing.at.result.affinities)
    report = read_report(tmp_path / "stack-2.emcad")
    assert [edit.kind for edit in report.edits] == ["merge", "detach", "detach", "lock", "threshold"]
    assert report.edits[-1].outcome == "lost" and desk.threshold.value == 0.45


def test_without_a_session_it_simply_segments(desk, loop, again, open_stack, stack, model):
    open_stack(stack)
    again(model)
    assert desk.results.current.box == Box.whole(stack.shape) and desk.sessions.current is None
    desk.viewer.dims.set_current_step(0, 2)
    desk.runs.try_section()
    loop.settle()
    desk.viewer.dims.set_current_step(0, 1)
    again(model)
    result = desk.results.current
    assert result.box.start == (2, 0, 0) and result.is_trial  # the same section
    assert desk.sessions.current is None and "Done: section 2" in desk.message.text


def test_what_is_open_is_carried_on_to_the_next_one(edited, again, model, tmp_path):
    for _ in range(2):
        again(model)
    assert edited.at.opened.folder.name == "stack-3.emcad"
    report = read_report(edited.at.opened.folder)
    found = [(edit.session, edit.kind, edit.outcome) for edit in report.edits]
    first, second = (str(tmp_path / name) for name in ("stack.emcad", "stack-2.emcad"))
    assert found == [(second, "detach", "applied"), (first, "detach", "lost"), (first, "lock", "conflict")]
    assert report.is_whole and len(report.open) == 2


def test_a_run_that_is_stopped_leaves_the_session_on(edited, again, model, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_emcad.widgets.desk.stopped_run.segment_beside", _endless)
    at, desk = edited.at, edited.desk
    again.start(model)
    assert desk.jobs.running and not at.layer.visible
    desk.runs.stop()
    edited.loop.settle()
    assert edited.at is at and at.layer.visible and "Stopped" in edited.message
    assert [p.name for p in tmp_path.iterdir()] == ["stack.emcad"]
    edited.editor.edits.undo()


def test_a_replay_that_is_stopped_keeps_what_was_made(edited, again, model, tmp_path):
    desk, shown = edited.desk, []
    desk.jobs.progressed.connect(shown.append)
    again.start(model)
    step_until(desk, lambda: any(p.stage == "edits" and p.done == 2 for p in shown))
    assert edited.proofreader.bring.is_running
    desk.jobs.stop()
    edited.loop.settle()
    assert edited.at.opened.folder.name == "stack-2.emcad" and groups(edited) == [[1], [2, 3, 4, 5]]
    assert "Stopped after 2 of 4 edits; bring them again to go on." in edited.message
    assert not edited.proofreader.bring.is_running
    with open_session(tmp_path / "stack.emcad") as before:
        assert len(before.session.in_force) == 4
    edited.proofreader.bring.bring(tmp_path / "stack.emcad")
    edited.loop.settle()
    assert "4 edits: 2 already right, 0 applied again, 1 in conflict, 1 lost." in edited.message


def test_stopped_while_the_session_is_written(edited, again, model, tmp_path):
    again.start(model)
    step_until(edited.desk, lambda: edited.proofreader.bring.is_running)
    edited.desk.jobs.stop()
    edited.loop.settle()
    assert not (tmp_path / "stack-2.emcad").exists() and edited.editor is None
    assert edited.message == "Stopped: nothing was brought, stack.emcad is as it was; bring its edits later."


def test_stopped_before_the_first_edit(edited, again, model, tmp_path):
    again.start(model)
    step_until(edited.desk, lambda: (tmp_path / "stack-2.emcad").exists())
    edited.desk.jobs.stop()
    edited.loop.settle()
    assert edited.at.opened.folder.name == "stack-2.emcad"
    assert edited.message == "Stopped: no edit was made again in stack-2.emcad; stack.emcad is as it was."


def test_a_disk_that_is_full(edited, again, model, tmp_path, monkeypatch):
    def full(*_):
        raise UserError("stack-2.emcad: disk full, about 1 MB are needed; nothing was written.")

    monkeypatch.setattr("napari_emcad.widgets.proofread.segment_again.create_session", full)
    again(model)
    assert edited.said("disk full")
    assert edited.desk.sessions.current is None and edited.proofreader.why_no_start == ""
    with open_session(tmp_path / "stack.emcad") as before:
        assert len(before.session.in_force) == 4 and not before.why_read_only


def test_a_log_that_cannot_be_written_on(edited, again, model, monkeypatch):
    """The session opens all the same, with the edits until then."""

    def broken(*_):
        raise UserError("edit log: it could not be written (disk full); nothing was changed.")
        yield

    monkeypatch.setattr(bring_edits, "replay_session", broken)
    again(model)
    assert edited.at.opened.folder.name == "stack-2.emcad" and edited.said("edit log")


def test_neurons_removed_while_edits_are_made(edited, again, model, tmp_path):
    desk, shown = edited.desk, []
    desk.jobs.progressed.connect(shown.append)
    again.start(model)
    step_until(desk, lambda: any(p.stage == "edits" and p.done == 2 for p in shown))
    edited.viewer.layers.remove(edited.result.neuron_layer)
    desk.jobs.stop()
    edited.loop.settle()
    assert edited.said("The neurons are not there any more") and desk.sessions.current is None
    with open_session(tmp_path / "stack-2.emcad") as new:
        assert not new.why_read_only and [r.kind for r in new.session.log.rows] == ["detach"]


def test_another_job_is_running(edited, again, model):
    edited.desk.jobs.start(_endless(), lambda _ended: None)
    again.start(model)
    assert "A job is running" in edited.message and edited.at.opened.folder.name == "stack.emcad"
    edited.desk.jobs.stop()
    edited.loop.settle()


def test_a_session_whose_stack_is_not_there(edited, model, stack, tmp_path, new_desk, loop):
    """What stands for the stack is not segmented; a stack that is opened is."""
    edited.desk.sessions.end()
    facts = tmp_path / "stack.emcad" / "session.json"
    facts.write_text(json.dumps(json.loads(facts.read_text()) | {"source": str(tmp_path / "gone.tif")}))
    other = new_desk()
    again = SegmentAgain(other, BringEdits(other))
    other.sessions.open(tmp_path / "stack.emcad")
    loop.settle()
    again.start(model)
    assert "the stack of these neurons is not open" in other.message.text and not other.jobs.running
    layer = other.viewer.add_image(stack, name="stack", scale=(40, 5, 6), units=("nm",) * 3)
    other.stack.layer = layer
    again.start(model)
    loop.settle()
    assert other.message.text == f"stack.emcad -> stack-2.emcad: {LINE}"
    assert other.sessions.current.result.source is layer


def test_the_model_is_gone(editing, again, tmp_path):
    make_edits(editing)
    at = editing.at
    again(tmp_path / "gone.pt")
    assert editing.said("gone.pt") and editing.at is at and at.layer.visible


def test_names_of_sessions_that_follow(tmp_path, open_stack, stack):
    layer = open_stack(stack)
    for name, expected in (("a", "a-2"), ("a-2", "a-3"), ("2026-05", "2026-05-2"), ("a-3", "a-4")):
        (tmp_path / f"{name}.emcad").mkdir()
        assert next_session_folder(tmp_path / f"{name}.emcad", layer).name == f"{expected}.emcad"


def _endless(*_):
    while True:
        yield Progress("edits", 0, 4)


def test_in_the_dock_the_report_comes_into_sight(proofreading, model, monkeypatch):
    make_edits(proofreading)
    give_other_neurons(monkeypatch, proofreading.desk.model.card)
    dock = proofreading.dock
    dock.segment_again(model)
    proofreading.idle()
    assert proofreading.message == f"stack.emcad -> stack-2.emcad: {LINE}"
    assert dock.sections["proofread"].is_open and dock.proofread.body.replay.isVisibleTo(dock)
    assert not dock.proofread.stop_button.isVisibleTo(dock.proofread.before)
