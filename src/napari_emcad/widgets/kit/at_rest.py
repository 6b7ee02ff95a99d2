"""Work that need not follow every click."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from napari_emcad.widgets.kit.jobs import Ended, Loop, one_step

REST = 150
"""Milliseconds without another request; as many as the last search took, where those are more."""

AT_ONCE = 0.003
"""Seconds: what took no longer the last time is done at once."""

IN_A_THREAD = 0.02
"""Seconds: a search that took longer the last time goes into a thread."""

MANY = 500_000
"""Fragments: a search through more goes into a thread from the first time on."""

T = TypeVar("T")


class AtRest(Generic[T]):
    """Finds and shows something at once where that is fast, else when it has not been asked for anew for a moment.

    Parameters
    ----------
    loop : Loop
    find : callable
        Returns what is to be shown by then. It leaves the window alone, as it may run in a thread.
    show : callable
        Shows what was found.
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
        """Forget what was asked for."""
        self._pause.stop()
        self._finder.close()

    def _on_rest(self) -> None:
        if self._finding <= IN_A_THREAD:
            self.do()
        else:
            self._finder.start(one_step(self._find_and_time), self._on_found)

    def _on_found(self, ended: Ended) -> None:
        """Show it. After a failure try here: an edit came in between, or the error is to be seen."""
        self.do() if ended.error else self._put(ended.result)

    def _find_and_time(self) -> T:
        start = time.perf_counter()
        found = self._find()
        self._finding = time.perf_counter() - start
        return found

    def _put(self, found: T) -> None:
        start = time.perf_counter()
        self._show(found)
        self._showing = time.perf_counter() - start
