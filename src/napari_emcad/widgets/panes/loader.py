"""Reading the planes that the screen needs, in a thread."""

import time
from collections.abc import Callable

from napari_emcad.core.progress import Job, Progress, Stopwatch
from napari_emcad.core.wording import clock_text
from napari_emcad.widgets.desk.message import sentence_of
from napari_emcad.widgets.kit.jobs import Ended, Loop
from napari_emcad.widgets.kit.signals import Signal
from napari_emcad.widgets.panes.planes import Planes, WantedSlab

SHOW = 0.25
"""Seconds between two looks at what has been read of a slab."""

TOLD = 1.0
"""Seconds that reading takes at least if it is said how long it will still take."""


class Loader:
    """Reads what one pane wants, one thing after the other; what is wanted no more is given up.

    Attributes
    ----------
    words : str
        How long it still takes, or an error; empty if there is nothing to say.

    Signals
    -------
    changed
        There are other words.
    """

    changed = Signal()

    def __init__(self, loop: Loop):
        self._jobs, self._pause = loop.jobs(), loop.pause(0, self._begin)
        self._sources: dict[Planes, Callable[[], None]] = {}
        self._reading: dict[Planes, tuple[WantedSlab, ...]] = {}
        self._failed: dict[Planes, tuple[WantedSlab, ...]] = {}
        self._shown = self._begun = 0.0
        self.words = ""
        self._jobs.progressed.connect(self._on_progress)

    @property
    def is_settled(self) -> bool:
        """True if nothing is to be read."""
        return not self._jobs.running and not self._pause.is_active

    def add(self, planes: Planes, show: Callable[[], None]) -> None:
        """Read what these planes want from now on; `show` is called when more of it is there."""
        self._sources[planes] = show

    def drop(self, planes: Planes) -> None:
        """Read nothing of these planes any more."""
        self._sources.pop(planes, None)
        self._reading.pop(planes, None)
        self._failed.pop(planes, None)

    def ask(self) -> None:
        """Look what is wanted, once whatever wants it has all been asked."""
        self._pause.start()

    def close(self) -> None:
        """Stop reading."""
        self._pause.stop()
        self._jobs.progressed.disconnect(self._on_progress)
        self._sources.clear()
        self._jobs.close(patience=0)

    # ---- inside ------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Read what is wanted now, unless that is being read."""
        wanted = {
            planes: planes.wanted
            for planes in self._sources
            if planes.wanted and self._failed.get(planes) != planes.wanted
        }
        is_read = all(set(slabs) <= set(self._reading.get(planes, ())) for planes, slabs in wanted.items())
        if not wanted or (self._jobs.running and is_read):
            return
        self._reading = dict(wanted)
        self._shown = self._begun = time.monotonic()
        self._jobs.start(_read(wanted), self._on_ended)

    def _on_progress(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._shown > SHOW:
            self._shown = now
            self._show()
        left = progress.seconds_left
        if left is not None and now - self._begun > SHOW and now - self._begun + left > TOLD:
            self._say(f"reading {progress.done * 100 // progress.total} %, {clock_text(left)} left")

    def _on_ended(self, ended: Ended) -> None:
        if ended.error is not None:
            self._failed.update(self._reading)
        self._reading = {}
        self._say(sentence_of(ended.error) if ended.error is not None else "")
        self._show()
        self._pause.start()

    def _show(self) -> None:
        for planes in list(self._reading or self._sources):
            if planes in self._sources:
                self._sources[planes]()

    def _say(self, words: str) -> None:
        if words != self.words:
            self.words = words
            self.changed.emit()


def _read(wanted: dict[Planes, tuple[WantedSlab, ...]]) -> Job[None]:
    """Return the job that reads what is wanted."""
    pairs = [(planes, one) for planes, slabs in wanted.items() for one in slabs]
    watch, done = Stopwatch("planes", sum(planes.steps_of(one) for planes, one in pairs)), 0
    for planes, one in pairs:
        for _ in planes.load(one):
            done += 1
            yield watch.at(done)
