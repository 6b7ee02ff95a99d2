"""Places where a neuron ends inside the volume, pieces that touch no face of it, and shapes that no neuron has.

The course of a neuron is the spanning tree of its fragments with the shortest steps between the middles of their boxes.
It is taken apart into its longest ways; those below `SHORTEST`, or shorter than the fragment is wide that they begin
on, are bumps that do not count. So a length is that of a line from fragment to fragment: too short where fragments are
long, too long where they lie side by side; but the same fragments are measured alike before and after edits. Source of
the longest ways: Bender and Farach-Colton, Theoretical Computer Science 321:5, 2004.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components, dijkstra, minimum_spanning_tree
from scipy.spatial import KDTree

from napari_emcad.core.fragment_boxes import FragmentBoxes
from napari_emcad.core.geometry import Shape, Voxel, VoxelSize, triple
from napari_emcad.core.ids import FragmentId, Ids, SegmentId
from napari_emcad.proofreading.state import State

SHORTEST = 500.0
"""nm; ways that are shorter are bumps."""

AT_FACE = 150.0
"""nm; what comes as near to a face of the volume leaves it there."""

SMALLEST = 1000
"""Voxels; smaller pieces that touch no face are crumbs."""

ARM = 1500.0
"""nm; four arms of at least this length at one place are no branching of one neuron."""

SOMA = 3000.0
"""nm; a fragment that is as wide as this in a section, and fills its box, is in a cell body."""

FULL = 0.35
"""Part of its box that a fragment in a cell body fills."""

APART = 10_000.0
"""nm between the middles of two cell bodies, at least."""

SpotKind = Literal["end", "orphan", "crossing", "two somata"]

SPOT_WORDS: dict[SpotKind, str] = {
    "end": "ends here",
    "orphan": "touches no face",
    "crossing": "four branches at one place",
    "two somata": "two cell bodies",
}
"""Kinds of places in words for people."""


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
class Spot:
    """A place to look at.

    Attributes
    ----------
    kind : SpotKind
    neuron : SegmentId
    fragment : FragmentId
        The fragment at the place.
    voxel : (z, y, x)
        The middle of its box.
    length : float
        nm of the way that ends here; 0 for other kinds.
    voxels : int
        Of the neuron.
    """

    kind: SpotKind
    neuron: SegmentId
    fragment: FragmentId
    voxel: Voxel
    length: float
    voxels: int


@dataclass(frozen=True)
class Quality:
    """Measures of how whole the neurons of a volume are, without a truth.

    Attributes
    ----------
    length : float
        nm of all ways.
    crossing : float
        Part of it, from 0 to 1, in neurons that touch two faces of the volume or more.
    ends : int
        Ends inside the volume.
    orphans : int
        Pieces that touch no face.
    """

    length: float
    crossing: float
    ends: int
    orphans: int

    @property
    def ends_per_100_um(self) -> float:
        """Ends inside the volume on 100 micrometres."""
        return self.ends / (self.length / 1e5) if self.length else 0.0

    @property
    def text(self) -> str:
        """The figures as people read them: "412 µm of neurite, 81 % in ..."."""
        return (
            f"{self.length / 1000:,.0f} µm of neurite, {self.crossing:.0%} in neurons that cross the volume; "
            f"{self.ends_per_100_um:.1f} ends on 100 µm, {self.orphans:,} pieces touch no face"
        )


@dataclass(frozen=True)
class Spots:
    """Places to look at, those of the largest neurons first, and the quality."""

    places: tuple[Spot, ...]
    quality: Quality


@dataclass(frozen=True)
class _Ways:
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

    def chosen(self, some: NDArray[np.bool_]) -> "_Ways":
        """Return some of the ways."""
        return _Ways(self.tip[some], self.origin[some], self.length[some], self.is_first[some])


def find_spots(pieces: Pieces) -> Spots:
    """Find the places to look at; a million fragments take some seconds, no voxel is read."""
    nodes = np.flatnonzero((pieces.table > 0) & (pieces.sizes > 0))
    nodes = nodes[nodes < len(pieces.boxes)]
    nodes = nodes[pieces.boxes.stop[nodes, 0] > 0]
    if not len(nodes):
        return Spots((), Quality(0.0, 0.0, 0, 0))
    scale = np.array(pieces.voxel_size)
    start, stop = pieces.boxes.start[nodes] * scale, pieces.boxes.stop[nodes] * scale
    owner, number = np.unique(pieces.table[nodes], return_inverse=True)
    voxels = np.bincount(number, pieces.sizes[nodes]).astype(np.int64)
    near = np.concatenate([start <= AT_FACE, stop >= np.array(pieces.shape) * scale - AT_FACE], axis=1)
    faces = np.zeros((len(owner), 6), bool)
    for face in range(6):
        faces[number[near[:, face]], face] = True
    ways = _longest_ways(pieces, nodes, (start + stop) / 2)
    width = (stop - start)[:, 1:].max(axis=1)[ways.origin]
    ways = ways.chosen(ways.length >= np.where(ways.is_first, SHORTEST, np.maximum(width, SHORTEST)))
    of_way = number[ways.tip]
    is_orphan = ~faces.any(axis=1) & (voxels >= SMALLEST)
    tips = np.concatenate([ways.tip, ways.origin[ways.is_first]])
    lengths = np.concatenate([ways.length, ways.length[ways.is_first]])
    reach = float(np.clip((np.array(pieces.shape) * scale).min() / 4, AT_FACE, SHORTEST))
    is_end = (
        ~_leaves(tips, (start + stop) / 2, number, np.flatnonzero(near.any(axis=1)), reach) & ~is_orphan[number[tips]]
    )
    total = float(ways.length.sum())
    crossing = float(ways.length[faces.sum(axis=1)[of_way] > 1].sum()) / total if total else 0.0
    largest = _largest_node(pieces.sizes[nodes], number, len(owner))
    found: list[tuple[SpotKind, NDArray[np.int64], NDArray[np.float64]]] = [
        ("end", tips[is_end], lengths[is_end]),
        ("orphan", largest[is_orphan], np.zeros(is_orphan.sum())),
        ("crossing", _crossings(ways), np.zeros(0)),
        ("two somata", _second_somata(pieces.sizes[nodes], start, stop, number, scale), np.zeros(0)),
    ]
    middle = (pieces.boxes.start[nodes] + pieces.boxes.stop[nodes]) // 2
    places = [
        Spot(
            kind,
            SegmentId(int(owner[number[node]])),
            FragmentId(int(nodes[node])),
            triple(middle[node]),
            float(lengths[i]) if i < len(lengths) else 0.0,
            int(voxels[number[node]]),
        )
        for kind, some, lengths in found
        for i, node in enumerate(some.tolist())
    ]
    places.sort(key=lambda spot: (-spot.voxels, spot.neuron, -spot.length, spot.fragment))
    return Spots(tuple(places), Quality(total, crossing, int(is_end.sum()), int(is_orphan.sum())))


def _longest_ways(pieces: Pieces, nodes: NDArray[np.int64], middle: NDArray[np.float64]) -> _Ways:
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
    some = _largest_node(pieces.sizes[nodes], trees, int(trees.max()) + 1)
    far = _distances(tree, some)[0]
    order = np.lexsort((-far, trees))
    roots = order[np.flatnonzero(np.diff(trees[order], prepend=-1))]  # an end of the longest way of each tree
    far, before = _distances(tree, roots)
    return _ways_from(far, before)


def _distances(tree: csr_array, roots: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the distance of each node from the root of its tree, and the node before it; -1 for roots."""
    far, before, _ = dijkstra(tree, directed=False, indices=roots, return_predecessors=True, min_only=True)
    return far, np.where(before < 0, -1, before).astype(np.int64)


