"""Batches made by threads while the device computes."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import TypeVar

T = TypeVar("T")


def prefetched(make: Callable[[int], T], start: int = 0, workers: int = 1) -> Iterator[T]:
    """`make(start)`, `make(start + 1)`, ... in this order, each begun before it is asked for.

    Parameters
    ----------
    make : callable
        Gets the number of the batch; called in threads, so the order of calls must not matter.
    start : int
    workers : int
        Threads; one batch more than these is kept ready.
    """
    numbers = count(start)
    with ThreadPoolExecutor(workers, thread_name_prefix="batches") as pool:
        pending = deque(pool.submit(make, next(numbers)) for _ in range(workers + 1))
        try:
            while True:
                pending.append(pool.submit(make, next(numbers)))
                yield pending.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
