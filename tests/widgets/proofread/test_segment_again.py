"""The same region with another model, and the edits of its session made again, in a real window."""

import json
import time

import numpy as np
import pytest
from proofreading_hands import groups
from replay_hands import LINE, OUTCOMES, content, give_other_neurons, make_edits

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.io.sessions.replay_report import read_report
from napari_emcad.widgets.kit.session_place import next_session_folder
from napari_emcad.widgets.proofread import bring_edits

pytestmark = pytest.mark.window


@pytest.fixture
def edited(proofreading, monkeypatch):
    """A window with four edits, where every run gives other neurons."""
    make_edits(proofreading)
    proofreading.runs = give_other_neurons(monkeypatch, proofreading.dock.desk.model.card)
    return proofreading


def session_of(window):
    assert window.desk.sessions.current is not None, window.message
    return window.desk.sessions.current


def test_edits_are_made_again_in_a_session_beside_the_old_one(edited, model, tmp_path):
    old = session_of(edited).result
    edited.dock.segment_again(model)
    edited.idle()
    at = session_of(edited)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["stack-2.emcad", "stack.emcad"]
    assert at.opened.folder == tmp_path / "stack-2.emcad" and not at.opened.why_read_only
    assert groups(edited) == [[1], [2, 3, 4, 5]] and [r.kind for r in at.session.log.rows] == ["detach"]
    assert edited.message == f"stack.emcad -> stack-2.emcad: {LINE}" and edited.dock.desk.message.kind == "result"
    assert edited.runs[0].model == model == edited.dock.desk.model.path
    assert edited.runs[0].box == old.box and at.result.source is old.source
    assert edited.dock.sections["proofread"].is_open and edited.dock.proofread.body.replay.isVisibleTo(edited.dock)
    assert not old.neuron_layer.visible and at.layer.visible and old.neuron_layer in edited.viewer.layers
    report = read_report(at.opened.folder)
    assert [edit.outcome for edit in report.edits] == OUTCOMES and report.is_whole
    with open_session(tmp_path / "stack.emcad") as before:
        assert len(before.session.log.rows) == 4 and not before.why_read_only
    edited.dock.proofread.editor.edits.undo()
    assert groups(edited) == [[1, 2, 3, 4, 5]]


def test_the_old_session_is_untouched_on_the_disk(edited, model, tmp_path):
    at = session_of(edited)
    result, folder = at.result, at.opened.folder
    edited.dock.proofread.body.end_button.click()
    before = content(folder)
    assert result.session_folder == folder  # it is over, and its neurons are still on screen
    edited.dock.segment_again(model)
    edited.idle()
    assert session_of(edited).opened.folder.name == "stack-2.emcad"
    assert content(folder) == before


def test_a_real_run(proofreading, model, tmp_path):
    make_edits(proofreading)
    proofreading.dock.desk.threshold.move(0.05)
    proofreading.wait(lambda: session_of(proofreading).session.state.threshold == 0.05)
    proofreading.dock.segment_again(model)
    proofreading.idle()
    at = session_of(proofreading)
    assert at.opened.facts.model == "tiny" and at.opened.facts.threshold == 0.45  # the model's own
    np.testing.assert_array_equal(at.opened.affinities[:], at.result.affinities)
    report = read_report(tmp_path / "stack-2.emcad")
    assert [edit.kind for edit in report.edits] == ["merge", "detach", "detach", "lock", "threshold"]
    assert report.edits[-1].outcome == "lost" and proofreading.dock.desk.threshold.value == 0.45


def test_without_a_session_it_simply_segments(window, stack, model):
    window.open(stack)
    window.dock.segment_again(model)
    window.idle()
    assert window.result.box == Box.whole(stack.shape) and window.desk.sessions.current is None
    window.viewer.dims.set_current_step(0, 2)
    window.desk.runs.try_section()
    window.idle()
    window.viewer.dims.set_current_step(0, 1)
    window.dock.segment_again(model)
    window.idle()
    assert window.result.box.start == (2, 0, 0) and window.result.is_trial  # the same section
    assert window.desk.sessions.current is None and "Done: section 2" in window.message


