"""Where a segmentation is probably wrong, and what it would gain by being corrected.

A segment of s voxels that should be parts of s1 and s2 adds (s ln s - s1 ln s1 - s2 ln s2) / N to the variation of
information of N voxels, and so do two that should be one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree
from scipy.special import expit, xlogy

from napari_emcad.core.region_graph import RegionGraph

SPLIT_WEIGHTS = (-2.92, 6.37, 3.74, -0.28, 0.16)
"""Logistic regression of "these two are one neuron" on 1, the largest mean affinity of an edge between two segments,
the mean over their whole contact, ln of its faces and ln of that edge's; fitted on AC4[20:40] with the CAD student AC34
at its threshold 0.3: 2,843 pairs, 306 of one neuron."""

MERGE_WEIGHTS = (1.31, -5.52, -0.21)
"""The same for "these two are of different neurons" on 1, the mean affinity and ln faces of an edge of a spanning tree:
about 10,700 edges, 200 of different neurons; with a ridge of 1e-4, without which hardly any large cut is asked for."""


@dataclass(frozen=True)
class Suspects:
    """Edges of a region graph about which somebody should be asked.

    Attributes
    ----------
    edge : (k,) int64
        Row of the region graph.
    p : (k,) float64
        Probability of an error.
    change : (k,) float64
        By how much the correction changes the variation of information, in bits x voxels.
    """

    edge: NDArray[np.int64]
    p: NDArray[np.float64]
    change: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.edge)

    def chosen(self, which: NDArray) -> "Suspects":
        """Some of them."""
        return Suspects(self.edge[which], self.p[which], self.change[which])

    def best(self, most: int) -> "Suspects":
        """At most so many, those with the largest expected gain."""
        return self.chosen(np.argsort(-self.p * self.change, kind="stable")[:most])

    def with_also(self, others: "Suspects") -> "Suspects":
        """These and those."""
        pairs = ((self.edge, others.edge), (self.p, others.p), (self.change, others.change))
        return Suspects(*map(np.concatenate, pairs))


def suspicious_splits(graph: RegionGraph, table: NDArray, sizes: NDArray) -> Suspects:
    """Segments that touch and may be one; for each two, the edge between them with the largest mean affinity.

    Parameters
    ----------
    graph : RegionGraph
    table : (n + 1,) uint32
        Segment of each fragment, 0 = none.
    sizes : (n + 1,) int64
        Voxels of each fragment.
    """
    u, v = table[graph.u], table[graph.v]
    out = np.flatnonzero((u != v) & (u > 0) & (v > 0))
    key = np.minimum(u, v)[out].astype(np.uint64) << np.uint64(32) | np.maximum(u, v)[out]
    order = np.lexsort((-graph.mean[out], key))
    out, key = out[order], key[order]
    starts = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])) if len(key) else np.empty(0, np.int64)
    edge = out[starts]
    area, strength = (_sums(column[out], starts) for column in (graph.area, graph.mean * graph.area))
    p = _logistic(SPLIT_WEIGHTS, graph.mean[edge], strength / area, np.log(area), np.log(graph.area[edge]))
    volume = np.bincount(table, sizes)
    return Suspects(edge, p, voi_change(volume[u[edge]], volume[v[edge]]))


def suspicious_merges(graph: RegionGraph, edges: NDArray, sizes: NDArray, joined: NDArray) -> Suspects:
    """Places inside segments where a cheap cut parts much from much.

    Strategy: in the spanning tree of largest capacity (mean affinity x area) of each segment, every edge parts it in
    two; the voxels below each edge are summed up level by level. Trees of largest affinity instead found hardly any
    error: a tiny contact of high affinity hides a large one of low.

    Parameters
    ----------
    graph : RegionGraph
    edges : (k,) int64
        All that lie inside the segments in question.
    sizes : (n + 1,) int64
        Voxels of each fragment.
    joined : (j,) int64
        Edges that people joined: they are asked about last and never cut.
    """
    if not len(edges):
        return Suspects(edges, np.empty(0), np.empty(0))
    capacity = graph.mean[edges].astype(np.float64) * graph.area[edges]
    capacity[np.isin(edges, joined)] = np.inf
    rank = np.empty(len(edges))
    rank[np.argsort(-capacity, kind="stable")] = np.arange(1, len(edges) + 1)  # a cost of 0 would be no edge
    fragments, u, v = _numbered(graph.u[edges], graph.v[edges], len(sizes))
    place, below, whole = _spanning_forest(u, v, rank, sizes[fragments])
    known = np.isin(edges[place], joined)
    place, below, whole = place[~known], below[~known], whole[~known]
    found = edges[place]
    p = _logistic(MERGE_WEIGHTS, graph.mean[found], np.log(graph.area[found]))
    return Suspects(found, p, voi_change(below, whole - below))


def voi_change(one: NDArray, other: NDArray) -> NDArray[np.float64]:
    """How much joining or parting pieces of so many voxels changes the variation of information, in bits x voxels."""
    one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
    whole = one + other
    return (xlogy(whole, whole) - xlogy(one, one) - xlogy(other, other)) / np.log(2)


def _numbered(u: NDArray, v: NDArray, n: int) -> tuple[NDArray, NDArray, NDArray]:
    """The fragments at these ends, sorted, and the ends as places among them, from 1; place 0 is none."""
    used = np.zeros(n, bool)
    used[0] = used[u] = used[v] = True
    number = np.cumsum(used) - 1
    return np.flatnonzero(used), number[u], number[v]


def _spanning_forest(u: NDArray, v: NDArray, cost: NDArray, sizes: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Edges of the cheapest spanning forest, the voxels on one side of each and those of its tree.

    Costs are 1..k, each once, so that an edge is known by its cost.
    """
    n = len(sizes)
    matrix = minimum_spanning_tree(coo_array((cost, (u, v)), (n, n)).tocsr()).tocoo()
    tree = connected_components(matrix, directed=False)[1]
    root = np.unique(tree[1:], return_index=True)[1] + 1
    ends = np.concatenate([matrix.row, np.zeros(len(root), int)]), np.concatenate([matrix.col, root])
    order, above = breadth_first_order(coo_array((np.ones(len(ends[0])), ends), (n, n)).tocsr(), 0, directed=False)
    below = _sums_below(order, above, sizes)
    whole = np.bincount(tree, sizes)[tree]
    lower = np.where(above[matrix.row] == matrix.col, matrix.row, matrix.col)
    place = np.empty(len(u), np.int64)
    place[cost.astype(np.int64) - 1] = np.arange(len(u))
    return place[matrix.data.astype(np.int64) - 1], below[lower], whole[lower]


def _sums_below(order: NDArray, above: NDArray, sizes: NDArray) -> NDArray[np.float64]:
    """Voxels of each node of a tree with all below it; nodes in breadth-first order, with the node above each."""
    position = np.empty(len(order), np.int64)
    position[order] = np.arange(len(order))
    parent = position[above[order[1:]]]  # rises: breadth first
    levels = [0, 1]
    while levels[-1] < len(order):
        levels.append(1 + int(np.searchsorted(parent, levels[-1])))
    below = sizes[order].astype(np.float64)
    for start, stop in zip(levels[-2:0:-1], levels[:1:-1], strict=True):
        np.add.at(below, parent[start - 1 : stop - 1], below[start:stop])
    found = np.empty_like(below)
    found[order] = below
    return found


def _sums(values: NDArray, starts: NDArray) -> NDArray[np.float64]:
    return np.add.reduceat(values.astype(np.float64), starts) if len(starts) else np.empty(0)


def _logistic(weights: tuple[float, ...], *features: NDArray) -> NDArray[np.float64]:
    return expit(weights[0] + sum(w * f for w, f in zip(weights[1:], features, strict=True)))
