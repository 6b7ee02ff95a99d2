import errno
import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from graphs import LINE, segmentation, session

from napari_emcad.core.errors import UserError
from napari_emcad.proofreading import log as log_module
from napari_emcad.proofreading.effect_text import effect_from, effect_text
from napari_emcad.proofreading.effects import Effect, Move
from napari_emcad.proofreading.log import EditLog, write_rows
from napari_emcad.proofreading.packed import pack_details
from napari_emcad.proofreading.rows import LogRow
from napari_emcad.proofreading.session import Session, base_hash

EFFECT = Effect(
    moves=(
        Move(np.array([1, 2, 3, 7], np.uint32), 1, 9, True),
        Move(np.array([5], np.uint32), 5, 9, False),
    ),
    bridges=((3, 5),),
    threshold=(0.25, 0.5),
    locked=(4,),
    unlocked=(8,),
)

KILLED = """
import sys
from pathlib import Path
from napari_emcad.proofreading.effects import Effect
from napari_emcad.proofreading.log import EditLog
log = EditLog(Path(sys.argv[1]))
while True:
    row = log.add("threshold", {}, Effect(threshold=(len(log.rows), len(log.rows) + 1)), "base")
    print(row.seq, flush=True)
"""


def same(one: Effect, other: Effect) -> bool:
    return effect_text(one) == effect_text(other)


def filled(path: Path, rows: int = 5) -> list:
    log = EditLog(path)
    for i in range(rows):
        log.add("threshold", {"i": i}, Effect(threshold=(i / 10, (i + 1) / 10)), "base", duration_ms=7.5)
    log.close()
    return log.rows


def test_an_effect_comes_back_from_its_text():
    found = effect_from(effect_text(EFFECT))
    assert same(found, EFFECT) and found.threshold == EFFECT.threshold and found.bridges == EFFECT.bridges
    for mine, theirs in zip(found.moves, EFFECT.moves, strict=True):
        np.testing.assert_array_equal(mine.fragments, theirs.fragments)
        assert (mine.before, mine.after, mine.was_free) == (theirs.before, theirs.after, theirs.was_free)
    assert effect_text(Effect()) == "{}" and effect_from("{}") == Effect()


def test_rows_are_there_again(tmp_path):
    rows = filled(tmp_path / "edits.db")
    again = EditLog(tmp_path / "edits.db")
    assert again.rows == rows and again.writable and not again.damage
    assert [row.seq for row in rows] == [1, 2, 3, 4, 5] and rows[0].duration_ms == 7.5
    again.add("threshold", {}, Effect(), "base")
    assert len(EditLog(tmp_path / "edits.db", read_only=True).rows) == 6


@pytest.mark.parametrize("column", ["input", "effect", "kind", "base_hash", "time"])
def test_27_a_changed_row_ends_the_log_before_it(tmp_path, column):
    rows = filled(tmp_path / "edits.db")
    with sqlite3.connect(tmp_path / "edits.db") as database:
        database.execute(f"UPDATE edits SET {column} = ? WHERE seq = 3", ({"time": 1.5}.get(column, "{}"),))
    log = EditLog(tmp_path / "edits.db")
    assert log.rows == rows[:2] and not log.writable
    assert "is damaged after edit 2; it is open for reading up to there, make a copy" in log.damage
    with pytest.raises(UserError, match="open for reading only"):
        log.add("merge", {}, Effect(), "base")


def test_27_a_row_taken_out_ends_the_log_before_it(tmp_path):
    rows = filled(tmp_path / "edits.db")
    with sqlite3.connect(tmp_path / "edits.db") as database:
        database.execute("DELETE FROM edits WHERE seq = 2")
    assert EditLog(tmp_path / "edits.db").rows == rows[:1]


def test_27_a_flipped_byte_never_gives_a_wrong_row(tmp_path):
    path, bad = tmp_path / "edits.db", tmp_path / "bad.db"
    rows, content = filled(path), path.read_bytes()
    shutil.copyfile(tmp_path / "edits.known", tmp_path / "bad.known")
    places = [content.index(b"base") + i for i in range(40)] + list(range(0, len(content), 97))
    noticed = 0
    for place in places:
        bad.write_bytes(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])
        log = EditLog(bad, read_only=True)
        assert log.rows == rows[: len(log.rows)]
        assert log.damage or log.rows == rows
        noticed += bool(log.damage)
    assert noticed >= 40


