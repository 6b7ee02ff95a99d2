"""A segmentation: fragments, and a table that says to which segment each belongs."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_emcad.core.geometry import Box
from napari_emcad.core.ids import Ids, id_dtype
from napari_emcad.core.merge_tree import MergeTree
from napari_emcad.core.region_graph import RegionGraph

Crumbs = Literal["strongest", "background"]


@dataclass(frozen=True)
class Segmentation:
    """Fragments with their region graph and merge tree: all that is needed for any threshold.

    Attributes
    ----------
    fragments : (z, y, x) Ids
        1..n without gaps, 0 = none.
    graph : RegionGraph
    tree : MergeTree
    sizes : (n + 1,) int64
        Voxels of each fragment; sizes[0] = voxels of none.
    """

    fragments: Ids
    graph: RegionGraph
    tree: MergeTree
    sizes: NDArray[np.int64]

    def table(self, threshold: float, min_size: int = 0, crumbs: Crumbs = "strongest") -> Ids:
        """Segment of each fragment at a threshold.

        Parameters
        ----------
        threshold : float
            Merges with a lower score are made; 0 = fragments as they are.
        min_size : int
            Voxels: smaller segments are crumbs.
        crumbs : "strongest" or "background"
            Crumbs join the neighbour with the highest mean affinity, or become 0.

        Returns
        -------
        (n + 1,) Ids
            segment_of_fragment, [0] = 0.
        """
        table = self.tree.cut(threshold)
        if min_size <= 1:
            return table
        if crumbs == "background":
            return np.where(segment_sizes(table, self.sizes)[table] < min_size, 0, table)
        return self._with_crumbs_joined(table, min_size)

    def labels(self, table: NDArray, box: Box | None = None) -> NDArray:
        """Segment of each voxel, (z, y, x), uint16 where the ids allow, else Ids."""
        place = box.slices if box else ...
        return table.astype(label_dtype(int(table.max())))[self.fragments[place]]

    def neuron_sizes(self, table: NDArray) -> NDArray[np.int64]:
        """Voxels of each segment there is, see `neuron_sizes`."""
        return neuron_sizes(table, self.sizes)

    def _with_crumbs_joined(self, table: NDArray, min_size: int) -> Ids:
        """Join every crumb to its strongest neighbour, again until none has a neighbour.

        Only contacts of what is a crumb at first are looked at: what joins to a crumb was made of crumbs alone.
        """
        size = segment_sizes(table, self.sizes)
        is_crumb = (size < min_size)[table]
        near = np.flatnonzero(is_crumb[self.graph.u] | is_crumb[self.graph.v])
        u, v = table[self.graph.u[near]], table[self.graph.v[near]]
        used, place = np.zeros(len(table), bool), np.empty(len(table), np.intp)
        used[u] = used[v] = True
        ids = np.flatnonzero(used)
        place[ids] = names = np.arange(len(ids))
        u, v, mean, size = place[u], place[v], self.graph.mean[near], size[ids]
        while (joined := _joined_once(names[u], names[v], mean, size, min_size)) is not None:
            names = joined[names]
            size = np.bincount(joined, size, len(ids)).astype(np.int64)
        name_of = np.arange(len(table), dtype=table.dtype)
        name_of[ids] = ids[names]
        return name_of[table]


def segment_sizes(table: NDArray, fragment_sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Voxels of each segment, (n + 1,) or more, from those of each fragment, (n + 1,)."""
    return np.bincount(table, weights=fragment_sizes, minlength=len(table)).astype(np.int64)


def neuron_sizes(table: NDArray, fragment_sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Voxels of each segment there is, background left out, in the order of their ids."""
    sizes = segment_sizes(table, fragment_sizes)[1:]
    return sizes[sizes > 0]


def label_dtype(largest: int) -> type[np.integer]:
    """The smallest dtype napari shows fast that holds this id."""
    return np.uint16 if largest <= np.iinfo(np.uint16).max else id_dtype(largest)


def fragment_sizes(fragments: Ids) -> NDArray[np.int64]:
    """Voxels of each fragment, (n + 1,), counted section by section to spare memory."""
    n = int(fragments.max()) if fragments.size else 0
    return sum((np.bincount(s.ravel(), minlength=n + 1) for s in fragments), np.zeros(n + 1, np.int64))


def _joined_once(u: NDArray, v: NDArray, mean: NDArray, size: NDArray[np.int64], min_size: int) -> NDArray | None:
    """Join every crumb to its strongest neighbour once: the new name of each segment; None where none has a neighbour.

    Each crumb chooses one edge and a segment of full size chooses none, so no two of those get joined.
    """
    out = u != v
    u, v, mean = u[out], v[out], mean[out]
    crumb, neighbour, strength = np.concatenate([u, v]), np.concatenate([v, u]), np.concatenate([mean, mean])
    small = size[crumb] < min_size
    crumb, neighbour, strength = crumb[small], neighbour[small], strength[small]
    if not len(crumb):
        return None
    best = np.lexsort((neighbour, -strength, crumb))
    chosen = best[np.unique(crumb[best], return_index=True)[1]]
    n = len(size)
    edges = coo_array((np.ones(len(chosen), bool), (crumb[chosen], neighbour[chosen])), (n, n))
    return _named_by_largest(connected_components(edges, directed=False)[1], size)


def _named_by_largest(group: NDArray, size: NDArray) -> NDArray[np.intp]:
    """Name of each old segment's group: its largest member, of several the last."""
    order = np.argsort(size, kind="stable")
    name = np.zeros(int(group.max(initial=0)) + 1, np.intp)
    name[group[order]] = order  # the last written, so the largest, stays
    return name[group]
