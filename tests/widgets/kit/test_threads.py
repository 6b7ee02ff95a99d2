import threading
import time

import pytest
from qtpy.QtCore import QObject, QThreadPool

from napari_emcad.core.errors import UserError
from napari_emcad.core.progress import Progress
from napari_emcad.widgets.kit import at_rest
from napari_emcad.widgets.kit.at_rest import AtRest
from napari_emcad.widgets.kit.jobs import Ended, one_step
from napari_emcad.widgets.kit.threads import JobRunner, QtLoop

pytestmark = pytest.mark.window  # an event loop


@pytest.fixture
def told():
    """What was told of errors in callbacks."""
    return []


@pytest.fixture
def runner(qapp, told):
    runner = JobRunner(tell=told.append)
    yield runner
    assert runner.close()


class Witness:
    """A job of three steps that notes where it was closed, and a callback that notes how it ended."""

    def __init__(self, error: Exception | None = None):
        self.error, self.closed_in, self.ended, self.go = error, None, [], threading.Event()

    def job(self):
        try:
            yield Progress("steps", 1, 3)
            self.go.wait(20)
            if self.error:
                raise self.error
            yield Progress("steps", 2, 3)
            return "done"
        finally:
            self.closed_in = threading.current_thread()

    def then(self, ended):
        assert threading.current_thread() is threading.main_thread()
        self.ended.append(ended)


def test_result_and_progress(runner, qtbot):
    witness, seen = Witness(), []
    runner.progressed.connect(seen.append)
    runner.start(witness.job(), witness.then)
    assert runner.running
    witness.go.set()
    qtbot.waitUntil(lambda: bool(witness.ended), timeout=20_000)
    assert [p.done for p in seen] == [1, 2]
    assert witness.ended[0].result == "done" and not runner.running


@pytest.mark.parametrize("error", [RuntimeError("torch says so"), UserError("a sentence."), MemoryError()])
def test_errors_are_errors(runner, qtbot, error):
    """Also a RuntimeError, which napari's worker takes for a result."""
    witness = Witness(error)
    runner.start(witness.job(), witness.then)
    witness.go.set()
    qtbot.waitUntil(lambda: bool(witness.ended), timeout=20_000)
    assert witness.ended[0].error is error and witness.ended[0].result is None


def test_stopped_job_is_closed_in_its_thread(runner, qtbot):
    witness = Witness()
    with qtbot.waitSignal(runner.progressed, timeout=20_000):
        runner.start(witness.job(), witness.then)
    runner.stop()
    assert runner.stopping
    witness.go.set()
    qtbot.waitUntil(lambda: bool(witness.ended), timeout=20_000)
    assert witness.ended[0].stopped
    assert witness.closed_in not in (None, threading.main_thread())


def test_a_later_job_drops_the_earlier_ones_result(runner, qtbot):
    early, late = Witness(), Witness()
    with qtbot.waitSignal(runner.progressed, timeout=20_000):
        runner.start(early.job(), early.then)
    runner.start(late.job(), late.then)
    early.go.set()
    late.go.set()
    qtbot.waitUntil(lambda: bool(late.ended), timeout=20_000)
    qtbot.waitUntil(lambda: early.closed_in is not None, timeout=20_000)
    assert not early.ended


def test_closing_waits_for_a_bounded_time(qapp):
    runner, witness = JobRunner(), Witness()
    runner.start(witness.job(), witness.then)
    time.sleep(0.1)
    assert not runner.close(patience=0.1)
    witness.go.set()
    assert runner.close(patience=20)
    assert not witness.ended


def test_a_plain_function_is_a_job_of_one_step(runner, qtbot):
    ended = []
    runner.start(one_step(divmod, 7, 2), ended.append)
    qtbot.waitUntil(lambda: bool(ended), timeout=20_000)
    assert ended[0].result == (3, 1)


def test_a_pause_calls_once_after_its_last_start(qtbot):
    parent, calls = QObject(), []
    pause = QtLoop(parent).pause(60_000, lambda: calls.append("ended"))
    pause.start()
    pause.start(20)
    assert pause.is_active and not calls
    qtbot.waitUntil(lambda: not pause.is_active)
    assert calls == ["ended"]
    pause.start()
    pause.stop()
    qtbot.wait(60)
    assert calls == ["ended"] and not pause.is_active


def test_what_takes_long_is_found_in_a_thread_and_shown_in_this_one(qtbot, monkeypatch):
    monkeypatch.setattr(at_rest, "IN_A_THREAD", 0)
    monkeypatch.setattr(at_rest, "AT_ONCE", 0)
    parent, found_in, shown_in = QObject(), [], []
    here = threading.current_thread()
    find, show = (lambda places=p: places.append(threading.current_thread()) for p in (found_in, shown_in))
    follow = AtRest(QtLoop(parent), find, lambda _: show())
    follow.do()
    follow.ask()
    qtbot.waitUntil(lambda: len(shown_in) == 2)
    assert shown_in == [here, here] and found_in[0] is here is not found_in[1]
    follow.stop()


