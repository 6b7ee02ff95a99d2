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


def without_swallowing(graph: RegionGraph, fragments: Ids) -> RegionGraph:
    """Return a graph without the contacts by which a fragment lies on very many fragments of a neighbouring section.

    Strategy: the contacts of a fragment with one neighbouring section stand in a group. It counts the fragments that
    lie under it with half of their pixels or more; and (sum of areas)^2 / (sum of squared areas), which is n for n
    equal parts. A group lies between two sections and within the outline of one fragment, so that a block which counts
    its faces sees it whole, and decides what the volume would.

    Parameters
    ----------
    graph : RegionGraph
    fragments : (z, y, x) Ids
        Fragments of the graph, each in one section.
    """
    section, sizes = _sections_and_sizes(fragments)
    across = np.flatnonzero(section[graph.u] != section[graph.v])
    if not len(across):
        return graph
    u, v, area = graph.u[across], graph.v[across], graph.area[across]
    is_dropped = np.zeros(len(across), bool)
    for one, other in ((u, v), (v, u)):
        _, group = np.unique(2 * one.astype(np.int64) + (section[other] > section[one]), return_inverse=True)
        lies_under = (2 * area >= sizes[other]) & (sizes[other] >= LEAST_SIZE)
        shares = np.bincount(group, area) ** 2 / np.bincount(group, area.astype(np.float64) ** 2)
        is_dropped |= ((np.bincount(group, lies_under) >= MANY) & (shares >= EVEN))[group]
    if not is_dropped.any():
        return graph
    is_kept = np.ones(len(graph), bool)
    is_kept[across[is_dropped]] = False
    return graph.chosen(is_kept)


def _sections_and_sizes(fragments: Ids) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the section and the voxels of each fragment 0..n."""
    n = int(fragments.max(initial=0)) + 1
    section, sizes = np.zeros(n, np.int32), np.zeros(n, np.int64)
    for z, ids in enumerate(fragments):
        section[ids.ravel()] = z
        sizes += np.bincount(ids.ravel(), minlength=n)
    return section, sizes
