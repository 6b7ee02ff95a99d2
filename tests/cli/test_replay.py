from pathlib import Path

import pytest
from damage import spoil_edit
from graphs import LINE, segmentation

from napari_emcad.cli import main as cli
from napari_emcad.io.sessions.facts import SessionFacts, read_facts
from napari_emcad.io.sessions.new_session import create_session
from napari_emcad.io.sessions.open_session import open_session

FACTS = SessionFacts(threshold=0.5, box=((1, 2, 3), (2, 3, 43)))


@pytest.fixture
def folders(tmp_path):
    """A session with edits, and one of the same region on other fragments."""
    with create_session(tmp_path / "old.emcad", segmentation(LINE), None, FACTS) as opened:
        opened.session.merge(1, 4, confirmed=True, voxels=[[0, 0, 4], [0, 0, 34]])
        opened.session.set_threshold(0.3)
        opened.session.note((0, 0, 9), "here")
    base = segmentation([*LINE, (4, 5, 0.9)], sizes=[8, 8, 8, 8, 8])
    create_session(tmp_path / "new.emcad", base, None, FACTS).close()
    return str(tmp_path / "old.emcad"), str(tmp_path / "new.emcad")


def test_replay_tells_every_edit_and_counts(folders, capsys):
    assert cli.main(["replay", *folders]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "1  merge  1,2,7  applied again",
        "2  threshold  -  lost  threshold: it was chosen for other affinities; the new session keeps its own.",
        "3  note  1,2,12  applied again",
        "3 edits: 0 already right, 2 applied again, 0 in conflict, 1 lost",
    ]
    with open_session(folders[1]) as opened:
        assert [row.kind for row in opened.session.log.rows] == ["merge", "note"]
    assert cli.main(["replay", *folders]) == 0
    assert "2 already right" in capsys.readouterr().out


def test_replay_keeps_a_voxel_size_in_the_new_session(folders):
    assert cli.main(["replay", *folders, "--voxel-size", "30", "4", "5"]) == 0
    assert [read_facts(Path(folder)).voxel_size for folder in folders] == [None, (30, 4, 5)]


def test_replay_into_itself_or_while_another_edits(folders, capsys):
    assert cli.main(["replay", folders[0], folders[0]]) == 1
    assert "two sessions are needed" in capsys.readouterr().err
    with open_session(folders[1]):
        assert cli.main(["replay", *folders]) == 1
    assert "open for reading only" in capsys.readouterr().err


def test_replay_that_is_stopped(folders, capsys, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("napari_emcad.cli.sessions.follow", stopped)
    assert cli.main(["replay", *folders]) == 1
    assert "the edits made again until then are in" in capsys.readouterr().err


def test_copy(folders, tmp_path, capsys):
    assert cli.main(["copy", folders[0], str(tmp_path / "b.emcad")]) == 0
    assert capsys.readouterr().out == f"3 edits -> {tmp_path / 'b.emcad'}\n"
    assert cli.main(["copy", folders[0], str(tmp_path / "b.emcad")]) == 1
    assert "this name is taken" in capsys.readouterr().err


def test_copy_of_a_damaged_session(folders, tmp_path, capsys):
    spoil_edit(tmp_path / "old.emcad", 3)
    assert cli.main(["copy", folders[0], str(tmp_path / "b.emcad")]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("2 edits ->") and "damaged after edit 2" in told.err
