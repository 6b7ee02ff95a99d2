"""Edges where a segmentation is probably wrong, and what it would gain by being corrected.

A segment of s voxels that should be parts of s1 and s2 adds (s ln s - s1 ln s1 - s2 ln s2) / N to the variation of
information of N voxels, and so do two that should be one.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, xlogy

from napari_emcad.core.fragment_boxes import FragmentBoxes
from napari_emcad.core.ids import Ids, order_of_pairs
from napari_emcad.core.region_graph import RegionGraph
from napari_emcad.core.sections.pairing import PlannedBox, voxels_before
from napari_emcad.core.volume import FragmentVolume
from napari_emcad.proofreading.edges import Graph
from napari_emcad.proofreading.review.forest import Forest, spanning_forest
from napari_emcad.proofreading.review.known_sides import ALIKE
from napari_emcad.proofreading.review.odds import Odds

JOIN_ODDS = Odds(
    (-3.668, 0.505, 0.543, -1.028, 0.172, -1.083),
    mean=(0.139, 0.079, 4.561, 5.37, 8.844),
    spread=(0.094, 0.088, 1.832, 2.093, 2.03),
)
"""Odds of "these two segments are one neuron"; see `find_split_suspects` for the features.

Fitted by benchmarks/review_odds.py on AC4[0:20], [20:40] and [60:80] with the CAD student AC34 at its threshold 0.3:
7,795 pairs of segments, 862 of one neuron.
"""

CUT_ODDS = Odds(
    (-4.955, -1.264, -0.675, 1.473, 1.42),
    mean=(0.799, 5.609, 5.896, 11.046),
    spread=(0.163, 2.617, 3.972, 1.544),
)
"""Odds of "this segment is two neurons that part here"; see `find_merge_suspects` for the features.

