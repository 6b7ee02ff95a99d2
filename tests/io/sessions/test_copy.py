import errno
from pathlib import Path

import numpy as np
import pytest
from damage import spoil_edit as spoil
from graphs import LINE, groups, segmentation

from napari_emcad.core.errors import UserError
from napari_emcad.io.sessions import copy as session_copy
from napari_emcad.io.sessions.copy import CopyResult, copy_session, copy_session_job
from napari_emcad.io.sessions.facts import SessionFacts
from napari_emcad.io.sessions.new_session import create_session
from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.proofreading.log import EditLog


@pytest.fixture
def folder(tmp_path):
    """A closed session with affinities and three rows: detach, merge, undo."""
    base = segmentation(LINE)
    affinities = np.random.default_rng(5).integers(0, 256, (3, *base.fragments.shape), np.uint8)
    with create_session(tmp_path / "a.emcad", base, affinities, SessionFacts(threshold=0.5)) as opened:
        opened.session.detach(2)
        opened.session.merge(1, 4, confirmed=True, note="here")
        opened.session.undo()
    return tmp_path / "a.emcad"


def content(folder: Path) -> dict[str, bytes]:
    """All but what SQLite leaves beside a log that was read."""
    files = (p for p in sorted(folder.rglob("*")) if p.is_file() and not p.name.endswith(("-shm", "-wal")))
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


def rows_of(log: EditLog) -> list:
    """All that rows say."""
    return [row._as_one() for row in log.rows]


def test_a_whole_session(folder, tmp_path):
    before = content(folder)
    assert copy_session(folder, tmp_path / "b.emcad") == CopyResult(3, "")
    assert content(folder) == before
    with open_session(folder, to_read=True) as old, open_session(tmp_path / "b.emcad") as new:
        assert rows_of(new.session.log) == rows_of(old.session.log)
        assert new.session.state.digest() == old.session.state.digest()
        np.testing.assert_array_equal(new.affinities[:], old.affinities[:])
        assert new.facts == old.facts and not new.why_read_only
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.emcad", "b.emcad"]


def test_27_a_damaged_one_up_to_its_last_good_row_and_on_from_there(folder, tmp_path):
    spoil(folder)
    before = content(folder)
    copied = copy_session(folder, tmp_path / "b.emcad")
    assert copied.edits == 1 and "damaged after edit 1" in copied.damage and "napari-emcad copy" in copied.damage
    assert content(folder) == before
    with open_session(tmp_path / "b.emcad") as opened:
        assert not opened.why_read_only and groups(opened.session) == [[1], [2], [3, 4]]
        opened.session.merge(1, 3, confirmed=True)
    with open_session(tmp_path / "b.emcad") as opened:
        assert [row.kind for row in opened.session.log.rows] == ["detach", "merge"] and not opened.session.log.damage


def test_a_log_that_is_no_log_any_more(folder, tmp_path):
    (folder / "edits.db").write_bytes(b"nothing of a log is left" * 99)
    assert copy_session(folder, tmp_path / "b.emcad").edits == 0
    with open_session(tmp_path / "b.emcad") as opened:
        assert groups(opened.session) == [[1, 2], [3, 4]] and not opened.why_read_only


def test_while_somebody_edits_it(folder, tmp_path):
    with open_session(folder) as writer:
        writer.session.merge(3, 1, confirmed=True)
        assert copy_session(folder, tmp_path / "b.emcad") == CopyResult(4, "")
        writer.session.undo()
        with open_session(tmp_path / "b.emcad") as copy:  # nobody holds the copy
            assert not copy.why_read_only and len(copy.session.log.rows) == 4
            copy.session.undo()
        assert len(writer.session.log.rows) == 5
    assert len(EditLog(folder / "edits.db", read_only=True).rows) == 5


def test_progress_is_in_bytes_and_stopping_leaves_nothing(folder, tmp_path):
    seen = list(copy_session_job(folder, tmp_path / "b.emcad"))
    assert seen[-1].done == seen[-1].total and {p.stage for p in seen} == {"copy"}
    job = copy_session_job(folder, tmp_path / "c.emcad")
    next(job)
    job.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.emcad", "b.emcad"]


@pytest.mark.parametrize("size", [400_000, 3_000_000])
def test_a_disk_that_is_full(folder, small_disk, size):
    """With the log, or with what comes after it."""
    (folder / "affinities.zarr" / "more").write_bytes(bytes(size))
    (small_disk / "other").write_bytes(bytes(1_048_576 - 4096 if size < 1_000_000 else 0))
    with pytest.raises(UserError, match=r"disk|full"):
        copy_session(folder, small_disk / "b.emcad")
    assert [p.name for p in small_disk.iterdir()] == ["other"]


def test_a_full_disk_is_one_sentence_and_leaves_nothing(folder, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(session_copy.shutil, "copyfileobj", full)
    with pytest.raises(UserError, match=r"b\.emcad: disk full, about 1 MB are needed; nothing was written"):
        copy_session(folder, tmp_path / "b.emcad")
    assert [p.name for p in tmp_path.iterdir()] == ["a.emcad"]


@pytest.mark.parametrize("name", ["session.json", "graph", "fragments.zarr", "edits.db"])
def test_what_lacks_a_file_is_not_copied(folder, tmp_path, name):
    (folder / name).rename(tmp_path / "aside")
    with pytest.raises(UserError, match=r"missing; copy the session from where it is whole|a session folder"):
        copy_session(folder, tmp_path / "b.emcad")
    assert not (tmp_path / "b.emcad").exists()


def test_without_affinities(tmp_path):
    create_session(tmp_path / "a.emcad", segmentation(LINE), None, SessionFacts(threshold=0.5)).close()
    copy_session(tmp_path / "a.emcad", tmp_path / "b.emcad")
    with open_session(tmp_path / "b.emcad") as opened:
        assert opened.affinities is None


def test_names_that_cannot_be(folder, tmp_path):
    for new, sentence in (
        (folder, "this name is taken"),
        (folder / "b.emcad", "a place outside the session is needed"),
        (tmp_path / "none" / "b.emcad", "does not exist"),
    ):
        with pytest.raises(UserError, match=sentence):
            copy_session(folder, new)
