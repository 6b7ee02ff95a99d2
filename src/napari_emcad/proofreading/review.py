"""The review queue: one question after another, the one with the largest expected gain first."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.affinities import NEAREST
from napari_emcad.proofreading.contacts import Contacts
from napari_emcad.proofreading.cut import Proposal
from napari_emcad.proofreading.decisions import decisions
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.log import Row
from napari_emcad.proofreading.session import Session
from napari_emcad.proofreading.suspects import Suspects, suspicious_merges, suspicious_splits, voi_change

Kind = Literal["join?", "part?"]
Answer = Literal["join", "apart", "later", "unknown"]
Voxel = tuple[int, int, int]

SHORTLIST = 20_000
"""Questions of each kind that are kept between two rankings of all edges."""


@dataclass(frozen=True)
class Task:
    """One question: whether two fragments belong together.

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
    voxel: Voxel
    gain: float
    p: float


class ReviewQueue:
    """Questions about a session, and the edits that the answers make.

    Strategy: all edges are ranked at the start, and again after a move of the threshold or a split of a fragment. In
    between, an edit changes few segments: the gains on the shortlist of joins are computed anew for every question, and
    the cuts only inside the segments that changed.

    Attributes
    ----------
    answered : int
        Answers since the queue was made.
    """

    def __init__(self, session: Session, clock: Callable[[], float] = time.monotonic):
        self._session, self._clock, self._started = session, clock, clock()
        self.answered = 0
        self._put_off: dict[Kind, list[tuple[int, int]]] = {"join?": [], "part?": []}
        self._decided: tuple[int, dict[str, NDArray[np.uint32]]] = (-1, {})
        self._rank()

    def next(self) -> Task | None:
        """The question with the largest expected gain; None where nothing is left to ask."""
        best = [self._task(kind, suspects.best(1)) for kind, suspects in self._open() if len(suspects)]
        return max(best, key=lambda task: task.gain, default=None)

    def tasks(self) -> list[Task]:
        """All open questions, the largest expected gain first."""
        found = [self._task(kind, s.chosen([i])) for kind, s in self._open() for i in range(len(s))]
        return sorted(found, key=lambda task: -task.gain)

    def answer(self, task: Task, answer: Answer) -> Row:
        """Make the edit that an answer asks for, or remember the decision.

        Parameters
        ----------
        task : Task
        answer : "join", "apart", "later" or "unknown"
            After "later" the next queue asks again; after the others nobody asks again unless they are undone.

        Raises
        ------
        Refused
            Where the edit cannot be made; the question is put off.
        """
        try:
            row = self._made(task, answer)
        except Refused:
            self._put_off[task.kind].append((task.a, task.b))
            raise
        if answer == "later":
            self._put_off[task.kind].append((task.a, task.b))
        self.answered += 1
        return row

    def cut(self, task: Task) -> Proposal:
        """The split that "apart" makes of a "part?": of those proposed, the one that parts most from most.

        That is what the question is ranked by; the cheapest cut between two fragments mostly takes off a crumb.

        Raises
        ------
        Refused
            Where the two fragments are in different segments, or in a locked one.
        """
        sizes = self._session.state.sizes
        proposals = self._session.propose([task.a], [task.b])
        return max(proposals, key=lambda p: voi_change(sizes[p.near].sum(), sizes[p.far].sum()))

    @property
    def left(self) -> int:
        """Open questions."""
        return sum(len(suspects) for _, suspects in self._open())

    @property
    def per_minute(self) -> float:
        """Answers a minute since the queue was made."""
        minutes = (self._clock() - self._started) / 60
        return self.answered / minutes if minutes > 0 else 0.0

    # ---- answers -----------------------------------------------------------------------------------------------

    def _made(self, task: Task, answer: Answer) -> Row:
        voxels = both_sides(self._session.state.base.fragments, task)
        if (task.kind, answer) == ("join?", "join"):
            return self._session.merge(task.a, task.b, confirmed=True, voxels=voxels)
        if (task.kind, answer) == ("part?", "apart"):
            return self._session.split(self.cut(task), voxels=voxels)
        return self._session.decide(task.a, task.b, answer, voxels=voxels)

    # ---- ranking -----------------------------------------------------------------------------------------------

    def _rank(self) -> None:
        """Rank all edges."""
        state = self._session.state
        self._graph, self._threshold, self._table = state.graph, state.threshold, state.table.copy()
        self._edge_keys = _keys(np.stack([self._graph.u, self._graph.v], axis=1))
        self._contacts = Contacts(self._graph, len(self._table))
        self._joins = suspicious_splits(self._graph, self._table, state.sizes).best(SHORTLIST)
        self._cuts = self._cuts_inside(np.flatnonzero(self._table))

    def _catch_up(self) -> None:
        """Take in what was edited since the last look."""
        state = self._session.state
        if state.graph is not self._graph or state.threshold != self._threshold:
            self._rank()
            return
        moved = state.table != self._table
        changed = np.unique(np.concatenate([state.table[moved], self._table[moved]]))
        if not len(changed):
            return
        kept = self._cuts.chosen(~np.isin(self._table[self._graph.u[self._cuts.edge]], changed))
        self._table = state.table.copy()
        self._cuts = kept.with_also(self._cuts_inside(np.flatnonzero(np.isin(self._table, changed))))

    def _cuts_inside(self, fragments: NDArray) -> Suspects:
        edges = self._contacts.among(fragments)
        edges = edges[self._table[self._graph.u[edges]] == self._table[self._graph.v[edges]]]
        joined = _places(self._edge_keys, self._decisions()["join"])
        return suspicious_merges(self._graph, edges, self._session.state.sizes, joined).best(SHORTLIST)

    # ---- what is open ------------------------------------------------------------------------------------------

    def _open(self) -> list[tuple[Kind, Suspects]]:
        self._catch_up()
        return [("join?", self._open_joins()), ("part?", self._open_cuts())]

    def _open_joins(self) -> Suspects:
        """Joins of two segments that nobody decided about, with the change at their present sizes."""
        ends = self._segments_at(self._joins)
        answered = self._table[self._answered("join?", "apart")]
        live = (ends[:, 0] != ends[:, 1]) & ~np.isin(_keys(ends), _keys(answered)) & ~self._is_locked(ends)
        volume, found = np.bincount(self._table, self._session.state.sizes), self._joins.chosen(live)
        return Suspects(found.edge, found.p, voi_change(*volume[ends[live]].T))

    def _open_cuts(self) -> Suspects:
        """Cuts inside one segment at edges that nobody decided about."""
        ends = self._segments_at(self._cuts)
        answered = _places(self._edge_keys, self._answered("part?", "join"))
        live = (ends[:, 0] == ends[:, 1]) & ~np.isin(self._cuts.edge, answered) & ~self._is_locked(ends)
        return self._cuts.chosen(live)

    def _segments_at(self, suspects: Suspects) -> NDArray[np.uint32]:
        """Segments on both sides of each edge, (k, 2)."""
        return self._table[np.stack([self._graph.u[suspects.edge], self._graph.v[suspects.edge]], axis=1)]

    def _is_locked(self, ends: NDArray) -> NDArray[np.bool_]:
        return np.isin(ends, list(self._session.state.locked)).any(axis=1)

    def _answered(self, kind: Kind, answer: Answer) -> NDArray[np.uint32]:
        """Fragments not to be asked about: answered so, unknown, or put off."""
        decided = self._decisions()
        put_off = np.array(self._put_off[kind], np.uint32).reshape(-1, 2)
        return np.concatenate([decided[answer], decided["unknown"], put_off])

    def _decisions(self) -> dict[str, NDArray[np.uint32]]:
        """Read anew where the log has grown."""
        rows = len(self._session.log.rows)
        if self._decided[0] != rows:
            self._decided = rows, decisions(self._session)
        return self._decided[1]

    def _task(self, kind: Kind, one: Suspects) -> Task:
        edge, p = int(one.edge[0]), float(one.p[0])
        gain = p * float(one.change[0]) / float(self._session.state.sizes[1:].sum())
        a, b = int(self._graph.u[edge]), int(self._graph.v[edge])
        return Task(kind, a, b, tuple(self._graph.contact[edge].tolist()), gain, p)


def both_sides(fragments: NDArray, task: Task) -> list[list[int]]:
    """A voxel (z, y, x) of each of the two fragments where they touch: the contact and a neighbour of it."""
    here = np.array(task.voxel)
    near = [here, *(here + sign * np.array(offset) for offset in NEAREST for sign in (-1, 1))]
    inside = [v for v in near if ((v >= 0) & (v < fragments.shape)).all()]
    first = {int(fragments[tuple(v)]): v.tolist() for v in reversed(inside)}
    return [first[f] for f in (task.a, task.b) if f in first]


def _keys(pairs: NDArray) -> NDArray[np.uint64]:
    """One number for each unordered pair."""
    pairs = np.sort(pairs.astype(np.uint64), axis=1)
    return pairs[:, 0] << np.uint64(32) | pairs[:, 1]


def _places(keys: NDArray[np.uint64], pairs: NDArray) -> NDArray[np.int64]:
    """Rows of the edges between these pairs of fragments; pairs that do not touch have none."""
    wanted = _keys(pairs)
    places = np.searchsorted(keys, wanted)
    there = places < len(keys)
    there[there] = keys[places[there]] == wanted[there]
    return places[there]
