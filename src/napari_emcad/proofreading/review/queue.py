"""The review queue: one question after another, the one with the largest expected gain first."""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.affinities import NEAREST
from napari_emcad.core.fragment_boxes import FragmentBoxes
from napari_emcad.core.geometry import Voxel, triple
from napari_emcad.core.ids import FragmentId, SegmentId
from napari_emcad.core.progress import Job, drive
from napari_emcad.core.sections.pairing import voxels_before
from napari_emcad.proofreading.cut import Proposal
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.review.decisions import Decisions
from napari_emcad.proofreading.review.graph_view import GraphView
from napari_emcad.proofreading.review.learned_odds import LearnedOdds
from napari_emcad.proofreading.review.open_questions import OpenQuestions
from napari_emcad.proofreading.review.question_cuts import QuestionCuts
from napari_emcad.proofreading.review.questions import ANSWERS, KINDS, Answer, QuestionKind, ReviewQuestion
from napari_emcad.proofreading.review.shortlists import Shortlists
from napari_emcad.proofreading.review.suspects import Suspects
from napari_emcad.proofreading.rows import EditDetails, LogRow, SplitDetails
from napari_emcad.proofreading.session import Session
from napari_emcad.proofreading.state import State

DIGITS = 4
"""Digits to which features are rounded, so that a session that is opened again learns the same from its log."""


