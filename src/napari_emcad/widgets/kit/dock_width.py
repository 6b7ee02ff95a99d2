"""The width of a dock, kept when its neighbour goes."""

from contextlib import suppress
from weakref import ref

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow


def keep_width(dock: QDockWidget | None) -> None:
    """Keep the width of a dock when the one beside it goes: the main canvas gets its room."""
    if dock is None:
        return
    width, known = dock.width(), ref(dock)

    def resize() -> None:
        there = known()
        with suppress(RuntimeError):  # the window has gone
            window = there.parent() if there is not None else None
            if there is not None and isinstance(window, QMainWindow):
                window.resizeDocks([there], [width], Qt.Orientation.Horizontal)

    QTimer.singleShot(0, resize)
