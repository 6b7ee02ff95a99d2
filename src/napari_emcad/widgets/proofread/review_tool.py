"""The mode Review: one question after another, both sides shown."""

from collections.abc import Callable

import numpy as np

from napari_emcad.core.geometry import Box, Voxel, triple
from napari_emcad.core.ids import Ids
from napari_emcad.core.progress import Progress
from napari_emcad.core.sections.pairing import PlannedBox, voxels_before
from napari_emcad.core.volume import FragmentVolume
from napari_emcad.core.wording import count, progress_text
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.review.questions import Answer, ReviewQuestion
from napari_emcad.proofreading.review.queue import ReviewQueue
from napari_emcad.proofreading.rows import LogRow
from napari_emcad.widgets.desk.on_screen import AT_ONCE, Proofreading
from napari_emcad.widgets.kit.jobs import Ended, Loop
from napari_emcad.widgets.proofread.tools import Tool

NOTHING_LEFT = "Nothing is left to ask at this threshold."
LOOKING = "Looking for what is most worth asking; go on as you like, or leave the mode to stop it."


class ReviewTool(Tool):
    """Asks the question of the largest expected gain; the answers are edits or remembered decisions.

    Parameters
    ----------
    proofreading : Proofreading
    loop : Loop
    go_to : callable
        Puts a voxel into the middle of the canvas.
    changed : callable
        Called when words and facts have changed without a click.
    """

    def __init__(
        self, proofreading: Proofreading, loop: Loop, go_to: Callable[[Voxel], None], changed: Callable[[], None]
    ):
        super().__init__(proofreading)
        self._go_to, self._changed = go_to, changed
        self._queue: ReviewQueue | None = None
        self.question: ReviewQuestion | None = None
        self._threshold: float | None = None
        self._ranker = loop.jobs()
        self._ranker.progressed.connect(self._on_progress)
        self._progress = self._beside = ""

    @property
    def words(self) -> str:
        """The question that is asked."""
        if self._ranker.running:
            return LOOKING
        if self.question is None:
            return NOTHING_LEFT
        if self.question.kind == "join?":
            return f"Are blue and orange one neuron?{self._beside}"
        return f"Is this one neuron, or do blue and orange part here?{self._beside}"

    @property
    def facts(self) -> str:
        """The open questions, the speed, and the expected gain of the answer."""
        queue = self._queue
        if queue is None or self._ranker.running or not queue.is_ranked:
            return self._progress
        speed = f"{count(queue.answered, 'answer')}, {queue.per_minute:.0f} a minute"
        gain = f", expected gain {1000 * self.question.gain:.2f} millibits" if self.question else ""
        return f"{queue.open_count:,} left, {speed}{gain}"

    def open(self) -> None:
        """Rank the questions, and ask the first one."""
        self._queue = ReviewQueue(self._at.session, boxes=lambda: self._at.boxes)
        self._at.changed.connect(self._on_changed)
        self._ask()

    def answer(self, answer: Answer) -> LogRow:
        """Take an answer and ask the next question.

        Raises
        ------
        Refused
            Where nothing is asked, or the answer cannot be made to come true; the next question is asked all the same.
        """
        if self.question is None:
            raise Refused("review: nothing is left to ask; move the threshold or leave the mode.")
        question = self.question
        try:
            return self._at.edit(lambda: self._open_queue.answer(question, answer))
        finally:
            self._ask()

    def follow(self) -> None:
        """Ask again what an undo has opened."""
        self._ask()

    @property
    def _open_queue(self) -> ReviewQueue:
        assert self._queue is not None, "the mode is on"
        return self._queue

    def _ask(self) -> None:
        """Ask what is most worth asking now; among many fragments it is looked for in a thread."""
        if self._ranker.running:
            return
        self._threshold = self._at.session.state.threshold
        if len(self._at.session.state.table) <= AT_ONCE or self._open_queue.is_ranked:
            self._ask_now()
        else:
            self.question = None
            self._at.end_sides()
            self._ranker.start(self._open_queue.rank(), self._on_ranked)

    def _ask_now(self) -> None:
        self.question = self._open_queue.next()
        while self.question is not None and not self._show(self.question):
            self.question = self._open_queue.next()
        if self.question is None:
            self._at.show()

    def look(self) -> None:
        """Go to the place again."""
        if self.question is not None:
            self._go_to(self.question.voxel)

    def close(self) -> None:
        """Stop the search, and ask no more."""
        if self._queue is not None:
            self._at.changed.disconnect(self._on_changed)
        self._ranker.close(0)
        self._queue = self.question = None
        self._progress = ""
        self._at.end_sides()

    def _on_changed(self) -> None:
        """Ask anew at another threshold: there are other questions."""
        if self._threshold != self._at.session.state.threshold:
            self._ask()
            self._changed()

    def _on_progress(self, progress: Progress) -> None:
        self._progress = progress_text(progress)
        self._changed()

    def _on_ranked(self, ended: Ended) -> None:
        """Ask. After a failure look here again: an edit came in between, or the error is to be seen."""
        self._progress = ""
        self._ask_now() if ended.error else self._ask()
        self._changed()

    def _show(self, question: ReviewQuestion) -> bool:
        """Show both sides. Return False if there is no cut to show; the question is put off then."""
        try:
            blue, orange = self._sides_of(question)
        except Refused:
            self._open_queue.put_off(question)
            return False
        self._at.session.begin()
        state = self._at.session.state
        self._beside = unseen_side_text(state.base.fragments, question.voxel, blue, orange, state.planned)
        self._at.show_sides(blue, orange)
        self._go_to(question.voxel)
        return True

    def _sides_of(self, question: ReviewQuestion) -> tuple[Ids, Ids]:
        """Return the fragments of both sides.

        Raises
        ------
        Refused
            If the cut of a "part?" cannot be made.
        """
        state = self._at.session.state
        if question.kind == "join?":
            return state.members(state.segment_of(question.a)), state.members(state.segment_of(question.b))
        cut = self._open_queue.cut(question)
        return cut.near, cut.far


def unseen_side_text(
    fragments: FragmentVolume, voxel: Voxel, blue: Ids, orange: Ids, planned: PlannedBox | None = None
) -> str:
    """Return where to find a side that does not touch the other one in the section shown; empty if both are seen.

    Parameters
    ----------
    fragments : FragmentVolume (z, y, x)
        Read around the voxel only, and around the one that it is paired with.
    voxel : (z, y, x)
        The place where the sides touch.
    blue, orange : (k,) Ids
        Fragments of each side.
    planned : PlannedBox, optional
        The plan for the sections of the fragments.
    """
    z, y, x = voxel
    here, before = _fragments_around(fragments, voxel), triple(voxels_before(np.array([voxel]), planned)[0])
    for name, side in (("Blue", blue), ("Orange", orange)):
        if np.isin(here, side).any():
            continue
        if np.isin(_fragments_around(fragments, before), side).any():
            return f" {name} is {_before_text(z - before[0])}."
        if np.isin(_fragments_around(fragments, (z + 1, y, x)), side).any():
            return f" {name} is in the section after."
    return ""


def _fragments_around(fragments: FragmentVolume, voxel: Voxel) -> Ids:
    """Return the fragments around a voxel in its section, (1, y, x); none if it lies outside the volume."""
    around = Box(voxel, triple(v + 1 for v in voxel)).grown((0, 1, 1)).clipped(fragments.shape)
    return fragments[around.slices]


def _before_text(sections: int) -> str:
    return "in the section before" if sections == 1 else f"{sections} sections before, as what lies between is bridged"
