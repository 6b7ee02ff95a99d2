"""Agglomerate once, cut at any threshold after.

The fragments stand in the order of the dendrogram's leaves, with the score of the merge that joins each to the
one before it. The segments at a threshold are then the runs between gaps of at least that height: one pass.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core._waterz import Merges, waterz_merges
from napari_emcad.core.choices import DEFAULT_SCORING
from napari_emcad.core.ids import FOR_EDITS, Ids, id_dtype
from napari_emcad.core.region_graph import RegionGraph

WIDE = 3000
"""Voxel faces of a wide contact: from here on its mean affinity counts, too; see docs/decisions/0003-fragments.md."""


@dataclass(frozen=True)
class MergeTree:
    """A dendrogram of n fragments.

    Attributes
    ----------
    leaves : (n,) Ids
        Fragments 1..n in leaf order.
    gaps : (n,) float32
        Score of the merge between leaf i - 1 and leaf i; infinite where they are never merged; gaps[0] is infinite.
    """

    leaves: Ids
    gaps: NDArray[np.float32]

    def cut(self, threshold: float) -> Ids:
        """Cut the tree: return the segments at a threshold, the components of all merges with score < threshold.

        Returns
        -------
        (n + 1,) Ids
            Segment of each fragment, [0] = 0. A segment is named by one of its fragments, that of its larger part
            at each merge, so that names (and colours) mostly stay while the threshold moves.
        """
        is_first = self.gaps >= np.float32(threshold)
        run = np.cumsum(is_first, dtype=np.intp) - 1
        by_leaf = self.leaves.take(np.flatnonzero(is_first)).take(run, mode="clip")  # unchecked: a third of the time
        table = np.zeros(len(self.leaves) + 1, self.leaves.dtype)
        by_leaf.take(self._places, out=table[1:], mode="clip")
        return table

    def segments_of(self, fragments: NDArray[np.integer], threshold: float) -> Ids:
        """Return the segments of some fragments, (m,), none of them 0, as `cut` names them; others take no time.

        Strategy: the first leaf of a run is the last one up to the fragment's own whose gap is high enough: climb over
        1, 2, 4, ... gaps at a time until one is, then go down to it.
        """
        place = self._places[fragments - 1]
        level, climbing = np.zeros(len(place), np.int8), np.arange(len(place))
        for highest in self._highest:
            climbing = climbing[highest[place[climbing]] < np.float32(threshold)]
            if not len(climbing):
                break
            place[climbing] = (place[climbing] - 1) >> 1
            level[climbing] += 1
        for below in reversed(range(level.max(initial=0))):
            down = np.flatnonzero(level > below)
            last = 2 * place[down] + 1
            place[down] = last - (self._highest[below][last] < np.float32(threshold))
        return self.leaves[place]

    def joining_scores(self, u: Ids, v: Ids) -> NDArray[np.float32]:
        """Return the score of the merge that joins each pair of fragments, (m,) each, u != v.

        It is the highest gap between the two among the leaves; infinite if they are never joined.

        Strategy: the highest gap of a range is the larger of the highest of two overlapping runs of 2**k gaps, its
        first and its last ones; runs of each length are made from those of half the length, and serve all pairs that
        need them.
        """
        if not len(u):
            return np.empty(0, np.float32)
        ends = np.sort(self._places[np.stack([u, v]).astype(np.intp) - 1], axis=0)
        first, last = ends[0] + 1, ends[1]
        found, level = np.empty(len(u), np.float32), self.gaps
        doublings = np.frexp(last - first + 1)[1] - 1
        for doubling in range(int(doublings.max()) + 1):  # level[i]: the highest of 2**doubling gaps from i on
            here, reach = doublings == doubling, 1 << doubling
            found[here] = np.maximum(level[first[here]], level[last[here] + 1 - reach])
            level = np.maximum(level[:-reach], level[reach:])
        return found

    @cached_property
    def _places(self) -> NDArray[np.intp]:
        """(n,): place of each fragment among the leaves."""
        places = np.empty(len(self.leaves), np.intp)
        places[self.leaves - 1] = np.arange(len(self.leaves))
        return places

    @cached_property
    def _highest(self) -> list[NDArray[np.float32]]:
        """The highest of each gap, of each two, of each four and so on."""
        levels = [self.gaps]
        while len(levels[-1]) > 1:
            if len(levels[-1]) % 2:
                levels[-1] = np.append(levels[-1], np.float32(-np.inf))
            levels.append(np.maximum(levels[-1][::2], levels[-1][1::2]))
        return levels


def merge_tree(graph: RegionGraph, sizes: NDArray[np.int64], scoring: str = DEFAULT_SCORING) -> MergeTree:
    """Agglomerate the fragments to the end with waterz, and by their wide contacts.

    Parameters
    ----------
    graph : RegionGraph
        Graph of fragments 1..n, from their voxels.
    sizes : (n + 1,) int64
        Voxels of each fragment.
    scoring : str
        One of `SCORINGS`.
    """
    return tree_of_merges(with_wide_contacts(waterz_merges(graph, scoring), graph), sizes)


def with_wide_contacts(merges: Merges, graph: RegionGraph) -> Merges:
    """Return the merges and those over each wide contact, of score 1 - mean affinity, lowest score first.

    waterz' quantiles (Funke et al., TPAMI 2019) are of contacts between fragments, each by its highest affinity: one of
    ten thousand faces counts no more than ten small ones round it, and a neuron can fall apart in its middle.
    """
    wide = graph.area >= WIDE
    score = np.concatenate([_as_made(merges.score), 1 - graph.mean[wide]])
    order = np.argsort(score, kind="stable")
    a, b = np.concatenate([merges.a, graph.u[wide]]), np.concatenate([merges.b, graph.v[wide]])
    return Merges(a[order], b[order], score[order])


def tree_of_merges(merges: Merges, sizes: NDArray[np.int64]) -> MergeTree:
    """Put the fragments in leaf order.

    Strategy: each region is a linked list of its leaves, known by the first; a merge hangs the smaller list behind the
    larger one and notes the score at the seam. What is one region already stays as it is.
    """
    n = len(sizes) - 1
    root, tail, size = list(range(n + 1)), list(range(n + 1)), sizes.tolist()
    following, gap, behind = [0] * (n + 1), [np.inf] * (n + 1), bytearray(n + 1)
    for a, b, score in zip(merges.a.tolist(), merges.b.tolist(), _as_made(merges.score).tolist(), strict=True):
        a, b = _root(root, a), _root(root, b)
        if a == b:
            continue
        if size[a] < size[b]:
            a, b = b, a
        following[tail[a]], gap[b], behind[b] = b, score, 1
        root[b], tail[a], size[a] = a, tail[b], size[a] + size[b]
    leaves = _walk(following, behind)
    return MergeTree(leaves, np.array(gap, np.float32)[leaves])


def _as_made(score: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return scores raised to any earlier, higher one: a run to a threshold between them would not have come so far."""
    return np.maximum.accumulate(score)


def _root(root: list[int], fragment: int) -> int:
    """Return the first leaf of a fragment's region; paths are halved on the way."""
    while root[fragment] != fragment:
        root[fragment] = fragment = root[root[fragment]]
    return fragment


def _walk(following: list[int], behind: bytearray) -> Ids:
    """List all leaves, list after list, from those that hang behind no other."""
    leaves = []
    for leaf in range(1, len(following)):
        if not behind[leaf]:
            while leaf:
                leaves.append(leaf)
                leaf = following[leaf]
    return np.array(leaves, id_dtype(len(leaves) + FOR_EDITS))
