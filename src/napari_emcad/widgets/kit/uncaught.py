"""Errors that nobody caught, as napari hears of them: from buttons, keys, the mouse, timers and events of layers."""

from collections.abc import Callable
from pathlib import Path
from traceback import walk_tb

from napari.utils.notifications import Notification, notification_manager

from napari_emcad.core.errors import chain_of

_OURS = Path(__file__).parents[2]


class Uncaught:
    """Tells a dock of errors that came out of our code and that nobody caught; napari shows them as well."""

    def __init__(self, tell: Callable[[Exception], None]):
        self._tell = tell
        notification_manager.notification_ready.connect(self._on_notification)

    def close(self) -> None:
        """Hear no more."""
        notification_manager.notification_ready.disconnect(self._on_notification)

    def _on_notification(self, event: Notification) -> None:
        error = getattr(event, "exception", None)
        if isinstance(error, Exception) and is_ours(error):
            self._tell(error)


def is_ours(error: BaseException) -> bool:
    """Return True if an error, or what led to it, went through code of ours."""
    frames = (frame for one in chain_of(error) for frame, _ in walk_tb(one.__traceback__))
    return any(_OURS in Path(frame.f_code.co_filename).parents for frame in frames)
