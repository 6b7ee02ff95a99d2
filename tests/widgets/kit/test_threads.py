import threading
import time

import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.core.progress import Progress
from napari_emcad.widgets.kit.jobs import one_step
from napari_emcad.widgets.kit.threads import JobRunner

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
