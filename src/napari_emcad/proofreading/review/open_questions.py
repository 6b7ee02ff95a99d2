"""Questions that are still open: nobody has answered them or put them off, and no lock forbids the answer."""

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.ids import FragmentId, Ids, as_ids
from napari_emcad.proofreading.review.decisions import Decision, Decisions
from napari_emcad.proofreading.review.graph_view import GraphView
from napari_emcad.proofreading.review.questions import KINDS, QuestionKind, ReviewQuestion
from napari_emcad.proofreading.review.suspects import Suspects
from napari_emcad.proofreading.session import Session


class OpenQuestions:
    """Leaves out the suspects that need not be asked about.

    Parameters
    ----------
    session : Session
    view : GraphView
    decisions : Decisions
    """

    def __init__(self, session: Session, view: GraphView, decisions: Decisions):
        self._session, self._view, self._decisions = session, view, decisions
        self._put_off: dict[QuestionKind, list[tuple[FragmentId, FragmentId]]] = {kind: [] for kind in KINDS}
        self._settled: dict[QuestionKind, dict[int, list[Ids]]] = {kind: {} for kind in KINDS}
        self._edition = 0

    @property
    def edition(self) -> tuple[int, int]:
        """Numbers that change whenever other questions may be open."""
        return len(self._session.log.rows), self._edition

    def put_off(self, question: ReviewQuestion) -> None:
        """Do not ask this again."""
        self._put_off[question.kind].append((question.a, question.b))
        self._edition += 1

    def settle(self, kind: QuestionKind, seq: int, pairs: Ids) -> None:
        """Do not ask about these pairs, (k, 2), as long as the edit `seq` is in force: it has answered them.

        A "part?" is left out where it is about the same pair, a "join?" where it is about the segments of both.
        """
        self._settled[kind].setdefault(seq, []).append(pairs)
        self._edition += 1

    def choose(self, kind: QuestionKind, suspects: Suspects) -> Suspects:
        """Return the suspects that are still open."""
        ends = self._view.segments_at(suspects.edge)
        answered = self._answered(kind, "apart" if kind == "join?" else "join")
        if kind == "join?":
            decided = _are_among(ends, self._view.table[answered])
            is_stale = ends[:, 0] == ends[:, 1]
        else:
            rows = self._view.rows_of(answered)
            decided = _marked(rows, int(suspects.edge.max(initial=0)) + 1)[suspects.edge]
            is_stale = ends[:, 0] != ends[:, 1]
        locked = _marked(np.array([*self._session.state.locked], np.int64), int(ends.max(initial=0)) + 1)
        return suspects.chosen(~(decided | is_stale | locked[ends].any(axis=1)))

    def _answered(self, kind: QuestionKind, answer: Decision) -> Ids:
        """Return pairs of fragments, (k, 2), that were answered so, are not known, or were put off."""
        put_off = as_ids(self._put_off[kind]).reshape(-1, 2)
        settled = [
            pairs for seq, some in self._settled[kind].items() if self._session.is_in_force(seq) for pairs in some
        ]
        return np.concatenate([self._decisions.pairs(answer), self._decisions.pairs("unknown"), put_off, *settled])


def _marked(ids: NDArray[np.integer], n: int) -> NDArray[np.bool_]:
    """Return True for each of these ids below n, (n,)."""
    marked = np.zeros(n, bool)
    marked[ids[ids < n]] = True
    return marked


def _are_among(pairs: Ids, others: Ids) -> NDArray[np.bool_]:
    """Return which pairs, (k, 2), are among others, in either order."""
    found = np.asarray(np.isin(pairs, others).all(axis=1))
    others = others[np.isin(others, pairs[found]).all(axis=1)]
    known = {frozenset(pair) for pair in others.tolist()}
    found[found] = [frozenset(pair) in known for pair in pairs[found].tolist()]
    return found
