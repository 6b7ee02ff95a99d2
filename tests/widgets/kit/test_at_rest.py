"""Work that follows at rest, with a clock and a loop driven by hand."""

import pytest

from napari_emcad.widgets.kit import at_rest
from napari_emcad.widgets.kit.at_rest import AT_ONCE, IN_A_THREAD, MANY, REST, AtRest

SLOW, LONG = 3 * AT_ONCE, 20 * IN_A_THREAD


class Work:
    """Finds numbers in a known time and notes what is shown."""

    def __init__(self, loop, clock, seconds, fragments=0):
        self.clock, self.seconds, self.found, self.shown, self.error = clock, seconds, 0, [], None
        self.follow = AtRest(loop, self.find, self.shown.append, lambda: fragments)

    def find(self):
        self.clock.now += self.seconds
        self.found += 1
        if self.error:
            error, self.error = self.error, None
            raise error
        return self.found


class Clock:
    now = 0.0

    def perf_counter(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(at_rest, "time", clock)
    return clock


def test_what_is_fast_is_done_at_once(loop, clock):
    work = Work(loop, clock, 0.0)
    work.follow.ask()
    work.follow.ask()
    assert work.shown == [1, 2]


def test_what_is_slow_is_done_once_after_many_requests(loop, clock):
    work = Work(loop, clock, SLOW)
    work.follow.ask()  # nobody knows yet that it is slow
    for _ in range(5):
        work.follow.ask()
    assert work.shown == [1]
    loop.settle()
    assert work.shown == [1, 2]


def test_a_request_is_forgotten(loop, clock):
    work = Work(loop, clock, SLOW)
    work.follow.ask()
    work.follow.ask()
    work.follow.stop()
    loop.settle()
    assert work.shown == [1]


def test_what_takes_long_is_found_in_a_job(loop, clock):
    work = Work(loop, clock, LONG)
    work.follow.ask()  # nobody knows yet
    work.follow.ask()
    loop.rest()
    assert work.found == 1
    loop.work()
    assert work.shown == [1, 2]


def test_what_goes_through_many_fragments_is_found_in_a_job_from_the_first_time_on(loop, clock):
    work = Work(loop, clock, LONG, fragments=MANY + 1)
    work.follow.ask()
    loop.rest()
    assert work.found == 0
    loop.work()
    assert work.shown == [1]


def test_what_fails_in_a_job_is_tried_again(loop, clock):
    work = Work(loop, clock, LONG)
    work.follow.ask()
    work.error = IndexError("an edit came in between")
    work.follow.ask()
    loop.settle()
    assert work.shown == [1, 3]


@pytest.mark.parametrize(("seconds", "waits"), [(SLOW, REST), (LONG, 1000 * LONG)])
def test_what_takes_long_waits_as_long_for_the_next_request(loop, clock, seconds, waits):
    """So that it does not slow down people who go on."""
    work = Work(loop, clock, seconds)
    work.follow.do()
    work.follow.ask()
    assert work.follow._pause.milliseconds == pytest.approx(waits)
