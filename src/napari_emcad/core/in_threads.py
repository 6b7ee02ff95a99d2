"""Work in threads, in order, a few results ahead of whoever takes them."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def map_in_threads(make: Callable[[T], R], items: Iterable[T], threads: int) -> Generator[R, None, None]:
    """Yield `make(item)` of each item, in the order of the items, each begun before it is asked for.

    Close it to drop what was not begun; once it is closed no thread is at work.

    Parameters
    ----------
    make : callable
        Called in threads, so the order of calls must not matter. Its errors are raised when its item is due.
    items : iterable
        Arguments of the calls; may be endless.
    threads : int
        Threads at work at once; one result more than these is kept ready.
    """
    pending: deque[Future[R]] = deque()
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
