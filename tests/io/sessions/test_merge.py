"""Sessions in folders, merged into a new one."""

import shutil
from pathlib import Path

import pytest
from graphs import segmentation
from line_session import FACTS, affinities

from napari_emcad.core.errors import UserError
from napari_emcad.core.progress import drive
from napari_emcad.io.sessions.merge import merge_line, merge_sessions
from napari_emcad.io.sessions.new_session import create_session
from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.io.sessions.replay_report import read_report


@pytest.fixture
def both(folder: Path, tmp_path: Path) -> list[Path]:
    """Two copies of a session; one joins {1, 2} and {3, 4}, the other marks {3, 4} as done before."""
    other = tmp_path / "b.emcad"
    shutil.copytree(folder, other)
    with open_session(other) as opened:
        opened.session.lock(int(opened.session.state.table[3]))
    with open_session(folder) as opened:
        opened.session.merge(2, 3, confirmed=True, voxels=[[0, 0, 12], [0, 0, 22]])
        opened.session.note((0, 0, 1), "look")
    return [folder, other]


def files_of(folder: Path) -> dict[Path, bytes]:
    """All but what SQLite puts beside a log while somebody reads it."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".db-wal", ".db-shm"))
    return {path: path.read_bytes() for path in files}


def test_a_new_session_with_what_waits_in_its_report(both: list[Path], tmp_path: Path) -> None:
    before = [files_of(folder) for folder in both]
    report = drive(merge_sessions(both, tmp_path / "c.emcad"))
    assert [files_of(folder) for folder in both] == before
    assert report == read_report(tmp_path / "c.emcad")
    (edit,) = report.edits
    assert (edit.kind, edit.outcome, edit.against, edit.places[0]) == ("merge", "conflict", 1, (0, 0, 12))
    assert "2 taken, 0 the same in both, 1 to decide" in merge_line(report, "Open c.emcad")
    with open_session(tmp_path / "c.emcad") as opened:
        assert not opened.why_read_only
        assert [row.kind for row in opened.session.log.rows] == ["lock", "note"]
        assert opened.session.log.rows[0].input["original"] == ["b.emcad", 1]
        opened.session.undo()
        assert not opened.session.to_do


def test_the_other_order_gives_the_same(both: list[Path], tmp_path: Path) -> None:
    reports = [
        drive(merge_sessions(order, tmp_path / name)) for order, name in ((both, "c.emcad"), (both[::-1], "d.emcad"))
    ]
    assert reports[0] == reports[1]


def test_what_was_ticked_stays_ticked_in_the_next_merge(both: list[Path], tmp_path: Path) -> None:
    from napari_emcad.io.sessions.replay_report import write_report

    report = drive(merge_sessions(both, tmp_path / "c.emcad"))
    write_report(tmp_path / "c.emcad", report.ticked(0, True))
    again = drive(merge_sessions([tmp_path / "c.emcad", both[0]], tmp_path / "d.emcad"))
    assert [edit.is_ticked for edit in again.edits] == [True]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"box": ((2, 2, 3), (3, 3, 43))}, "the boxes differ"),
        ({"model": "large"}, "the models differ (small, large)"),
        ({"fingerprint": "another"}, "the stacks differ"),
        ({"parameters": {"scoring": "median"}}, "the parameter scoring differs"),
    ],
)
def test_other_fragments_are_refused_by_what_differs(folder: Path, tmp_path: Path, change, what: str) -> None:
    base, facts = segmentation([(1, 2, 0.8), (2, 3, 0.3), (3, 4, 0.9)]), FACTS.model_copy(update=change)
    create_session(tmp_path / "b.emcad", base, affinities(base.fragments.shape), facts).close()
    with pytest.raises(UserError, match="are of different fragments") as found:
        drive(merge_sessions([folder, tmp_path / "b.emcad"], tmp_path / "c.emcad"))
    assert what in str(found.value)
    assert not (tmp_path / "c.emcad").exists()


def test_one_session_alone_or_a_taken_name_is_refused(both: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="two sessions or more are needed"):
        drive(merge_sessions([both[0], both[0]], tmp_path / "c.emcad"))
    with pytest.raises(UserError, match="this name is taken"):
        drive(merge_sessions(both, both[1]))
    with pytest.raises(UserError, match="outside the sessions"):
        drive(merge_sessions(both, both[1] / "c.emcad"))
