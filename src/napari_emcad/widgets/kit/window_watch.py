"""Letting go of what a widget holds before its window has gone."""

from collections.abc import Callable

from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QMainWindow, QWidget


def _always(_event: QEvent) -> bool:
    return True


class WindowWatch(QObject):
    """Hears when a widget is taken out of its window, or this is closed, and has the widget let go of everything.

    The widget calls `look` when it is shown, `follow` with its events of change, and `stop` when it has let go.
    """

    def __init__(self, widget: QWidget, release: Callable[[], None], may_close: Callable[[QEvent], bool] = _always):
        """Watch over a widget; `may_close` is asked with the event before its window closes."""
        super().__init__(widget)
        self._widget, self._release, self._may_close = widget, release, may_close
        self._window: QMainWindow | None = None
        self._is_over = self._is_asked = False

    def look(self) -> None:
        """Find the window that the widget lies in, and hear when it is closed."""
        window = self._widget.parent()
        while window is not None and not isinstance(window, QMainWindow):
            window = window.parent()
        if window is not None and self._window is None and not self._is_over:
            self._window = window
            window.installEventFilter(self)

    def follow(self, event: QEvent | None) -> None:
        """Let go when the widget is taken out of its window: napari does not close it then."""
        if event is None or event.type() != QEvent.Type.ParentChange:
            return
        if self._widget.parent() is None:
            self._release()
        else:  # the parents have not found theirs yet
            QTimer.singleShot(0, self.look)

    def stop(self) -> None:
        """Watch no more."""
        self._is_over = True
        if self._window is not None:
            self._window.removeEventFilter(self)
            self._window = None

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Let go when the window closes, unless it may not.

        Where a person closes it, napari asks whether to, and may be told to stay: it goes once it is hidden.
        """
        if event is None or watched is not self._window:
            return False
        if event.type() == QEvent.Type.Close:
            if not self._may_close(event):
                event.ignore()
                return True
            self._is_asked = event.spontaneous()
            if not self._is_asked:
                self._release()
        elif event.type() == QEvent.Type.Hide and self._is_asked and not event.spontaneous():
            self._release()
        return False
