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
        self._settled: dict[int, Ids] = {}  # seq of a decision -> pairs whose cuts are like the one decided about

    @property
    def edition(self) -> tuple[int, ...]:
        """Numbers that change whenever other questions may be open."""
        return len(self._session.log.rows), *(len(self._put_off[kind]) for kind in KINDS)

    def put_off(self, question: ReviewQuestion) -> None:
        """Do not ask this again."""
        self._put_off[question.kind].append((question.a, question.b))

    def settle(self, seq: int, pairs: Ids) -> None:
        """Do not ask whether these pairs, (k, 2), part, as long as the decision `seq` is in force."""
        self._settled[seq] = pairs

    def choose(self, kind: QuestionKind, suspects: Suspects) -> Suspects:
        """Return the suspects that are still open."""
        ends = self._view.segments_at(suspects.edge)
        if kind == "join?":
            decided = _are_among(ends, self._view.table[self._answered(kind, "apart")])
            is_stale = ends[:, 0] == ends[:, 1]
        else:
            answered = np.concatenate([self._answered(kind, "join"), *self._settled_in_force()])
            decided = np.isin(suspects.edge, self._view.rows_of(answered))
            is_stale = ends[:, 0] != ends[:, 1]
        is_locked = np.isin(ends, list(self._session.state.locked)).any(axis=1)
        return suspects.chosen(~(decided | is_stale | is_locked))

    def _settled_in_force(self) -> list[Ids]:
        return [pairs for seq, pairs in self._settled.items() if self._session.is_in_force(seq)]

    def _answered(self, kind: QuestionKind, answer: Decision) -> Ids:
        """Return pairs of fragments, (k, 2), that were answered so, are not known, or were put off."""
        put_off = as_ids(self._put_off[kind]).reshape(-1, 2)
        return np.concatenate([self._decisions.pairs(answer), self._decisions.pairs("unknown"), put_off])


def _are_among(pairs: Ids, others: Ids) -> NDArray[np.bool_]:
    """Return which pairs, (k, 2), are among others, in either order."""
    found = np.asarray(np.isin(pairs, others).all(axis=1))
    others = others[np.isin(others, pairs[found]).all(axis=1)]
    known = {frozenset(pair) for pair in others.tolist()}
    found[found] = [frozenset(pair) in known for pair in pairs[found].tolist()]
    return found