def test_what_is_open_is_carried_on_to_the_next_one(edited, model, tmp_path):
    for _ in range(2):
        edited.dock.segment_again(model)
        edited.idle()
    at = session_of(edited)
    assert at.opened.folder.name == "stack-3.emcad"
    report = read_report(at.opened.folder)
    told = [(edit.session, edit.kind, edit.outcome) for edit in report.edits]
    first, second = (str(tmp_path / name) for name in ("stack.emcad", "stack-2.emcad"))
    assert told == [(second, "detach", "applied"), (first, "detach", "lost"), (first, "lock", "conflict")]
    assert report.is_whole and len(report.open) == 2


def test_a_run_that_is_stopped_leaves_the_session_on(edited, model, tmp_path, monkeypatch):
    def endless(_request):
        while True:
            time.sleep(0.01)
            yield bring_edits.Progress("affinities", 0, 3)

    monkeypatch.setattr("napari_emcad.widgets.desk.runs.segment_beside", endless)
    at = session_of(edited)
    edited.dock.segment_again(model)
    assert edited.dock.desk.jobs.running and not at.layer.visible
    edited.dock.desk.runs.stop()
    edited.idle()
    assert session_of(edited) is at and at.layer.visible and "Stopped" in edited.message
    assert [p.name for p in tmp_path.iterdir()] == ["stack.emcad"]
    edited.dock.proofread.editor.edits.undo()


def slowly(monkeypatch, edits: int):
    """Let the replay wait after so many edits: time to press Stop."""
    original = bring_edits.replay_session

    def slow(*sessions):
        job = original(*sessions)
        made = 0
        while True:
            try:
                progress = next(job)
            except StopIteration as end:
                return end.value
            except GeneratorExit:
                job.close()
                raise
            made += progress.stage == "edits"
            try:
                yield progress
                while made == edits:
                    time.sleep(0.01)
                    yield progress
            except GeneratorExit:
                job.close()
                raise

    monkeypatch.setattr(bring_edits, "replay_session", slow)


