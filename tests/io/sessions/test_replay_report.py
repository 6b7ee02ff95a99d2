import pytest
from graphs import LINE, segmentation

from napari_emcad.core.errors import UserError
from napari_emcad.io.sessions.copy import copy_session
from napari_emcad.io.sessions.facts import SessionFacts
from napari_emcad.io.sessions.file_names import REPLAY_REPORT
from napari_emcad.io.sessions.new_session import create_session
from napari_emcad.io.sessions.replay_report import BroughtEdit, ReplayReport, read_report, write_report
from napari_emcad.proofreading.replay.outcomes import Replayed

FOUND = [
    Replayed(1, "merge", "right", "", (0, 0, 4), ((0, 0, 4), (0, 0, 34))),
    Replayed(3, "lock", "conflict", "lock: this is another neuron now.", (0, 0, 9)),
    Replayed(4, "threshold", "lost", "", None),
]


@pytest.fixture
def opened(tmp_path):
    """A session with three edits in force."""
    with create_session(tmp_path / "a.emcad", segmentation(LINE), None, SessionFacts(threshold=0.5)) as opened:
        for x in (1, 2, 3):
            opened.session.note((0, 0, x))
        yield opened


def test_it_is_read_as_it_was_written(opened):
    report = ReplayReport.of(opened, FOUND).ticked(1, True)
    write_report(opened.folder, report)
    assert read_report(opened.folder) == report
    assert [edit.seq for edit in report.open] == [4] and report.is_whole
    assert report.edits[0].places == ((0, 0, 4), (0, 0, 34)) and not report.edits[0].needs_a_look
    assert report.line() == "3 edits: 1 already right, 0 applied again, 1 in conflict, 1 lost."
    write_report(opened.folder, report.dismissed())
    assert read_report(opened.folder).open == ()
    assert not ReplayReport.of(opened, FOUND).edits[1].is_ticked  # nothing was modified


def test_one_that_was_stopped_says_so(opened):
    report = ReplayReport.of(opened, FOUND[:2])
    assert report.line().endswith("1 in conflict, 0 lost. Stopped after 2 of 3 edits; bring them again to go on.")


def test_what_is_open_from_before_is_kept_once(opened):
    own, other = str(opened.folder.absolute()), "/elsewhere/b.emcad"
    before = [BroughtEdit(session=s, seq=7, kind="merge", outcome="lost") for s in (own, other, other)]
    report = ReplayReport.of(opened, FOUND, before)
    assert [(edit.session, edit.seq) for edit in report.edits] == [(own, 1), (own, 3), (own, 4), (other, 7)]
    assert report.is_whole and report.replayed == 3


def test_none_and_damaged_ones(tmp_path):
    assert read_report(tmp_path) is None
    for content in (
        "{",
        '{"format_version": 2, "session": "", "total": 0}',
        '{"session": "", "total": 0, "edits": [{}]}',
    ):
        (tmp_path / REPLAY_REPORT).write_text(content)
        with pytest.raises(UserError, match="the report cannot be read; the edits are not touched"):
            read_report(tmp_path)


def test_a_copy_of_a_session_has_it(opened, tmp_path):
    write_report(opened.folder, report := ReplayReport.of(opened, FOUND))
    copy_session(opened.folder, tmp_path / "b.emcad")
    assert read_report(tmp_path / "b.emcad") == report
