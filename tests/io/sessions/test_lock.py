import errno
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from graphs import groups

from napari_emcad.core.errors import UserError
from napari_emcad.core.progress import drive
from napari_emcad.io.sessions.lock import SessionLock, edit_alone, lock_holder
from napari_emcad.io.sessions.open_session import find_boxes, open_session


def test_a_second_program_reads_and_says_who_writes(folder):
    with open_session(folder) as first:
        first.session.merge(1, 4, confirmed=True)
        with open_session(folder) as second:
            holder = json.loads((folder / "holder.json").read_text())
            sentence = f"{holder['user']} on {holder['host']} has the session open since {holder['since']}"
            assert sentence in second.why_read_only
            assert groups(second.session) == [[1, 2, 3, 4]]
            with pytest.raises(UserError, match="reading only"):
                second.session.detach(2)
        with open_session(folder) as third:
            assert third.why_read_only, "closing a reader does not let go of the writer's lock"
        first.session.detach(2)
    with open_session(folder) as opened:
        assert opened.why_read_only == ""
        assert len(opened.session.log.rows) == 2


def test_reading_leaves_the_session_free(folder):
    with open_session(folder, to_read=True) as reader, open_session(folder) as writer:
        assert writer.why_read_only == ""
        assert "for reading only" in reader.why_read_only
        assert reader.session.undoable is None


def test_a_holder_that_cannot_be_read(folder):
    with open_session(folder):
        (folder / "holder.json").write_text("{")
        with open_session(folder) as second:
            assert "another program has the session open" in second.why_read_only


def test_a_folder_where_no_lock_can_be_taken(folder):
    (folder / "lock").unlink(missing_ok=True)
    (folder / "lock").mkdir()
    with open_session(folder) as opened:
        assert "cannot be written to" in opened.why_read_only
        assert not opened.session.log.writable


