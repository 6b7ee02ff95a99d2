"""Places where a neuron ends inside the volume, pieces that touch no face of it, and shapes that no neuron has.

Of the longest ways of a neuron (`ways.py`) those below `SHORTEST`, or shorter than the fragment is wide that they begin
on, are bumps that do not count.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from napari_emcad.core.geometry import Voxel, triple
from napari_emcad.core.ids import FragmentId, Ids, SegmentId
from napari_emcad.proofreading.ways import Pieces, Ways, largest_node, longest_ways

SHORTEST = 500.0
"""nm; ways that are shorter are bumps."""

AT_FACE = 150.0
"""nm; a way that comes as near to a face of the volume leaves it there."""

THIN = 1 / 8
"""Part of the volume's length along an axis within which a piece touches a face, if that is less than `AT_FACE`."""

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
class _Nodes:
    """The fragments that there are, as nodes of trees.

    Attributes
    ----------
    fragment : (k,) int64
    start, stop : (k, 3) float64
        Their boxes, z, y, x in nm.
    neurons : (n,) Ids
    number : (k,) int64
        The place of each one's neuron among all.
    leaves, touches : (k, 6) bool
        True within `AT_FACE` of each face of the volume, the three at 0 first; and where that is touched.
    """

    fragment: NDArray[np.int64]
    start: NDArray[np.float64]
    stop: NDArray[np.float64]
    neurons: Ids
    number: NDArray[np.int64]
    leaves: NDArray[np.bool_]
    touches: NDArray[np.bool_]

    @classmethod
    def of(cls, pieces: Pieces) -> "_Nodes":
        """Return those that have a neuron and a box."""
        there = np.flatnonzero((pieces.table > 0) & (pieces.sizes > 0))
        there = there[there < len(pieces.boxes)]
        there = there[pieces.boxes.stop[there, 0] > 0]
        scale = np.array(pieces.voxel_size)
        start, stop = pieces.boxes.start[there] * scale, pieces.boxes.stop[there] * scale
        neurons, number = np.unique(pieces.table[there], return_inverse=True)
        whole = np.array(pieces.shape) * scale
        apart = np.concatenate([start, whole - stop], axis=1)
        touched = np.tile(np.minimum(AT_FACE, whole * THIN), 2)
        return cls(there, start, stop, neurons, number, apart <= AT_FACE, apart <= touched)

    @property
    def middle(self) -> NDArray[np.float64]:
        """The middles of the boxes, (k, 3) in nm."""
        return (self.start + self.stop) / 2

    @property
    def faces(self) -> NDArray[np.bool_]:
        """The faces that each neuron touches, (n, 6)."""
        faces = np.zeros((len(self.neurons), 6), bool)
        for face in range(6):
            faces[self.number[self.touches[:, face]], face] = True
        return faces


def find_spots(pieces: Pieces) -> Spots:
    """Find the places to look at; a million fragments take some seconds, no voxel is read."""
    nodes = _Nodes.of(pieces)
    if not len(nodes.fragment):
        return Spots((), Quality(0.0, 0.0, 0, 0))
    sizes, faces, ways = pieces.sizes[nodes.fragment], nodes.faces, _ways_that_count(pieces, nodes)
    voxels = np.bincount(nodes.number, sizes).astype(np.int64)
    is_orphan = ~faces.any(axis=1) & (voxels >= SMALLEST)
    tips, lengths = _ends_inside(pieces, nodes, ways, is_orphan)
    found: dict[SpotKind, NDArray[np.int64]] = {
        "end": tips,
        "orphan": largest_node(sizes, nodes.number, len(nodes.neurons))[is_orphan],
        "crossing": _crossings(ways),
        "two somata": _second_somata(sizes, nodes.start, nodes.stop, nodes.number, np.array(pieces.voxel_size)),
    }
    places = [
        _spot(pieces, nodes, kind, node, length, voxels)
        for kind, some in found.items()
        for node, length in zip(some.tolist(), lengths.tolist() if kind == "end" else [0.0] * len(some), strict=True)
    ]
    places.sort(key=lambda spot: (-spot.voxels, spot.neuron, -spot.length, spot.fragment))
    total = float(ways.length.sum())
    crosses = faces.sum(axis=1)[nodes.number[ways.tip]] > 1
    crossing = float(ways.length[crosses].sum()) / total if total else 0.0
    return Spots(tuple(places), Quality(total, crossing, len(tips), int(is_orphan.sum())))


def _ways_that_count(pieces: Pieces, nodes: _Nodes) -> Ways:
    """Return the longest ways without the bumps."""
    ways = longest_ways(pieces, nodes.fragment, nodes.middle)
    width = (nodes.stop - nodes.start)[:, 1:].max(axis=1)[ways.origin]
    return ways.chosen(ways.length >= np.where(ways.is_first, SHORTEST, np.maximum(width, SHORTEST)))


def _ends_inside(
    pieces: Pieces, nodes: _Nodes, ways: Ways, is_orphan: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the nodes at which ways end inside the volume, but for those of orphans, and the lengths of the ways."""
    tips = np.concatenate([ways.tip, ways.origin[ways.is_first]])
    lengths = np.concatenate([ways.length, ways.length[ways.is_first]])
    reach = float(np.clip((np.array(pieces.shape) * pieces.voxel_size).min() / 4, AT_FACE, SHORTEST))
    leaves = _leaves(tips, nodes.middle, nodes.number, np.flatnonzero(nodes.leaves.any(axis=1)), reach)
    is_end = ~leaves & ~is_orphan[nodes.number[tips]]
    return tips[is_end], lengths[is_end]


def _spot(pieces: Pieces, nodes: _Nodes, kind: SpotKind, node: int, length: float, voxels: NDArray[np.int64]) -> Spot:
    fragment, number = FragmentId(int(nodes.fragment[node])), nodes.number[node]
    middle = (pieces.boxes.start[fragment] + pieces.boxes.stop[fragment]) // 2
    return Spot(kind, SegmentId(int(nodes.neurons[number])), fragment, triple(middle), length, int(voxels[number]))


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


def _crossings(ways: Ways) -> NDArray[np.int64]:
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