def test_26_killed_at_any_moment(tmp_path):
    """Every row whose writer was told that it is written is there afterwards."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    for i in range(5):
        path = tmp_path / f"{i}.db"
        writer = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, env=environment, text=True
        )
        assert writer.stdout.readline() == "1\n"
        time.sleep(0.03 * i)
        writer.send_signal(signal.SIGKILL)
        told = [1, *(int(line) for line in writer.communicate()[0].splitlines())]
        log = EditLog(path)
        assert len(log.rows) >= told[-1] and not log.damage and log.writable


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match=r"^edit log: .*edits.db cannot be opened .*; choose another folder\.$"):
        EditLog(tmp_path / "none" / "edits.db")


def test_a_full_disk_changes_nothing(tmp_path):
    at = session(LINE, tmp_path)
    at.log._database.execute("PRAGMA max_page_count = 1")
    before = at.state.digest()
    with pytest.raises(UserError, match=r"could not be written \(.*full.*\); nothing was changed"):
        at.merge(1, 3, note=os.urandom(50_000).hex())
    assert at.state.digest() == before and not at.log.rows


def test_a_reader_beside_the_writer(tmp_path):
    at = session(LINE, tmp_path)
    at.merge(1, 3)
    beside = Session(segmentation(LINE), EditLog(tmp_path / "edits.db", read_only=True), 0.5)
    assert beside.state.digest() == at.state.digest() and not beside.log.writable


def test_opened_in_one_thread_and_used_in_another(tmp_path):
    with ThreadPoolExecutor(1) as pool:
        log = pool.submit(EditLog, tmp_path / "edits.db").result()
    log.add("lock", {"segment": 3}, Effect(locked=(3,)), "base")
    log.close()
    assert EditLog(tmp_path / "edits.db", read_only=True).rows == log.rows


def test_names_that_mean_something_in_an_address(tmp_path):
    folder = tmp_path / "50 % of #3? ü"
    folder.mkdir()
    rows = filled(folder / "edits.db")
    assert EditLog(folder / "edits.db").rows == rows


# ---- other versions --------------------------------------------------------------------------------------------------


def write_first_version(path: Path, rows: list) -> None:
    """A log as the first versions wrote it: all that rows hold is text, and nothing is counted."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(log_module._TABLE)
        line_hash = ""
        for row in rows:
            request, effect = json.dumps(row.input, separators=(",", ":"), sort_keys=True), effect_text(row.effect)
            values = [row.seq, row.time, row.user, row.duration_ms, row.kind, row.base_hash, request, effect]
            line_hash = hashlib.sha256(json.dumps([line_hash, *values]).encode()).hexdigest()
            database.execute(log_module._INSERT, (*values, line_hash))


def test_a_log_of_the_first_version_is_read_and_goes_on(tmp_path):
    at = session(LINE, tmp_path, name="new.db")
    at.merge(1, 3)
    at.undo()
    at.set_threshold(0.9)
    write_first_version(tmp_path / "edits.db", at.log.rows)
    old = Session(segmentation(LINE), EditLog(tmp_path / "edits.db"), 0.5)
    assert old.log.rows == at.log.rows and old.state.digest() == at.state.digest() and not old.log.damage
    old.lock(int(old.state.table[1]))
    old.log.close()
    again = Session(segmentation(LINE), EditLog(tmp_path / "edits.db"), 0.5)
    assert again.log.rows == old.log.rows and again.state.digest() == old.state.digest() and again.log.writable


