import threading
from itertools import count, islice

import pytest

from napari_emcad.core.in_threads import map_in_threads


def of_theirs():
    return [t for t in threading.enumerate() if t.name.startswith("map_in_threads")]


@pytest.mark.parametrize("items", [0, 1, 5])
@pytest.mark.parametrize("threads", [1, 2, 9])
def test_all_of_them(items, threads):
    assert list(map_in_threads(str, range(items), threads)) == [str(n) for n in range(items)]
    assert not of_theirs()


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("start", [0, 7])
def test_they_come_in_order(workers, start):
    """However long each takes."""
    gates = [threading.Event() for _ in range(12)]

    def make(number):
        if number % 2 == 0 and workers > 1:
            gates[number - start].wait(0.01)
        return 10 * number

    assert list(islice(map_in_threads(make, count(start), workers), 5)) == [10 * n for n in range(start, start + 5)]


def test_they_are_made_in_threads_before_they_are_asked_for():
    begun, asked = threading.Semaphore(0), []

    def make(number):
        asked.append((number, threading.current_thread()))
        begun.release()
        return number

    results = map_in_threads(make, count(), 1)
    assert next(results) == 0
    for _ in range(3):
        assert begun.acquire(timeout=10)
    assert [number for number, _ in asked] == [0, 1, 2]
    assert threading.current_thread() not in {thread for _, thread in asked}
    assert not begun.acquire(timeout=0.05)  # no more than that
    results.close()


def test_an_error_comes_where_its_item_is_due():
    def make(number):
        if number == 2:
            raise ZeroDivisionError("of item 2")
        return number

    results = map_in_threads(make, count(), 1)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ZeroDivisionError, match="of item 2"):
        next(results)
    assert not of_theirs()


def test_no_thread_outlives_the_loop():
    for result in map_in_threads(lambda number: number, count(), 2):
        if result == 3:
            break
    assert not of_theirs()


def test_what_was_not_begun_is_not_made_any_more():
    begun, gate, made = threading.Event(), threading.Event(), []

    def make(number):
        if number:
            begun.set()
            gate.wait(10)
        made.append(number)

    results = map_in_threads(make, count(), 1)
    next(results)
    assert begun.wait(10)
    threading.Timer(0.05, gate.set).start()
    results.close()
    assert made == [0, 1]
