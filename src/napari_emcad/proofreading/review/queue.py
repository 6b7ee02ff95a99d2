"""The review queue: one question after another, the one with the largest expected gain first."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.affinities import NEAREST
from napari_emcad.core.fragment_boxes import FragmentBoxes
from napari_emcad.core.geometry import Voxel
from napari_emcad.core.ids import Ids, as_ids
from napari_emcad.core.progress import Job, Stopwatch, drive
from napari_emcad.core.region_graph import RegionGraph
from napari_emcad.core.volume import FragmentVolume
from napari_emcad.proofreading.contacts import Contacts
from napari_emcad.proofreading.cut import Proposal
from napari_emcad.proofreading.edges import EditedGraph, ranges
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.review.decisions import Decisions
from napari_emcad.proofreading.review.forest import Forest, spanning_forest
from napari_emcad.proofreading.review.odds import Odds
from napari_emcad.proofreading.review.suspects import (
    CUT_ODDS,
    JOIN_ODDS,
    Suspects,
    between_sections,
    much_alike,
    suspicious_merges,
    suspicious_splits,
)
from napari_emcad.proofreading.rows import LogRow
from napari_emcad.proofreading.session import Session

Kind = Literal["join?", "part?"]
Answer = Literal["join", "apart", "later", "unknown"]

KINDS: tuple[Kind, ...] = get_args(Kind)
ANSWERS: tuple[Answer, ...] = get_args(Answer)

ODDS: dict[Kind, Odds] = {"join?": JOIN_ODDS, "part?": CUT_ODDS}

SHORTLIST = 20_000
"""Questions of each kind that are kept between two rankings of all edges."""

CORE = 12
"""Fragments of each side, the largest, that a cut keeps on their side; of 3, 5, 8, 12 and 16, 8 and 12 did best on the
mergers of AC4[0:20], [20:40] and [60:80]: 1.5 times what the cut at the questioned edge alone gains."""

DIGITS = 4
"""To which features are rounded, so that a session that is opened again learns the same from its log."""


@dataclass(frozen=True)
class ReviewQuestion:
    """One question: whether two fragments belong together.

    Attributes
    ----------
    kind : "join?" or "part?"
        They are in two segments that may be one, or in one that may be two.
    a, b : int
        Fragments that touch.
    voxel : (z, y, x)
        Where to look: where they touch, or of a "part?" where most of what its cut parts touches.
    gain : float
        Expected change of the variation of information in bits: p x the change if there is an error.
    p : float
        Probability of an error.
    segments : (int, int)
        Of the two fragments; of a "part?" both are one.
    features : tuple of float
        What p is estimated from.
    """

    kind: Kind
    a: int
    b: int
    voxel: Voxel
    gain: float
    p: float
    segments: tuple[int, int]
    features: tuple[float, ...]


@dataclass(frozen=True)
class _Look:
    """The cut of a "part?", and the spanning tree of its segment with the rows of the edges it is made from."""

    asked: tuple[int, int, int]
    cut: Proposal
    forest: Forest
    edges: NDArray[np.int64]


class ReviewQueue:
    """Questions about a session, and the edits that the answers make.

    Strategy: all edges are ranked before the first question, and again after a move of the threshold or when the
    shortlists are used up. In between, an edit changes few segments: only questions about those are found anew.

    Parameters
    ----------
    session : Session
    clock : callable
        Seconds.
    learns : bool
        Whether probabilities follow the answers in the log.
    boxes : callable, optional
        Where the fragments lie now; without it voxels are read at every contact.

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
        self._session, self._clock, self._started, self._learns = session, clock, clock(), learns
        self._boxes = boxes
        self.answered = 0
        self._decisions = Decisions(session)
        self._put_off: dict[Kind, list[tuple[int, int]]] = {kind: [] for kind in KINDS}
        self._settled: dict[int, Ids] = {}  # pairs whose cuts are like one that an edit says is wrong
        self._last_look: _Look | None = None
        self._learned: dict[Kind, tuple[NDArray, Odds]] = {}  # with the lessons
        self._opened: tuple[tuple[int, ...], dict[Kind, Suspects]] = ((), {})
        self._threshold: float | None = None
        self._of_base: tuple[EdgesAt, NDArray[np.bool_]] | None = None

    def next(self) -> ReviewQuestion | None:
        """The question with the largest expected gain; None where nothing is left to ask."""
        while question := self._best():
            try:
                return self._at_its_cut(question) if question.kind == "part?" else question
            except Refused:
                self.put_off(question)
        return None

    def questions(self) -> list[ReviewQuestion]:
        """All open questions, the largest expected gain first."""
        opened = self._open()
        found = [self._question(kind, opened[kind], i) for kind in KINDS for i in range(len(opened[kind]))]
        return sorted(found, key=lambda question: -question.gain)

    def answer(self, question: ReviewQuestion, answer: Answer) -> LogRow:
        """Make the edit that an answer asks for, or remember the decision.

        Parameters
        ----------
        question : ReviewQuestion
        answer : "join", "apart", "later" or "unknown"
            After "later" the next queue asks again; after the others nobody asks again unless they are undone.

        Raises
        ------
        Refused
            Where there is no such answer, or the edit cannot be made; then the question is put off.
        """
        if answer not in ANSWERS:
            raise Refused(f'review: an answer is one of {", ".join(ANSWERS)}, got "{answer}".')
        try:
            row = self._made(question, answer)
        except Refused:
            self.put_off(question)
            raise
        if answer == "later":
            self.put_off(question)
        self.answered += 1
        return row

    def put_off(self, question: ReviewQuestion) -> None:
        """Do not ask this again in this queue."""
        self._put_off[question.kind].append((question.a, question.b))

    def cut(self, question: ReviewQuestion) -> Proposal:
        """The split that "apart" makes of a "part?".

        Strategy: the spanning tree parts the segment at the questioned edge; the largest fragments of each side stay
        on their side, and the minimum cut between them says where the border is. So a question asked a little beside
        the border of a merger still finds it, where the cheapest cut between two fragments mostly takes off a crumb.

        Raises
        ------
        Refused
            Where the two fragments are in different segments, or in a locked one.
        """
        return self._looked_at(question).cut

    @property
    def is_ranked(self) -> bool:
        """Whether the next question is found without a look at all edges."""
        return self._threshold == self._session.state.threshold and not self._is_used_up(self._open())

    def rank(self) -> None:
        """Look at all edges, which the next question does where it has to; edits and undo need no call."""
        drive(self.ranking())

    def ranking(self) -> Job[None]:
        """The same, step by step; it may run in a thread while the session is edited."""
        state, watch = self._session.state, Stopwatch("questions", 4)
        yield watch.at(0)
        threshold, self._table = state.threshold, state.table.copy()
        self._look_up(state.edges)
        yield watch.at(1)
        joins = self._joins(self._graph.rows())
        yield watch.at(2)
        found = joins, self._cuts(np.flatnonzero(self._table))
        yield watch.at(3)
        self._listed = {kind: self._shortened(kind, some) for kind, some in zip(KINDS, found, strict=True)}
        self._is_short = any(len(some) > SHORTLIST for some in found) and any(map(len, self._listed.values()))
        self._opened = (), {}
        self._threshold = threshold

    @property
    def left(self) -> int:
        """Open questions."""
        return sum(map(len, self._open().values()))

    @property
    def per_minute(self) -> float:
        """Answers a minute since the queue was made."""
        minutes = (self._clock() - self._started) / 60
        return self.answered / minutes if minutes > 0 else 0.0

    # ---- answers -----------------------------------------------------------------------------------------------

    def _made(self, question: ReviewQuestion, answer: Answer) -> LogRow:
        self._open()  # what the answer is looked up in
        a, b = question.a, question.b
        given = {"question": question.kind, "features": list(question.features)}
        if (question.kind, answer) == ("part?", "apart"):
            cut = self.cut(question)
            a, b, edge = self._parted(question, cut)
            return self._session.split(cut, between=(a, b), voxels=self._voxels(a, b, edge), **given)
        given["voxels"] = self._voxels(a, b, self._edge(a, b))
        if (question.kind, answer) == ("join?", "join"):
            return self._session.merge(a, b, confirmed=True, **given)
        settles = (question.kind, answer) == ("part?", "join")
        looked = self._looked_at(question) if settles else None
        row = self._session.decide(a, b, answer, **given)
        if looked:
            alike = much_alike(looked.forest, self._session.state.sizes, looked.cut.near, looked.cut.far)
            self._settled[row.seq] = self._ends_of(looked.edges[alike])
        return row

    def _looked_at(self, question: ReviewQuestion) -> "_Look":
        asked = (len(self._session.log.rows), question.a, question.b)
        if self._last_look is None or self._last_look.asked != asked:
            self._last_look = _Look(asked, *self._cut_between_cores(question))
        return self._last_look

    def _cut_between_cores(self, question: ReviewQuestion) -> tuple[Proposal, Forest, NDArray[np.int64]]:
        sizes, members = self._session.state.sizes, self._session.state.members(question.segments[0])
        edges, questioned = self._edges_inside(members), self._edge(question.a, question.b)
        if questioned not in edges:
            raise Refused("review: these two are in different segments by now; go on to the next question.")
        forest = spanning_forest(self._graph, edges, np.append(self._joined, questioned))
        sides = forest.sides(int(np.searchsorted(edges, questioned)))
        cores = [side[np.argsort(-sizes[side], kind="stable")[:CORE]].tolist() for side in sides]
        return self._session.propose(*cores)[0], forest, edges

    def _parted(self, question: ReviewQuestion, cut: Proposal) -> tuple[int, int, int]:
        """Two fragments that a cut parts, the questioned ones where it does, and their edge."""
        near, edge = np.isin([question.a, question.b], cut.near), self._edge(question.a, question.b)
        if near[0] == near[1]:
            edges = self._contacts.between(cut.near, cut.far)
            edge = int(edges[np.argmax(self._graph.mean[edges] * self._graph.area[edges])])
        return int(self._graph.u[edge]), int(self._graph.v[edge]), edge

    def _edge(self, a: int, b: int) -> int:
        found = int(self._graph.find(np.array([[a, b]]))[0])
        if found < 0:
            raise Refused("review: these two do not touch any more; go on to the next question.")
        return found

    def _voxels(self, a: int, b: int, edge: int) -> list[list[int]]:
        return both_sides(self._session.state.base.fragments, a, b, self._graph.contact[edge])

    # ---- ranking -----------------------------------------------------------------------------------------------

    def _look_up(self, graph: EditedGraph) -> None:
        """What holds at any threshold."""
        fragments, boxes = self._session.state.base.fragments, self._boxes and self._boxes()
        if self._of_base is None:
            self._of_base = EdgesAt(graph.base), between_sections(graph.base, fragments, boxes)
        self._edges_at, across = self._of_base
        self._across = np.concatenate([across, between_sections(graph.new, fragments, boxes)])
        self._contacts, self._graph = Contacts(graph, len(self._session.state.table)), graph

    def _shortened(self, kind: Kind, found: Suspects) -> Suspects:
        if len(found) <= SHORTLIST:
            return found
        return self._undecided(kind, found).best(SHORTLIST, self._odds(kind))

    def _catch_up(self) -> None:
        """Take in what was edited since the last look."""
        state = self._session.state
        if state.edges is not self._graph:
            self._look_up(state.edges)
            self._table = np.pad(self._table, (0, len(state.table) - len(self._table)))
        moved = np.flatnonzero(state.table != self._table)
        if not len(moved):
            return
        changed = np.setdiff1d(np.concatenate([self._table[moved], state.table[moved]]), [0])
        self._table[moved] = state.table[moved]
        members = np.flatnonzero(np.isin(self._table, changed))
        edges = self._edges_at(members, self._graph)
        found = self._joins(edges), self._cuts(members)
        stale = np.concatenate([edges, self._graph.gone])
        for kind, some in zip(KINDS, found, strict=True):
            kept = self._listed[kind]
            self._listed[kind] = kept.chosen(~np.isin(kept.edge, stale)).with_also(some)

    def _joins(self, edges: NDArray) -> Suspects:
        volume = np.bincount(self._table, self._session.state.sizes[: len(self._table)])
        return suspicious_splits(self._graph, edges, self._table, volume, self._across)

    def _cuts(self, fragments: NDArray) -> Suspects:
        edges = self._edges_inside(fragments)
        return suspicious_merges(self._graph, edges, self._session.state.sizes, self._joined)

    def _edges_inside(self, fragments: NDArray) -> NDArray[np.int64]:
        """Edges between these fragments inside one segment, sorted."""
        edges = self._contacts.among(fragments)
        return edges[self._table[self._graph.u[edges]] == self._table[self._graph.v[edges]]]

    @property
    def _joined(self) -> NDArray[np.int64]:
        return self._rows(self._decisions.pairs("join"))

    def _odds(self, kind: Kind) -> Odds:
        """As shipped, moved by the answers."""
        features, wrong = self._decisions.lessons(kind)
        if not self._learns or features.shape[1] != len(ODDS[kind].mean):
            return ODDS[kind]
        if kind not in self._learned or self._learned[kind][0] is not features:
            self._learned[kind] = features, ODDS[kind].learned(features, wrong)
        return self._learned[kind][1]

    # ---- what is open ------------------------------------------------------------------------------------------

    def _open(self) -> dict[Kind, Suspects]:
        """The questions on the shortlists that nobody decided about."""
        now = (len(self._session.log.rows), *(len(self._put_off[kind]) for kind in KINDS))
        if self._threshold != self._session.state.threshold:
            self.rank()
        if self._opened[0] != now:
            self._catch_up()
            self._opened = now, {kind: self._undecided(kind, some) for kind, some in self._listed.items()}
        return self._opened[1]

    def _is_used_up(self, opened: dict[Kind, Suspects]) -> bool:
        """Whether there may be questions beyond the shortlists, and none on them."""
        return self._is_short and not any(map(len, opened.values()))

    def _undecided(self, kind: Kind, suspects: Suspects) -> Suspects:
        ends = self._segments_at(suspects)
        if kind == "join?":
            decided = _are_among(ends, self._table[self._answered(kind, "apart")])
            stale = ends[:, 0] == ends[:, 1]
        else:
            answered = np.concatenate([self._answered(kind, "join"), *self._settled_pairs()])
            decided = np.isin(suspects.edge, self._rows(answered))
            stale = ends[:, 0] != ends[:, 1]
        locked = np.isin(ends, list(self._session.state.locked)).any(axis=1)
        return suspects.chosen(~(decided | stale | locked))

    def _segments_at(self, suspects: Suspects) -> Ids:
        """Segments on both sides of each edge, (k, 2)."""
        return self._table[self._ends_of(suspects.edge)]

    def _ends_of(self, edges: NDArray) -> Ids:
        """Fragments at both ends, (k, 2)."""
        return np.stack([self._graph.u[edges], self._graph.v[edges]], axis=1)

    def _rows(self, pairs: NDArray) -> NDArray[np.int64]:
        """Rows of the edges between these pairs of fragments; pairs that do not touch have none."""
        rows = self._graph.find(pairs)
        return rows[rows >= 0]

    def _settled_pairs(self) -> list[Ids]:
        in_force = set(self._session.in_force) if self._settled else ()
        return [pairs for seq, pairs in self._settled.items() if seq in in_force]

    def _answered(self, kind: Kind, answer: Answer) -> Ids:
        """Fragments not to be asked about: answered so, unknown, or put off."""
        put_off = as_ids(self._put_off[kind]).reshape(-1, 2)
        return np.concatenate([self._decisions.pairs(answer), self._decisions.pairs("unknown"), put_off])

    def _best(self) -> ReviewQuestion | None:
        if not self.is_ranked:
            self.rank()
        opened = self._open()
        best = {k: opened[k].gain(self._odds(k)).argmax() for k in KINDS if len(opened[k])}
        questions = [self._question(k, opened[k], i) for k, i in best.items()]
        return max(questions, key=lambda question: question.gain, default=None)

    def _question(self, kind: Kind, suspects: Suspects, i: int) -> ReviewQuestion:
        edge, features = int(suspects.edge[i]), suspects.features[i].round(DIGITS)
        p = float(self._odds(kind).p(features)[0])
        gain = p * float(suspects.change[i]) / float(self._session.state.sizes[1:].sum())
        a, b = int(self._graph.u[edge]), int(self._graph.v[edge])
        segments = int(self._table[a]), int(self._table[b])
        return ReviewQuestion(
            kind, a, b, tuple(self._graph.contact[edge].tolist()), gain, p, segments, tuple(features.tolist())
        )

    def _at_its_cut(self, question: ReviewQuestion) -> ReviewQuestion:
        edge = self._parted(question, self.cut(question))[2]
        return replace(question, voxel=tuple(self._graph.contact[edge].tolist()))


