"""Work that need not follow every click."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from napari_emcad.widgets.kit.jobs import Ended, Loop, one_step

REST = 150
"""Milliseconds to wait for another request; as many as the last search took, if that is more."""

AT_ONCE = 0.003
"""Seconds that work may take to be done at once: the longest that the last one took."""

IN_A_THREAD = 0.02
"""Seconds that a search may take in the window's thread; one that took longer the last time goes into another."""

MANY = 500_000
"""Fragments up to which the first search stays in the window's thread."""

T = TypeVar("T")


class AtRest(Generic[T]):
    """Finds and shows something: at once if that is fast, else when it has not been asked for again for a moment.

    Parameters
    ----------
    loop : Loop
    find : callable
        Returns a value to show. It leaves the window alone, as it may run in a thread.
    show : callable
        Shows that value.
    fragments : callable, optional
        Returns the number of fragments that `find` goes through.
    """

    def __init__(
        self, loop: Loop, find: Callable[[], T], show: Callable[[T], None], fragments: Callable[[], int] = lambda: 0
    ):
        self._find, self._show, self._fragments = find, show, fragments
        self._finder, self._pause = loop.jobs(), loop.pause(REST, self._on_rest)
        self._finding = self._showing = 0.0

    def ask(self) -> None:
        """Find and show, now or soon."""
        if not self._finding and self._fragments() > MANY:
            self._finding = 2 * IN_A_THREAD
        if self._finding + self._showing <= AT_ONCE:
            self.do()
        else:
            self._pause.start(max(REST, round(1000 * self._finding)))

    def do(self) -> None:
        """Find and show now."""
        self._pause.stop()
        self._put(self._find_and_time())

    def stop(self) -> None:
        """Forget all requests."""
        self._pause.stop()
        self._finder.close()

    def _on_rest(self) -> None:
        if self._finding <= IN_A_THREAD:
            self.do()
        else:
            self._finder.start(one_step(self._find_and_time), self._on_found)

    def _on_found(self, ended: Ended) -> None:
        """Show the value. After a failure try again here: an edit came in between, or the error is to be seen."""
        if ended.error:
            self.do()
        else:
            self._put(ended.result)

    def _find_and_time(self) -> T:
        start = time.perf_counter()
        found = self._find()
        self._finding = time.perf_counter() - start
        return found

    def _put(self, found: T) -> None:
        start = time.perf_counter()
        self._show(found)
        self._showing = time.perf_counter() - start
