"""A job with several drivers."""

from contextlib import closing
from threading import Thread

import pytest

from napari_emcad.core.progress import Job, Progress, drive
from napari_emcad.widgets.kit.shared_job import SharedJob


def counted(steps: list[int], total: int = 6) -> Job[str]:
    for n in range(total):
        steps.append(n)
        yield Progress("sections", n, total)
    return "report"


def test_drivers_share_the_steps_and_the_result():
    steps: list[int] = []
    shared = SharedJob(counted(steps))
    one, other = shared.drive(), shared.drive()
    assert [next(one).done, next(other).done, next(one).done] == [0, 1, 2]
    assert drive(other) == drive(one) == drive(shared.drive()) == "report"
    assert steps == list(range(6)) and shared.is_over


def test_a_driver_that_is_closed_leaves_the_job_to_others():
    steps: list[int] = []
    shared = SharedJob(counted(steps))
    with closing(shared.drive()) as one:
        next(one)
    assert not shared.is_over and drive(shared.drive()) == "report" and steps == list(range(6))


def test_every_driver_hears_of_an_error():
    def broken() -> Job[str]:
        yield Progress("sections", 0, 2)
        raise ValueError("section 1")

    shared = SharedJob(broken())
    for _ in range(2):
        with pytest.raises(ValueError, match="section 1"):
            drive(shared.drive())
    assert shared.is_over


def test_threads_do_no_step_twice():
    steps: list[int] = []
    shared, results = SharedJob(counted(steps, 2000)), []
    threads = [Thread(target=lambda: results.append(drive(shared.drive()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == ["report"] * 4 and steps == list(range(2000))
