import os
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from graphs import LINE, segmentation, session

from napari_emcad.core.errors import UserError
from napari_emcad.proofreading.effect_text import effect_from, effect_text
from napari_emcad.proofreading.effects import Effect, Move
from napari_emcad.proofreading.log import EditLog
from napari_emcad.proofreading.session import Session

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
        at.merge(1, 3, note="x" * 100_000)
    assert at.state.digest() == before and not at.log.rows


def test_a_reader_beside_the_writer(tmp_path):
    at = session(LINE, tmp_path)
    at.merge(1, 3)
    beside = Session(segmentation(LINE), EditLog(tmp_path / "edits.db", read_only=True), 0.5)
    assert beside.state.digest() == at.state.digest() and not beside.log.writable


def test_opened_in_one_thread_and_used_in_another(tmp_path):
    with ThreadPoolExecutor(1) as pool:
        log = pool.submit(EditLog, tmp_path / "edits.db").result()
    log.add("lock", {}, Effect(locked=(3,)), "base")
    log.close()
    assert EditLog(tmp_path / "edits.db", read_only=True).rows == log.rows


def test_names_that_mean_something_in_an_address(tmp_path):
    folder = tmp_path / "50 % of #3? ü"
    folder.mkdir()
    rows = filled(folder / "edits.db")
    assert EditLog(folder / "edits.db").rows == rows
