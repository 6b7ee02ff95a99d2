"""The review queue: one question after another, the one with the largest expected gain first."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.affinities import NEAREST
from napari_emcad.core.region_graph import RegionGraph
from napari_emcad.proofreading.contacts import Contacts
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.log import Row
from napari_emcad.proofreading.session import Session
from napari_emcad.proofreading.suspects import Suspects, suspicious_merges, suspicious_splits, voi_change

Kind = Literal["join?", "part?"]
Answer = Literal["join", "apart", "later", "unknown"]

LEAST_P = 0.01
"""Nobody is asked about what is less probable."""

SHORTLIST = 20_000
"""Questions of each kind that are kept in order between two rankings of all edges."""


@dataclass(frozen=True)
class Task:
    """One question: do these two fragments belong together?

    Attributes
    ----------
    kind : "join?" or "part?"
        They are in two segments that may be one, or in one that may be two.
    a, b : int
        Fragments that touch.
    voxel : (z, y, x)
        Where they touch.
    gain : float
        Expected change of the variation of information in bits: p x the change if there is an error.
    p : float
        Probability of an error.
    """

    kind: Kind
    a: int
    b: int
    voxel: tuple[int, int, int]
    gain: float
    p: float


class ReviewQueue:
    """Questions about a session, and the edits that the answers make.

    Strategy: all edges are ranked at the start, and again after a move of the threshold or a split of a fragment. In
    between, an edit changes the sizes of few segments: the gains of the joins on the shortlist are computed anew for
    every question, and the cuts only inside the segments that changed.

    Attributes
    ----------
    answered : int
        Since it was made.
    """

    def __init__(self, session: Session, clock: Callable[[], float] = time.monotonic):
        self._session, self._clock, self._started = session, clock, clock()
        self.answered = 0
        self._later: set[tuple[Kind, int, int]] = set()
        self._rank()

    # ---- asking and answering ----------------------------------------------------------------------------------

    def next(self) -> Task | None:
        """The question with the largest expected gain; None where nothing is left to ask."""
        tasks = self._open()
        return max(tasks, key=lambda t: t[0])[1]() if tasks else None

    def answer(self, task: Task, answer: Answer) -> Row | None:
        """Make the edit that an answer asks for, or remember the decision.

        Parameters
        ----------
        task : Task
        answer : "join", "apart", "later" or "unknown"
            "later": not asked again by this queue; the others: never asked again, unless undone.

        Raises
        ------
        Refused
            Where the edit cannot be made; the question is put off then.
        """
        self._later.add((task.kind, task.a, task.b))
        row = self._made(task, answer)
        self.answered += 1
        return row

    @property
    def left(self) -> int:
        """Questions still open."""
        return sum(len(suspects) for _, suspects in self._live())

    @property
    def per_minute(self) -> float:
        """Answers a minute since the queue was made; 0 at the start."""
        minutes = (self._clock() - self._started) / 60
        return self.answered / minutes if minutes > 0 else 0.0
