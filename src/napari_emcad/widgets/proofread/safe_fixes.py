"""The list of safe fixes: looked for in a thread, looked through, unticked, and made in one edit."""

from napari_emcad.core.progress import Job
from napari_emcad.proofreading.review.queue import ReviewQueue
from napari_emcad.proofreading.review.safe_fixes import (
    PRECISION,
    SafeFix,
    find_safe_fixes,
    make_safe_fixes,
    what_fixes_bring,
)
from napari_emcad.widgets.desk.on_screen import Proofreading
from napari_emcad.widgets.kit.jobs import Ended, Loop
from napari_emcad.widgets.kit.signals import Signal
from napari_emcad.widgets.proofread.attempts import Attempts
from napari_emcad.widgets.proofread.camera import Camera

LOOKING = "Looking for safe fixes ..."


class SafeFixes:
    """The safe fixes of the session that is on.

    Attributes
    ----------
    precision : float
        The share of fixes that are right, from which on one is listed.
    fixes : list of SafeFix
    unticked : set of int
        Places in the list that are not to be made.
    is_open : bool
        True from `look` until they are made or left.

    Signals
    -------
    changed
    """

    changed = Signal()

    def __init__(self, at: Proofreading, camera: Camera, attempts: Attempts, loop: Loop):
        self._at, self._camera, self._attempts, self._jobs = at, camera, attempts, loop.jobs()
        self.precision = PRECISION
        self.fixes: list[SafeFix] = []
        self.unticked: set[int] = set()
        self.is_open = False
        self._rows = 0

    @property
    def why_not(self) -> str:
        """The reason why no fixes can be made; empty if they can."""
        return "" if self._at.session.log.writable else "This session is open for reading only."

    @property
    def chosen(self) -> list[SafeFix]:
        """The fixes that are ticked."""
        return [fix for place, fix in enumerate(self.fixes) if place not in self.unticked]

    @property
    def words(self) -> str:
        """The number of fixes that are ticked, and what they bring."""
        if self._jobs.running:
            return LOOKING
        if self.fixes and not self.chosen:
            return "Nothing is ticked."
        return what_fixes_bring(self.chosen, self.precision, float(self._at.session.state.sizes[1:].sum()))

    @property
    def make_words(self) -> str:
        """The words on the button that makes them."""
        return f"Make {len(self.chosen):,} {'fix' if len(self.chosen) == 1 else 'fixes'}"

    def look(self, precision: float | None = None) -> None:
        """Look for fixes, in a thread; those of an earlier look are dropped."""
        self.precision = precision or self.precision
        self.fixes, self.unticked, self.is_open = [], set(), True
        self._jobs.start(self._find(), self._on_found)
        self.changed.emit()

    def tick(self, place: int, is_ticked: bool) -> None:
        """Take a fix into what is made, or out of it."""
        self.unticked = self.unticked - {place} if is_ticked else self.unticked | {place}
        self.changed.emit()

    def go_to(self, place: int) -> None:
        """Show both sides of a fix."""
        question = self.fixes[place].question
        self._at.show_sides(question.near, question.far)
        box = self._at.boxes.box_of(min(question.near, question.far, key=len))
        reach = [max(v - a, b - v) for v, a, b in zip(question.voxel[1:], box.start[1:], box.stop[1:], strict=True)]
        self._camera.go_to_pair(question.voxel, (reach[0], reach[1]))

    def make(self) -> None:
        """Make all that are ticked, as one edit; look again if the session was edited meanwhile."""
        if self._rows != len(self._at.session.log.rows):
            self.look()
            self._attempts.show_toast("safe fixes: the session was edited meanwhile; here is the list as it is now.")
            return
        chosen = self.chosen
        if self._attempts.edit(lambda: make_safe_fixes(self._at.session, chosen)):
            self.leave()

    def leave(self) -> None:
        """Put the list away."""
        self._jobs.close(0)
        was_open, self.is_open, self.fixes = self.is_open, False, []
        if was_open and not self._at.is_gone:
            self._at.end_sides()
        self.changed.emit()

    def _find(self) -> Job[tuple[int, list[SafeFix]]]:
        session = self._at.session
        queue, rows = ReviewQueue(session, boxes=lambda: self._at.boxes), len(session.log.rows)
        yield from queue.rank()
        return rows, find_safe_fixes(session, self.precision, queue)

    def _on_found(self, ended: Ended) -> None:
        if ended.error is not None:
            raise ended.error
        if ended.result is not None:
            self._rows, self.fixes = ended.result
        self.changed.emit()
