"""The ways to join fragments to neurons, each by the name that people choose it by; all end in a merge tree."""

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.choices import DEFAULT_SCORING, Agglomeration
from napari_emcad.core.merge_tree import MergeTree, merge_tree, tree_of_merges
from napari_emcad.core.region_graph import RegionGraph

SMOOTHED = 1.0
"""Pixels of seed smoothing from which on fragments, and with them contacts, are few."""

BYTES_A_VOXEL = 20
"""Peak memory of the agglomeration with the affinities, with smoothed seeds.

Measured on 100 x 512 x 512 voxels: 14 with seeds smoothed by 1 and 2 pixels.
"""

BYTES_A_VOXEL_OF_MANY = 40
"""Peak memory of the agglomeration with the affinities, with other seeds: waterz keeps 1 KB for each contact.

Measured on 100 x 512 x 512 voxels: 20 with seeds smoothed by half a pixel, 33 by none.
"""


def agglomeration_memory(voxels: int, seed_sigma: float) -> int:
    """Return the bytes of main memory that fragments, region graph and merge tree take at the peak."""
    return voxels * (BYTES_A_VOXEL if seed_sigma >= SMOOTHED else BYTES_A_VOXEL_OF_MANY)


def agglomerate_fragments(
    graph: RegionGraph, sizes: NDArray[np.int64], way: Agglomeration = "waterz", scoring: str = DEFAULT_SCORING
) -> MergeTree:
    """Join the fragments to a merge tree.

    Parameters
    ----------
    graph : RegionGraph
        Graph of fragments 1..n.
    sizes : (n + 1,) int64
        Voxels of each fragment.
    way : "waterz", "multicut" or "mutex watershed"
    scoring : str
        One of `SCORINGS`; only waterz has them.
    """
    if way == "waterz":
        return merge_tree(graph, sizes, scoring)
    from napari_emcad.core.multicut import multicut, mutex_watershed, nested_merges

    solve = {"multicut": multicut, "mutex watershed": mutex_watershed}[way]
    return tree_of_merges(nested_merges(graph, len(sizes) - 1, solve), sizes)
