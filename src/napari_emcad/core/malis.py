"""MALIS: the number of pairs of voxels that depend on each affinity.

Two voxels are joined by the path whose weakest affinity is the strongest there is, and that weakest affinity decides on
them: it is the one to change where the two are wrongly joined or parted.

Source: Turaga et al., "Maximin affinity learning of image segmentation", NIPS 2009; constrained, in two passes: Funke
et al., "Large Scale Image Segmentation with Structured Loss Based Deep Learning for Connectome Reconstruction", TPAMI
2019.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.affinities import NEAREST, Offset, affinities_of_labels, shifted
from napari_emcad.core.geometry import Shape


class _Edges(NamedTuple):
    """Edges between two regions. A larger key is a stronger edge; its low bits are the edge's number, m to 1."""

    u: NDArray[np.intp]
    v: NDArray[np.intp]
    key: NDArray[np.int64]


class _Joins(NamedTuple):
    """Edges that join what nothing stronger joins, and the region that each is in now."""

    key: NDArray[np.int64]
    region: NDArray[np.intp]


def count_pairs(
    affinities: NDArray[np.floating],
    labels: NDArray[np.integer],
    known: NDArray[np.bool_] | None = None,
    offsets: Sequence[Offset] = NEAREST,
) -> NDArray[np.int64]:
    """Count, for each edge between two voxels, the pairs of voxels whose maximin path has it as its weakest edge.

    An object is what of a label hangs together over edges: the pieces of a neuron that are joined only outside of the
    volume, or where nothing is known, count as several objects, as in published trainings.

    Strategy: an object's own edges come first, by their affinities, so that each has its pairs within its object (the
    positive pass: across a boundary the affinity is 0). Then come all others, which find whole objects (the negative
    pass: within an object it is 1). So one maximum spanning tree holds both, and each of its edges has as many pairs
    as there are voxels on its one side times those on its other at the moment when it joins them.

    Parameters
    ----------
    affinities : (c, z, y, x) float
        Compared as float32. Of two that are equal, the one that comes first in the array counts as the stronger. No
        more than 2**30 of them.
    labels : (z, y, x) integer
        0 = boundary or background: in no pair, but paths from one object to another lead through it.
    known : (c, z, y, x) bool, optional
        False = no edge there, so no path either; None = edges wherever the partner lies in the volume.
    offsets : sequence of (z, y, x)
        One a channel, in voxels.

    Returns
    -------
    (c, z, y, x) int64
        Inside an object, where both voxels carry the same label: pairs of that object. Elsewhere: pairs of two objects.
    """
    is_edge = _in_volume(labels.shape, offsets)
    if known is not None:
        is_edge &= known
    where = [np.flatnonzero(channel) for channel in is_edge]
    steps = [_step(offset, labels.shape) for offset in offsets]
    u, v = np.concatenate(where), np.concatenate([w + step for w, step in zip(where, steps, strict=True)])
    strength = _in_order(affinities[is_edge], affinities_of_labels(labels, offsets)[is_edge])
    counts = np.zeros(is_edge.shape, np.int64)
    counts[is_edge] = _pairs(u, v, strength, (labels.ravel() != 0).astype(np.int64))
    return counts


def _in_volume(shape: Shape, offsets: Sequence[Offset]) -> NDArray[np.bool_]:
    """Return (c, z, y, x) bool: True if the partner lies in the volume."""
    result = np.zeros((len(offsets), *shape), bool)
    for channel, offset in zip(result, offsets, strict=True):
        channel[shifted(offset)[0]] = True
    return result


def _step(offset: Offset, shape: Shape) -> int:
    """Return the step from a voxel to its partner in the flat volume."""
    z, y, x = offset
    return (z * shape[1] + y) * shape[2] + x