def test_a_replay_that_is_stopped_keeps_what_was_made(edited, model, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        slowly(patch, edits=2)
        shown = []
        edited.dock.desk.jobs.progressed.connect(shown.append)
        edited.dock.segment_again(model)
        stop = edited.dock.proofread.stop_button
        edited.wait(lambda: any(p.stage == "edits" and p.done == 2 for p in shown))
        assert stop.isVisibleTo(edited.dock.proofread.before)
        stop.click()
        edited.idle()
    at = session_of(edited)
    assert at.opened.folder.name == "stack-2.emcad" and groups(edited) == [[1], [2, 3, 4, 5]]
    assert "Stopped after 2 of 4 edits; bring them again to go on." in edited.message
    assert not stop.isVisibleTo(edited.dock.proofread.before) and edited.dock.segment.run_button.text() == "Run"
    with open_session(tmp_path / "stack.emcad") as before:
        assert len(before.session.in_force) == 4
    edited.dock.proofread.proofreader.bring.bring(tmp_path / "stack.emcad")
    edited.idle()
    assert "4 edits: 2 already right, 0 applied again, 1 in conflict, 1 lost." in edited.message


def test_stopped_while_the_session_is_written(edited, model, tmp_path, monkeypatch):
    monkeypatch.setattr(bring_edits.replay_session.__module__ + ".replay", _endless)
    edited.dock.segment_again(model)
    edited.wait(lambda: (tmp_path / "stack-2.emcad").exists())
    edited.dock.desk.runs.stop()
    edited.idle()
    assert session_of(edited).opened.folder.name == "stack-2.emcad"
    assert "Stopped" in edited.message and "stack.emcad" in edited.message


def test_a_disk_that_is_full(edited, model, tmp_path, monkeypatch):
    def full(*_):
        raise UserError("stack-2.emcad: disk full, about 1 MB are needed; nothing was written.")

    monkeypatch.setattr("napari_emcad.widgets.proofread.segment_again.create_session", full)
    edited.dock.segment_again(model)
    edited.idle()
    assert "disk full" in edited.message and edited.dock.desk.message.kind == "error"
    assert edited.dock.desk.sessions.current is None and edited.dock.proofread.start_button.isEnabled()
    with open_session(tmp_path / "stack.emcad") as before:
        assert len(before.session.in_force) == 4 and not before.why_read_only


def test_a_log_that_cannot_be_written_on(edited, model, monkeypatch):
    """The session opens all the same, with the edits until then."""

    def broken(*_):
        raise UserError("edit log: it could not be written (disk full); nothing was changed.")
        yield

    monkeypatch.setattr(bring_edits, "replay_session", broken)
    edited.dock.segment_again(model)
    edited.idle()
    assert session_of(edited).opened.folder.name == "stack-2.emcad"
    assert edited.message.startswith("edit log") and edited.dock.desk.message.kind == "error"


def test_neurons_removed_while_edits_are_made(edited, model, tmp_path, monkeypatch):
    slowly(monkeypatch, edits=2)
    shown = []
    edited.dock.desk.jobs.progressed.connect(shown.append)
    edited.dock.segment_again(model)
    edited.wait(lambda: any(p.stage == "edits" and p.done == 2 for p in shown))
    edited.viewer.layers.remove(edited.result.neuron_layer)
    edited.dock.desk.jobs.stop()
    edited.idle()
    assert "The neurons are not there any more" in edited.message and edited.dock.desk.sessions.current is None
    with open_session(tmp_path / "stack-2.emcad") as new:
        assert not new.why_read_only and [r.kind for r in new.session.log.rows] == ["detach"]


def test_another_job_is_running(edited, model, monkeypatch):
    edited.dock.desk.jobs.start(_endless(), lambda _ended: None)
    edited.dock.segment_again(model)
    assert "A job is running" in edited.message and session_of(edited).opened.folder.name == "stack.emcad"
    edited.dock.desk.jobs.stop()
    edited.idle()


def test_a_session_whose_stack_is_not_there(edited, model, stack, tmp_path, new_window):
    """What stands for the stack is not segmented; a stack that is opened is."""
    edited.dock.proofread.body.end_button.click()
    facts = tmp_path / "stack.emcad" / "session.json"
    facts.write_text(json.dumps(json.loads(facts.read_text()) | {"source": str(tmp_path / "gone.tif")}))
    other = new_window()
    other.dock.desk.sessions.open(tmp_path / "stack.emcad")
    other.idle()
    other.dock.segment_again(model)
    assert "the stack of these neurons is not open" in other.message and not other.dock.desk.jobs.running
    other.dock.desk.stack.layer = layer = other.open(stack)
    other.dock.segment_again(model)
    other.idle()
    assert other.message == f"stack.emcad -> stack-2.emcad: {LINE}"
    assert session_of(other).result.source is layer


def test_the_model_is_gone(edited, tmp_path, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("NAPARI_CONFIG", "")
    at = session_of(edited)
    edited.dock.segment_again(tmp_path / "gone.pt")
    edited.idle()
    assert "gone.pt" in edited.message and edited.dock.desk.message.kind == "error"
    assert session_of(edited) is at and at.layer.visible


def test_names_of_sessions_that_follow(tmp_path, window, stack):
    layer = window.open(stack)
    for name, expected in (("a", "a-2"), ("a-2", "a-3"), ("2026-05", "2026-05-2"), ("a-3", "a-4")):
        (tmp_path / f"{name}.emcad").mkdir()
        assert next_session_folder(tmp_path / f"{name}.emcad", layer).name == f"{expected}.emcad"


def _endless(*_):
    while True:
        time.sleep(0.01)
        yield bring_edits.Progress("edits", 0, 4)