def test_jobs_do_not_wait_for_each_other_on_few_cores(qtbot):
    pool = QThreadPool.globalInstance()
    before = pool.maxThreadCount()
    pool.setMaxThreadCount(1)
    try:
        loop, first, second = QtLoop(QObject()), Witness(), Witness()
        loop.jobs().start(first.job(), first.then)
        second.go.set()
        loop.jobs().start(second.job(), second.then)
        qtbot.waitUntil(lambda: bool(second.ended), timeout=20_000)
        assert not first.ended
        first.go.set()
        qtbot.waitUntil(lambda: bool(first.ended), timeout=20_000)
    finally:
        pool.setMaxThreadCount(max(before, pool.maxThreadCount()))


# ---- what callbacks raise ----------------------------------------------------------------------------------------


def fail(*_arguments):
    raise KeyError("a defect")


class Locked:
    """A result that keeps something locked until it is closed."""

    def __init__(self):
        self.is_open = True

    def close(self):
        self.is_open = False


@pytest.mark.parametrize("error", [None, KeyError("inner"), UserError("a sentence.")])
def test_a_callback_that_fails_is_told_and_the_job_is_over(runner, qtbot, told, error):
    """It hears what it raised, unless it knows of an error already, and all hear once more that the job has ended."""
    witness, running, heard = Witness(error), [], []
    runner.running_changed.connect(lambda: running.append(runner.running))
    runner.start(witness.job(), lambda ended: heard.append(ended) or fail())
    witness.go.set()
    qtbot.waitUntil(lambda: bool(told), timeout=20_000)
    assert [type(one) for one in told] == [KeyError] and running == [True, False, False] and not runner.running
    assert [one.error for one in heard] == ([error] if error else [None, told[0]])
    again = []
    runner.start(one_step(divmod, 7, 2), again.append)
    qtbot.waitUntil(lambda: bool(again), timeout=20_000)
    assert again[0].result == (3, 1)


def test_a_job_whose_progress_cannot_be_shown_ends_in_that_error(runner, qtbot, told):
    witness, calls = Witness(), []
    runner.progressed.connect(lambda _: calls.append(1) or fail())
    runner.start(witness.job(), witness.then)
    qtbot.waitUntil(lambda: bool(calls), timeout=20_000)
    witness.go.set()
    qtbot.waitUntil(lambda: bool(witness.ended), timeout=20_000)
    assert "a defect" in str(witness.ended[0].error) and not runner.running and calls == [1]
    assert witness.closed_in is not None and not told


def test_a_view_that_cannot_show_that_a_job_runs_keeps_none_from_running(runner, qtbot, told):
    ended, seen = [], []
    runner.running_changed.connect(fail)
    runner.running_changed.connect(lambda: seen.append(runner.running))
    runner.start(one_step(divmod, 7, 2), ended.append)
    qtbot.waitUntil(lambda: bool(ended), timeout=20_000)
    assert ended[0].result == (3, 1) and seen == [True, False] and len(told) == 2


def test_a_library_that_calls_exit_ends_the_job_alone(runner, qtbot):
    ended = []
    runner.start(one_step(exit, 3), ended.append)
    qtbot.waitUntil(lambda: bool(ended), timeout=20_000)
    assert "SystemExit(3)" in str(ended[0].error) and not runner.running


@pytest.mark.parametrize("when", ["before the end", "after the end"])
@pytest.mark.parametrize("how", ["close", "start"])
def test_a_result_that_nobody_takes_is_let_go_of(runner, qtbot, when, how):
    begun, go, locked, over = threading.Event(), threading.Event(), Locked(), []

    def job():
        yield Progress("opening", 0, 1)
        begun.set()
        go.wait(20)
        return locked

    runner.start(job(), lambda _: pytest.fail("nobody wants it"))
    assert begun.wait(20), "stopped before, it would open nothing"
    if when == "after the end":
        go.set()
        assert runner._run.over.wait(20)  # its thread has ended, which this one has not heard of
    if how == "start":
        runner.start(one_step(divmod, 7, 2), over.append)
    else:
        runner.close(0)
    go.set()
    qtbot.waitUntil(lambda: not locked.is_open, timeout=20_000)


def test_an_end_lets_go_of_what_can_be_closed():
    locked = Locked()
    Ended(result=locked).let_go()
    Ended(result=3).let_go()
    assert not locked.is_open


def test_a_pause_tells_what_its_call_raises(qtbot, told):
    parent = QObject()
    pause = QtLoop(parent, told.append).pause(1, fail)
    pause.start()
    qtbot.waitUntil(lambda: bool(told))
    assert isinstance(told[0], KeyError)


def test_a_loop_waits_for_what_was_dropped_and_is_still_at_work(qtbot):
    parent, witness, seen = QObject(), Witness(), []
    loop = QtLoop(parent)
    runner = loop.jobs()
    runner.progressed.connect(seen.append)
    runner.start(witness.job(), witness.then)
    qtbot.waitUntil(lambda: bool(seen), timeout=20_000)
    assert not runner.close(0)  # as a tool does that is put away
    threading.Timer(0.1, witness.go.set).start()
    loop.close()
    assert witness.closed_in is not None and not witness.ended
