"""Signals that all listeners hear, whatever one of them raises."""

from functools import partial

import psygnal


class HeardByAll(psygnal.SignalInstance):
    """A signal whose listeners all hear it; what the first of them raised that failed is raised when they have.

    One view with a defect would keep those after it as they were: a button that says "Stop" when nothing runs.
    """

    def _run_emit_loop_immediate(self) -> None:
        arguments = self._emit_queue.popleft()
        failed: list[Exception] = []
        for listener in list(self._slots):
            if listener not in self._slots:  # it went, or was let go of, while others heard
                continue
            try:
                listener.cb(arguments)
            except Exception as error:  # noqa: BLE001 - the others are to hear it, too
                failed.append(error)
        if failed:
            raise failed[0]


Signal = partial(psygnal.Signal, signal_instance_class=HeardByAll)
"""Declares a signal of a class, as psygnal's does."""
