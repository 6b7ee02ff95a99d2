"""A proofreader who knows the truth: how much a number of operations brings.

Two ways to work, that can follow each other: answering the review queue, and looking around for the largest error that
is left and mending it with the tools of the panel. See `clicks` for the second.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.scores import Scores
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.known_truth import KnownTruth
from napari_emcad.proofreading.review.clicks import SimulatedClicks
from napari_emcad.proofreading.review.queue import Answer, ReviewQuestion, ReviewQueue
from napari_emcad.proofreading.session import Session

QuestionOrder = Literal["gain", "random", "gain, then clicks", "clicks"]


@dataclass(frozen=True)
class CoursePoint:
    """How far the proofreader is.

    Attributes
    ----------
    operations : int
        Edits made, those taken back at once counted, too.
    answers : int
        Questions of the queue looked at.
    scores : Scores
        Of the segments now.
    kinds : dict
        Operations of each kind.
    """

    operations: int
    answers: int
    scores: Scores
    kinds: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class SimulatedProofreader:
    """How somebody proofreads.

    Attributes
    ----------
    order : QuestionOrder
        The questions as the queue ranks them or as chance does; or clicks, alone or when the queue has nothing left.
    patience : int or None
        After so many questions in a row without an edit the queue is left; None = never.
    learns : bool
        Whether the queue learns from the answers.
    seed : int
        Of the random order.
    """

    order: QuestionOrder = "gain"
    patience: int | None = None
    learns: bool = True
    seed: int = 0


def proofread(
    session: Session, truth: NDArray, operations: int, proofreader: SimulatedProofreader | None = None
) -> Iterator[CoursePoint]:
    """Proofread with the truth at hand; the session is edited.

    Parameters
    ----------
    session : Session
    truth : (z, y, x) integer
        Neurons, 0 = not labelled.
    operations : int
        Stops after so many, or when nothing is left to do.
    proofreader : SimulatedProofreader, optional

    Yields
    ------
    CoursePoint
        At the start and after each operation.
    """
    proofreader, known = proofreader or SimulatedProofreader(), KnownTruth(session.state.base.fragments[:], truth)
    seen, kinds = [0], {}
    ways = []
    if proofreader.order != "clicks":
        ways.append(_answered(session, known, proofreader, seen))
    if proofreader.order.endswith("clicks"):
        ways.append(iter(SimulatedClicks(session, known)))
    yield CoursePoint(0, 0, known.scores(session.state.table))
    for kind in (kind for way in ways for kind in way):
        kinds[kind] = kinds.get(kind, 0) + 1
        made = sum(kinds.values())
        yield CoursePoint(made, seen[0], known.scores(session.state.table), dict(kinds))
        if made >= operations:
            return


def operations_needed(course: list[CoursePoint], arand: float) -> int | None:
    """The first number of operations with at most this adapted Rand error; None where it is not reached."""
    return next((p.operations for p in course if p.scores.arand <= arand), None)


def _answered(session: Session, known: KnownTruth, proofreader: SimulatedProofreader, seen: list[int]) -> Iterator[str]:
    """The kind of each edit that an answer made; counts the questions in `seen`."""
    edits = True
    while edits:  # again where something changed: what was put off may have an answer now
        edits, idle, queue = False, 0, ReviewQueue(session, learns=proofreader.learns)
        is_random = proofreader.order == "random"
        for question in _at_random(queue, session, proofreader.seed) if is_random else _by_gain(queue):
            seen[0] += 1
            idle += 1
            if _edits(queue, question, _judged(session, queue, question, known)):
                edits, idle = True, 0
                yield "join" if question.kind == "join?" else "part"
            if idle == proofreader.patience:
                return


def _judged(session: Session, queue: ReviewQueue, question: ReviewQuestion, known: KnownTruth) -> Answer:
    """The answer of somebody who looks at both segments, or at both sides of the cut, and says what makes it better."""
    if question.kind == "part?":
        cut = queue.cut(question)
        sides = cut.near, cut.far
    else:
        sides = tuple(session.state.members(segment) for segment in question.segments)
    gain = known.gain_of_joining(*sides)
    if gain is None:
        return "unknown"
    return "join" if gain > 0 else "apart"


def _edits(queue: ReviewQueue, question: ReviewQuestion, answer: Answer) -> bool:
    """Answer; whether that was an edit."""
    try:
        return queue.answer(question, answer).kind != "decide"
    except Refused:
        return False


def _by_gain(queue: ReviewQueue) -> Iterator[ReviewQuestion]:
    while question := queue.next():
        yield question


def _at_random(queue: ReviewQueue, session: Session, seed: int) -> Iterator[ReviewQuestion]:
    """The questions open at the start in random order, less those that an edit has answered meanwhile."""
    questions = queue.questions()
    for i in np.random.default_rng(seed).permutation(len(questions)):
        question, table = questions[i], session.state.table
        if (table[question.a] == table[question.b]) == (question.kind == "part?"):
            yield replace(question, segments=(int(table[question.a]), int(table[question.b])))
