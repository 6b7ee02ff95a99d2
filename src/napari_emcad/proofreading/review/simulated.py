"""A proofreader who knows the truth: how much a number of operations brings.

Two ways to work, that can follow each other: answering the review queue, and looking around for the largest mistake
that is left and mending it with the tools of the panel. See `clicks` for the second.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.ids import Ids
from napari_emcad.core.scores import Scores
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.known_truth import KnownTruth
from napari_emcad.proofreading.review.clicks import SimulatedClicks
from napari_emcad.proofreading.review.questions import Answer, ReviewQuestion
from napari_emcad.proofreading.review.queue import ReviewQueue
from napari_emcad.proofreading.session import Session

QuestionOrder = Literal["gain", "random", "gain, then clicks", "clicks"]


@dataclass(frozen=True)
class CoursePoint:
    """A point on the course of a proofreading.

    Attributes
    ----------
    operations : int
        Edits so far; those taken back at once count, too.
    answers : int
        Questions of the queue looked at.
    scores : Scores
        Scores of the segments at this point.
    kinds : dict
        Operations of each kind.
    """

    operations: int
    answers: int
    scores: Scores
    kinds: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class SimulatedProofreader:
    """A proofreader who knows the truth, and a way to work.

    Attributes
    ----------
    order : QuestionOrder
        The questions as the queue ranks them or as chance does; or clicks, alone or when the queue has nothing left.
    patience : int or None
        Questions in a row without an edit after which the queue is left; None = never.
    learns : bool
        True: the queue learns from the answers.
    seed : int
        Seed of the random order.
    hears : bool
        True: the queue hears the second opinion.
    """

    order: QuestionOrder = "gain"
    patience: int | None = None
    learns: bool = True
    seed: int = 0
    hears: bool = True


def proofread(
    session: Session, truth: NDArray[np.integer], operations: int, proofreader: SimulatedProofreader | None = None
) -> Iterator[CoursePoint]:
    """Proofread with the truth at hand; the session is edited.

    Parameters
    ----------
    session : Session
    truth : (z, y, x) integer
        Neurons, 0 = not labelled.
    operations : int
        Edits after which to stop; it ends before where nothing is left to do.
    proofreader : SimulatedProofreader, optional

    Yields
    ------
    CoursePoint
        At the start and after each operation.
    """
    proofreader, known = proofreader or SimulatedProofreader(), KnownTruth(session.state.base.fragments[:], truth)
    ways: list[Iterator[str]] = []
    answering = _Answering(session, known, proofreader)
    if proofreader.order != "clicks":
        ways.append(iter(answering))
    if proofreader.order.endswith("clicks"):
        ways.append(iter(SimulatedClicks(session, known)))
    kinds: dict[str, int] = {}
    yield CoursePoint(0, 0, known.scores(session.state.table))
    for kind in (kind for way in ways for kind in way):
        kinds[kind] = kinds.get(kind, 0) + 1
        total = sum(kinds.values())
        yield CoursePoint(total, answering.seen, known.scores(session.state.table), dict(kinds))
        if total >= operations:
            return


def operations_needed(course: list[CoursePoint], arand: float) -> int | None:
    """Return the first number of operations with at most this adapted Rand error; None if it is not reached."""
    return next((p.operations for p in course if p.scores.arand <= arand), None)


class _Answering:
    """Answers questions, queue after queue, until a queue brings no edit.

    Attributes
    ----------
    seen : int
        Questions looked at.
    """

    def __init__(self, session: Session, known: KnownTruth, proofreader: SimulatedProofreader):
        self.seen = 0
        self._session, self._known, self._proofreader = session, known, proofreader

    def __iter__(self) -> Iterator[str]:
        """Yield the kind of each edit that an answer made."""
        is_edited = True
        while is_edited:  # again where something changed: what was put off may have an answer now
            queue = ReviewQueue(self._session, learns=self._proofreader.learns, hears=self._proofreader.hears)
            is_edited, idle = False, 0
            for question in self._ask(queue):
                self.seen += 1
                idle += 1
                if self._answer(queue, question):
                    is_edited, idle = True, 0
                    yield "join" if question.kind == "join?" else "part"
                if idle == self._proofreader.patience:
                    return

    def _ask(self, queue: ReviewQueue) -> Iterator[ReviewQuestion]:
        """Yield the questions of a queue in the order of the proofreader."""
        if self._proofreader.order == "random":
            yield from self._ask_at_random(queue)
            return
        while question := queue.next():
            yield question

    def _ask_at_random(self, queue: ReviewQueue) -> Iterator[ReviewQuestion]:
        """Yield the questions open at the start in random order, less those that an edit has answered meanwhile."""
        questions, state = queue.questions(), self._session.state
        for i in np.random.default_rng(self._proofreader.seed).permutation(len(questions)):
            question = questions[i]
            segments = state.segment_of(question.a), state.segment_of(question.b)
            if (segments[0] == segments[1]) == (question.kind == "part?"):
                yield replace(question, segments=segments)

    def _answer(self, queue: ReviewQueue, question: ReviewQuestion) -> bool:
        """Answer a question; True if that was an edit."""
        answer = self._judge(*self._sides(queue, question))
        try:
            return queue.answer(question, answer).kind != "decide"
        except Refused:
            return False

    def _sides(self, queue: ReviewQueue, question: ReviewQuestion) -> tuple[Ids, Ids]:
        """Return the fragments of both segments, or of both sides of the cut."""
        if question.kind == "part?":
            cut = queue.cut(question)
            return cut.near, cut.far
        one, other = question.segments
        return self._session.state.members(one), self._session.state.members(other)

    def _judge(self, one: Ids, other: Ids) -> Answer:
        """Return the answer that makes it better; "unknown" if a side is not labelled."""
        gain = self._known.gain_of_joining(one, other)
        if gain is None:
            return "unknown"
        return "join" if gain > 0 else "apart"
