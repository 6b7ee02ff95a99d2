"""Agglomeration that weighs all contacts against each other: multicut and mutex watershed, at every boundary bias.

A contact of boundary probability p = 1 - mean affinity speaks for one neuron where p < 1 - bias, the more the larger
it is, and for two where p lies above: its cost is the log odds of p and of the bias, times its area (Beier et al.,
"Multicut brings automated neurite segmentation closer to human performance", Nature Methods 2017; with bias 0.5 the LMC
of the SSNS-Net and CAD papers). What cuts at least cost is found by Kernighan-Lin (Keuper et al., ICCV 2015). The mutex
watershed (Wolf et al., TPAMI 2020) goes through the same costs once, the largest first.

For a threshold that moves without a new solution, the partitions are nested: exact at the threshold `ANCHOR`, to both
sides of it each within, or of, the segments of the one before. docs/decisions/0013-multicut.md has the scores.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from bioimage_cpp.graph import UndirectedGraph
from bioimage_cpp.graph.multicut import (
    ChainedMulticutSolvers,
    GreedyAdditiveMulticut,
    KernighanLinMulticut,
    MulticutDecomposer,
    MulticutObjective,
)
from bioimage_cpp.graph.mutex_watershed import mutex_watershed_clustering
from numpy.typing import NDArray

from napari_emcad.core._waterz import Merges
from napari_emcad.core.region_graph import RegionGraph

STEPS = 50
"""Number of steps of the threshold: 1/50, 2/50, ... have a partition each.

The threshold is 1 - boundary bias, so that a higher one merges more.
"""

ANCHOR = 32
"""The step whose partition is exact, threshold 0.64."""

SURE = 0.001
"""Distance of probabilities from 0 and 1: nearer ones would outweigh everything."""

Solver = Callable[["ContactCosts", NDArray[np.float64]], NDArray[np.int64]]
"""A function from contacts and their costs, positive if they attract, to the part of each node."""


@dataclass(frozen=True)
class ContactCosts:
    """A graph whose costs are known for every bias.

    Attributes
    ----------
    n : int
        Number of nodes, 0..n-1.
    u, v : (m,) int64
        Nodes of each contact.
    odds : (m,) float64
        Sum of area x log odds of "one neuron".
    area : (m,) float64
        Sum of areas, the largest contact of the graph being 1.
    """

    n: int
    u: NDArray[np.int64]
    v: NDArray[np.int64]
    odds: NDArray[np.float64]
    area: NDArray[np.float64]

    def costs(self, threshold: float) -> NDArray[np.float64]:
        """Return the costs at a threshold, (m,): positive if a contact speaks for one neuron."""
        return self.odds + self.area * np.log(threshold / (1 - threshold))

    def within(self, parts: NDArray[np.int64]) -> "ContactCosts":
        """Return the contacts inside a part."""
        inside = parts[self.u] == parts[self.v]
        return ContactCosts(self.n, self.u[inside], self.v[inside], self.odds[inside], self.area[inside])

    def of(self, parts: NDArray[np.int64]) -> "ContactCosts":
        """Return the contacts between parts, which become the nodes; contacts of the same two parts add up."""
        ends = np.sort(np.stack([parts[self.u], parts[self.v]]), axis=0)
        out = ends[0] != ends[1]
        n = int(parts.max(initial=-1)) + 1
        pair, number = np.unique(ends[0, out] * n + ends[1, out], return_inverse=True)  # each pair as one number
        odds, area = (np.bincount(number, v[out], len(pair)).astype(np.float64) for v in (self.odds, self.area))
        return ContactCosts(n, pair // n, pair % n, odds, area)


def contact_costs(graph: RegionGraph, n: int) -> ContactCosts:
    """Return the contacts of fragments 1..n, which are the nodes 0..n-1."""
    boundary = SURE + (1 - 2 * SURE) * (1 - graph.mean.astype(np.float64))
    area = graph.area / max(1, graph.area.max(initial=1))
    u, v = (column.astype(np.int64) - 1 for column in (graph.u, graph.v))
    return ContactCosts(n, u, v, area * np.log((1 - boundary) / boundary), area)


def multicut(contacts: ContactCosts, costs: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the parts of least cost by Kernighan-Lin, from a greedy start."""
    greedy_first = ChainedMulticutSolvers([GreedyAdditiveMulticut(), KernighanLinMulticut()])
    objective = MulticutObjective(_graph(contacts), costs)
    return MulticutDecomposer(greedy_first).optimize(objective).astype(np.int64)


def mutex_watershed(contacts: ContactCosts, costs: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the parts that the strongest costs make: each joins two or parts them, unless a stronger one decided."""
    joins = costs > 0
    apart = np.stack([contacts.u[~joins], contacts.v[~joins]], axis=1).astype(np.uint64)
    return mutex_watershed_clustering(_graph(contacts, joins), costs[joins], apart, -costs[~joins]).astype(np.int64)


def nested_merges(graph: RegionGraph, n: int, solve: Solver) -> Merges:
    """Return the merges that lead from fragments 1..n to the partition of each threshold, the lowest first."""
    partitions = [*_partitions(contact_costs(graph, n), solve)]
    joins = [_joins(finer, coarser) for finer, coarser in pairwise([np.arange(n), *partitions])]
    scores = [np.full(len(a), (step - 0.5) / STEPS, np.float32) for step, (a, _) in enumerate(joins, start=1)]
    a, b = (np.concatenate(ends).astype(np.uint32) for ends in zip(*joins, strict=True))
    return Merges(a, b, np.concatenate(scores))


def _partitions(contacts: ContactCosts, solve: Solver) -> Iterator[NDArray[np.int64]]:
    """Yield the part of each node at steps 1, 2, ... of the threshold, each inside the parts of the next.

    Strategy: the partition at the anchor is solved freely. Downwards each is solved within the parts of the one above;
    upwards the parts of the one below are the nodes. So all of them are nested.
    """
    middle = _numbered(solve(contacts, contacts.costs(ANCHOR / STEPS)))
    finer: list[NDArray[np.int64]] = []
    parts = middle
    for step in range(ANCHOR - 1, 0, -1):
        inside = contacts.within(parts)
        parts = _numbered(solve(inside, inside.costs(step / STEPS)))
        finer.append(parts)
    yield from reversed(finer)
    yield (parts := middle)
    for step in range(ANCHOR + 1, STEPS):
        between = contacts.of(parts)
        parts = _numbered(solve(between, between.costs(step / STEPS)))[parts]
        yield parts


def _joins(finer: NDArray[np.int64], coarser: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return fragments, one of each finer part, that stand for the merges which make the coarser parts.

    Strategy: the first fragment of each finer part stands for it. Sorted by the coarser part, neighbours in it are
    merged.
    """
    first = np.unique(finer, return_index=True)[1]
    order = first[np.argsort(coarser[first], kind="stable")]
    same = coarser[order[:-1]] == coarser[order[1:]]
    return order[:-1][same] + 1, order[1:][same] + 1


def _graph(contacts: ContactCosts, chosen: NDArray[np.bool_] | slice = slice(None)) -> UndirectedGraph:
    edges = np.stack([contacts.u[chosen], contacts.v[chosen]], axis=1).astype(np.uint64)
    return UndirectedGraph.from_unique_edges(contacts.n, edges)


def _numbered(parts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the same parts as 0, 1, 2, ..."""
    return np.unique(parts, return_inverse=True)[1]
