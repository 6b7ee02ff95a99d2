import threading
from itertools import islice

import pytest

from napari_emcad.training.prefetch import prefetched


def of_batches():
    return [t for t in threading.enumerate() if t.name.startswith("batches")]


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("start", [0, 7])
def test_batches_come_in_order(workers, start):
    """However long each takes."""
    gates = [threading.Event() for _ in range(12)]

    def make(number):
        if number % 2 == 0 and workers > 1:
            gates[number - start].wait(0.01)
        return 10 * number

    assert list(islice(prefetched(make, start, workers), 5)) == [10 * n for n in range(start, start + 5)]


def test_they_are_made_in_threads_before_they_are_asked_for():
    begun, asked = threading.Semaphore(0), []

    def make(number):
        asked.append((number, threading.current_thread()))
        begun.release()
        return number

    batches = prefetched(make)
    assert next(batches) == 0
    for _ in range(3):
        assert begun.acquire(timeout=10)
    assert [number for number, _ in asked] == [0, 1, 2]
    assert threading.current_thread() not in {thread for _, thread in asked}
    assert not begun.acquire(timeout=0.05)  # no more than that
    batches.close()


def test_an_error_comes_where_its_batch_is_due():
    def make(number):
        if number == 2:
            raise ZeroDivisionError("of batch 2")
        return number

    batches = prefetched(make)
    assert [next(batches), next(batches)] == [0, 1]
    with pytest.raises(ZeroDivisionError, match="of batch 2"):
        next(batches)
    assert not of_batches()


def test_no_thread_outlives_the_loop():
    for batch in prefetched(lambda number: number, workers=2):
        if batch == 3:
            break
    assert not of_batches()


def test_what_was_not_begun_is_not_made_any_more():
    begun, gate, made = threading.Event(), threading.Event(), []

    def make(number):
        if number:
            begun.set()
            gate.wait(10)
        made.append(number)

    batches = prefetched(make)
    next(batches)
    assert begun.wait(10)
    threading.Timer(0.05, gate.set).start()
    batches.close()
    assert made == [0, 1]
