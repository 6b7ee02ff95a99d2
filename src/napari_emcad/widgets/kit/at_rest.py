"""What need not follow every click."""

import time
from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, QTimer

from napari_emcad.widgets.kit.jobs import Ended, JobRunner, one_step

REST = 150
"""Milliseconds without another wish; as many as it took to find the last time, where those are more."""

AT_ONCE = 0.003
"""Seconds: what took no longer the last time is done at once."""

IN_A_THREAD = 0.02
"""Seconds: what took longer to find the last time is found in a thread."""

MANY = 500_000
"""Fragments: what goes through more is found in a thread from the first time on."""


class AtRest(QObject):
    """Does something at once where that is fast, else when it has not been asked for anew for a moment.

    Parameters
    ----------
    find : callable
        Finds what is to be shown by then. It leaves the window alone, as it may run in a thread.
    show : callable
        Shows what was found.
    fragments : callable, optional
        How many fragments are gone through for it.
    """

    def __init__(
        self,
        find: Callable[[], Any],
        show: Callable[[Any], None],
        parent: QObject | None = None,
        fragments: Callable[[], int] = lambda: 0,
    ):
        super().__init__(parent)
        self._find, self._show, self._fragments, self._finder = find, show, fragments, JobRunner(self)
        self._finding = self._showing = 0.0
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._on_rest)

    def ask(self) -> None:
        """Now or soon."""
        if not self._finding and self._fragments() > MANY:
            self._finding = 2 * IN_A_THREAD
        if self._finding + self._showing <= AT_ONCE:
            self.do()
        else:
            self._timer.start(max(REST, round(1000 * self._finding)))

    def do(self) -> None:
        """Now."""
        self._timer.stop()
        self._put(self._timed())

    def stop(self) -> None:
        """Forget what was asked for."""
        self._timer.stop()
        self._finder.close()

    def _on_rest(self) -> None:
        if self._finding <= IN_A_THREAD:
            self.do()
        else:
            self._finder.start(one_step(self._timed), self._on_found)

    def _on_found(self, ended: Ended) -> None:
        """Where it failed, an edit came in between, after which it was asked for again; or it fails again here."""
        self.do() if ended.error else self._put(ended.result)

    def _timed(self) -> Any:
        start = time.perf_counter()
        found = self._find()
        self._finding = time.perf_counter() - start
        return found

    def _put(self, found: Any) -> None:
        start = time.perf_counter()
        self._show(found)
        self._showing = time.perf_counter() - start