HOLDS = """
import sys
from pathlib import Path
from napari_emcad.io.sessions.open_session import open_session
opened = open_session(Path(sys.argv[1]))
opened.session.merge(1, 4, confirmed=True)
sys.stdout.write("open")
sys.stdout.flush()
sys.stdin.read()
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is of POSIX systems")
def test_the_lock_of_a_killed_program_is_free(folder):
    holding = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holding.stdout.read(4) == "open"
        with open_session(folder) as opened:
            assert "has the session open since" in opened.why_read_only
    finally:
        holding.send_signal(signal.SIGKILL)
        holding.communicate()
    with open_session(folder) as opened:
        assert opened.why_read_only == ""
        assert [row.kind for row in opened.session.log.rows] == ["merge"]


@pytest.mark.skipif(os.name != "posix", reason="Windows removes no file that is open")
def test_the_file_of_the_lock_is_removed(folder):
    """Others still see that the session is edited, and the editor stops if one of them does not."""
    with open_session(folder) as first:
        first.session.merge(1, 4, confirmed=True)
        (folder / "lock").unlink()
        with open_session(folder) as second:
            assert "has the session open since" in second.why_read_only
        assert "has the session open since" in lock_holder(folder)
        with pytest.raises(UserError, match=r"lock was removed, and another program may edit .*nothing was changed"):
            first.session.detach(2)
        (folder / "holder.json").write_text('{"host": "another machine"}')
    assert (folder / "holder.json").exists(), "it belongs to somebody else"
    with open_session(folder) as opened:
        assert opened.why_read_only == "" and len(opened.session.log.rows) == 1


@pytest.mark.parametrize("change", [{"host": "elsewhere"}, {"started": 5.0}, {"pid": 2**22 + 1}, {"pid": "1"}, {}])
def test_what_a_dead_program_has_left_holds_nobody_up(folder, change):
    with open_session(folder):
        holder = json.loads((folder / "holder.json").read_text())
    (folder / "holder.json").write_text(json.dumps(holder | change if change else []))
    assert lock_holder(folder) == ""
    with open_session(folder) as opened:
        assert opened.why_read_only == ""
    assert not (folder / "holder.json").exists()


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK])
def test_a_disk_without_locks(folder, monkeypatch, number):
    def no_locks(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with open_session(folder) as opened:
        assert (
            "its disk has no file locks" in opened.why_read_only and "NAPARI_EMCAD_NO_LOCKS=1" in opened.why_read_only
        )
        assert not opened.session.log.writable and lock_holder(folder) == ""
    monkeypatch.setenv("NAPARI_EMCAD_NO_LOCKS", "1")
    with open_session(folder) as opened:
        assert opened.why_read_only == ""
        opened.session.merge(1, 4, confirmed=True)
        with open_session(folder) as second:
            assert "has the session open since" in second.why_read_only
    assert not (folder / "holder.json").exists()


def test_a_person_may_edit_one_session_alone_on_a_disk_without_locks(folder, tmp_path, monkeypatch):
    def no_locks(*_, **__):
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    other = shutil.copytree(folder, tmp_path / "other.emcad")
    with open_session(folder) as opened:
        assert not opened.has_no_locks
    monkeypatch.setattr(fcntl, "flock", no_locks)
    monkeypatch.setattr("napari_emcad.io.sessions.lock._alone", set())
    with open_session(folder) as opened:
        assert opened.has_no_locks and "--alone on the command line" in opened.why_read_only
    with open_session(folder, to_read=True) as opened:
        assert not opened.has_no_locks
    edit_alone(folder)
    with open_session(folder) as opened, open_session(other) as second:
        assert opened.why_read_only == "" and not opened.has_no_locks and second.has_no_locks
        with open_session(folder) as again:
            assert "has the session open since" in again.why_read_only and not again.has_no_locks


@pytest.mark.parametrize("name", ["boxes", "holder.json", "lock", "edits.known", "edits.db-wal", "graph/u.npy", "new"])
@pytest.mark.parametrize("target", ["folder", "file", "nowhere"])
def test_nothing_is_written_where_a_link_leads(folder, tmp_path, name, target):
    documents = tmp_path / "Documents"
    (documents / "folder").mkdir(parents=True)
    for file in (documents / "file", documents / "folder" / "thesis.txt"):
        file.write_text("precious")
    whole = folder / name
    if name == "graph/u.npy":
        shutil.move(whole, documents / "u.npy")
        target = "u.npy"
    elif whole.is_dir():
        shutil.rmtree(whole)
    else:
        whole.unlink(missing_ok=True)
    whole.symlink_to(documents / target)
    before = {file: file.read_bytes() for file in documents.rglob("*") if file.is_file()}
    try:
        with open_session(folder) as opened:
            sentence = f"{name} is a link out of it; it is open for reading only"
            assert sentence in opened.why_read_only or (name.startswith("edits") and opened.session.log.damage)
            drive(find_boxes(opened))
    except UserError as error:
        assert "edits.db" in str(error)
    assert {file: file.read_bytes() for file in documents.rglob("*") if file.is_file()} == before
    assert whole.is_symlink()


def test_links_inside_a_session_do_no_harm(folder, tmp_path):
    (folder / "graph" / "u.npy").rename(folder / "graph" / "kept.npy")
    (folder / "graph" / "u.npy").symlink_to("kept.npy")
    (tmp_path / "link.emcad").symlink_to(folder)
    with open_session(tmp_path / "link.emcad") as opened:
        assert opened.why_read_only == ""


def test_a_holder_that_could_not_be_removed_does_not_lock_this_program_out(tmp_path, monkeypatch):
    """As on a disk that was away for a moment, or where too many files were open."""
    lock, unlink = SessionLock(tmp_path), Path.unlink

    def refused(self, missing_ok=False):
        if self.name == "holder.json":
            raise OSError(errno.EMFILE, "too many open files")
        unlink(self, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refused)
        lock.release()
    assert (tmp_path / "holder.json").exists() and lock_holder(tmp_path) == ""
    again = SessionLock(tmp_path)
    assert again.why_not == "" and SessionLock(tmp_path).why_not
    again.release()