class ReviewQueue:
    """Questions about a session, and the edits that the answers make.

    Parameters
    ----------
    session : Session
    clock : callable
        Seconds.
    learns : bool
        True: probabilities follow the answers in the log.
    boxes : callable, optional
        Gives the boxes of all fragments as they are now; without it voxels are read at every contact.

    Attributes
    ----------
    answered : int
        Answers since the queue was made.
    """

    def __init__(
        self,
        session: Session,
        clock: Callable[[], float] = time.monotonic,
        learns: bool = True,
        boxes: Callable[[], FragmentBoxes] | None = None,
    ):
        self.answered = 0
        self._session, self._clock, self._started = session, clock, clock()
        decisions = Decisions(session)
        self._view = GraphView(session.state, boxes)
        self._odds = LearnedOdds(decisions, learns)
        self._cuts = QuestionCuts(session, self._view, decisions)
        self._open_questions = OpenQuestions(session, self._view, decisions)
        self._shortlists = Shortlists(session.state, self._view, decisions, self._odds, self._open_questions)

    def next(self) -> ReviewQuestion | None:
        """Return the question with the largest expected gain; None if nothing is left to ask."""
        while question := self._best():
            try:
                return self._at_its_cut(question) if question.kind == "part?" else question
            except Refused:
                self.put_off(question)
        return None

    def questions(self) -> list[ReviewQuestion]:
        """Return all open questions, the largest expected gain first."""
        suspects = self._shortlists.open()
        found = [self._question(kind, suspects[kind], i) for kind in KINDS for i in range(len(suspects[kind]))]
        return sorted(found, key=lambda question: -question.gain)

    def answer(self, question: ReviewQuestion, answer: Answer) -> LogRow:
        """Make the edit that an answer asks for, or remember the decision.

        Raises
        ------
        Refused
            If there is no such answer, or the edit cannot be made; then the question is put off.
        """
        if answer not in ANSWERS:
            raise Refused(f'review: an answer is one of {", ".join(ANSWERS)}, got "{answer}".')
        try:
            row = self._take(question, answer)
        except Refused:
            self.put_off(question)
            raise
        if answer == "later":
            self.put_off(question)
        self.answered += 1
        return row

    def put_off(self, question: ReviewQuestion) -> None:
        """Do not ask this again in this queue."""
        self._open_questions.put_off(question)

    def cut(self, question: ReviewQuestion) -> Proposal:
        """Return the split that the answer "apart" makes of a "part?"; see `QuestionCuts.propose`."""
        return self._cuts.propose(question)

    @property
    def is_ranked(self) -> bool:
        """True if the next question is found without a look at all edges."""
        return self._shortlists.is_ranked

    def rank(self) -> Job[None]:
        """Look at all edges, which the next question does where it has to; edits and undo need no call.

        The job may run in a thread while the session is edited.
        """
        return self._shortlists.rank()

    @property
    def open_count(self) -> int:
        """Number of open questions."""
        return sum(map(len, self._shortlists.open().values()))

    @property
    def per_minute(self) -> float:
        """Answers a minute since the queue was made."""
        minutes = (self._clock() - self._started) / 60
        return self.answered / minutes if minutes > 0 else 0.0

    # ---- answers -----------------------------------------------------------------------------------------------

    def _take(self, question: ReviewQuestion, answer: Answer) -> LogRow:
        """Make the edit of an answer."""
        self._shortlists.open()  # the view is as the session is
        a, b = question.a, question.b
        details: EditDetails = {"question": question.kind, "features": list(question.features)}
        if (question.kind, answer) == ("part?", "apart"):
            return self._split(question, details)
        details["voxels"] = self._voxels(a, b, self._view.edge_between(a, b))
        if (question.kind, answer) == ("join?", "join"):
            return self._session.merge(a, b, confirmed=True, **details)
        if (question.kind, answer) == ("part?", "join"):
            alike = self._cuts.pairs_like(question)
            row = self._session.decide(a, b, answer, **details)
            self._open_questions.settle(row.seq, alike)
            return row
        return self._session.decide(a, b, answer, **details)

    def _split(self, question: ReviewQuestion, details: EditDetails) -> LogRow:
        cut, border = self.cut(question), self._cuts.border(question)
        where: SplitDetails = {"voxels": self._voxels(border.a, border.b, border.edge), **details}
        return self._session.split(cut, (border.a, border.b), **where)

    def _voxels(self, a: FragmentId, b: FragmentId, edge: int) -> list[list[int]]:
        return both_sides(self._session.state, a, b, self._view.graph.contact[edge])

    # ---- questions ---------------------------------------------------------------------------------------------

    def _best(self) -> ReviewQuestion | None:
        if not self.is_ranked:
            drive(self.rank())
        best = []
        for kind, suspects in self._shortlists.open().items():
            if len(suspects):
                best.append(self._question(kind, suspects, int(suspects.gain(self._odds.odds_of(kind)).argmax())))
        return max(best, key=lambda question: question.gain, default=None)

    def _question(self, kind: QuestionKind, suspects: Suspects, i: int) -> ReviewQuestion:
        view, edge, features = self._view, int(suspects.edge[i]), suspects.features[i].round(DIGITS)
        p = float(self._odds.odds_of(kind).p(features)[0])
        gain = p * float(suspects.change[i]) / float(self._session.state.sizes[1:].sum())
        a, b = FragmentId(int(view.graph.u[edge])), FragmentId(int(view.graph.v[edge]))
        segments = SegmentId(int(view.table[a])), SegmentId(int(view.table[b]))
        voxel = triple(view.graph.contact[edge])
        return ReviewQuestion(kind, a, b, voxel, gain, p, segments, tuple(features.tolist()))

    def _at_its_cut(self, question: ReviewQuestion) -> ReviewQuestion:
        """Return a "part?" with the place where most of what its cut parts touches."""
        return replace(question, voxel=triple(self._view.graph.contact[self._cuts.border(question).edge]))


def both_sides(state: State, a: FragmentId, b: FragmentId, contact: NDArray[np.integer] | Voxel) -> list[list[int]]:
    """Return a voxel (z, y, x) of each of two fragments where they touch: the contact and a neighbour of it.

    The neighbour may lie beyond sections that are bridged, and further on than a slip has moved the tissue.
    """
    here, fragments = np.array(contact), state.base.fragments
    before = voxels_before(here[None], state.planned)
    near = [here, *before, *(here + sign * np.array(offset) for offset in NEAREST for sign in (-1, 1))]
    inside = [v for v in near if ((v >= 0) & (v < fragments.shape)).all()]
    first = {int(fragments[triple(v)]): v.tolist() for v in reversed(inside)}
    return [first[f] for f in (a, b) if f in first]
