import pytest
from graphs import LINE, groups, segmentation

from napari_emcad.core.errors import UserError
from napari_emcad.core.progress import drive
from napari_emcad.io.sessions.facts import SessionFacts
from napari_emcad.io.sessions.lock import lock_holder
from napari_emcad.io.sessions.new_session import create_session
from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.io.sessions.replay import check_replay, replay_session
from napari_emcad.io.sessions.replay_report import read_report

FACTS = SessionFacts(
    threshold=0.5, source="a.tif", fingerprint="abc 1x1x40 uint8 40 1700 a.tif", box=((1, 2, 3), (2, 3, 43))
)
FINER = [*LINE, (4, 5, 0.9)]


@pytest.fixture
def old(tmp_path):
    """A session with a merge and a detach."""
    with create_session(tmp_path / "old.emcad", segmentation(LINE), None, FACTS) as opened:
        opened.session.merge(1, 4, confirmed=True, voxels=[[0, 0, 4], [0, 0, 34]])
        opened.session.lock(1)
    with open_session(tmp_path / "old.emcad", to_read=True) as opened:
        yield opened


def created(tmp_path, **facts):
    base = segmentation(FINER, sizes=[8, 8, 8, 8, 8])
    return create_session(tmp_path / "new.emcad", base, None, FACTS.model_copy(update=facts))


def test_edits_are_in_the_new_log(old, tmp_path):
    with created(tmp_path) as new:
        found = drive(replay_session(old, new))
    assert [f.outcome for f in found] == ["applied", "applied"]
    with open_session(tmp_path / "new.emcad") as new:
        assert groups(new.session) == [[1, 2, 3, 4, 5]] and new.session.state.locked == {1}
        assert [row.input["replayed"] for row in new.session.log.rows] == [1, 2]
    assert len(old.session.log.rows) == 2


def test_the_report_is_left_beside_the_log(old, tmp_path):
    with created(tmp_path) as new:
        drive(replay_session(old, new))
    report = read_report(tmp_path / "new.emcad")
    assert [(edit.seq, edit.outcome) for edit in report.edits] == [(1, "applied"), (2, "applied")]
    assert report.session == str(tmp_path / "old.emcad") and report.is_whole
    assert read_report(tmp_path / "old.emcad") is None


def test_a_replay_that_is_stopped_leaves_what_it_made(old, tmp_path):
    with created(tmp_path) as new:
        job = replay_session(old, new)
        while next(job).stage != "edits":
            pass
        job.close()
    report = read_report(tmp_path / "new.emcad")
    assert [edit.seq for edit in report.edits] == [1] and not report.is_whole
    with open_session(tmp_path / "new.emcad") as new:
        assert [row.input["replayed"] for row in new.session.log.rows] == [1]


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        (
            {"fingerprint": "xyz 1x1x40 uint8 40 1700 b.tif", "source": "b.tif"},
            r"same stack .* got .*a\.tif and .*b\.tif",
        ),
        ({"box": ((1, 2, 4), (2, 3, 44))}, "the same region 1:2,2:3,3:43 is needed, got 1:2,2:3,4:44"),
    ],
)
def test_another_stack_or_region(old, tmp_path, facts, sentence):
    with created(tmp_path, **facts) as new:
        with pytest.raises(UserError, match=sentence):
            drive(replay_session(old, new))
        with pytest.raises(UserError, match=sentence):
            check_replay(old.folder, new)


@pytest.mark.parametrize("fingerprint", ["abc 1x1x40 uint8 40 9999 copy.tif", ""])
def test_a_copy_of_the_stack_is_the_same_stack(old, tmp_path, fingerprint):
    with created(tmp_path, fingerprint=fingerprint) as new:
        assert len(drive(replay_session(old, new))) == 2


def test_two_sessions_of_which_one_can_be_edited(old, tmp_path):
    with pytest.raises(UserError, match="two sessions are needed"):
        drive(replay_session(old, old))
    created(tmp_path).close()
    with open_session(tmp_path / "new.emcad", to_read=True) as new, pytest.raises(UserError, match="for reading only"):
        drive(replay_session(old, new))


def test_a_session_that_somebody_edits_is_refused_before(old, tmp_path):
    with created(tmp_path) as new:
        check_replay(old.folder, new)
        with open_session(old.folder), pytest.raises(UserError, match=r"has the session open since .* close it there"):
            check_replay(old.folder, new)
        check_replay(old.folder, new)
        (old.folder / "holder.json").write_text("{}")  # of a program that was killed
        assert lock_holder(old.folder) == ""
        with pytest.raises(UserError, match="this is none"):
            check_replay(tmp_path, new)
        with pytest.raises(UserError, match="two sessions are needed"):
            check_replay(new.folder, new)
