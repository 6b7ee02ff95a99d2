"""The cut that a "part?" asks about.

Strategy: the spanning tree parts the segment at the questioned edge; the largest fragments of each side stay on their
side, and the minimum cut between them says where the border is. So a question asked a little beside the border of a
merger still finds it, where the cheapest cut between two fragments mostly takes off a crumb.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.ids import FragmentId, Ids
from napari_emcad.proofreading.cut import Proposal
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.review.decisions import Decisions
from napari_emcad.proofreading.review.forest import Forest, spanning_forest
from napari_emcad.proofreading.review.graph_view import GraphView
from napari_emcad.proofreading.review.questions import ReviewQuestion
from napari_emcad.proofreading.review.suspects import find_cuts_alike
from napari_emcad.proofreading.session import Session

CORE = 12
"""Fragments of each side, the largest, that a cut keeps on their side.

Of 3, 5, 8, 12 and 16, 8 and 12 did best on the mergers of AC4[0:20], [20:40] and [60:80]: 1.5 times what the cut at the
questioned edge alone gains.
"""


@dataclass(frozen=True)
class Border:
    """Two fragments that a cut parts, and the row of the edge between them."""

    a: FragmentId
    b: FragmentId
    edge: int


@dataclass(frozen=True)
class _QuestionCut:
    """A cut, and the spanning tree of its segment with the rows of the edges it is made from."""

    key: tuple[int, FragmentId, FragmentId]  # number of rows in the log, a, b
    proposal: Proposal
    forest: Forest
    edges: NDArray[np.int64]


class QuestionCuts:
    """Finds the cut of a "part?"; the last one is remembered until the session is edited.

    Parameters
    ----------
    session : Session
    view : GraphView
    decisions : Decisions
    """

    def __init__(self, session: Session, view: GraphView, decisions: Decisions):
        self._session, self._view, self._decisions = session, view, decisions
        self._last: _QuestionCut | None = None

    def propose(self, question: ReviewQuestion) -> Proposal:
        """Return the split that the answer "apart" makes.

        Raises
        ------
        Refused
            If the two fragments are in different segments, or in a locked one.
        """
        return self._find(question).proposal

    def border(self, question: ReviewQuestion) -> Border:
        """Return two fragments that the cut parts: the questioned ones if it does, else those that touch most."""
        cut, view = self.propose(question), self._view
        edge = view.edge_between(question.a, question.b)
        is_near = np.isin([question.a, question.b], cut.near)
        if is_near[0] == is_near[1]:
            edges = view.contacts.between(cut.near, cut.far)
            edge = int(edges[np.argmax(view.graph.mean[edges] * view.graph.area[edges])])
        return Border(FragmentId(int(view.graph.u[edge])), FragmentId(int(view.graph.v[edge])), edge)

    def pairs_like(self, question: ReviewQuestion) -> Ids:
        """Return pairs of fragments, (k, 2), about which the question would be nearly the same."""
        found = self._find(question)
        alike = find_cuts_alike(found.forest, self._session.state.sizes, found.proposal.near, found.proposal.far)
        return self._view.ends_of(found.edges[alike])

    def _find(self, question: ReviewQuestion) -> _QuestionCut:
        key = (len(self._session.log.rows), question.a, question.b)
        if self._last is None or self._last.key != key:
            self._last = _QuestionCut(key, *self._cut_between_cores(question))
        return self._last

    def _cut_between_cores(self, question: ReviewQuestion) -> tuple[Proposal, Forest, NDArray[np.int64]]:
        state, view = self._session.state, self._view
        edges = view.edges_inside(state.members(question.segments[0]))
        questioned = view.edge_between(question.a, question.b)
        if questioned not in edges:
            raise Refused("review: these two are in different segments by now; go on to the next question.")
        joined = view.rows_of(self._decisions.pairs("join"))
        forest = spanning_forest(view.graph, edges, np.append(joined, questioned))
        near, far = (
            [FragmentId(f) for f in side[np.argsort(-state.sizes[side], kind="stable")[:CORE]].tolist()]
            for side in forest.sides(int(np.searchsorted(edges, questioned)))
        )
        return self._session.propose(near, far)[0], forest, edges
