import os
import socket
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from napari_emcad.io import regular_files
from napari_emcad.io.regular_files import (
    NoAnswer,
    NotRegular,
    await_path,
    check_entries,
    check_path,
    is_there,
    read_regular,
)


@pytest.fixture
def odd(tmp_path):
    """A pipe, a socket, and links to them."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    with closing(socket.socket(socket.AF_UNIX)) as there:
        there.bind(os.path.relpath(tmp_path / "socket"))
        yield tmp_path


@pytest.mark.parametrize(
    ("name", "what"),
    [("pipe", "a named pipe"), ("link", "a named pipe"), ("socket", "a socket"), ("/dev/zero", "a device")],
)
def test_what_blocks_is_refused_before_it_is_opened(odd, name, what):
    path = odd / name
    for refuse in (check_path, lambda path: read_regular(path, 100)):
        with pytest.raises(NotRegular) as told:
            refuse(path)
        assert str(told.value) == f"{path}: a file or folder is needed, this is {what}; choose another one."


def test_files_folders_and_nothing_are_not_refused(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    for path in (tmp_path, tmp_path / "a", tmp_path / "none", tmp_path / "a" / "none", Path("a\0b")):
        check_path(path)
    assert read_regular(tmp_path / "a", 3) == b"abc"


def test_a_file_that_is_too_long_is_not_read(tmp_path):
    (tmp_path / "a").write_bytes(bytes(2_000_001))
    with pytest.raises(ValueError, match=r"more than 2 MB"):
        read_regular(tmp_path / "a", 2_000_000)


@pytest.mark.parametrize("place", ["pipe", "deep/er/pipe"])
def test_a_folder_is_looked_through(tmp_path, place):
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "a").write_bytes(b"abc")
    check_entries(tmp_path)
    os.mkfifo(tmp_path / place)
    with pytest.raises(NotRegular, match=r"pipe: a file or folder is needed, this is a named pipe"):
        check_entries(tmp_path)


@pytest.fixture
def dead(monkeypatch):
    """Make every call for what lies on a dead disk wait, until the test is over."""
    over, asked = threading.Event(), []
    stat = os.stat

    def waits(path, **options):
        if "dead" in str(path):
            asked.append(path)
            over.wait(10)
        return stat(path, **options)

    monkeypatch.setattr(regular_files.os, "stat", waits)
    monkeypatch.setattr(regular_files, "PATIENCE", 0.2)
    yield asked
    over.set()


def test_a_disk_that_does_not_answer_is_told(dead, tmp_path):
    with pytest.raises(NoAnswer, match=r"dead: its disk or network share has not answered for 0\.2 s; check that it"):
        check_path(tmp_path / "dead")


def test_the_wait_for_it_can_be_stopped(dead, tmp_path):
    waiting = await_path(tmp_path / "dead", patience=100)
    assert next(waiting).stage == "waiting for the disk"
    waiting.close()


def test_nobody_asks_twice(dead, tmp_path):
    for _ in range(3):
        with pytest.raises(NoAnswer):
            check_path(tmp_path / "dead")
    assert len(dead) == 1


def test_an_answer_that_is_overdue_is_not_waited_for_again(dead, tmp_path):
    with pytest.raises(NoAnswer):
        check_path(tmp_path / "dead")
    begin = time.monotonic()
    assert not is_there(tmp_path / "dead")
    assert time.monotonic() - begin < regular_files.SHORT_PATIENCE
