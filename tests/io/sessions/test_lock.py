import json
import os
import signal
import subprocess
import sys

import pytest
from graphs import groups

from napari_emcad.core.errors import UserError
from napari_emcad.io.sessions.open_session import open_session


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
