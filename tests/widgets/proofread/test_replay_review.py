"""The report on edits that were brought from another session, looked over without a window."""

import pytest
from proofreading_hands import column, groups
from replay_hands import LINE, content, make_edits, other_neurons

from napari_emcad.core.errors import UserError
from napari_emcad.io.sessions.facts import SessionFacts
from napari_emcad.io.sessions.file_names import REPLAY_REPORT
from napari_emcad.io.sessions.new_session import create_session
from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.io.sessions.replay_report import BroughtEdit, read_report, write_report
from napari_emcad.widgets.proofread.replay_review import ReplayReview, brought_edit_text


@pytest.fixture
def elsewhere(editing, tmp_path):
    """A session with four edits on the columns, which nobody has open; the one that is on has the other neurons."""
    make_edits(editing)
    facts = editing.at.opened.facts
    create_session(tmp_path / "new.emcad", other_neurons(), None, facts).close()
    editing.desk.sessions.open(tmp_path / "new.emcad")
    editing.loop.work()
    assert editing.at.opened.folder.name == "new.emcad"
    return tmp_path / "stack.emcad"


@pytest.fixture
def bring(editing):
    """Bring the edits of a folder, to the end."""

    def bring_(folder):
        editing.proofreader.bring.bring(folder)
        editing.loop.work()

    return bring_


@pytest.fixture
def review(editing, elsewhere, bring):
    """The report of the session that is on: one edit in conflict, one lost."""
    bring(elsewhere)
    review = ReplayReview()
    review.failed.connect(editing.desk.message.error)
    review.open(editing.at.opened)
    return review


def folder_of(editing):
    return editing.at.opened.folder


# ---- bringing --------------------------------------------------------------------------------------------------------


def test_edits_are_brought_from_a_folder(editing, elsewhere, bring):
    before, result, layers = content(elsewhere), editing.result, list(editing.viewer.layers)
    heard = []
    editing.proofreader.bring.brought.connect(lambda: heard.append(editing.editor is not None))
    bring(elsewhere)
    assert editing.message == f"stack.emcad -> new.emcad: {LINE}" and content(elsewhere) == before and heard == [True]
    assert editing.result is result and list(editing.viewer.layers) == layers
    assert groups(editing) == [[1], [2, 3, 4, 5]]
    bring(elsewhere)  # once more: nothing is made twice
    assert "4 edits: 2 already right, 0 applied again, 1 in conflict, 1 lost" in editing.message
    editing.editor.edits.undo()
    assert groups(editing) == [[1, 2, 3, 4, 5]]


def test_the_session_is_closed_while_edits_are_brought(editing, elsewhere):
    bring = editing.proofreader.bring
    bring.bring(elsewhere)
    assert bring.is_running and editing.editor is None
    assert editing.message == "Making the edits of stack.emcad again in new.emcad."
    editing.desk.jobs.stop()
    editing.loop.work()
    assert not bring.is_running and folder_of(editing).name == "new.emcad"
    assert editing.message == "Stopped: no edit was made again in new.emcad; stack.emcad is as it was."


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
    """The session that is on was begun on a layer, and knows its stack."""
    _, shape, dtype = facts.fingerprint.split()
    other = facts.model_copy(update={"fingerprint": f"abc {shape} {dtype} 40 1700 other.tif"})
    create_session(tmp_path / "other.emcad", other_neurons(), None, other).close()
    return tmp_path / "other.emcad"


def _damaged(tmp_path, facts, elsewhere):
    (elsewhere / "graph" / "leaves.npy").write_bytes(b"nothing")
    return elsewhere


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        pytest.param(_no_session, "this is none; choose another folder", id="no session"),
        pytest.param(_same, "two sessions are needed", id="same"),
        pytest.param(_other_region, "a session of the same region 0:3,0:48,1:65 is needed", id="region"),
        pytest.param(_other_stack, "sessions of the same stack are needed", id="stack"),
        pytest.param(_damaged, "missing or damaged; copy the session again", id="damaged"),
    ],
)
def test_what_cannot_be_brought_is_refused(editing, elsewhere, bring, tmp_path, make, sentence):
    bring(make(tmp_path, editing.at.opened.facts, elsewhere))
    assert editing.said(sentence)
    assert folder_of(editing).name == "new.emcad" and groups(editing) == [[1, 2, 3, 4, 5]]
    assert editing.proofreader.why_no_edits == ""


def test_a_session_that_somebody_is_editing_is_refused(editing, elsewhere, bring):
    with open_session(elsewhere):
        bring(elsewhere)
        assert editing.said("has the session open since") and "close it there first" in editing.message
    bring(elsewhere)
    assert LINE in editing.message


def test_a_session_without_edits(editing, elsewhere, bring, tmp_path):
    create_session(tmp_path / "empty.emcad", other_neurons(), None, SessionFacts(threshold=0.5)).close()
    bring(tmp_path / "empty.emcad")
    assert editing.message == "new.emcad: empty.emcad has no edits to make again."


