"""The suspects that are most worth asking about, kept in step with the edits."""

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.ids import Ids
from napari_emcad.core.progress import Job, Stopwatch, drive
from napari_emcad.proofreading.review.decisions import Decisions
from napari_emcad.proofreading.review.graph_view import GraphView
from napari_emcad.proofreading.review.learned_odds import LearnedOdds
from napari_emcad.proofreading.review.open_questions import OpenQuestions
from napari_emcad.proofreading.review.questions import KINDS, QuestionKind
from napari_emcad.proofreading.review.second_opinion.join_features import find_gaps
from napari_emcad.proofreading.review.second_opinion.opinion import MOST_FRAGMENTS, SecondOpinion
from napari_emcad.proofreading.review.second_opinion.shapes import (
    FragmentShapes,
    SegmentShapes,
    find_fragment_shapes,
)
from napari_emcad.proofreading.review.suspects import (
    Suspects,
    find_merge_suspects,
    find_split_suspects,
    gap_suspects,
)
from napari_emcad.proofreading.state import State

SHORTLIST = 20_000
"""Questions of each kind that are kept between two rankings of all edges."""


class Shortlists:
    """The open suspects of each kind.

    Strategy: all edges are ranked before the first question, and again after a move of the threshold or when the
    shortlists are used up. In between, an edit changes few segments: only suspects in those are found anew.

    Parameters
    ----------
    state : State
    view : GraphView
    decisions : Decisions
    odds : LearnedOdds
    still_open : OpenQuestions
    hears : bool
        True: the second opinion is heard, where the fragments are in memory and not too many for it.
    """

    def __init__(
        self,
        state: State,
        view: GraphView,
        decisions: Decisions,
        odds: LearnedOdds,
        still_open: OpenQuestions,
        hears: bool = True,
    ):
        self._hears = hears
        self._state, self._view, self._decisions = state, view, decisions
        self._odds, self._still_open = odds, still_open
        self._listed: dict[QuestionKind, Suspects] = {}
        self._open: tuple[tuple[int, ...], dict[QuestionKind, Suspects]] = ((), {})  # with the edition they are of
        self._threshold: float | None = None  # at which all edges were ranked
        self._is_cut_short = False  # there are suspects beyond the lists

    @property
    def is_ranked(self) -> bool:
        """True if the next question is found without a look at all edges."""
        if self._threshold != self._state.threshold:
            return False
        return not self._is_cut_short or any(map(len, self.open().values()))

    def open(self) -> dict[QuestionKind, Suspects]:
        """Return the suspects on the lists that nobody decided about; ranks all edges where that has to be."""
        if self._threshold != self._state.threshold:
            drive(self.rank())
        edition = self._still_open.edition
        if self._open[0] != edition:
            self._catch_up()
            self._open = edition, {kind: self._still_open.choose(kind, some) for kind, some in self._listed.items()}
        return self._open[1]

    def rank(self) -> Job[None]:
        """Look at all edges, step by step; may run in a thread while the session is edited."""
        watch = Stopwatch("questions", 4)
        yield watch.at(0)
        threshold = self._state.threshold
        self._view.look()
        yield watch.at(1)
        yield from self._look_at_shapes()
        joins = self._find_joins(self._view.graph.rows(), np.flatnonzero(self._view.table))
        yield watch.at(2)
        found = {"join?": joins, "part?": self._find_cuts(np.flatnonzero(self._view.table))}
        yield watch.at(3)
        self._listed = {kind: self._shorten(kind, found[kind]) for kind in KINDS}
        is_long = any(len(some) > SHORTLIST for some in found.values())
        self._is_cut_short = is_long and any(map(len, self._listed.values()))
        self._open = (), {}
        self._threshold = threshold

    def _shorten(self, kind: QuestionKind, found: Suspects) -> Suspects:
        if len(found) <= SHORTLIST:
            return found
        return self._still_open.choose(kind, found).best(SHORTLIST, self._odds.odds_of(kind))

    def _catch_up(self) -> None:
        """Find the suspects anew in all segments that were edited since the last look."""
        members = self._view.look_again()
        if members is None:
            return
        edges = self._view.edges_at(members)
        found = {"join?": self._find_joins(edges, members), "part?": self._find_cuts(members)}
        stale = np.concatenate([edges, self._view.graph.gone, self._gaps_at(members)])
        for kind in KINDS:
            kept = self._listed[kind]
            self._listed[kind] = kept.chosen(~np.isin(kept.edge, stale)).with_also(found[kind])

    def _look_at_shapes(self) -> Job[None]:
        """Look at the shapes of all fragments, once, where these are in memory and not too many."""
        n, fragments = len(self._state.table) - 1, self._state.base.fragments
        is_at_hand = isinstance(fragments, np.ndarray) and n <= MOST_FRAGMENTS
        if self._hears and self._view.shapes is None and is_at_hand:
            self._view.shapes = yield from find_fragment_shapes(fragments, n)

    def _gaps_at(self, fragments: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows of the gaps that have an end in some fragments."""
        if self._view.shapes is None:
            return np.empty(0, np.int64)
        return -1 - np.flatnonzero(np.isin(self._view.shapes.over[:, :2], fragments).any(axis=1))

    def _find_joins(self, edges: NDArray[np.int64], fragments: NDArray[np.int64]) -> Suspects:
        """Find the suspects among all edges that leave some segments, and across gaps at their fragments."""
        view = self._view
        volume = np.bincount(view.table, self._state.sizes[: len(view.table)]).astype(np.float64, copy=False)
        found = find_split_suspects(view.graph, edges, view.table, volume, view.across)
        if view.shapes is None:
            return found
        gaps = self._gap_suspects(view.shapes, fragments, volume, view.segments_at(found.edge))
        segments = view.segments_at(np.concatenate([found.edge, gaps.edge]))
        all_edges = view.edges_at(np.flatnonzero(np.isin(view.table, segments)))
        heard = SecondOpinion(view.shapes).of_joins(segments, view.graph, all_edges, view.across, view.table)
        known = ~np.isnan(heard[len(found) :])
        found = found.heard(heard[: len(found)])
        return found.with_also(gaps.heard(heard[len(found) :]).chosen(known))

    def _gap_suspects(
        self, shapes: FragmentShapes, fragments: NDArray[np.int64], volume: NDArray[np.float64], touching: Ids
    ) -> Suspects:
        """Find segments that face each other across a gap and do not touch."""
        table = self._view.table
        rows = find_gaps(shapes, SegmentShapes.of(shapes, table), table)
        rows = rows[np.isin(shapes.over[rows, :2], fragments).any(axis=1)]
        ends = table[shapes.over[rows, :2]]
        new = ~_are_pairs_of(touching, ends)
        rows, ends = rows[new], ends[new]
        return gap_suspects(-1 - rows, volume[ends[:, 0]], volume[ends[:, 1]])

    def _find_cuts(self, fragments: NDArray[np.int64]) -> Suspects:
        view, joined = self._view, self._view.rows_of(self._decisions.pairs("join"))
        edges = view.edges_inside(fragments)
        shapes = view.shapes
        hear = None if shapes is None else lambda forest: SecondOpinion(shapes).of_cuts(forest, view.graph, edges)
        return find_merge_suspects(view.graph, edges, self._state.sizes, joined, hear)


def _are_pairs_of(pairs: Ids, wanted: Ids) -> NDArray[np.bool_]:
    """Return which wanted pairs, (k, 2), are among others, (m, 2), in either order."""
    keys = (np.sort(some.astype(np.int64), axis=1) @ np.array([1 << 32, 1]) for some in (wanted, pairs))
    found: NDArray[np.bool_] = np.isin(*keys)
    return found