def _ways_from(far: NDArray[np.float64], before: NDArray[np.int64]) -> _Ways:
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
    return _Ways(tips, np.array(origin, np.int64), np.array(length, float), is_first)


def _leaves(
    tips: NDArray[np.int64],
    middle: NDArray[np.float64],
    number: NDArray[np.int64],
    faces: NDArray[np.int64],
    reach: float,
) -> NDArray[np.bool_]:
    """Return which tips are within a reach in nm of fragments of their neuron at a face of the volume, or there."""
    if not len(faces) or not len(tips):
        return np.zeros(len(tips), bool)
    around = KDTree(middle[faces]).query_ball_point(middle[tips], reach)
    beside = [bool((number[faces[some]] == number[tip]).any()) for some, tip in zip(around, tips, strict=True)]
    return np.array(beside, bool)


def _crossings(ways: _Ways) -> NDArray[np.int64]:
    """Return the nodes from which two long ways begin on a third one."""
    long = ways.origin[(ways.length >= ARM) & ~ways.is_first]
    nodes, counts = np.unique(long, return_counts=True)
    return nodes[counts > 1]


def _second_somata(
    sizes: NDArray[np.int64],
    start: NDArray[np.float64],
    stop: NDArray[np.float64],
    number: NDArray[np.int64],
    scale: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Return a node in the cell body that is farthest from the largest one of the same neuron, where there is one."""
    extent = stop - start
    is_soma = (extent[:, 1:] >= SOMA).all(axis=1) & (sizes * scale.prod() >= FULL * extent.prod(axis=1))
    nodes = np.flatnonzero(is_soma)
    found = []
    for neuron in np.unique(number[nodes]).tolist():
        theirs = nodes[number[nodes] == neuron]
        middle = (start[theirs] + stop[theirs]) / 2
        far = np.linalg.norm(middle - middle[np.argmax(sizes[theirs])], axis=1)
        if far.max() >= APART:
            found.append(int(theirs[np.argmax(far)]))
    return np.array(found, np.int64)


def _largest_node(sizes: NDArray[np.int64], group: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Return the largest node of each of n groups."""
    largest = np.zeros(n, np.int64)
    order = np.argsort(sizes, kind="stable")
    largest[group[order]] = order  # the last written, so the largest, stays
    return largest


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
