"""A run by blocks in a child: finished, stopped and gone on with, and nothing left behind in whatever way it ends."""

import os
import subprocess
import sys
import textwrap
import time
from contextlib import closing

import numpy as np
import psutil
import pytest
import tifffile
from drawings import neuropil

from napari_emcad.blocks.progress import BlockProgress
from napari_emcad.blocks.run import Means, finish_run
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, VoxelSize
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.progress import drive
from napari_emcad.io.sessions.block_run_facts import read_unfinished_run
from napari_emcad.io.sessions.file_names import FACTS_FILE
from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.workers import blocks
from napari_emcad.workers.blocks import BlockOrder, resume_run, start_run, watch_run

SHAPE = (18, 48, 64)
"""Two blocks."""

HERE = Means(10**10)
TWO = Means(10**10, workers=2)

unix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")


@pytest.fixture
def order(tmp_path, model):
    """A stack of two blocks that is to be segmented."""
    tifffile.imwrite(tmp_path / "stack.tif", neuropil(SHAPE, VoxelSize(40, 6, 6), seed=2), photometric="minisblack")
    parameters = SegmentParameters(device="cpu", threshold=0.4)
    source = str(tmp_path / "stack.tif")
    return BlockOrder(source, None, SHAPE, VoxelSize(40, 5, 6), model, Box.whole(SHAPE), parameters)


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Where temporary files lie."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def running(tmp_path):
    """Tells the processes that have been started in a test and still run."""

    def found() -> set[int]:
        return {p.pid for p in psutil.Process().children(recursive=True) if p.status() != psutil.STATUS_ZOMBIE}

    before = found()
    return lambda: found() - before


def is_alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def wait_until(ready, seconds=60.0) -> None:
    until = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < until
        time.sleep(0.05)


def fragments_of(folder):
    with open_session(folder, to_read=True) as opened:
        return np.asarray(opened.session.state.base.fragments)


def test_a_run_in_a_child_is_that_of_the_command(order, tmp_path):
    steps = list(start_run(tmp_path / "one.emcad", order, HERE))
    looks = [step for step in steps if isinstance(step, BlockProgress)]
    assert looks[0].reached.shape == (2, 1, 1) and not looks[0].reached.any()
    with closing(start_run(tmp_path / "other.emcad", order, HERE)) as job:
        while not isinstance(next(job), BlockProgress):
            pass
    drive(finish_run(tmp_path / "other.emcad", read_unfinished_run(tmp_path / "other.emcad"), HERE))
    np.testing.assert_array_equal(fragments_of(tmp_path / "one.emcad"), fragments_of(tmp_path / "other.emcad"))


def test_the_childs_refusal_comes_across(order, tmp_path):
    with closing(start_run(tmp_path / "one.emcad", order, HERE)) as job:
        while not isinstance(next(job), BlockProgress):
            pass
    (tmp_path / "stack.tif").unlink()
    with pytest.raises(UserError, match=r"stack\.tif"):
        drive(resume_run(tmp_path / "one.emcad", HERE))


@unix
@pytest.mark.slow
@pytest.mark.parametrize("way", ["killed", "closed"])
def test_workers_end_with_the_child_and_blocks_are_kept(order, tmp_path, started, running, temporary, way):
    pytest.importorskip("distributed")
    folder = tmp_path / "one.emcad"
    job = start_run(folder, order, TWO)
    for _ in job:
        if len(running()) > 2 and any(folder.glob("blocks/*.npz")):
            break
    if way == "killed":
        os.kill(started[0].pid, 9)
        with pytest.raises(UserError, match=r"^blocks: the system ended it, most likely for want of memory; close"):
            drive(job)
    job.close()
    wait_until(lambda: not running())
    assert not list(temporary.iterdir())
    drive(resume_run(folder, HERE))
    assert (folder / FACTS_FILE).is_file()
    assert not list(folder.rglob("*.part"))


@unix
@pytest.mark.slow
def test_where_the_window_is_killed_the_workers_end(order, tmp_path, temporary):
    pytest.importorskip("distributed")
    folder = tmp_path / "one.emcad"
    with closing(start_run(folder, order, TWO)) as job:
        while not isinstance(next(job), BlockProgress):
            pass
    window = textwrap.dedent(f"""
        import psutil, sys, time
        from pathlib import Path
        from napari_emcad.blocks.run import Means
        from napari_emcad.workers.blocks import resume_run
        family = psutil.Process().children
        running = resume_run(Path({str(folder)!r}), Means(10**10, workers=2))
        for _ in running:
            if len(family(recursive=True)) > 2:
                break
        print(*[one.pid for one in family(recursive=True)], flush=True)
        sys.stdin.read()
    """)
    with subprocess.Popen([sys.executable, "-c", window], stdin=-1, stdout=-1, text=True) as one:
        family = [int(pid) for pid in one.stdout.readline().split()]
        one.kill()
    assert len(family) > 2
    wait_until(lambda: not any(map(is_alive, family)) and not list(temporary.iterdir()))


def test_another_programs_run_is_watched_until_it_leaves(order, tmp_path, monkeypatch):
    folder = tmp_path / "one.emcad"
    with closing(start_run(folder, order, HERE)) as job:
        while not isinstance(next(job), BlockProgress):
            pass
    monkeypatch.setattr(blocks, "GLANCE", 0.0)
    answers = iter(["held", "held", ""])
    monkeypatch.setattr(blocks, "lock_holder", lambda _: next(answers))
    assert len(list(watch_run(folder))) == 2
