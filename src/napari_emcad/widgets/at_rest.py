"""What need not follow every click."""

import time
from collections.abc import Callable

from qtpy.QtCore import QObject, QTimer

REST = 150
"""Milliseconds without another wish."""

AT_ONCE = 0.003
"""Seconds: what took no longer the last time is done at once."""


class AtRest(QObject):
    """Does something at once where that is fast, else when it has not been asked for anew for a moment.

    Parameters
    ----------
    act : callable
        Brings something up to date with what there is by then.
    """

    def __init__(self, act: Callable[[], None], parent: QObject | None = None):
        super().__init__(parent)
        self._act, self._seconds = act, 0.0
        self._timer = QTimer(self, singleShot=True, interval=REST)
        self._timer.timeout.connect(self.do)

    def ask(self) -> None:
        """Now or soon."""
        if self._seconds <= AT_ONCE:
            self.do()
        else:
            self._timer.start()

    def do(self) -> None:
        """Now."""
        self._timer.stop()
        start = time.perf_counter()
        self._act()
        self._seconds = time.perf_counter() - start

    def stop(self) -> None:
        """Forget what was asked for."""
        self._timer.stop()
