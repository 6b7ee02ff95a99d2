"""Things made by threads, in order, a few ahead of whoever takes them."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def map_in_threads(make: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    """`make(item)` of each item, in the order of the items, each begun before it is asked for.

    Close it, and what was not begun is not made any more; once it is closed no thread is at work.

    Parameters
    ----------
    make : callable
        Called in threads, so the order of calls must not matter. What it raises comes where its item is due.
    items : iterable
        May be endless.
    threads : int
        At work at once; one item more than these is kept ready.
    """
    pending = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="map_in_threads") as pool:
        try:
            for item in items:
                pending.append(pool.submit(make, item))
                if len(pending) > threads + 1:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
