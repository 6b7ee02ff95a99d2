"""Keeps the colours of the session on screen with it, so that neurons look the same when it is opened again."""

from napari_emcad.core.errors import UserError
from napari_emcad.io.sessions.colour_files import keep_colours, read_colours
from napari_emcad.io.sessions.open_session import OpenSession
from napari_emcad.widgets.desk.on_screen import Proofreading
from napari_emcad.widgets.desk.result import Result
from napari_emcad.widgets.kit.jobs import Loop

REST = 5_000
"""Milliseconds after the last edit; at the end of a session colours are kept at once."""


class KeptColours:
    """Writes the colours of one session after edits; a session in which nobody edits is left as it is."""

    def __init__(self, loop: Loop):
        self._rest = loop.pause(REST, self.keep)
        self._current: Proofreading | None = None
        self._rows = 0

    def follow(self, current: Proofreading | None) -> None:
        """Look after another session, None = after none; the colours of the one before are kept first."""
        if self._current is not None:
            self._rest.stop()
            self.keep()
            self._current.changed.disconnect(self._on_changed)
        self._current = current
        if current is not None:
            self._rows = len(current.session.log.rows)
            current.changed.connect(self._on_changed)

    def keep(self) -> None:
        """Write the colours that are shown now, if there were edits since."""
        current = self._current
        if current is None or current.opened.why_read_only or len(current.session.log.rows) == self._rows:
            return
        self._rows = len(current.session.log.rows)
        keep_colours(current.opened.folder, current.result.colours.shown)

    def _on_changed(self) -> None:
        self._rest.start()


def show_kept(result: Result, opened: OpenSession) -> str:
    """Give neurons the colours that their session keeps. Return why that is not possible; empty if it is."""
    try:
        kept = read_colours(opened.folder)
    except UserError as error:
        return str(error)
    if kept is not None:
        result.colours.begin_with(kept)
    return ""
