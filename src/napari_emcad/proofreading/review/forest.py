"""Spanning trees of segments, and sums over what lies below each of their edges."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree
from scipy.sparse.linalg import spsolve_triangular

from napari_emcad.proofreading.edges import Graph


@dataclass(frozen=True)
class Forest:
    """Rooted trees of fragments under one more node, 0, that belongs to none of them.

    Attributes
    ----------
    fragments : (n,) int64
        Fragment of each node; that of node 0 is 0. Nodes stand breadth first: each after the node above it.
    above : (n,) int64
        The node above each; that of node 0 is itself.
    root : (n,) int64
        The topmost node of the tree of each node.
    u, v : (m,) int64
        Nodes at the ends of all edges, also of those in no tree.
    edge : (k,) int64
        Edges that are in a tree, as places in u and v.
    lower : (k,) int64
        The node below each of these.
    """

    fragments: NDArray[np.int64]
    above: NDArray[np.int64]
    root: NDArray[np.int64]
    u: NDArray[np.int64]
    v: NDArray[np.int64]
    edge: NDArray[np.int64]
    lower: NDArray[np.int64]

    def of_nodes(self, values: NDArray[np.integer]) -> NDArray[np.float64]:
        """Return values of fragments, (f + 1,), by node, (n,); 0 for node 0."""
        found = values[self.fragments].astype(np.float64)
        found[0] = 0
        return found

    def sums_below(self, *values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum of values, (n,) each, over each node and all nodes below it, (n, values).

        Strategy: what is below a node less what is below the nodes right below it is its own value: a triangular
        system of equations.
        """
        sums: NDArray[np.float64] = spsolve_triangular(
            self._equations, np.stack(values, axis=1), lower=False, unit_diagonal=True
        )
        return sums

    def ends(self, weight: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return values, (n,), whose sum over a node and all below it is the weight of the edges that leave these.

        Strategy: an edge counts at both ends, and is taken away twice where the ways up from its ends meet.

        Parameters
        ----------
        weight : (m,) float64
            Weight of each edge.
        """
        n = len(self.above)
        both = np.bincount(self.u, weight, n) + np.bincount(self.v, weight, n)
        counted_inside = 2 * np.bincount(self._meetings, weight, n)
        return (both - counted_inside).astype(np.float64, copy=False)

    def sides(self, edge: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the fragments below one of the tree edges, and the others of its tree; sorted."""
        node, nodes = self.lower[self.edge == edge][0], np.arange(len(self.above))
        downwards = csr_array((np.ones(len(nodes) - 1), (self.above[1:], nodes[1:])), (len(nodes), len(nodes)))
        below = np.isin(nodes, breadth_first_order(downwards, node, return_predecessors=False))
        tree = self.root == self.root[node]
        return np.sort(self.fragments[below]), np.sort(self.fragments[tree & ~below])

    @cached_property
    def _equations(self) -> csr_array:
        n = len(self.above)
        rows, columns = np.concatenate([np.arange(n), self.above[1:]]), np.concatenate([np.arange(n), np.arange(1, n)])
        return coo_array((np.repeat([1.0, -1.0], [n, n - 1]), (rows, columns)), (n, n)).tocsr()

    @cached_property
    def _meetings(self) -> NDArray[np.int64]:
        """The node where the ways up from the ends of each edge meet, (m,).

        Strategy: jumps of 1, 2, 4, ... nodes upwards, for all edges at once. The deeper end is lifted to the depth of
        the other; then both take every jump that leaves them apart, so that they meet one node further up.
        """
        jumps, depth = [self.above], (self.above != np.arange(len(self.above))).astype(np.int64)
        while jumps[-1].any():
            depth = depth + depth[jumps[-1]]
            jumps.append(jumps[-1][jumps[-1]])
        low, high = np.maximum(self.u, self.v), np.minimum(self.u, self.v)  # deeper nodes come later
        rest = depth[low] - depth[high]
        for k, jump in enumerate(jumps):
            low = np.where(rest >> k & 1, jump[low], low)
        for jump in reversed(jumps):
            apart = jump[low] != jump[high]
            low, high = np.where(apart, jump[low], low), np.where(apart, jump[high], high)
        return np.where(low == high, low, self.above[low])


def spanning_forest(graph: Graph, edges: NDArray[np.int64], joined: NDArray[np.int64]) -> Forest:
    """Return the spanning trees of largest capacity, mean affinity x area.

    Trees of largest affinity instead found hardly any error: a tiny contact of high affinity hides a large one of low.

    Strategy: edges in the order of falling capacity have the costs 1, 2, ..., so that the tree of least cost does not
    depend on equal values; nodes are numbered breadth first from node 0, under which all trees hang.

    Parameters
    ----------
    graph : Graph
    edges : (m,) int64
        All that lie inside the segments in question, at least one.
    joined : (j,) int64
        Edges that people joined: they come before all others.
    """
    capacity = graph.mean[edges].astype(np.float64) * graph.area[edges]
    capacity[np.isin(edges, joined)] = np.inf
    of_cost = np.argsort(-capacity, kind="stable")
    cost = np.empty(len(edges))
    cost[of_cost] = np.arange(1, len(edges) + 1)  # a cost of 0 would be no edge
    fragments, u, v = _number_ends(graph.u[edges], graph.v[edges])
    n = len(fragments)
    tree = minimum_spanning_tree(coo_array((cost, (u, v)), (n, n)).tocsr()).tocoo()
    label = connected_components(tree, directed=False)[1]
    top = np.unique(label, return_index=True)[1]  # that of node 0 is itself
    order, place, above = _order_breadth_first(tree, top)
    ends = place[tree.row], place[tree.col]
    edge, root = of_cost[tree.data.astype(np.int64) - 1], place[top[label]][order]
    return Forest(fragments[order], above, root, place[u], place[v], edge, np.maximum(*ends))


def _order_breadth_first(
    tree: coo_array, top: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the nodes breadth first from 0, under which the trees hang by their topmost nodes `top`.

    Returns
    -------
    order, place, above : (n,) int64
        Node at each place, place of each node, and the place above each place.
    """
    n = tree.shape[0]
    ends = np.concatenate([tree.row, np.zeros(len(top) - 1, int)]), np.concatenate([tree.col, top[1:]])
    order, before = breadth_first_order(coo_array((np.ones(len(ends[0])), ends), (n, n)).tocsr(), 0, directed=False)
    place = np.empty(n, np.int64)
    place[order] = np.arange(n)
    before[0] = 0
    return order, place, place[before[order]]


def _number_ends(
    u: NDArray[np.integer], v: NDArray[np.integer]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the fragments at these ends, sorted, and the ends as places among them, from 1; place 0 is none."""
    used = np.zeros(int(max(u.max(), v.max())) + 1, bool)
    used[0] = used[u] = used[v] = True
    number = np.cumsum(used) - 1
    return np.flatnonzero(used), number[u], number[v]
