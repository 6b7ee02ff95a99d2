"""Jobs in a child: what comes across, and what becomes of both in whatever way one of them ends."""

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import child_jobs
import numpy as np
import psutil
import pytest
from child_jobs import Note

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import Progress, drive
from napari_emcad.workers import process
from napari_emcad.workers.child_end import LAST_LINES, explain_end
from napari_emcad.workers.child_job import ChildJob, StopRequest
from napari_emcad.workers.process import run_in_child

unix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither signals nor limits")


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """The jobs of tests can be imported by the child."""
    monkeypatch.setenv("PYTHONPATH", str(Path(child_jobs.__file__).parent), prepend=os.pathsep)


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """The folder for temporary files, which stays empty."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    yield folder
    assert not list(folder.iterdir())


def job(function, way="", **more) -> ChildJob:
    return ChildJob(function, Note(way), name="counting", stage="starting", advice="count less", **more)


@pytest.fixture
def children():
    """Tells the processes that have been started in a test and still run."""

    def running() -> set[int]:
        return {p.pid for p in psutil.Process().children(recursive=True) if p.status() != psutil.STATUS_ZOMBIE}

    before = running()
    return lambda: running() - before


def is_alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def wait_until(ready, seconds=20.0) -> None:
    until = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < until
        time.sleep(0.02)


# ---- what comes across -----------------------------------------------------------------------------------------------


def test_task_and_progress_come_across():
    task = Note("ü\n", 0.1, Box((1, 2, 3), (4, 5, 6)), Path("a b"))
    steps = list(run_in_child(ChildJob(child_jobs.echo, task, "name", "stage", "advice")))
    assert steps[0] == Progress("stage", 0, 1)
    assert Progress(repr(task), 1, 3, 2.5) in steps


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, ">u2"])
def test_arrays_are_read_and_written_in_pieces(dtype):
    grey = np.random.default_rng(0).integers(0, 120, (4, 5, 600_000 // 5), np.uint8).astype(dtype)
    before, inverted, read = grey.copy(), np.zeros_like(grey), []

    class Lazy:
        """A volume that is read piece by piece, such as dask's."""

        shape, dtype = grey.shape, grey.dtype

        def __getitem__(self, key):
            read.append(key)
            return grey[key]

    results = drive(run_in_child(job(child_jobs.invert, reads={"grey": Lazy()}, writes={"inverted": inverted})))
    np.testing.assert_array_equal(inverted, ~before)
    np.testing.assert_array_equal(results["darkest"], min(before, key=np.sum))
    assert results["none"].shape == (0, 3) and results["none"].dtype == np.float32
    assert results["yes"].shape == () and results["yes"]
    assert read[0] == (0, slice(None), slice(None, None, -1))
    np.testing.assert_array_equal(grey, before)


def test_temporary_files_of_libraries_go_with_the_child(temporary):
    running = run_in_child(job(child_jobs.leaves_files))
    while next(running).stage != "left":
        pass
    assert list(temporary.rglob("*.left"))
    running.close()
    assert not list(temporary.iterdir())


@unix
def test_full_disks_do_not_matter(monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    grey = np.arange(6, dtype=np.uint8).reshape(1, 2, 3)
    inverted = np.zeros_like(grey)
    drive(run_in_child(job(child_jobs.invert_with_full_disks, reads={"grey": grey}, writes={"inverted": inverted})))
    np.testing.assert_array_equal(inverted, ~grey)


def test_garbage_among_the_messages_is_no_message():
    steps = list(run_in_child(job(child_jobs.ends, "prints garbage")))
    assert steps[-1] == Progress("working", 1, 2)


# ---- ends ------------------------------------------------------------------------------------------------------------


MEMORY = "counting: memory does not suffice; count less."
SYSTEM = "counting: the system ended it, most likely for want of memory; count less."


@unix
@pytest.mark.parametrize(
    ("way", "sentence"),
    [
        ("is refused", "stack: it is too small; choose another one."),
        ("runs out of memory", MEMORY),
        ("aborts for memory", MEMORY),
        ("is killed", SYSTEM),
        ("is told to end", SYSTEM),
    ],
)
def test_one_sentence_for_what_a_person_can_mend(way, sentence, children):
    with pytest.raises(UserError) as error:
        drive(run_in_child(job(child_jobs.ends, way)))
    assert str(error.value) == sentence
    assert not children()


@unix
@pytest.mark.slow
@pytest.mark.parametrize("way", ["runs out of memory in torch", "runs out of memory while it imports"])
def test_torch_that_runs_out_of_memory(way):
    with pytest.raises(UserError) as error:
        drive(run_in_child(job(child_jobs.ends, way)))
    assert str(error.value) == MEMORY


@unix
@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("fails", ["counting: ValueError: what nobody foresaw\n", "Traceback", "child_jobs.py"]),
        ("crashes", ["counting: its process ended by signal SIGSEGV\n", "a last word"]),
        ("exits", ["counting: its process ended with code 3\n"]),
        ("exits politely", ["counting: its process ended with code 4\n"]),
    ],
)
def test_an_unforeseen_end_comes_with_its_details(way, words, children):
    with pytest.raises(RuntimeError) as error:
        drive(run_in_child(job(child_jobs.ends, way)))
    assert str(error.value).startswith(words[0])
    assert all(word in str(error.value) for word in words)
    assert not children()


def test_words_of_memory_count_at_the_end_only():
    early = "RuntimeError: CUDA out of memory, trying again\n" + "fine\n" * LAST_LINES
    assert isinstance(explain_end(job(child_jobs.ends), 1, early), RuntimeError)
    assert isinstance(explain_end(job(child_jobs.ends), 1, early + "MemoryError\n"), UserError)


