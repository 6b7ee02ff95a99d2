"""Agglomerate once, cut at any threshold after.

The fragments stand in the order of the dendrogram's leaves, with the score of the merge that joins each to the
one before it. The segments at a threshold are then the runs between gaps of at least that height: one pass.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core._waterz import DEFAULT_SCORING, SCORINGS, Merges, agglomerate

__all__ = ["DEFAULT_SCORING", "SCORINGS", "MergeTree", "merge_tree"]


@dataclass(frozen=True)
class MergeTree:
    """A dendrogram of n fragments.

    Attributes
    ----------
    leaves : (n,) uint32
        Fragments 1..n in leaf order.
    gaps : (n,) float32
        Score of the merge between leaf i - 1 and leaf i; infinite where they are never merged; gaps[0] is infinite.
    """

    leaves: NDArray[np.uint32]
    gaps: NDArray[np.float32]

    def cut(self, threshold: float) -> NDArray[np.uint32]:
        """Segments at a threshold: the components of all merges with score < threshold.

        Returns
        -------
        (n + 1,) uint32
            Segment of each fragment, [0] = 0. A segment is named by one of its fragments, that of its larger part
            at each merge, so that names (and colours) mostly stay while the threshold moves.
        """
        starts = self.gaps >= np.float32(threshold)
        names = self.leaves[starts]
        table = np.zeros(len(self.leaves) + 1, np.uint32)
        table[self.leaves] = names[np.cumsum(starts) - 1]
        return table


def merge_tree(
    affinities: NDArray, fragments: NDArray[np.uint32], sizes: NDArray[np.int64], scoring: str = DEFAULT_SCORING
) -> MergeTree:
    """Agglomerate the fragments to the end with waterz.

    Parameters
    ----------
    affinities : (3, z, y, x) uint8 or float32
        Channels z, y, x, to the previous voxel.
    fragments : (z, y, x) uint32
        1..n without gaps, 0 = none; not modified.
    sizes : (n + 1,) int64
        Voxels of each fragment.
    scoring : str
        One of `SCORINGS`.
    """
    return tree_of_merges(agglomerate(affinities, fragments, scoring), sizes)


def tree_of_merges(merges: Merges, sizes: NDArray[np.int64]) -> MergeTree:
    """Put the fragments in leaf order.

    Strategy: each region is a linked list of its leaves; a merge hangs the smaller list behind the larger one and
    notes the score at the seam. A score below an earlier one is raised to it: a run that stops at a threshold
    between the two would not have come so far.
    """
    n = len(sizes) - 1
    head, tail, size = list(range(n + 1)), list(range(n + 1)), sizes.tolist()
    following, gap, behind = [0] * (n + 1), [np.inf] * (n + 1), bytearray(n + 1)
    scores = np.maximum.accumulate(merges.score).tolist()
    for a, b, into, score in zip(merges.a.tolist(), merges.b.tolist(), merges.into.tolist(), scores, strict=True):
        if size[a] < size[b]:
            a, b = b, a
        first, seam, last = head[a], head[b], tail[b]
        following[tail[a]], gap[seam], behind[seam] = seam, score, 1
        head[into], tail[into], size[into] = first, last, size[a] + size[b]
    leaves = _walk(following, behind)
    return MergeTree(leaves, np.array(gap, np.float32)[leaves])


def _walk(following: list[int], behind: bytearray) -> NDArray[np.uint32]:
    """List all leaves, list after list, from those that hang behind no other."""
    leaves = []
    for leaf in range(1, len(following)):
        if not behind[leaf]:
            while leaf:
                leaves.append(leaf)
                leaf = following[leaf]
    return np.array(leaves, np.uint32)
