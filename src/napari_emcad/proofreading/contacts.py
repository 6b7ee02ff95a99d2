"""Edges of a region graph inside a set of fragments, or between two sets, found without reading all edges."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.ids import Ids
from napari_emcad.proofreading.cut import SegmentGraph
from napari_emcad.proofreading.edges import EditedGraph
from napari_emcad.proofreading.effects import Bridge

BRIDGE = 1e-3
"""Capacity of a join across a gap: it is cut before anything else."""


class Contacts:
    """Looks up the edges of a region graph by fragment; used by one thread at a time.

    Strategy: edges are sorted by u, and each is listed once with u < v; so all edges among some fragments are found in
    the rows of those fragments, and each row by bisection. No index is made: it would have to be read for all of them.

    Parameters
    ----------
    graph : EditedGraph
    n : int
        One more than the largest id of a fragment.
    """

    def __init__(self, graph: EditedGraph, n: int):
        self.graph = graph
        self._mark = np.zeros(n + 1, np.uint8)

    def among(self, fragments: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return the rows of edges with both ends in `fragments`."""
        self._mark[fragments] = 1
        rows = self.graph.rows_from(fragments)
        found = rows[self._mark[self.graph.v[rows]] == 1]
        self._mark[fragments] = 0
        return found

    def between(self, one: Ids, other: Ids) -> NDArray[np.int64]:
        """Return the rows of edges from a fragment of `one` to a fragment of `other`, which have none in common."""
        self._mark[one], self._mark[other] = 1, 2
        rows = np.concatenate([self.graph.rows_from(one), self.graph.rows_from(other)])
        found = rows[self._mark[self.graph.u[rows]] + self._mark[self.graph.v[rows]] == 3]
        self._mark[one] = self._mark[other] = 0
        return found

    def inside(self, pairs: NDArray[np.integer], fragments: Ids) -> NDArray[np.bool_]:
        """Return which pairs of fragments, (k, 2), have both ends in `fragments`."""
        self._mark[fragments] = 1
        found: NDArray[np.bool_] = self._mark[pairs].all(axis=1)
        self._mark[fragments] = 0
        return found

    def segment_graph(self, fragments: Ids, bridges: NDArray[np.integer] | Sequence[Bridge]) -> SegmentGraph:
        """Return the region graph of sorted fragments with bridges (k, 2); capacity = mean affinity x contact area."""
        bridges = np.asarray(bridges, np.int64).reshape(-1, 2)
        edges, graph = self.among(fragments), self.graph
        joins = bridges[self.inside(bridges, fragments)].astype(fragments.dtype)
        u, v = np.concatenate([graph.u[edges], joins[:, 0]]), np.concatenate([graph.v[edges], joins[:, 1]])
        capacity = np.concatenate([graph.mean[edges] * graph.area[edges], np.full(len(joins), BRIDGE)])
        return SegmentGraph(fragments, np.searchsorted(fragments, u), np.searchsorted(fragments, v), capacity)
