"""The review queue: one question after another, the one with the largest expected gain first."""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.affinities import NEAREST
from napari_emcad.core.fragment_boxes import FragmentBoxes
from napari_emcad.core.geometry import Voxel, triple
from napari_emcad.core.ids import FragmentId, SegmentId, as_ids
from napari_emcad.core.progress import Job, drive
from napari_emcad.core.sections.pairing import voxels_before
from napari_emcad.proofreading.cut import Proposal
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.review.decisions import Decisions
from napari_emcad.proofreading.review.graph_view import GraphView
from napari_emcad.proofreading.review.known_sides import stand_for
from napari_emcad.proofreading.review.learned_odds import LearnedOdds
from napari_emcad.proofreading.review.open_questions import OpenQuestions
from napari_emcad.proofreading.review.outlook import SHARES, Outlook, PlannedQuestion
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
    hears : bool
        True: the second opinion is heard, and gaps are asked about; False: the odds serve alone.

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
        hears: bool = True,
    ):
        self.answered = 0
        self._session, self._clock, self._started = session, clock, clock()
        self._decisions = decisions = Decisions(session)
        self._view = GraphView(session.state, boxes)
        self._odds = LearnedOdds(decisions, learns)
        self._cuts = QuestionCuts(lambda: session.state.sizes, self._view, decisions)
        self._open_questions = OpenQuestions(session, self._view, decisions)
        self._shortlists = Shortlists(session.state, self._view, decisions, self._odds, self._open_questions, hears)

    def next(self) -> ReviewQuestion | None:
        """Return the question with the largest expected gain; None if nothing is left to ask.

        What a person has decided by any edit in force is not asked, nor what would change nearly the same.
        """
        while question := self._best():
            if asked := self.undecided(question):
                return asked
        return None

    def undecided(self, question: ReviewQuestion) -> ReviewQuestion | None:
        """Return a question with its sides; None if an edit in force has answered it, and it is left out from then on.

        A question whose cut cannot be made is put off.
        """
        try:
            asked = self._with_sides(question)
        except Refused:
            self.put_off(question)
            return None
        answered_by = self._decisions.like(asked.kind, asked.near, asked.far)
        if answered_by is None:
            return asked
        self._open_questions.settle(question.kind, answered_by, as_ids([[question.a, question.b]]))
        return None

    def plan(self) -> Job[PlannedQuestion]:
        """Find the next question and what is left beyond it; may run in a thread while the session is edited.

        The queue is used for nothing else meanwhile.
        """
        if not self.is_ranked:
            yield from self.rank()
        question = self.next()
        return PlannedQuestion(question, self.outlook(), len(self._session.log.rows))

    def outlook(self) -> Outlook:
        """Return how many questions still matter."""
        open_now, labelled = self._shortlists.open(), float(self._session.state.sizes[1:].sum())
        found = [(kind, some, some.put_right(self._odds.odds_of(kind))) for kind, some in open_now.items()]
        highest = max((float(voxels.max(initial=0)) for *_, voxels in found), default=0) / max(labelled, 1)
        share = next((share for share in SHARES if share <= highest), 0.0)
        matter = sum(self._count_unlike(kind, some.chosen(right >= share * labelled)) for kind, some, right in found)
        return Outlook(matter, sum(len(some) for _, some, _ in found), share, labelled)

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

    def _count_unlike(self, kind: QuestionKind, suspects: Suspects) -> int:
        """Return about how many questions suspects are: cuts that take off about as much are asked as one."""
        if kind == "join?":
            return len(suspects)
        segments = self._view.segments_at(suspects.edge)[:, 0].astype(np.int64)
        sides = np.log2(np.maximum(suspects.voxels, 1)).round().astype(np.int64)
        return len(np.unique(segments << 8 | sides))

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
        details: EditDetails = {"question": question.kind, "features": list(question.features)}
        if (question.kind, answer) == ("part?", "apart"):
            return self._split(question, details)
        a, b, edge = self._border(question)
        details["voxels"] = self._voxels(a, b, edge)
        if (question.kind, answer) == ("join?", "join"):
            return self._session.merge(a, b, confirmed=True, **details)
        alike = self._cuts.pairs_like(question) if question.kind == "part?" else None
        details["sides"] = self._sides_of(question)
        row = self._session.decide(a, b, answer, **details)
        if alike is not None:
            self._open_questions.settle(question.kind, row.seq, alike)
        return row

    def _split(self, question: ReviewQuestion, details: EditDetails) -> LogRow:
        a, b, edge = self._border(question)
        where: SplitDetails = {"voxels": self._voxels(a, b, edge), **details}
        return self._session.split(self.cut(question), (a, b), **where)

    def _border(self, question: ReviewQuestion) -> tuple[FragmentId, FragmentId, int]:
        """Return two fragments that touch, one of each side, and the row of the edge between them."""
        if question.kind == "join?":
            return question.a, question.b, self._view.edge_between(question.a, question.b)
        border = self._cuts.border(question)
        return border.a, border.b, border.edge

    def _sides_of(self, question: ReviewQuestion) -> list[list[int]]:
        sizes, asked = self._session.state.sizes, self._with_sides(question)
        kept = (stand_for(side, sizes) for side in (asked.near, asked.far))
        return [[*fragments.tolist(), voxels] for fragments, voxels in kept]

    def _voxels(self, a: FragmentId, b: FragmentId, edge: int) -> list[list[int]]:
        if edge < 0:
            return gap_sides(self._session.state, b, self._view.place_of(edge))
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
        rounded = replace(suspects.chosen(np.array([i])), features=features[None])
        p = float(rounded.p(self._odds.odds_of(kind))[0])
        gain = p * float(suspects.change[i]) / float(self._session.state.sizes[1:].sum())
        a, b = (FragmentId(fragment) for fragment in view.ends_of(np.array([edge]))[0].tolist())
        segments = SegmentId(int(view.table[a])), SegmentId(int(view.table[b]))
        voxel = view.place_of(edge)
        return ReviewQuestion(kind, a, b, voxel, gain, p, segments, tuple(features.tolist()), float(suspects.voxels[i]))

    def _with_sides(self, question: ReviewQuestion) -> ReviewQuestion:
        """Return a question with both sides; a "part?" with the place where most of what its cut parts touches.

        Raises
        ------
        Refused
            If the cut of a "part?" cannot be made any more.
        """
        if question.kind == "join?":
            near, far = (self._view.members(SegmentId(int(self._view.table[f]))) for f in (question.a, question.b))
            return replace(question, near=near, far=far)
        cut, sizes = self.cut(question), self._session.state.sizes
        voxel = triple(self._view.graph.contact[self._cuts.border(question).edge])
        voxels = float(min(sizes[cut.near].sum(), sizes[cut.far].sum()))
        return replace(question, voxel=voxel, voxels=voxels, near=cut.near, far=cut.far)


def gap_sides(state: State, b: FragmentId, place: Voxel) -> list[list[int]]:
    """Return a voxel (z, y, x) of each of two fragments that face each other: this place of one, and that behind it."""
    z, y, x = place
    behind = next(
        further for further in range(z + 1, state.base.fragments.shape[0]) if state.fragment_at((further, y, x)) == b
    )
    return [[z, y, x], [behind, y, x]]


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