Fitted as `JOIN_ODDS`: 29,308 cuts, 765 of which make the segmentation better.
"""


@dataclass(frozen=True)
class Suspects:
    """Edges of a region graph about which somebody should be asked.

    Attributes
    ----------
    edge : (k,) int64
        Row of the region graph.
    features : (k, f) float64
        Numbers that the probability of an error is estimated from.
    change : (k,) float64
        Change of the variation of information by the correction, in bits x voxels.
    voxels : (k,) float64
        Voxels that the correction puts right: those of the smaller side.
    opinion : (k,) float64
        The log odds of the second opinion; NaN where it says nothing, and the odds serve.
    """

    edge: NDArray[np.int64]
    features: NDArray[np.float64]
    change: NDArray[np.float64]
    voxels: NDArray[np.float64]
    opinion: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.edge)

    def chosen(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> "Suspects":
        """Return some of them, by a mask or by their places."""
        return Suspects(*(column[which] for column in self._columns))

    def p(self, odds: Odds) -> NDArray[np.float64]:
        """Return the probability of an error, (k,)."""
        found: NDArray[np.float64] = np.where(np.isnan(self.opinion), odds.p(self.features), expit(self.opinion))
        return found

    def heard(self, opinion: NDArray[np.float64]) -> "Suspects":
        """Return these with the log odds of a second opinion, (k,)."""
        return replace(self, opinion=opinion)

    def gain(self, odds: Odds) -> NDArray[np.float64]:
        """Return the expected change, (k,), in bits x voxels."""
        return self.p(odds) * self.change

    def put_right(self, odds: Odds) -> NDArray[np.float64]:
        """Return the voxels that an answer can be expected to put right, (k,)."""
        return self.p(odds) * self.voxels

    def best(self, most: int, odds: Odds) -> "Suspects":
        """Return those with the largest expected gain, `most` of them at most."""
        return self.chosen(np.argsort(-self.gain(odds), kind="stable")[:most])

    def with_also(self, others: "Suspects") -> "Suspects":
        """Return these and then the others."""
        both = zip(self._columns, others._columns, strict=True)
        return Suspects(*(np.concatenate(columns) for columns in both))

    @property
    def _columns(self) -> tuple[NDArray[Any], ...]:
        return self.edge, self.features, self.change, self.voxels, self.opinion


def find_split_suspects(
    graph: Graph, edges: NDArray[np.int64], table: Ids, volume: NDArray[np.number], across: NDArray[np.bool_]
) -> Suspects:
    """Find segments that touch and may be one; for each two, the edge between them of the largest capacity.

    The features: mean affinity within sections and between them, ln faces of each kind, ln voxels of the smaller.

    Strategy: edges between two segments are sorted by the pair, so that the edges of each pair are a run; faces and
    affinities are summed up run by run.

    Parameters
    ----------
    graph : Graph
    edges : (k,) int64
        Rows of the edges to look at: all edges of two segments, or none.
    table : (n + 1,) Ids
        Segment of each fragment, 0 = none.
    volume : (s,) float
        Voxels of each segment, by its id.
    across : (m,) bool
        True for edges between two sections, see `find_edges_between_sections`.
    """
    u, v = table[graph.u[edges]], table[graph.v[edges]]
    out = (u != v) & (u > 0) & (v > 0)
    edges, low, high = edges[out], np.minimum(u, v)[out], np.maximum(u, v)[out]
    if not len(edges):
        return _no_suspects(JOIN_ODDS)
    area = graph.area[edges].astype(np.float64)
    strength = area * graph.mean[edges]
    order = order_of_pairs(low, high)
    is_new = (np.diff(low[order]) != 0) | (np.diff(high[order]) != 0)
    starts = np.flatnonzero(np.append(True, is_new))
    first, flat = _first_of_largest(strength, order, starts), ~across[edges]
    faces = [_sums((area * kind)[order], starts) for kind in (flat, ~flat)]
    strengths = [_sums((strength * kind)[order], starts) for kind in (flat, ~flat)]
    one, other = volume[low[first]], volume[high[first]]
    means = [s / np.maximum(f, 1) for s, f in zip(strengths, faces, strict=True)]
    features = np.stack([*means, *map(np.log1p, faces), np.log(np.maximum(np.minimum(one, other), 1))], axis=1)
    return Suspects(edges[first], features, voi_change(one, other), np.minimum(one, other), np.full(len(first), np.nan))


def find_merge_suspects(
    graph: Graph,
    edges: NDArray[np.int64],
    sizes: NDArray[np.int64],
    joined: NDArray[np.int64],
    hear: Callable[[Forest], NDArray[np.float64]] | None = None,
) -> Suspects:
    """Find places inside segments where a cheap cut parts much from much.

    Strategy: in the spanning tree of largest capacity (mean affinity x area) of each segment, every edge parts it in
    two; the voxels below each edge, and the faces between both sides with their affinities, are summed up level by
    level. The features are those of the whole cut, because a merger mostly hangs on few faces of low affinity while a
    neuron hangs together in many places: mean affinity, ln faces, ln voxels of the smaller side and of the larger.

    Parameters
    ----------
    graph : Graph
    edges : (k,) int64
        Rows of all edges that lie inside the segments in question.
    sizes : (n + 1,) int64
        Voxels of each fragment.
    joined : (j,) int64
        Edges that people joined: they come before all others in the tree, so that as few as can be cross a cut.
    hear : callable, optional
        Gives a second opinion on the edges of a spanning tree, see `Suspects.heard`.
    """
    if not len(edges):
        return _no_suspects(CUT_ODDS)
    forest = spanning_forest(graph, edges, joined)
    area = graph.area[edges].astype(np.float64)
    values = forest.of_nodes(sizes), forest.ends(area), forest.ends(area * graph.mean[edges])
    below = forest.sums_below(*values)
    one, faces, strength = below[forest.lower].T
    whole = below[forest.root[forest.lower], 0]
    faces, small = np.maximum(faces, 1), np.minimum(one, whole - one)
    features = np.stack([strength / faces, *(np.log(np.maximum(x, 1)) for x in (faces, small, whole - small))], axis=1)
    found = Suspects(edges[forest.edge], features, voi_change(one, whole - one), small, np.full(len(small), np.nan))
    return found.heard(hear(forest)) if hear else found


def find_cuts_alike(forest: Forest, sizes: NDArray[np.int64], near: Ids, far: Ids) -> NDArray[np.int64]:
    """Find the tree edges, (k,), that part a segment nearly as another cut does.

    Where both sides have more than half of all their voxels in common with those of the other, people who looked at the
    other have seen what is most of each; a long neurite would otherwise be asked about all along its length.

    Parameters
    ----------
    forest : Forest
        The spanning tree of the segment.
    sizes : (n + 1,) int64
        Voxels of each fragment.
    near, far : (f,) Ids
        Fragments on both sides of the other cut.
    """
    values = forest.of_nodes(sizes)
    below = forest.sums_below(values, np.where(np.isin(forest.fragments, near), values, 0))
    here, shared = below[forest.lower].T
    whole, one, other = values.sum(), float(sizes[near].sum()), float(sizes[far].sum())
    straight = _overlap(shared, here, one), _overlap(other - here + shared, whole - here, other)
    crossed = _overlap(here - shared, here, other), _overlap(one - shared, whole - here, one)
    return forest.edge[(np.minimum(*straight) > ALIKE) | (np.minimum(*crossed) > ALIKE)]


def _overlap(shared: NDArray[np.float64], one: NDArray[np.float64], other: float) -> NDArray[np.float64]:
    """Return what two sets share as a part of all they have: intersection over union."""
    return shared / (one + other - shared)


def find_edges_between_sections(
    graph: RegionGraph,
    fragments: FragmentVolume,
    boxes: FragmentBoxes | None = None,
    planned: PlannedBox | None = None,
) -> NDArray[np.bool_]:
    """Find the edges, (m,), that lie between two sections: the face at their contact point does.

    Voxels are read only where boxes do not tell: the boxes of fragments of one section each always do.

    Parameters
    ----------
    graph : RegionGraph
    fragments : FragmentVolume (z, y, x)
    boxes : FragmentBoxes, optional
        Without them voxels are read at every contact.
    planned : PlannedBox, optional
        The plan for the sections of the fragments.
    """
    nothing = np.zeros(len(graph), bool)
    across, unknown = (nothing, ~nothing) if boxes is None else _look_at_boxes(graph, boxes)
    contact = graph.contact[unknown]
    there = voxels_before(contact, planned)
    here, before = fragments[tuple(contact.T)], fragments[tuple(np.maximum(there, 0).T)]
    touches = (np.minimum(here, before) == graph.u[unknown]) & (np.maximum(here, before) == graph.v[unknown])
    across[unknown] = touches & (there[:, 0] >= 0)
    return across


def _look_at_boxes(graph: RegionGraph, boxes: FragmentBoxes) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the edges that lie between two sections, and those that the boxes of their fragments leave open, (m,)."""
    start, stop = boxes.start[:, 0], boxes.stop[:, 0]
    apart = (stop[graph.u] <= start[graph.v]) | (stop[graph.v] <= start[graph.u])
    is_flat = stop - start == 1
    return apart, ~(apart | is_flat[graph.u] & is_flat[graph.v])


