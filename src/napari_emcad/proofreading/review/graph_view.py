"""The review's view of a session: its region graph and its segments, as they were at the last look."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.fragment_boxes import FragmentBoxes
from napari_emcad.core.geometry import Voxel, triple
from napari_emcad.core.ids import FragmentId, Ids, SegmentId
from napari_emcad.core.region_graph import RegionGraph
from napari_emcad.proofreading.contacts import Contacts
from napari_emcad.proofreading.cut import SegmentGraph
from napari_emcad.proofreading.edges import EditedGraph, ranges
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.review.second_opinion.shapes import FragmentShapes
from napari_emcad.proofreading.review.suspects import find_edges_between_sections
from napari_emcad.proofreading.state import State


class GraphView:
    """The edges of a session and the segments at their ends, at the last look; edits are seen at the next one.

    `look` comes before anything else; it takes seconds where there are many edges, and may run in a thread.

    Parameters
    ----------
    state : State
        Not modified.
    boxes : callable, optional
        Gives the boxes of all fragments as they are now; without it voxels are read at every contact.

    Attributes
    ----------
    table : (n + 1,) Ids
        Segment of each fragment.
    graph : EditedGraph
    contacts : Contacts
    across : (m,) bool
        True for edges of the graph, by row, that lie between two sections.
    bridges : (k, 2) int64
        The two fragments of each bridge.
    shapes : FragmentShapes or None
        The shapes of the fragments, where they were looked at. Row i of its `over` is the edge -1 - i: a gap.
    """

    table: Ids
    bridges: NDArray[np.int64]
    graph: EditedGraph
    contacts: Contacts
    across: NDArray[np.bool_]
    _edges_of_base: "EdgesAt"
    _across_in_base: NDArray[np.bool_]

    def __init__(self, state: State, boxes: Callable[[], FragmentBoxes] | None = None):
        self._state, self._boxes = state, boxes
        self.shapes: FragmentShapes | None = None
        self._has_looked = False

    def look(self) -> None:
        """Look at all edges and segments as they are now."""
        self.table = self._state.table.copy()
        self._look_at_bridges()
        self._look_up_edges()

    def look_again(self) -> NDArray[np.int64] | None:
        """See what was edited since the last look.

        Returns
        -------
        (k,) int64 or None
            All fragments of the segments that have changed; None if none has.
        """
        now = self._state.table
        self._look_at_bridges()
        if self._state.edges is not self.graph:
            self._look_up_edges()
            self.table = np.pad(self.table, (0, len(now) - len(self.table)))
        moved = np.flatnonzero(now != self.table)
        if not len(moved):
            return None
        changed = np.setdiff1d(np.concatenate([self.table[moved], now[moved]]), [0])
        self.table[moved] = now[moved]
        return np.flatnonzero(np.isin(self.table, changed))

    def members(self, segment: SegmentId) -> Ids:
        """Return the fragments of a segment, sorted; none for 0."""
        found = np.flatnonzero(self.table == segment) if segment else np.empty(0)
        return found.astype(self.table.dtype)

    def segment_graph(self, members: Ids) -> SegmentGraph:
        """Return the region graph of the fragments of a segment."""
        return self.contacts.segment_graph(members, self.bridges)

    def edges_at(self, fragments: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows of edges that have an end in some fragments, sorted."""
        return self._edges_of_base.find(fragments, self.graph)

    def edges_inside(self, fragments: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return the rows of edges between these fragments inside one segment, sorted."""
        edges = self.contacts.among(fragments)
        return edges[self.table[self.graph.u[edges]] == self.table[self.graph.v[edges]]]

    def rows_of(self, pairs: Ids) -> NDArray[np.int64]:
        """Return the rows of the edges between pairs of fragments, (k, 2); pairs that do not touch have none."""
        rows = self.graph.find(pairs)
        return rows[rows >= 0]

    def edge_between(self, a: FragmentId, b: FragmentId) -> int:
        """Return the row of the edge between two fragments, or of the gap.

        Raises
        ------
        Refused
            If they neither touch nor face each other across a gap.
        """
        found = int(self.graph.find(np.array([[a, b]]))[0])
        if found < 0 and self.shapes:
            gaps = np.flatnonzero((self.shapes.over[:, :2] == (a, b)).all(axis=1))
            if len(gaps):
                return -1 - int(gaps[0])
        if found < 0:
            raise Refused("review: these two do not touch any more; go on to the next question.")
        return found

    def ends_of(self, edges: NDArray[np.int64]) -> Ids:
        """Return the fragments at both ends of edges, (k, 2)."""
        ends = np.stack([self.graph.u[np.maximum(edges, 0)], self.graph.v[np.maximum(edges, 0)]], axis=1)
        if self.shapes and (is_gap := edges < 0).any():
            ends[is_gap] = self.shapes.over[-1 - edges[is_gap], :2]
        return ends

    def place_of(self, edge: int) -> Voxel:
        """Return the voxel (z, y, x) at which an edge is looked at."""
        return triple(self.shapes.over_at[-1 - edge] if self.shapes and edge < 0 else self.graph.contact[edge])

    def segments_at(self, edges: NDArray[np.int64]) -> Ids:
        """Return the segments at both ends of edges, (k, 2)."""
        return self.table[self.ends_of(edges)]

    def _look_at_bridges(self) -> None:
        self.bridges = np.array(list(self._state.bridges), np.int64).reshape(-1, 2)

    def _look_up_edges(self) -> None:
        graph = self._state.edges
        if not self._has_looked:  # edges of the base stay as they are
            self._edges_of_base = EdgesAt(graph.base)
            self._across_in_base = self._find_across(graph.base)
            self._has_looked = True
        self.across = np.concatenate([self._across_in_base, self._find_across(graph.new)])
        self.contacts, self.graph = Contacts(graph, len(self._state.table)), graph

    def _find_across(self, graph: RegionGraph) -> NDArray[np.bool_]:
        boxes = self._boxes and self._boxes()
        return find_edges_between_sections(graph, self._state.base.fragments, boxes, self._state.planned)


class EdgesAt:
    """Looks up the edges that have an end in some fragments.

    Parameters
    ----------
    base : RegionGraph
        The base of the graphs in which edges are looked up.
    """

    def __init__(self, base: RegionGraph):
        self._by_v = np.argsort(base.v, kind="stable")
        self._v = base.v[self._by_v]

    def find(self, fragments: NDArray[np.integer], graph: EditedGraph) -> NDArray[np.int64]:
        """Return the rows of a graph, sorted."""
        fragments = fragments.astype(self._v.dtype)
        starts, stops = np.searchsorted(self._v, fragments), np.searchsorted(self._v, fragments, "right")
        found = np.zeros(graph.row_count, bool)  # sorting would take longer where there are many
        found[graph.rows_from(fragments)] = found[self._by_v[ranges(starts, stops)]] = True
        found[len(graph.base) :] |= np.isin(graph.new.v, fragments)
        found[graph.gone] = False
        return np.flatnonzero(found)
