"""Sections that would swallow the rest: fragments that lie on very many of the next section join nothing across it.

A section without membranes to be seen (lost, out of focus, overexposed) becomes one fragment, or a few. They touch
every neuron of the sections before and after, often by high affinities, and would join them all.
"""

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.ids import Ids
from napari_emcad.core.region_graph import RegionGraph

MANY, EVEN = 24, 10.0
"""Fragments of a neighbouring section under one fragment from which on it swallows: in number, and by their shares.

Measured: at most 16 and 8.1 in clean stacks, at least 56 and 16 under a section without a picture of 384 x 384 pixels:
docs/decisions/0018-grey-levels-and-lost-sections.md.
"""

LEAST_SIZE = 200
"""Pixels that a fragment must have to count."""


def without_swallowing(graph: RegionGraph, section: NDArray[np.int32], sizes: NDArray[np.int64]) -> RegionGraph:
    """Return a graph without the contacts by which a fragment lies on very many fragments of another section.

    Strategy: the contacts of a fragment with one other section stand in a group. It counts the fragments that lie under
    it with half of their pixels or more; and (sum of areas)^2 / (sum of squared areas), which is n for n equal parts. A
    group lies between two sections and within the outline of one fragment, so that a block which counts its faces sees
    it whole, and decides what the volume would.

    Parameters
    ----------
    graph : RegionGraph
    section : (n + 1,) int32
        The section that each fragment lies in, see `sections_and_sizes`.
    sizes : (n + 1,) int64
        Voxels of each fragment.
    """
    across = np.flatnonzero(section[graph.u] != section[graph.v])
    if not len(across):
        return graph
    u, v, area = graph.u[across], graph.v[across], graph.area[across]
    is_dropped, depth = np.zeros(len(across), bool), int(section.max()) + 1
    for one, other in ((u, v), (v, u)):
        _, group = np.unique(depth * one.astype(np.int64) + section[other], return_inverse=True)
        lies_under = (2 * area >= sizes[other]) & (sizes[other] >= LEAST_SIZE)
        shares = np.bincount(group, area) ** 2 / np.bincount(group, area.astype(np.float64) ** 2)
        is_dropped |= ((np.bincount(group, lies_under) >= MANY) & (shares >= EVEN))[group]
    if not is_dropped.any():
        return graph
    is_kept = np.ones(len(graph), bool)
    is_kept[across[is_dropped]] = False
    return graph.chosen(is_kept)


def sections_and_sizes(fragments: Ids) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the section that each fragment 0..n of a volume (z, y, x) lies in, the last of several, and its voxels."""
    n = int(fragments.max(initial=0)) + 1
    section, sizes = np.zeros(n, np.int32), np.zeros(n, np.int64)
    for z, ids in enumerate(fragments):
        section[ids.ravel()] = z
        sizes += np.bincount(ids.ravel(), minlength=n)
    return section, sizes
