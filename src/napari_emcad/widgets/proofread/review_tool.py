"""The mode Review: one question after another, both sides shown."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from napari_emcad.core.geometry import Voxel
from napari_emcad.core.ids import Ids
from napari_emcad.core.progress import Job, Progress, drive
from napari_emcad.core.sections.pairing import PlannedBox
from napari_emcad.core.volume import FragmentVolume
from napari_emcad.core.wording import count, progress_text
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.review.outlook import Outlook, PlannedQuestion
from napari_emcad.proofreading.review.questions import Answer, ReviewQuestion
from napari_emcad.proofreading.review.queue import ReviewQueue
from napari_emcad.proofreading.rows import LogRow
from napari_emcad.widgets.desk.on_screen import Proofreading
from napari_emcad.widgets.kit.jobs import Ended, Loop
from napari_emcad.widgets.proofread.camera import Camera
from napari_emcad.widgets.proofread.pair_pictures import (
    SectionPicture,
    fragments_around,
    take_pictures,
    touching_voxels,
)
from napari_emcad.widgets.proofread.tools import Tool

NOTHING_LEFT = "Nothing is left to ask at this threshold."
LOOKING = "Looking for what is most worth asking; go on as you like, or leave the mode to stop it."

AT_ONCE = 1_000
"""Fragments up to which the next question is found at once; among more it is found in a thread."""


@dataclass(frozen=True)
class _ReadyQuestion:
    """A question that is ready to be shown, and all that its looks need."""

    planned: PlannedQuestion
    beside: str = ""
    pictures: tuple[SectionPicture, ...] = ()
    reach: tuple[int, int] = (0, 0)


class ReviewTool(Tool):
    """Asks the question of the largest expected gain; the answers are edits or remembered decisions.

    Parameters
    ----------
    proofreading : Proofreading
    loop : Loop
    camera : Camera
    changed : callable
        Called when words and facts have changed without a click.

    Attributes
    ----------
    question : ReviewQuestion or None
        None while the next one is looked for, and if nothing is left.
    pictures : tuple of SectionPicture
        Both sections, where the sides touch between sections only.
    """

    def __init__(self, proofreading: Proofreading, loop: Loop, camera: Camera, changed: Callable[[], None]):
        super().__init__(proofreading)
        self._camera, self._changed = camera, changed
        self._queue: ReviewQueue | None = None
        self.question: ReviewQuestion | None = None
        self.pictures: tuple[SectionPicture, ...] = ()
        self._threshold: float | None = None
        self._planner = loop.jobs()
        self._planner.progressed.connect(self._on_progress)
        self._ready: _ReadyQuestion | None = None
        self._progress = ""

    @property
    def words(self) -> str:
        """The question that is asked."""
        if self._ready is None:
            return LOOKING
        question = self._ready.planned.question
        if question is None:
            return NOTHING_LEFT
        if question.kind == "join?":
            return f"Are blue and orange one neuron?{self._ready.beside}"
        return f"Is this one neuron, or do blue and orange part here?{self._ready.beside}"

    @property
    def facts(self) -> str:
        """The questions that still matter, what this one may put right, and the speed."""
        queue, ready = self._queue, self._ready
        if queue is None or ready is None:
            return self._progress
        speed = f"{count(queue.answered, 'answer')}, {queue.per_minute:.0f} a minute."
        return "\n".join(filter(None, (outlook_text(ready.planned.outlook), gain_text(ready.planned), speed)))

    def open(self) -> None:
        """Rank the questions, and ask the first one."""
        self._queue = ReviewQueue(self._at.session, boxes=lambda: self._at.boxes)
        self._at.changed.connect(self._on_changed)
        self._at.keeps_sides = True
        self._ask()

    def answer(self, answer: Answer) -> LogRow:
        """Take an answer and ask the next question.

        Raises
        ------
        Refused
            Where nothing is asked, or the answer cannot be made to come true; the next question is asked all the same.
        """
        if self._planner.running:
            raise Refused("review: the next question is on its way; answer it once it is shown.")
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
        if self._planner.running:
            return  # that it was found for fewer edits is seen at its end
        state = self._at.session.state
        if self._threshold != state.threshold:
            self._ready = None
        self._threshold = state.threshold
        if len(state.table) <= AT_ONCE:
            self._show(drive(self._prepare()))
        else:
            self.question = None
            if self._ready is None:  # all edges are looked at, which takes a while
                self._at.end_sides()
            self._planner.start(self._prepare(), self._on_planned)

    def _prepare(self) -> Job[_ReadyQuestion]:
        """Find the next question, and all that its looks need; may run in a thread."""
        planned = yield from self._open_queue.plan()
        question, state = planned.question, self._at.session.state
        if question is None:
            return _ReadyQuestion(planned)
        fragments, sides = state.base.fragments, (question.near, question.far)
        voxels = touching_voxels(fragments, question.voxel, *sides, state.planned)
        pictures = take_pictures(self._at.result, fragments, voxels, *sides) if len(voxels) > 1 else ()
        smaller = min(sides, key=lambda side: int(state.sizes[side].sum()))
        box = self._at.boxes.box_of(smaller)
        ends = zip(box.start[1:], box.stop[1:], question.voxel[1:], strict=True)
        reach = [max(at - start, stop - at) for start, stop, at in ends]
        beside = unseen_side_text(fragments, question.voxel, *sides, state.planned)
        return _ReadyQuestion(planned, beside, pictures, (reach[0], reach[1]))

    def look(self) -> None:
        """Go to the place again."""
        if self.question is not None and self._ready is not None:
            self._camera.go_to_pair(self.question.voxel, self._ready.reach)

    def go_to(self, voxel: Voxel) -> None:
        """Go to the contact in the section of a picture."""
        if self._ready is not None:
            self._camera.go_to_pair(voxel, self._ready.reach)

    def close(self) -> None:
        """Stop the search, and ask no more."""
        if self._queue is not None:
            self._at.changed.disconnect(self._on_changed)
        self._planner.close(0)
        self._queue = self.question = self._ready = None
        self.pictures, self._progress = (), ""
        self._at.keeps_sides = False
        self._at.end_sides()

    def _on_changed(self) -> None:
        """Ask anew at another threshold: there are other questions."""
        if self._threshold != self._at.session.state.threshold:
            self._ask()
            self._changed()

    def _on_progress(self, progress: Progress) -> None:
        self._progress = progress_text(progress)
        self._changed()

    def _on_planned(self, ended: Ended) -> None:
        """Ask. Look again after an edit that came in between; after a failure look here, where the error is seen."""
        self._progress = ""
        if ended.error:
            self._show(drive(self._prepare()))
        elif ended.result is not None and ended.result.planned.rows == len(self._at.session.log.rows):
            self._show(ended.result)
        else:
            self._ask()
        self._changed()

    def _show(self, ready: _ReadyQuestion) -> None:
        """Show both sides; the canvas stays where it is if the question is the one that was asked before."""
        before = self._ready.planned.question if self._ready else None
        self._ready, self.question, self.pictures = ready, ready.planned.question, ready.pictures
        if self.question is None:
            self._at.end_sides()
            return
        self._at.session.begin()
        self._at.show_sides(self.question.near, self.question.far)
        if before is None or not _is_same(before, self.question):
            self.look()


def outlook_text(outlook: Outlook) -> str:
    """Return how many questions still matter."""
    if not outlook.matter:
        return ""
    matter = f"{outlook.matter:,}" if outlook.matter < 10 else f"About {_rounded(outlook.matter):,}"
    verb = "matters" if outlook.matter == 1 else "matter"
    share = f"{100 * outlook.share:g} %"
    return f"{matter} more {verb}; after that each is likely to put less than {share} of the voxels right."


def gain_text(planned: PlannedQuestion) -> str:
    """Return what the answer to a question may put right."""
    question, labelled = planned.question, planned.outlook.labelled
    if question is None or not labelled:
        return ""
    share = 100 * question.voxels / labelled
    return (
        f"If this is an error ({question.p:.0%} likely), {question.voxels:,.0f} voxels ({share:.2g} %) are put right."
    )


def _rounded(number: int) -> int:
    """Return a number with two digits that are not 0."""
    return int(float(f"{number:.2g}"))


def _is_same(one: ReviewQuestion, other: ReviewQuestion) -> bool:
    """Return True if two questions look the same."""
    sides = ((one.near, other.near), (one.far, other.far))
    return one.voxel == other.voxel and all(np.array_equal(a, b) for a, b in sides)


def unseen_side_text(
    fragments: FragmentVolume, voxel: Voxel, blue: Ids, orange: Ids, planned: PlannedBox | None = None
) -> str:
    """Return where to find a side that is not seen at the contact in the section shown; empty if both are seen.

    The parameters are those of `touching_voxels`.
    """
    other = next((one for one in touching_voxels(fragments, voxel, blue, orange, planned) if one != voxel), None)
    if other is None:
        return ""
    name = "Orange" if np.isin(fragments_around(fragments, voxel), blue).any() else "Blue"
    return f" {name} is {_before_text(voxel[0] - other[0]) if other[0] < voxel[0] else 'in the section after'}."


def _before_text(sections: int) -> str:
    return "in the section before" if sections == 1 else f"{sections} sections before, as what lies between is bridged"