class EdgesAt:
    """Looks up the edges that have an end in some fragments.

    Parameters
    ----------
    base : RegionGraph
        That the graphs are made of in which they are looked up.
    """

    def __init__(self, base: RegionGraph):
        self._by_v = np.argsort(base.v, kind="stable")
        self._v = base.v[self._by_v]

    def __call__(self, fragments: NDArray, graph: EditedGraph) -> NDArray[np.int64]:
        """Rows of a graph, sorted."""
        fragments = fragments.astype(self._v.dtype)
        by_v = ranges(*(np.searchsorted(self._v, fragments, side) for side in ("left", "right")))
        found = np.zeros(graph.row_count, bool)  # sorting would take longer where there are many
        found[graph.rows_from(fragments)] = found[self._by_v[by_v]] = True
        found[len(graph.base) :] |= np.isin(graph.new.v, fragments)
        found[graph.gone] = False
        return np.flatnonzero(found)


def both_sides(fragments: FragmentVolume, a: int, b: int, contact: NDArray | Voxel) -> list[list[int]]:
    """A voxel (z, y, x) of each of two fragments where they touch: the contact and a neighbour of it."""
    here = np.array(contact)
    near = [here, *(here + sign * np.array(offset) for offset in NEAREST for sign in (-1, 1))]
    inside = [v for v in near if ((v >= 0) & (v < fragments.shape)).all()]
    first = {int(fragments[tuple(v)]): v.tolist() for v in reversed(inside)}
    return [first[f] for f in (a, b) if f in first]


def _are_among(pairs: Ids, others: Ids) -> NDArray[np.bool_]:
    """Which of many pairs, (k, 2), are among a few others, in either order."""
    known = {frozenset(pair) for pair in others.tolist()}
    found = np.isin(pairs, others).all(axis=1)
    found[found] = [frozenset(pair) in known for pair in pairs[found].tolist()]
    return found
