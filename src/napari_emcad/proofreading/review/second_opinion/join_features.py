"""Features of two segments that may be one: their contact, shapes, ends and other partners."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.ids import Ids
from napari_emcad.core.region_graph import RegionGraph
from napari_emcad.proofreading.edges import EditedGraph
from napari_emcad.proofreading.review.second_opinion.shapes import (
    ACROSS,
    FragmentShapes,
    SegmentShapes,
    centre,
    slope,
    spread,
)

FAR_AWAY = 100.0
"""Diameters: what is farther apart is as far as this."""

NAMES = (
    "mean affinity in sections",
    "mean affinity between sections",
    "ln faces in sections",
    "ln faces between sections",
    "ln edges",
    "largest mean affinity",
    *(f"affinity quantile {i} at the strongest edge" for i in range(5)),
    *(f"affinity quantile {i} of the contact" for i in range(5)),
    "ln faces at the strongest edge",
    "ln voxels of the smaller",
    "ln voxels of the larger",
    "sections of the smaller",
    "sections of the larger",
    "shared sections per section of the smaller",
    "sections between them",
    "faces between sections per cross-section of the smaller",
    "faces in sections per rim of the smaller",
    "share of the smaller's strength",
    "share of the larger's strength",
    "strength per the smaller's best other",
    "strength per the larger's best other",
    "ends of the smaller inside",
    "ends of the larger inside",
    "contact to the smaller's end",
    "contact to the larger's end",
    "distance of ends",
    "distance of ends, gone on from the smaller",
    "distance of ends, gone on from the larger",
    "ln ratio of end sizes",
    "turn",
    "spread of the smaller in sections",
    "spread of the larger in sections",
    "overlap two sections on",
    "overlap three sections on",
)
"""The features of two segments, in their order."""


class Totals(NamedTuple):
    """Strength (affinity x faces) of the contacts of each segment: of all, of the best partner and of the second."""

    all: NDArray[np.float64]
    best: NDArray[np.float64]
    second: NDArray[np.float64]


@dataclass(frozen=True)
class Pairs:
    """Pairs of segments and the contact of each.

    Attributes
    ----------
    low, high : (k,) int64
        Segments, low < high.
    """

    low: NDArray[np.int64]
    high: NDArray[np.int64]

    @property
    def key(self) -> NDArray[np.int64]:
        """One number for each pair."""
        return self.low << 32 | self.high


def find_gaps(shapes: FragmentShapes, segments: SegmentShapes, table: Ids) -> NDArray[np.int64]:
    """Find rows of `shapes.over`, (k,), at the ends of two segments that face each other across one or two sections.

    One row for each two segments: the one that overlaps most.
    """
    u, v, distance, overlap = shapes.over.T
    one, other = table[u].astype(np.int64), table[v].astype(np.int64)
    between = segments.start[other] - segments.stop[one]
    faces = (one != other) & (one > 0) & (other > 0) & (between == distance - 1)
    rows = np.flatnonzero(faces & (shapes.stop[u] == segments.stop[one]) & (shapes.start[v] == segments.start[other]))
    rows = rows[np.lexsort((-overlap[rows], other[rows], one[rows]))]
    return rows[(np.diff(one[rows], prepend=-1) != 0) | (np.diff(other[rows], prepend=-1) != 0)]


def describe_joins(
    pairs: Pairs,
    graph: RegionGraph | EditedGraph,
    edges: NDArray[np.int64],
    across: NDArray[np.bool_],
    table: Ids,
    shapes: FragmentShapes,
) -> NDArray[np.float64]:
    """Return the features, (k, len(NAMES)), of pairs of segments.

    Parameters
    ----------
    pairs : Pairs
        Sorted by their key.
    graph : RegionGraph or EditedGraph
    edges : (e,) int64
        Rows of all edges that leave one of these segments.
    across : (m,) bool
        True for edges of the graph that lie between two sections.
    table : (n + 1,) Ids
    shapes : FragmentShapes
    """
    segments = SegmentShapes.of(shapes, table)
    contact, totals = _contacts(pairs, graph, edges, across, table, segments)
    volume = segments.moments[:, 0]
    is_low_smaller = volume[pairs.low] <= volume[pairs.high]
    small, large = (np.where(kind, pairs.low, pairs.high) for kind in (is_low_smaller, ~is_low_smaller))
    columns = [
        contact.columns,
        _sizes(small, large, contact, segments),
        _partners(small, large, contact.strength, totals),
        _ends(small, large, contact.section, segments, shapes.depth),
        _overlaps(pairs, small, table, shapes, segments),
    ]
    return np.concatenate(columns, axis=1)


class _Contact(NamedTuple):
    """The contact of each pair; all 0 for those that do not touch."""

    columns: NDArray[np.float64]
    flat: NDArray[np.float64]
    across: NDArray[np.float64]
    strength: NDArray[np.float64]
    section: NDArray[np.float64]


def _contacts(
    pairs: Pairs,
    graph: RegionGraph | EditedGraph,
    edges: NDArray[np.int64],
    across: NDArray[np.bool_],
    table: Ids,
    segments: SegmentShapes,
) -> tuple[_Contact, Totals]:
    u, v = table[graph.u[edges]].astype(np.int64), table[graph.v[edges]].astype(np.int64)
    out = (u != v) & (u > 0) & (v > 0)
    edges, low, high = edges[out], np.minimum(u, v)[out], np.maximum(u, v)[out]
    key, group = np.unique(low << 32 | high, return_inverse=True)
    n = len(key)
    area, mean = graph.area[edges].astype(np.float64), graph.mean[edges].astype(np.float64)
    quantiles, strength = graph.quantiles[edges].astype(np.float64), area * mean
    kinds = (~across[edges], across[edges])
    faces = [np.bincount(group, area * kind, n) for kind in kinds]
    means = [np.bincount(group, strength * k, n) / np.maximum(f, 1) for k, f in zip(kinds, faces, strict=True)]
    order = np.lexsort((strength, group))
    best = order[np.append(np.diff(group[order]) != 0, True)] if n else order  # the strongest edge of each pair
    whole = faces[0] + faces[1]
    pooled = [np.bincount(group, area * q, n) / np.maximum(whole, 1) for q in quantiles.T]
    largest = np.zeros(n)
    np.maximum.at(largest, group, mean)
    strengths = np.bincount(group, strength, n).astype(np.float64, copy=False)
    section = np.bincount(group, area * graph.contact[edges][:, 0], n) / np.maximum(whole, 1)
    columns = [*means, *map(np.log1p, faces), np.log1p(np.bincount(group, minlength=n)), largest]
    columns += [*quantiles[best].T, *pooled, np.log1p(area[best])]
    totals = _totals(key >> 32, key & 0xFFFFFFFF, strengths, len(segments.start))
    at = np.searchsorted(key, pairs.key)
    known = (at < n) & (key[np.minimum(at, n - 1)] == pairs.key) if n else np.zeros(len(at), bool)
    at = np.where(known, at, 0)

    def of_pairs(values: NDArray[np.number]) -> NDArray[np.float64]:
        return np.where(known, values[at], 0.0) if n else np.zeros(len(at))

    found = np.stack([of_pairs(column) for column in columns], axis=1)
    found_section = np.where(known, of_pairs(section), -1.0)
    return _Contact(found, of_pairs(faces[0]), of_pairs(faces[1]), of_pairs(strengths), found_section), totals


def _totals(low: NDArray[np.int64], high: NDArray[np.int64], strength: NDArray[np.float64], count: int) -> Totals:
    ends, values = np.concatenate([low, high]), np.concatenate([strength, strength])
    order = np.lexsort((values, ends))
    ends, values = ends[order], values[order]
    best, second = np.zeros(count), np.zeros(count)
    second[ends[:-1]] = 0
    is_last = np.append(np.diff(ends) != 0, True)[: len(ends)]
    best[ends[is_last]] = values[is_last]
    last = np.flatnonzero(is_last)
    has_two = last[(last > 0)]
    has_two = has_two[ends[has_two - 1] == ends[has_two]]
    second[ends[has_two]] = values[has_two - 1]
    return Totals(np.bincount(ends, values, count).astype(np.float64, copy=False), best, second)


def _sizes(
    small: NDArray[np.int64], large: NDArray[np.int64], contact: _Contact, segments: SegmentShapes
) -> NDArray[np.float64]:
    volume, length = segments.moments[:, 0], np.maximum(segments.stop - segments.start, 1)
    start = np.maximum(segments.start[small], segments.start[large])
    shared = np.minimum(segments.stop[small], segments.stop[large]) - start
    section = np.maximum(volume[small] / length[small], 1)
    return np.stack(
        [
            np.log1p(volume[small]),
            np.log1p(volume[large]),
            length[small],
            length[large],
            np.maximum(shared, 0) / length[small],
            np.maximum(-shared, 0),
            contact.across / section,
            contact.flat / np.sqrt(section) / length[small],
        ],
        axis=1,
    )


def _partners(
    small: NDArray[np.int64], large: NDArray[np.int64], strength: NDArray[np.float64], totals: Totals
) -> NDArray[np.float64]:
    columns = [strength / np.maximum(totals.all[side], 1) for side in (small, large)]
    for side in (small, large):
        other = np.where(strength >= totals.best[side], totals.second[side], totals.best[side])
        columns.append(np.log1p(strength) - np.log1p(other))
    return np.stack(columns, axis=1)


def _ends(
    small: NDArray[np.int64],
    large: NDArray[np.int64],
    section: NDArray[np.float64],
    segments: SegmentShapes,
    depth: int,
) -> NDArray[np.float64]:
    inside = [(segments.start[s] > 0).astype(float) + (segments.stop[s] < depth) for s in (small, large)]
    to_end = [
        np.where(section < 0, 0, np.minimum(section - segments.start[s], segments.stop[s] - 1 - section))
        for s in (small, large)
    ]
    middle = centre(segments.moments)[:, 0]
    is_below = middle[small] <= middle[large]
    one, other = (
        np.where(kind[:, None], segments.high_end[side], segments.low_end[side])
        for side, kind in ((small, is_below), (large, ~is_below))
    )
    (z1, *at1), (z2, *at2) = centre(one).T, centre(other).T
    dz, offset = z2 - z1, np.stack(at2, 1) - np.stack(at1, 1)
    diameter = np.sqrt(np.maximum(np.minimum(one[:, 0], other[:, 0]), 1))
    directions = [slope(segments.moments[side]) for side in (small, large)]
    distances = [offset, *(offset - dz[:, None] * direction for direction in directions)]
    shown = [np.minimum(np.hypot(*d.T) / diameter, FAR_AWAY) for d in distances]
    turn = np.minimum(np.hypot(*(directions[0] - directions[1]).T) / diameter, FAR_AWAY)
    wide = [np.hypot(*spread(segments.moments[side])[:, 1:].T) for side in (small, large)]
    ratio = np.log1p(one[:, 0]) - np.log1p(other[:, 0])
    return np.stack([*inside, *to_end, *shown, ratio, turn, *wide], axis=1)


def _overlaps(
    pairs: Pairs, small: NDArray[np.int64], table: Ids, shapes: FragmentShapes, segments: SegmentShapes
) -> NDArray[np.float64]:
    """Pixels in which both lie over each other some sections on, in cross-sections of the smaller."""
    length = np.maximum(segments.stop - segments.start, 1)
    section = np.maximum(segments.moments[small, 0] / length[small], 1)
    columns = []
    for distance in ACROSS:
        u, v, _, overlap = shapes.over[shapes.over[:, 2] == distance].T
        one, other = table[u].astype(np.int64), table[v].astype(np.int64)
        key = np.minimum(one, other) << 32 | np.maximum(one, other)
        at = np.searchsorted(pairs.key, key)
        there = at < len(pairs.key)
        there[there] = pairs.key[at[there]] == key[there]
        columns.append(np.bincount(at[there], overlap[there], len(pairs.key)) / section)
    return np.stack(columns, axis=1)
