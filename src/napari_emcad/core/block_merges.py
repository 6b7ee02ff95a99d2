"""Agglomeration by blocks: each block with its surroundings, then all merges in one tree.

A block is agglomerated together with what lies around it, so that it sees what the whole would. Of its merge tree the
scores at which its own contacts are joined are kept, as many as span it; sorted by score they are the merges of all
blocks. With one block that is the merge tree itself. The idea is that of Funke et al., TPAMI 2019, who keep the merges
of blocks that overlap; here each contact has one block that answers for it, so none is decided twice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree

from napari_emcad.core._waterz import Merges
from napari_emcad.core.agglomeration import agglomerate_fragments
from napari_emcad.core.choices import DEFAULT_SCORING, Agglomeration
from napari_emcad.core.geometry import Box
from napari_emcad.core.ids import Ids
from napari_emcad.core.merge_tree import MergeTree, tree_of_merges
from napari_emcad.core.region_graph import RegionGraph, joined_graphs


def block_merges(
    own: RegionGraph,
    around: Iterable[RegionGraph],
    box: Box,
    way: Agglomeration = "waterz",
    scoring: str = DEFAULT_SCORING,
) -> Merges:
    """Return the merges that a block answers for: over its own edges, and as few as lead to the same segments.

    Parameters
    ----------
    own : RegionGraph
        Edges of the block, ids of the whole volume.
    around : iterable of RegionGraph
        Edges of the blocks around it; they are looked at one by one.
    box : Box
        Edges outside it, by their contact voxel, are not looked at.
    way, scoring
        See `agglomeration.agglomerate_fragments`.

    Returns
    -------
    Merges
        Ids of fragments of the whole volume; scores as the way gives them.
    """
    near = joined_graphs([own, *(_inside(graph, box) for graph in around)])
    ids = np.unique(np.concatenate([near.u, near.v]))
    u, v = _numbered(near.u, ids), _numbered(near.v, ids)
    tree = agglomerate_fragments(replace(near, u=u, v=v), np.ones(len(ids) + 1, np.int64), way, scoring)
    scores = tree.joining_scores(_numbered(own.u, ids), _numbered(own.v, ids))
    return _spanning(Merges(own.u, own.v, scores), ids)


def tree_of_blocks(blocks: Sequence[Merges], sizes: NDArray[np.int64]) -> MergeTree:
    """Return the merge tree of a volume from the merges of all its blocks, in any order.

    Parameters
    ----------
    blocks : sequence of Merges
    sizes : (n + 1,) int64
        Voxels of each fragment of the volume.
    """
    a, b, score = (np.concatenate(column) for column in zip(*blocks, strict=True))
    order = np.lexsort((b, a, score))
    return tree_of_merges(Merges(a[order], b[order], score[order]), sizes)


def _inside(graph: RegionGraph, box: Box) -> RegionGraph:
    """Return the edges whose contact voxel lies in a box."""
    inside = (graph.contact >= np.array(box.start)) & (graph.contact < np.array(box.stop))
    return graph.chosen(np.all(inside, axis=1))


def _numbered(fragments: Ids, ids: Ids) -> NDArray[np.uint32]:
    """Return the places of fragments, from 1, among sorted ids."""
    return (np.searchsorted(ids, fragments) + 1).astype(np.uint32)


def _spanning(merges: Merges, ids: Ids) -> Merges:
    """Return the merges of lowest score that join what all of them join, in rising order.

    Merges of infinite score are never made and left out. A minimum spanning tree over the ranks of the scores finds the
    others.
    """
    finite = np.isfinite(merges.score)
    a, b, score = merges.a[finite], merges.b[finite], merges.score[finite]
    order = np.argsort(score, kind="stable")
    rank = np.empty(len(order))
    rank[order] = np.arange(1, len(order) + 1)  # a cost of 0 would be no edge
    n = len(ids)
    ends = np.searchsorted(ids, a), np.searchsorted(ids, b)
    kept = np.sort(minimum_spanning_tree(coo_array((rank, ends), (n, n)).tocsr()).data.astype(np.int64))
    chosen = order[kept - 1]
    return Merges(a[chosen], b[chosen], score[chosen])