@pytest.mark.parametrize("column", ["input", "effect", "user", "duration_ms", "kind", "base_hash", "hash"])
@pytest.mark.parametrize("seq", [2, 4])
def test_a_changed_row_of_either_version_is_told(tmp_path, column, seq):
    write_first_version(tmp_path / "edits.db", filled(tmp_path / "new.db", 3))
    log = EditLog(tmp_path / "edits.db")
    for _ in range(2):
        log.add("threshold", {}, Effect(threshold=(0.5, 0.6)), "other base")
    log.close()
    with closing(sqlite3.connect(tmp_path / "edits.db")) as database, database:
        database.execute(f"UPDATE edits SET {column} = ? WHERE seq = ?", ({"duration_ms": 3}.get(column, "{}"), seq))
    log = EditLog(tmp_path / "edits.db")
    assert len(log.rows) == seq - 1 and f"is damaged after edit {seq - 1}" in log.damage


def test_a_log_of_a_later_version_is_told(tmp_path):
    filled(tmp_path / "edits.db")
    with closing(sqlite3.connect(tmp_path / "edits.db")) as database:
        database.execute("PRAGMA user_version = 3")
    log = EditLog(tmp_path / "edits.db")
    assert "was written by a later version of napari-emcad" in log.damage and not log.writable


def test_an_ordinary_edit_takes_less_than_200_bytes(tmp_path):
    at = session([(i, i + 1, 0.9 if i % 8 else 0.2) for i in range(1, 64)], tmp_path)
    for i in range(100):
        at.merge(8, 9, voxels=[[3, 1500 + i, 800], [3, 1503, 810 + i]])
        at.undo()
    at.log.close()
    assert (tmp_path / "edits.db").stat().st_size < 200 * 200


def test_a_row_that_nobody_could_write_ends_in_a_sentence(tmp_path):
    log = EditLog(tmp_path / "edits.db")
    log.add_all([LogRow(1, 1.0, "merge", base_hash(segmentation(LINE)), pack_details(["", 0, {}]), b"\x02\x01")], "")
    with pytest.raises(UserError, match=r"^session: its edits cannot be made again .*; copy the session again"):
        Session(segmentation(LINE), log, 0.5)


# ---- edits that SQLite drops ---------------------------------------------------------------------------------------


