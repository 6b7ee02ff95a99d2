"""Cuts of a region graph that part two sides.

Source: minimum cuts by Dinitz's algorithm on the reduced graph; the paths between points of one side are made
uncuttable as in the CAVE PyChunkedGraph (Dorkenwald et al., Nature Methods 2025); seeded maximum spanning forest:
Cousty et al., IEEE TPAMI 31:1362, 2009.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import (
    breadth_first_order,
    connected_components,
    dijkstra,
    maximum_flow,
    minimum_spanning_tree,
)

from napari_emcad.core.ids import FragmentId, Ids
from napari_emcad.proofreading.errors import Refused

LARGEST_FLOW = 1 << 30
"""Sum of all capacities once they are scaled to whole numbers: SciPy's flows are 32-bit."""

ENOUGH_POINTS = 3
"""Points on a side from which on the minimum cut is the only proposal."""


@dataclass(frozen=True)
class SegmentGraph:
    """The region graph of one segment.

    Attributes
    ----------
    nodes : (n,) Ids
        Fragments, sorted.
    u, v : (m,) int
        Ends of each edge, as places in `nodes`; parallel edges add up.
    capacity : (m,) float
        Cost of a cut: mean affinity x contact area in voxel faces.
    """

    nodes: Ids
    u: NDArray[np.integer]
    v: NDArray[np.integer]
    capacity: NDArray[np.floating]

    def places(self, fragments: Sequence[int] | Ids) -> NDArray[np.int64]:
        """Return the places of fragments in `nodes`, each once.

        Raises
        ------
        Refused
            If there is none, or one is not of this segment.
        """
        wanted = np.unique(np.asarray(fragments, np.int64))
        places = np.minimum(np.searchsorted(self.nodes, wanted), len(self.nodes) - 1)
        if not len(wanted) or (self.nodes[places] != wanted).any():
            raise Refused("split: points on both sides and in one neuron are needed; place them again.")
        return places


@dataclass(frozen=True)
class Proposal:
    """One way to split a segment.

    Attributes
    ----------
    method : str
        "minimum cut" or "spanning tree", in words for people.
    near, far : (k,) Ids
        Fragments on the side of the first points, and on that of the second; sorted.
    cost : float
        Affinity x area of all that is cut.
    warning : str
        One sentence on what looks wrong; empty if nothing does.
    """

    method: str
    near: Ids
    far: Ids
    cost: float
    warning: str = ""


def propose_cuts(
    graph: SegmentGraph, near: Sequence[FragmentId] | Ids, far: Sequence[FragmentId] | Ids
) -> list[Proposal]:
    """Propose ways to part the fragments `near` from the fragments `far`, the likeliest first.

    Parameters
    ----------
    graph : SegmentGraph
        Connected.
    near, far : sequence of FragmentId
        Fragments under the points of each side.

    Raises
    ------
    Refused
        If a fragment is on both sides or not of this segment.
    """
    first, second = graph.places(near), graph.places(far)
    if np.intersect1d(first, second).size:
        raise Refused("split: one fragment is on both sides; split the fragment itself.")
    are_few = max(len(first), len(second)) < ENOUGH_POINTS
    matrix = _matrix(graph)
    first = _with_paths(matrix, first, second)
    second = _with_paths(matrix, second, first)
    proposals = [_proposal("minimum cut", graph, minimum_cut(matrix, first, second))]
    if are_few:
        other = _proposal("spanning tree", graph, spanning_cut(matrix, first, second))
        if not np.array_equal(other.near, proposals[0].near):
            proposals.append(other)
    return proposals


