"""The offer to go on with a session of the stack that is open, as long as none is on."""

import time
from pathlib import Path

from napari_emcad.core.progress import Job
from napari_emcad.core.wording import count
from napari_emcad.io.sessions.sessions_of_stack import FoundSession, sessions_of_stack
from napari_emcad.io.stacks.locations import Location, parse_location
from napari_emcad.networks.own_data import own_data
from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.kit.jobs import Ended
from napari_emcad.widgets.kit.layers import origin_of
from napari_emcad.widgets.kit.signals import Signal

WEEK = 7
"""Days after which a day is named by its date, and no more by its name."""


class SessionOffer:
    """Looks for sessions beside each stack that is opened, and offers the one that was edited last.

    Signals
    -------
    changed
    """

    changed = Signal()

    def __init__(self, desk: Desk):
        self._desk, self._jobs = desk, desk.loop.jobs()
        self._looked_for: tuple[str | None, str | None] | None = None
        self._found: list[FoundSession] = []
        self._is_on = False
        desk.stack.changed.connect(self._on_stack)
        desk.sessions.changed.connect(self._on_session)
        desk.jobs.running_changed.connect(self._emit_changed)
        self._on_stack()

    @property
    def session(self) -> FoundSession | None:
        """The session that is offered; None if there is none, or one is on."""
        return self._found[0] if self._found and self._desk.sessions.current is None else None

    @property
    def press_words(self) -> str:
        """The words of the button, such as "Go on with 45 edits of yesterday"; empty without an offer."""
        session = self.session
        if session is None:
            return ""
        edits = count(session.edits, "edit") if session.edits else "the session"
        return f"Go on with {edits} of {day_text(session.last, time.time())}"

    @property
    def tip(self) -> str:
        """The folder of the session that is offered, and the names of the other ones."""
        if self.session is None:
            return ""
        others = ", ".join(found.folder.name for found in self._found[1:4])
        more = f' There are others, for "Open session...": {others}.' if others else ""
        return f"Open {self.session.folder}, which was made of this stack.{more}"

    @property
    def why_not(self) -> str:
        """The reason why it cannot be opened now; empty if it can."""
        return "A job is running." if self._desk.jobs.running else ""

    def press(self) -> None:
        """Open the session that is offered."""
        if self.session is not None:
            self._desk.sessions.open(self.session.folder)

    def close(self) -> None:
        """Look no more."""
        self._jobs.close()

    def _on_stack(self) -> None:
        """Look beside another stack, but not again because it has another voxel size."""
        layer = self._desk.stack.layer
        origin = origin_of(layer) if layer is not None else {"source": None, "dataset": None}
        place = origin["source"], origin["dataset"]
        if place != self._looked_for:
            self._looked_for = place
            self._look()

    def _on_session(self) -> None:
        """Look again once a session has ended: it may be the first one, and has more edits."""
        was_on, self._is_on = self._is_on, self._desk.sessions.current is not None
        if was_on and not self._is_on:
            self._look()
        self.changed.emit()

    def _look(self) -> None:
        self._found = []
        source, dataset = self._looked_for or (None, None)
        if source is None:
            self._jobs.stop()
        else:
            self._jobs.start(_find(parse_location(source), dataset), self._on_found)
        self.changed.emit()

    def _on_found(self, ended: Ended) -> None:
        if ended.error is not None:
            raise ended.error
        self._found = ended.result or []
        self.changed.emit()

    def _emit_changed(self) -> None:
        self.changed.emit()


def _find(source: Location, dataset: str | None) -> Job[list[FoundSession]]:
    beside = [source.parent] if isinstance(source, Path) else []
    return (yield from sessions_of_stack(source, dataset, [*beside, own_data() / "sessions"]))


def day_text(then: float, now: float) -> str:
    """Return the day of a time (seconds since 1970) as people say it: "yesterday", "Monday", "3 March 2026"."""
    day, today = time.localtime(then), time.localtime(now)
    days = round((_noon(today) - _noon(day)) / 86_400)
    if days in (0, 1):
        return ("today", "yesterday")[days]
    name = time.strftime("%A" if 0 < days < WEEK else "%B", day)
    return name if 0 < days < WEEK else f"{day.tm_mday} {name}" + f" {day.tm_year}" * (day.tm_year != today.tm_year)


def _noon(day: time.struct_time) -> float:
    return time.mktime((day.tm_year, day.tm_mon, day.tm_mday, 12, 0, 0, 0, 0, -1))
