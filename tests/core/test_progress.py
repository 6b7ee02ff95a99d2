import time
from itertools import count

import pytest

from napari_emcad.core.progress import Progress, Stopwatch, drive


@pytest.fixture
def ticking(monkeypatch):
    """A clock that goes on by ten seconds each time it is looked at."""
    ticks = count(1000, 10)
    monkeypatch.setattr(time, "monotonic", lambda: next(ticks))


def test_time_left_is_told_from_what_is_done(ticking):
    watch = Stopwatch("affinities", 8)
    assert watch.at(0) == Progress("affinities", 0, 8, None)  # 10 s passed
    assert watch.at(2) == Progress("affinities", 2, 8, 60.0)  # 20 s for 2, 6 to come
    assert watch.at(2, 0.5) == Progress("affinities", 2, 8, 66.0)  # 30 s for 2.5
    assert watch.at(8) == Progress("affinities", 8, 8, 0.0)


def test_time_left_is_told_after_the_first_part(ticking):
    watch = Stopwatch("affinities", 4)
    assert [watch.at(0, part / 4).seconds_left for part in range(1, 4)] == [150.0, 140.0, 130.0]


def job(log):
    try:
        for done in range(3):
            yield Progress("toy", done, 3)
            log.append(done)
        return "result"
    finally:
        log.append("end")


def test_drive_returns_the_result():
    log = []
    assert drive(job(log)) == "result"
    assert log == [0, 1, 2, "end"]


def test_a_job_is_cancelled_by_closing_it():
    log = []
    running = job(log)
    next(running), next(running)
    running.close()
    assert log == [0, "end"]


def test_errors_come_out_of_drive():
    def broken():
        yield Progress("toy", 0, 1)
        raise ValueError("as it is")

    with pytest.raises(ValueError, match="as it is"):
        drive(broken())


def test_drive_takes_a_job_without_steps():
    def nothing():
        return 7
        yield

    assert drive(nothing()) == 7
