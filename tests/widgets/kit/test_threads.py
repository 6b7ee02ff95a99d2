import threading
import time

import pytest
from qtpy.QtCore import QObject, QThreadPool

from napari_emcad.core.errors import UserError
from napari_emcad.core.progress import Progress
from napari_emcad.widgets.kit import at_rest
from napari_emcad.widgets.kit.at_rest import AtRest
from napari_emcad.widgets.kit.jobs import one_step
from napari_emcad.widgets.kit.threads import JobRunner, QtLoop

pytestmark = pytest.mark.window  # an event loop


@pytest.fixture
def runner(qapp):
    runner = JobRunner()
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
