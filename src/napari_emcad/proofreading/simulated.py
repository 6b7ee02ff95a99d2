"""A proofreader who knows the truth: how much a number of operations brings.

Fragments are never parted, so that what is left at the end is what fragments cost.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from napari_emcad.core.scores import Scores, contingency, scores_of
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.review import Answer, ReviewQueue, Task
from napari_emcad.proofreading.session import Session

Order = Literal["gain", "random"]


@dataclass(frozen=True)
class Progress:
    """How far the proofreader is.

    Attributes
    ----------
    operations : int
        Joins and splits made.
    answers : int
        Questions looked at.
    scores : Scores
        Of the segments now.
    """

    operations: int
    answers: int
    scores: Scores


class Truth:
    """What is right about fragments: voxels by (fragment, neuron), counted once."""

    def __init__(self, fragments: NDArray[np.uint32], truth: NDArray):
        self._ids = np.unique(fragments[truth != 0])
        self._counts = contingency(fragments, truth)  # rows and columns: the ids there are, sorted

    def scores(self, table: NDArray) -> Scores:
        """Of the segments in this table, (n + 1,)."""
        segments = np.unique(table[self._ids], return_inverse=True)[1]
        n = len(self._ids)
        gather = csr_array((np.ones(n, np.int64), (segments, np.arange(n))), (int(segments.max()) + 1, n))
        return scores_of(gather @ self._counts)

    def together(self, one: NDArray, other: NDArray) -> Answer:
        """Whether two sets of fragments are mostly of one neuron; "unknown" where nothing of one is labelled."""
        first, second = (self._mostly(fragments) for fragments in (one, other))
        if first is None or second is None:
            return "unknown"
        return "join" if first == second else "apart"

    def _mostly(self, fragments: NDArray) -> int | None:
        """The column of the neuron of most voxels in these fragments."""
        rows = np.flatnonzero(np.isin(self._ids, fragments))
        return int(self._counts[rows].sum(axis=0).argmax()) if len(rows) else None


def proofread(
    session: Session, truth: NDArray, operations: int, order: Order = "gain", seed: int = 0
) -> Iterator[Progress]:
    """Answer the review queue from the truth; the session is edited.

    Parameters
    ----------
    session : Session
    truth : (z, y, x) integer
        Neurons, 0 = not labelled.
    operations : int
        Stops after so many, or when nothing is left to ask.
    order : "gain" or "random"
        As the queue ranks the questions, or as chance does.
    seed : int

    Yields
    ------
    Progress
        At the start and after each operation.
    """
    known, made, seen = Truth(session.state.base.fragments, truth), 0, 0
    yield Progress(made, seen, known.scores(session.state.table))
    before = -1
    while before < made < operations:  # again where something changed: what was put off may have an answer now
        before, queue = made, ReviewQueue(session)
        for task in _by_gain(queue) if order == "gain" else _at_random(queue, session, seed):
            seen += 1
            if _edits(queue, task, _judged(session, queue, task, known)):
                made += 1
                yield Progress(made, seen, known.scores(session.state.table))
            if made == operations:
                break


def operations_needed(course: list[Progress], arand: float) -> int | None:
    """The first number of operations with at most this adapted Rand error; None where it is not reached."""
    return next((p.operations for p in course if p.scores.arand <= arand), None)


def _judged(session: Session, queue: ReviewQueue, task: Task, known: Truth) -> Answer:
    """The answer of somebody who looks at the two fragments and at both segments, or both sides of the cut.

    Where these say different things the question comes too early, "later". Answering by the two fragments alone made
    things worse: a crumb in the wrong segment joined two whole neurons.
    """
    if task.kind == "part?":
        cut = queue.cut(task)
        whole = known.together(cut.near, cut.far)
    else:
        whole = known.together(*(session.state.members(int(session.state.table[f])) for f in (task.a, task.b)))
    return whole if whole == known.together([task.a], [task.b]) else "later"


def _edits(queue: ReviewQueue, task: Task, answer: Answer) -> bool:
    """Answer; whether that was an edit."""
    try:
        return queue.answer(task, answer).kind != "decide"
    except Refused:
        return False


def _by_gain(queue: ReviewQueue) -> Iterator[Task]:
    while task := queue.next():
        yield task


def _at_random(queue: ReviewQueue, session: Session, seed: int) -> Iterator[Task]:
    """The questions open at the start in random order, less those that an edit has answered meanwhile."""
    tasks = queue.tasks()
    for i in np.random.default_rng(seed).permutation(len(tasks)):
        task, table = tasks[i], session.state.table
        if (table[task.a] == table[task.b]) == (task.kind == "part?"):
            yield task