def minimum_cut(matrix: csr_array, near: NDArray[np.int64], far: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return the side of `near` in the cheapest cut; of several that cost the same, the smallest such side.

    Strategy: what every cheapest cut leaves together is joined first: ends of an edge dearer than some cut, and nodes
    that hang on one neighbour with more than half of all their capacity. What is left is mostly a few hundred nodes.

    Parameters
    ----------
    matrix : (n, n) csr_array float
        Symmetric capacities.
    near, far : (k,) int
        Nodes that stay on their side.

    Returns
    -------
    (n,) bool
    """
    group = _number_groups(matrix.shape[0], near, far)
    while True:
        small = _contract(matrix, group)
        further = _group_inseparable(small)
        if further is None:
            break
        group = further[group]
    return _source_side(small)[group]


def spanning_cut(matrix: csr_array, near: NDArray[np.int64], far: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return the side of `near` in a maximum spanning forest grown from both sides.

    Strategy: the two sides are one node each; the spanning tree of the heaviest edges joins them by one path, and its
    lightest edge is cut.
    """
    group = _number_groups(matrix.shape[0], near, far)
    edges = _contract(matrix, group).tocoo()
    upper = edges.row < edges.col
    u, v = edges.row[upper], edges.col[upper]
    order = np.lexsort((v, u, -edges.data[upper]))
    rank = np.empty(len(order))
    rank[order] = np.arange(1, len(order) + 1)  # distinct, so that the tree does not depend on the order of the edges
    tree = csr_array(minimum_spanning_tree(csr_array((rank, (u, v)), edges.shape)))
    tree = csr_array(tree + tree.T)
    ends = _path_between(tree, 0, 1)
    if ends is not None:
        a, b = (end[np.argmax(tree[ends])] for end in ends)
        tree[a, b] = tree[b, a] = 0
        tree.eliminate_zeros()
    return _all_but_the_far_side(tree)[group]


def _matrix(graph: SegmentGraph) -> csr_array:
    """Return the capacities of a graph as a symmetric matrix, (n, n)."""
    n = len(graph.nodes)
    rows, columns = np.concatenate([graph.u, graph.v]), np.concatenate([graph.v, graph.u])
    return coo_array((np.tile(graph.capacity, 2).astype(float), (rows, columns)), (n, n)).tocsr()


def _with_paths(matrix: csr_array, points: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the points of a side with the strongest paths between them; no path crosses the other side."""
    if len(points) == 1:
        return points
    length = matrix.copy()
    length.data = 1 / np.maximum(length.data, 1e-6)
    keep = np.ones(matrix.shape[0])
    keep[others] = 0
    open_to_us = length.multiply(keep[:, None]).multiply(keep[None]).tocsr()
    open_to_us.eliminate_zeros()
    _, before = dijkstra(open_to_us, indices=points[0], return_predecessors=True)
    found = {int(p) for p in points}
    for node in map(int, points[1:]):
        while before[node] >= 0:
            node = int(before[node])
            found.add(node)
    return np.array(sorted(found))


def _number_groups(n: int, near: NDArray[np.integer], far: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return new numbers of n nodes: 0 for all of `near`, 1 for all of `far`, one each for the others."""
    group = np.full(n, -1)
    group[near], group[far] = 0, 1
    rest = group < 0
    group[rest] = np.arange(2, 2 + rest.sum())
    return group


def _contract(matrix: csr_array, group: NDArray[np.int64]) -> csr_array:
    """Return the graph between groups, without loops."""
    edges, n = matrix.tocoo(), int(group.max()) + 1
    u, v = group[edges.row], group[edges.col]
    out = u != v
    return coo_array((edges.data[out], (u[out], v[out])), (n, n)).tocsr()


def _group_inseparable(matrix: csr_array) -> NDArray[np.int64] | None:
    """Return new numbers, one for nodes that no cheapest cut of 0 from 1 parts; None if there are no such nodes.

    All nodes that hang on a neighbour may follow it at once: set them to its side one after the other, from the roots
    of the pointers outwards, and no step makes a cut dearer. Nodes 0 and 1 hang on nobody.
    """
    n, edges = matrix.shape[0], matrix.tocoo()
    degree = matrix.sum(axis=1)
    some_cut = min(degree[0], degree[1]) * (1 + 1e-9)
    held = (edges.data > 0.5 * degree[edges.row] * (1 + 1e-9)) & (edges.row > 1)
    held |= edges.data > some_cut
    if not held.any():
        return None
    pointers = coo_array((np.ones(held.sum()), (edges.row[held], edges.col[held])), (n, n))
    label = connected_components(pointers, directed=False)[1]
    number = _number_groups(label.max() + 1, label[:1], label[1:2])
    return number[label]


def _source_side(matrix: csr_array) -> NDArray[np.bool_]:
    """Return the nodes on the side of node 0 in the cheapest cut from node 1, (n,)."""
    scale = LARGEST_FLOW / max(matrix.sum(), 1e-9)
    whole = matrix.copy()
    whole.data = np.maximum(np.round(whole.data * scale), 1).astype(np.int32)
    whole = csr_array(whole, dtype=np.int32)
    residual = whole - maximum_flow(whole, 0, 1).flow
    residual.data = np.maximum(residual.data, 0)
    residual.eliminate_zeros()
    side = np.zeros(matrix.shape[0], bool)
    side[breadth_first_order(residual, 0, return_predecessors=False)] = True
    return side | _apart_from_both(matrix)


def _apart_from_both(matrix: csr_array) -> NDArray[np.bool_]:
    """Return the nodes that nothing joins with 0 or 1, (n,): they stay with 0."""
    piece = connected_components(matrix, directed=False)[1]
    return (piece != piece[0]) & (piece != piece[1])


def _all_but_the_far_side(matrix: csr_array) -> NDArray[np.bool_]:
    piece = connected_components(matrix, directed=False)[1]
    return piece != piece[1]


def _path_between(tree: csr_array, start: int, end: int) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Return both ends of each edge on the way from one node of a tree to another; None if there is no way."""
    _, before = breadth_first_order(tree, start, directed=False)
    way = [end]
    while way[-1] != start:
        if before[way[-1]] < 0:
            return None
        way.append(int(before[way[-1]]))
    return np.array(way[1:]), np.array(way[:-1])


def _proposal(method: str, graph: SegmentGraph, side: NDArray[np.bool_]) -> Proposal:
    """Return the proposal that cuts between the nodes of one side, (n,), and the others."""
    crossing = side[graph.u] != side[graph.v]
    near, far = graph.nodes[side], graph.nodes[~side]
    single = min(len(near), len(far)) == 1 < len(graph.nodes) - 1
    warning = "It cuts off a single fragment: add points if that is not what you mean." if single else ""
    return Proposal(method, near, far, float(graph.capacity[crossing].sum()), warning)
