"""Which edges of a region graph lie inside a set of fragments, or between two; found without reading all edges."""

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.ids import Ids, as_ids
from napari_emcad.proofreading.cut import SegmentGraph
from napari_emcad.proofreading.edges import EditedGraph

BRIDGE = 1e-3
"""Capacity of a join across a gap: cut before anything else."""


class Contacts:
    """Looks up the edges of a region graph by fragment.

    Strategy: edges are sorted by u, and each is listed once with u < v; so all edges among some fragments are found in
    the rows of those fragments, and each row by bisection. No index is made: it would have to be read for all of them.
    """

    def __init__(self, graph: EditedGraph, n: int):
        self._graph = graph
        self._mark = np.zeros(n + 1, np.uint8)

    def among(self, fragments: Ids) -> NDArray[np.int64]:
        """Edges with both ends in `fragments`."""
        self._mark[fragments] = 1
        rows = self._graph.rows_from(fragments)
        found = rows[self._mark[self._graph.v[rows]] == 1]
        self._mark[fragments] = 0
        return found

    def between(self, one: Ids, other: Ids) -> NDArray[np.int64]:
        """Edges from a fragment of `one` to a fragment of `other`, which have none in common."""
        self._mark[one], self._mark[other] = 1, 2
        rows = np.concatenate([self._graph.rows_from(one), self._graph.rows_from(other)])
        found = rows[self._mark[self._graph.u[rows]] + self._mark[self._graph.v[rows]] == 3]
        self._mark[one] = self._mark[other] = 0
        return found

    def segment_graph(self, fragments: Ids, bridges: list[tuple[int, int]]) -> SegmentGraph:
        """The region graph of a segment, sorted fragments in; capacity = mean affinity x contact area."""
        edges, graph = self.among(fragments), self._graph
        joins = as_ids([b for b in bridges if np.isin(b, fragments).all()]).reshape(-1, 2)
        ends = [np.concatenate([graph.u[edges], joins[:, 0]]), np.concatenate([graph.v[edges], joins[:, 1]])]
        capacity = np.concatenate([graph.mean[edges] * graph.area[edges], np.full(len(joins), BRIDGE)])
        return SegmentGraph(fragments, *(np.searchsorted(fragments, e) for e in ends), capacity)