def _in_order(affinities: NDArray, inside: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return whole numbers of 33 bits in the order of the affinities, those inside objects above all others.

    Strategy: the bits of a float32, read as an unsigned integer, rise with positive numbers and fall with negative
    ones; with the sign bit flipped, or all bits of a negative number, they rise with all of them.
    """
    bits = (affinities.astype(np.float32) + np.float32(0)).view(np.uint32)  # -0 becomes 0
    sign = np.uint32(1 << 31)
    return np.where(bits & sign, ~bits, bits | sign) | inside.astype(np.int64) << 32


def _pairs(u: NDArray, v: NDArray, strength: NDArray[np.int64], size: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return (m,): voxels on one side times those on the other if Kruskal's algorithm takes the edge, else 0.

    Strategy: regions join in rounds, all at once: each takes its strongest edge, and what is linked so is one region in
    the next round (Boruvka). Of the edges inside a region, those stronger than all that lead out of it form a chain, in
    which each joins one more branch to what the ones before have joined. A branch is the whole chain of a region of an
    earlier round, which hangs on that region's strongest edge. So both sides of a join are sums along its chain.
    Source: Sao et al., "PANDORA: A Parallel Dendrogram Construction Algorithm for Single Linkage Clustering on GPU",
    ICPP 2024.
    """
    bits = len(u).bit_length()
    edges = _Edges(u, v, strength << bits | np.arange(len(u), 0, -1))
    branches = np.zeros((2, len(u) + 1), np.int64)  # by edge number: the voxels of the branch, or two, that it joins
    waiting = _Joins(*np.empty((2, 0), np.int64))
    chains, chain = [waiting], 0
    strongest = _strongest(edges, len(size))
    while len(edges.key):  # a round; `size` holds the voxels of each region, whole chains counted
        region, is_first = _linked(edges, strongest)
        branches[is_first.astype(np.intp), _number(strongest, bits)] = size
        waiting = _waiting(waiting, strongest, is_first, region)
        edges = _between(edges, region)
        strongest = _strongest(edges, int(np.count_nonzero(is_first)))
        # joins stronger than all edges out of their region are settled: they are its chain, and its size now
        is_done = waiting.key > strongest.take(waiting.region)
        done, waiting = (_Joins(waiting.key[which], waiting.region[which]) for which in (is_done, ~is_done))
        size = np.bincount(done.region, branches.take(_number(done.key, bits), 1).sum(0), len(strongest))
        chains.append(_Joins(done.key, done.region + chain))
        chain += len(strongest)
    return _along(chains, branches, bits)


def _number(key: NDArray[np.int64], bits: int) -> NDArray[np.int64]:
    """Return the edge's number, 0 for none."""
    return key & ((1 << bits) - 1)


def _strongest(edges: _Edges, n: int) -> NDArray[np.int64]:
    """Return (n,): the key of the strongest edge of each region, 0 if it has none."""
    strongest = np.zeros(n, np.int64)
    for ends in (edges.u, edges.v):
        np.maximum.at(strongest, ends, edges.key)
    return strongest


def _linked(edges: _Edges, strongest: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the new region of each region, and which one of those in a new region is its first: the two first joined.

    Strategy: each region points along its strongest edge. The two that point at each other are the start of a new
    region, and the one with the lower number becomes its root; pointers are doubled until all lead to roots.
    """
    regions = np.arange(len(strongest))
    towards = regions.copy()
    for here, there in ((edges.u, edges.v), (edges.v, edges.u)):
        taken = np.flatnonzero(edges.key == strongest.take(here))
        towards[here.take(taken)] = there.take(taken)
    is_first = (towards.take(towards) == regions) & (regions <= towards)
    towards[is_first] = regions[is_first]
    while not np.array_equal(towards, further := towards.take(towards)):
        towards = further
    return (np.cumsum(is_first) - 1).take(towards), is_first


def _waiting(
    waiting: _Joins, strongest: NDArray[np.int64], is_first: NDArray[np.bool_], region: NDArray[np.intp]
) -> _Joins:
    """Return the joins with the edges of this round: all regions but the first of each new one bring their own."""
    others = np.flatnonzero(~is_first)
    key = np.concatenate([waiting.key, strongest.take(others)])
    return _Joins(key, region.take(np.concatenate([waiting.region, others])))


def _between(edges: _Edges, region: NDArray[np.intp]) -> _Edges:
    """Return the edges between new regions."""
    u, v = region.take(edges.u), region.take(edges.v)
    kept = np.flatnonzero(u != v)
    return _Edges(u.take(kept), v.take(kept), edges.key.take(kept))


def _along(chains: list[_Joins], branches: NDArray[np.int64], bits: int) -> NDArray[np.int64]:
    """Return (m,): pairs of each edge, from the sums along the chains.

    Strategy: the edges are sorted by chain, the strongest first. A cumulated sum, less its value where the chain
    begins, is what the edges before have joined; it meets the branch that this edge brings.
    """
    key, chain = (np.concatenate(column) for column in zip(*chains, strict=True))
    counts = np.zeros(branches.shape[1] - 1, np.int64)
    chain_of = np.zeros(branches.shape[1], np.int64)
    chain_of[_number(key, bits)] = chain
    number = _number(np.sort(key)[::-1], bits)
    by_chain = np.sort(chain_of.take(number) << bits | np.arange(len(number)))  # several times faster than argsort
    number, chain = number.take(_number(by_chain, bits)), by_chain >> bits
    one, other = (branch.take(number) for branch in branches)
    before = np.cumsum(one + other) - one - other
    begins = np.diff(chain, prepend=-1) != 0
    before -= np.maximum.accumulate(np.where(begins, before, 0))
    counts[len(counts) - number] = before * (one + other) + one * other
    return counts
