"""The course of neurons: the longest ways from fragment to fragment.

It is the spanning tree of a neuron's fragments with the shortest steps between the middles of their boxes, taken apart
into its longest ways. So a length is that of a line from fragment to fragment: too short where fragments are long, too
long where they lie side by side; but the same fragments are measured alike before and after edits. Source of the
longest ways: Bender and Farach-Colton, Theoretical Computer Science 321:5, 2004.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components, dijkstra, minimum_spanning_tree

from napari_emcad.core.fragment_boxes import FragmentBoxes
from napari_emcad.core.geometry import Shape, VoxelSize
from napari_emcad.core.ids import Ids
from napari_emcad.proofreading.state import State


@dataclass(frozen=True)
class Pieces:
    """Fragments, and the neurons that they are in.

    Attributes
    ----------
    table : (n + 1,) Ids
        Neuron of each fragment; 0 = none.
    sizes : (n + 1,) int64
        Voxels of each fragment; 0 = it is not there.
    u, v : (m,) int
        Fragments that touch, or that a person joined.
    boxes : FragmentBoxes
    shape : (z, y, x)
    voxel_size : VoxelSize
    """

    table: Ids
    sizes: NDArray[np.int64]
    u: NDArray[np.integer]
    v: NDArray[np.integer]
    boxes: FragmentBoxes
    shape: Shape
    voxel_size: VoxelSize


@dataclass(frozen=True)
class Ways:
    """The longest ways of all trees.

    Attributes
    ----------
    tip, origin : (k,) int64
        The node at the end of each, and that where it begins.
    length : (k,) float64
        In nm.
    is_first : (k,) bool
        True for the longest way of a tree, which begins at another end of it; others begin on a longer one.
    """

    tip: NDArray[np.int64]
    origin: NDArray[np.int64]
    length: NDArray[np.float64]
    is_first: NDArray[np.bool_]

    def chosen(self, some: NDArray[np.bool_]) -> "Ways":
        """Return some of the ways."""
        return Ways(self.tip[some], self.origin[some], self.length[some], self.is_first[some])


def pieces_now(state: State, boxes: FragmentBoxes, voxel_size: VoxelSize) -> Pieces:
    """Return the neurons of a session as they are."""
    graph, bridges = state.graph, state.bridge_ends
    u, v = (np.concatenate([ends, bridges[:, i]]) for i, ends in enumerate((graph.u, graph.v)))
    table, sizes = state.table.copy(), state.sizes.copy()
    return Pieces(table, sizes, u, v, boxes, state.base.fragments.shape, voxel_size)


def pieces_at_start(state: State, threshold: float, boxes: FragmentBoxes, voxel_size: VoxelSize) -> Pieces:
    """Return the neurons of a session before its first edit."""
    base = state.base
    table = base.table(threshold, state.min_size)
    return Pieces(table, base.sizes, base.graph.u, base.graph.v, boxes, base.fragments.shape, voxel_size)


def longest_ways(pieces: Pieces, nodes: NDArray[np.int64], middle: NDArray[np.float64]) -> Ways:
    """Take the spanning trees of all neurons apart into ways, the longest first: each begins on a longer one."""
    n = len(nodes)
    place = np.full(len(pieces.table), -1)
    place[nodes] = np.arange(n)
    u, v = place[pieces.u], place[pieces.v]
    same = (u >= 0) & (v >= 0) & (pieces.table[pieces.u] == pieces.table[pieces.v])
    u, v = u[same], v[same]
    step = np.linalg.norm(middle[u] - middle[v], axis=1) + 1e-3
    graph = coo_array((step, (np.minimum(u, v), np.maximum(u, v))), (n, n)).tocsr()
    tree = csr_array(minimum_spanning_tree(graph))
    trees = connected_components(tree, False)[1]
    some = largest_node(pieces.sizes[nodes], trees, int(trees.max()) + 1)
    far = _distances(tree, some)[0]
    order = np.lexsort((-far, trees))
    roots = order[np.flatnonzero(np.diff(trees[order], prepend=-1))]  # an end of the longest way of each tree
    far, before = _distances(tree, roots)
    return _ways_from(far, before)


def _distances(tree: csr_array, roots: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the distance of each node from the root of its tree, and the node before it; -1 for roots."""
    far, before, _ = dijkstra(tree, directed=False, indices=roots, return_predecessors=True, min_only=True)
    return far, np.where(before < 0, -1, before).astype(np.int64)


def _ways_from(far: NDArray[np.float64], before: NDArray[np.int64]) -> Ways:
    """Return the ways of trees by the distance of each node from its root, and the node before it; -1 for roots."""
    order = np.argsort(far)[::-1].tolist()
    reach, tip, parent, distance = far.tolist(), list(range(len(far))), before.tolist(), far.tolist()
    heir = [-1] * len(reach)
    for node in order:  # from the tips to the roots
        above = parent[node]
        if above >= 0 and reach[node] > reach[above]:
            reach[above], tip[above], heir[above] = reach[node], tip[node], node
    begins = [node for node, above in enumerate(parent) if above < 0 or heir[above] != node]
    origin = [parent[node] if parent[node] >= 0 else node for node in begins]
    length = [reach[node] - distance[at] for node, at in zip(begins, origin, strict=True)]
    is_first = np.array([parent[node] < 0 for node in begins], bool)
    tips = np.array([tip[node] for node in begins], np.int64)
    return Ways(tips, np.array(origin, np.int64), np.array(length, float), is_first)


def largest_node(sizes: NDArray[np.int64], group: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Return the largest node of each of n groups."""
    largest = np.zeros(n, np.int64)
    order = np.argsort(sizes, kind="stable")
    largest[group[order]] = order  # the last written, so the largest, stays
    return largest