def killed(path: Path, least: int = 12) -> int:
    """Return the edits that a program acknowledged before it was killed; they lie in edits.db-wal."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    writer = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, env=environment, text=True
    )
    told = [writer.stdout.readline() for _ in range(least)]
    writer.send_signal(signal.SIGKILL)
    told += writer.communicate()[0].splitlines()
    assert wal(path).stat().st_size
    return len([line for line in told if line.strip()])


def wal(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


@pytest.fixture(scope="module")
def killed_log(tmp_path_factory):
    folder = tmp_path_factory.mktemp("killed")
    return folder, killed(folder / "edits.db")


@pytest.fixture
def log_of_killed(killed_log, tmp_path):
    folder, edits = killed_log
    shutil.copytree(folder, tmp_path / "log")
    return tmp_path / "log" / "edits.db", edits


def test_edits_of_a_killed_program_are_there(log_of_killed):
    path, edits = log_of_killed
    log = EditLog(path)
    assert len(log.rows) >= edits and not log.damage and log.writable


@pytest.mark.parametrize("seed", range(30))
def test_edits_that_are_lost_are_told(log_of_killed, seed):
    """The write-ahead log is changed, cut or left behind anywhere."""
    path, edits = log_of_killed
    rng, content = np.random.default_rng(seed), bytearray(wal(path).read_bytes())
    place = int(rng.integers(len(content)))
    if seed % 3 == 0:
        content[place] ^= 0x55
    wal(path).write_bytes(content[:place] if seed % 3 == 1 else content)
    if seed % 3 == 2:
        wal(path).unlink()
    log = EditLog(path)
    lost = edits - len(log.rows)
    assert lost <= 0 or (f"has lost its last {lost}" in log.damage or f"has lost its last {lost + 1}" in log.damage)
    assert log.writable == (not log.damage)
    assert seed % 3 != 2 or lost == edits


def test_a_lost_tail_can_be_copied(log_of_killed, tmp_path):
    path, _ = log_of_killed
    wal(path).write_bytes(wal(path).read_bytes()[: wal(path).stat().st_size // 2])
    rows = EditLog(path).rows
    write_rows(tmp_path / "copy.db", rows)
    copied = EditLog(tmp_path / "copy.db")
    assert copied.rows == rows and copied.writable and rows


def test_where_nothing_can_be_written_all_edits_are_there(log_of_killed, monkeypatch):
    """SQLite opens no log without the index of its write-ahead log on a disk that is read-only."""
    path, edits = log_of_killed
    path.with_name(f"{path.name}-shm").unlink()
    connect = log_module._connect

    def connect_on_read_only_disk(file, mode):
        return connect(file, mode) if file.parent != path.parent else sqlite3.connect(":memory:")

    monkeypatch.setattr(log_module, "_connect", connect_on_read_only_disk)
    log = EditLog(path, read_only=True)
    assert len(log.rows) >= edits and not log.damage


@pytest.mark.parametrize("content", [b"", b"5 0123456789abcdef\n", b"five\n", b"5 xyz\n", b"\xff\xfe\n", None])
def test_a_count_that_is_damaged_is_told(tmp_path, content):
    filled(tmp_path / "edits.db")
    known = tmp_path / "edits.known"
    known.unlink() if content is None else known.write_bytes(content)
    log = EditLog(tmp_path / "edits.db")
    assert bool(log.damage) is (content != b"")
    assert content is not None or "lacks edits.known" in log.damage


def test_the_count_follows_the_edits(tmp_path):
    rows = filled(tmp_path / "edits.db")
    known = tmp_path / "edits.known"
    lines = known.read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["1", "2", "3", "4", "5"]
    known.write_bytes(known.read_bytes() + b"6 0123")  # the power went while it was written
    log = EditLog(tmp_path / "edits.db")
    assert log.rows == rows and log.writable
    log.add("threshold", {}, Effect(), "base")
    log.close()
    assert known.read_text().splitlines()[-1].startswith("6 ") and EditLog(tmp_path / "edits.db").writable


def test_an_edit_stays_where_its_count_finds_no_room(tmp_path, monkeypatch):
    log = EditLog(tmp_path / "edits.db")
    write = os.write

    def write_half(file, content):
        write(file, content[:7])
        raise OSError(errno.ENOSPC, "no room")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write_half)
        log.add("threshold", {}, Effect(), "base")
    log.add("threshold", {}, Effect(), "base")
    log.close()
    again = EditLog(tmp_path / "edits.db")
    assert len(again.rows) == 2 and again.writable
    assert (tmp_path / "edits.known").read_text().split()[0] == "2"


def test_a_log_of_an_earlier_version_is_counted_from_now_on(tmp_path):
    rows = filled(tmp_path / "edits.db")
    (tmp_path / "edits.known").unlink()
    with closing(sqlite3.connect(tmp_path / "edits.db")) as database:
        database.execute("PRAGMA user_version = 0")
    log = EditLog(tmp_path / "edits.db")
    assert log.rows == rows and log.writable
    log.close()
    assert (tmp_path / "edits.known").read_text().startswith("5 ")
    (tmp_path / "edits.known").unlink()
    assert EditLog(tmp_path / "edits.db").damage


def test_the_count_is_not_written_through_a_link(tmp_path):
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "edits.known").symlink_to("precious")
    with pytest.raises(UserError, match="cannot be opened"):
        EditLog(tmp_path / "edits.db")
    assert (tmp_path / "precious").read_text() == "precious"


def test_nothing_is_written_once_it_must_not_be(tmp_path):
    why = [""]
    log = EditLog(tmp_path / "edits.db", why_not=lambda: why[0])
    log.add("threshold", {}, Effect(), "base")
    why[0] = "another program edits it"
    with pytest.raises(UserError, match="another program edits it; nothing was changed"):
        log.add("threshold", {}, Effect(), "base")
    log.close()
    assert len(EditLog(tmp_path / "edits.db").rows) == 1


def test_opening_a_log_counts_nothing_twice(tmp_path):
    filled(tmp_path / "edits.db")
    before = (tmp_path / "edits.known").read_bytes()
    for _ in range(3):
        EditLog(tmp_path / "edits.db").close()
    assert (tmp_path / "edits.known").read_bytes() == before