def test_without_a_session_there_is_nothing_to_bring_to(editing, bring, tmp_path):
    editing.desk.sessions.end()
    bring(tmp_path / "stack.emcad")
    assert editing.said("replay: a session that is on is needed, and no job; start proofreading first.")


# ---- the report ------------------------------------------------------------------------------------------------------


def test_conflicts_and_lost_ones_come_first(review):
    assert review.title == f"From stack.emcad: {LINE}"
    first, second = (line.words.split("\n") for line in review.lines)
    assert [first[0], second[0]] == ["done at 1, 20, 5: in conflict", "detach at 1, 20, 55: lost"]
    assert "another neuron now" in first[1]
    assert review.facts == "2 edits to look at, 0 ticked off: click one to go there."
    review.show_all(True)
    assert [line.edit.outcome for line in review.lines] == ["conflict", "lost", "applied", "right"]


def test_a_line_leads_to_the_neurons_as_they_are_now(editing, review):
    review.show_all(True)
    conflict, _, applied, _ = review.lines
    editing.proofreader.go_to_brought(conflict.edit)
    assert editing.at.selection.neurons == [editing.at.neuron_at(column(1))]
    editing.proofreader.go_to_brought(applied.edit)  # the detach: both sides
    assert set(editing.at.selection.neurons) == {editing.at.neuron_at(column(f)) for f in (1, 2)}
    editing.editor.edits.undo()
    editing.proofreader.go_to_brought(applied.edit)
    assert editing.at.selection.neurons == [editing.at.neuron_at(column(3))]


def test_ticks_are_kept(editing, review):
    first, second = review.lines
    assert review.tick(first.place, True)
    assert read_report(folder_of(editing)).edits[3].is_ticked
    assert review.facts == "1 edit to look at, 1 ticked off: click one to go there."
    assert review.tick(second.place, True)
    assert review.facts == "All that needed a look is ticked off."
    assert review.tick(second.place, False)
    assert len(read_report(folder_of(editing)).open) == 1
    again = ReplayReview()
    again.open(editing.at.opened)
    assert [line.edit.is_ticked for line in again.lines] == [True, False]


def test_another_session_has_no_report(editing, review, tmp_path):
    editing.desk.sessions.open(tmp_path / "stack.emcad")
    editing.loop.work()
    review.open(editing.at.opened)
    assert review.shown is None and review.lines == [] and review.title == review.facts == ""
    assert not review.tick(0, True)
    review.dismiss()
    assert review.question == ""


def test_dismissing_is_asked_about_while_something_is_open(editing, review):
    review.dismiss()
    assert review.question == "2 edits are not ticked off; dismiss the report?"
    review.drop()
    assert review.question == "" and review.shown is not None
    review.tick(review.lines[0].place, True)
    review.dismiss()
    assert review.question == "1 edit is not ticked off; dismiss the report?"
    review.confirm()
    assert review.question == "" and review.shown is None and read_report(folder_of(editing)).is_dismissed
    review.open(editing.at.opened)
    assert review.shown is None


def test_what_is_ticked_off_is_dismissed_at_once(editing, review):
    for line in review.lines:
        review.tick(line.place, True)
    review.dismiss()
    assert review.question == "" and review.shown is None


def test_a_report_that_cannot_be_written_stays_as_it_was(editing, review, monkeypatch):
    def full(*_):
        raise UserError("replay.json: disk full, about 1 MB are needed; nothing was written.")

    monkeypatch.setattr("napari_emcad.widgets.proofread.replay_review.write_report", full)
    assert not review.tick(review.lines[0].place, True)
    assert editing.said("disk full") and not any(line.edit.is_ticked for line in review.lines)
    review.dismiss()
    review.confirm()
    assert review.shown is not None


def test_a_report_that_is_damaged_keeps_nobody_out(editing, review):
    folder = folder_of(editing)
    (folder / REPLAY_REPORT).write_text('{"edits": 3')
    review.open(editing.at.opened)
    assert review.shown is None and editing.editor is not None
    assert editing.said("the report cannot be read") and editing.message.count(". ") == 0


def test_a_log_that_was_damaged_is_said(editing, review):
    folder = folder_of(editing)
    write_report(folder, read_report(folder).model_copy(update={"damage": "edit log: it is damaged after edit 4."}))
    review.open(editing.at.opened)
    assert review.facts.endswith("edit log: it is damaged after edit 4.")


def test_places_are_those_of_the_stack():
    """The kind stands in the first line already; voxels inside the reason are moved as well."""
    why = "lock: there is another neuron at (0, 1, 2) now."
    edit = BroughtEdit(session="/a/b.emcad", seq=1, kind="lock", outcome="conflict", why=why, voxel=(0, 1, 2))
    expected = "done at 10, 21, 32: in conflict\nThere is another neuron at 10, 21, 32 now."
    assert brought_edit_text(edit, (10, 20, 30)) == expected
    assert brought_edit_text(edit, is_here=False).split("\n")[0] == "done at 0, 1, 2: in conflict (b.emcad)"
    plain = BroughtEdit(session="s", seq=2, kind="merge", outcome="right")
    assert brought_edit_text(plain) == "merge: already right"
