"""The cut that a "part?" asks about.

Strategy: the spanning tree parts the segment at the questioned edge; the largest fragments of each side stay on their
side, and the minimum cut between them says where the border is. So a question asked a little beside the border of a
merger still finds it, where the cheapest cut between two fragments mostly takes off a crumb.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.ids import FragmentId, Ids, SegmentId
from napari_emcad.proofreading.cut import Proposal, propose_cuts
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.review.decisions import Decisions
from napari_emcad.proofreading.review.forest import Forest, spanning_forest
from napari_emcad.proofreading.review.graph_view import GraphView
from napari_emcad.proofreading.review.questions import ReviewQuestion
from napari_emcad.proofreading.review.suspects import find_cuts_alike

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

    pair: tuple[FragmentId, FragmentId]
    members: Ids
    proposal: Proposal
    forest: Forest
    edges: NDArray[np.int64]


class QuestionCuts:
    """Finds the cut of a "part?"; the last one is remembered until its segment has changed.

    Parameters
    ----------
    sizes : callable
        Gives the voxels of each fragment, (n + 1,).
    view : GraphView
    decisions : Decisions
    """

    def __init__(self, sizes: Callable[[], NDArray[np.int64]], view: GraphView, decisions: Decisions):
        self._sizes, self._view, self._decisions = sizes, view, decisions
        self._last: _QuestionCut | None = None

    def propose(self, question: ReviewQuestion) -> Proposal:
        """Return the split that the answer "apart" makes.

        Raises
        ------
        Refused
            If the two fragments are in different segments.
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
        alike = find_cuts_alike(found.forest, self._sizes(), found.proposal.near, found.proposal.far)
        return self._view.ends_of(found.edges[alike])

    def _find(self, question: ReviewQuestion) -> _QuestionCut:
        view, pair = self._view, (question.a, question.b)
        segment = SegmentId(int(view.table[question.a]))
        if segment != view.table[question.b]:
            raise Refused("review: these two are in different neurons by now; go on to the next question.")
        members, last = view.members(segment), self._last
        if last is None or last.pair != pair or not np.array_equal(last.members, members):
            last = self._last = _QuestionCut(pair, members, *self._cut_between_cores(pair, members))
        return last

    def _cut_between_cores(
        self, pair: tuple[FragmentId, FragmentId], members: Ids
    ) -> tuple[Proposal, Forest, NDArray[np.int64]]:
        view, sizes = self._view, self._sizes()
        edges, questioned = view.edges_inside(members), view.edge_between(*pair)
        joined = view.rows_of(self._decisions.pairs("join"))
        forest = spanning_forest(view.graph, edges, np.append(joined, questioned))
        near, far = (
            [FragmentId(f) for f in side[np.argsort(-sizes[side], kind="stable")[:CORE]].tolist()]
            for side in forest.sides(int(np.searchsorted(edges, questioned)))
        )
        return propose_cuts(view.segment_graph(members), near, far)[0], forest, edges