def voi_change(one: NDArray[np.number] | float, other: NDArray[np.number] | float) -> NDArray[np.float64]:
    """Return how much joining or parting pieces of these voxels changes the variation of information, bits x voxels."""
    one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
    whole = one + other
    change: NDArray[np.float64] = (xlogy(whole, whole) - xlogy(one, one) - xlogy(other, other)) / np.log(2)
    return change


def _first_of_largest(
    values: NDArray[np.float64], order: NDArray[np.intp], starts: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return where the largest value of each run of ordered values stands; the first of equals."""
    runs = np.diff(np.append(starts, len(order)))
    at = np.flatnonzero(values[order] == np.repeat(np.maximum.reduceat(values[order], starts), runs))
    return order[at[np.searchsorted(at, starts)]]


def _sums(values: NDArray[np.number], starts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the sum of each run of values."""
    return np.add.reduceat(values.astype(np.float64), starts)


def gap_suspects(edges: NDArray[np.int64], one: NDArray[np.float64], other: NDArray[np.float64]) -> Suspects:
    """Return suspects about segments of these voxels, (k,), that do not touch; `edges` are rows of gaps."""
    small, nothing = np.minimum(one, other), np.zeros(len(one))
    features = np.stack([nothing] * 4 + [np.log(np.maximum(small, 1))], axis=1)
    return Suspects(edges, features, voi_change(one, other), small, np.full(len(one), np.nan))


def _no_suspects(odds: Odds) -> Suspects:
    return Suspects(np.empty(0, np.int64), np.empty((0, len(odds.mean))), np.empty(0), np.empty(0), np.empty(0))