@unix
@pytest.mark.parametrize("moment", [0.0, 0.3, 0.8])
def test_killed_at_any_moment(moment, children):
    """Also while it starts, and while it waits for an answer."""
    running = run_in_child(job(child_jobs.count_down))
    next(running), next(running)
    time.sleep(moment)
    for pid in children():
        os.kill(pid, 9)
    with pytest.raises(UserError, match=SYSTEM):
        drive(running)
    assert not children()


def test_a_volume_that_cannot_be_read_any_more(children):
    class Gone:
        shape, dtype = (2, 3, 4), np.dtype(np.uint8)

        def __getitem__(self, key):
            raise UserError("stack.tif: the file is not there any more; open it again.")

    with pytest.raises(UserError, match="not there any more"):
        drive(run_in_child(job(child_jobs.invert, reads={"grey": Gone()})))
    assert not children()


def test_no_memory_here_for_what_comes(monkeypatch, children):
    def full(*_):
        raise MemoryError

    monkeypatch.setattr("napari_emcad.workers.frames.np.empty", full)
    grey = np.zeros((1, 2, 3), np.uint8)
    with pytest.raises(UserError) as error:
        drive(run_in_child(job(child_jobs.invert, reads={"grey": grey}, writes={"inverted": grey.copy()})))
    assert str(error.value) == MEMORY
    assert not children()


def test_python_that_cannot_be_started(monkeypatch):
    monkeypatch.setattr(process.sys, "executable", "/no/such/python")
    with pytest.raises(UserError, match=r"^counting: Python could not be started once more \(.*/no/such/python"):
        drive(run_in_child(job(child_jobs.count_down)))


# ---- stopped ---------------------------------------------------------------------------------------------------------


def test_closing_ends_the_child_while_it_says_nothing(monkeypatch, children):
    monkeypatch.setattr(process, "GLANCE", 0.05)
    running = run_in_child(job(child_jobs.ends, "says nothing"))
    while next(running).stage != "working":
        pass
    for _ in range(5):
        assert next(running) == Progress("working", 1, 2)
    start = time.monotonic()
    running.close()
    assert time.monotonic() - start < 5
    assert not children()


@unix
def test_closing_ends_a_child_that_is_halted_while_much_is_sent_to_it(monkeypatch, children):
    monkeypatch.setattr(process, "GLANCE", 0.05)
    grey = np.zeros((3, 1000, 1000), np.uint8)
    running = run_in_child(job(child_jobs.invert, reads={"grey": grey}, writes={"inverted": grey.copy()}))
    while next(running).stage != "sections":
        pass
    for pid in children():
        os.kill(pid, 19)
    for _ in range(5):
        next(running)
    running.close()
    assert not children()


def test_stopped_in_good_order_it_goes_on_to_tell_what_comes():
    stop = StopRequest()
    running = run_in_child(job(child_jobs.count_down), stop)
    steps = []
    try:
        while True:
            steps.append(next(running))
            if steps[-1].stage == "counting":
                stop.ask()
    except StopIteration as end:
        assert end.value["steps"] < 9_999
    assert steps[-1].stage == "the last one"


@pytest.mark.parametrize("insisted", [False, True])
def test_closed_it_may_end_in_good_order_unless_that_takes_too_long(insisted, monkeypatch, children):
    codes, stop = [], StopRequest()
    end = process._Child.end
    monkeypatch.setattr(process._Child, "end", lambda self: (codes.append(self._process.returncode), end(self)))
    running = run_in_child(job(child_jobs.count_down), stop)
    while next(running).stage != "counting":
        pass
    if insisted:
        stop.insist()
    running.close()
    assert codes == [None if insisted else 0]
    assert not children()


def test_time_left_goes_on_while_nothing_is_heard():
    said = Progress("affinities", 3, 9, 20.0)
    assert process._later(said, 5.0) == Progress("affinities", 3, 9, 15.0)
    assert process._later(said, 30.0).seconds_left == 0
    assert process._later(Progress("affinities", 0, 9), 5.0) == Progress("affinities", 0, 9)


# ---- families --------------------------------------------------------------------------------------------------------


@unix
@pytest.mark.parametrize("way", ["", "is killed", "crashes", "exits"])
def test_grandchildren_end_too(way, children):
    running = run_in_child(job(child_jobs.with_grandchild, way))
    grandchild = next(step.done for step in running if step.stage == "started")
    if way:
        with pytest.raises((UserError, RuntimeError)):
            drive(running)
    else:
        assert is_alive(grandchild)
        running.close()
    wait_until(lambda: not is_alive(grandchild))
    assert not children()


@unix
@pytest.mark.parametrize("function", ["count_down", "with_grandchild"])
def test_where_the_window_is_killed_all_ends(function, temporary):
    window = textwrap.dedent(f"""
        import os, psutil, sys, child_jobs
        from napari_emcad.workers.child_job import ChildJob
        from napari_emcad.workers.process import run_in_child
        running = run_in_child(ChildJob(child_jobs.{function}, child_jobs.Note(), "a", "b", "c"))
        while next(running).stage not in ("counting", "started"):
            pass
        print(*[one.pid for one in psutil.Process().children(recursive=True)], flush=True)
        sys.stdin.read()
    """)
    with subprocess.Popen([sys.executable, "-c", window], stdin=-1, stdout=-1, text=True) as one:
        family = [int(pid) for pid in one.stdout.readline().split()]
        assert len(family) == (2 if function == "with_grandchild" else 1)
        one.kill()
    wait_until(lambda: not any(map(is_alive, family)) and not list(temporary.iterdir()))
