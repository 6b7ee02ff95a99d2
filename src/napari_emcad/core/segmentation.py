"""A segmentation: fragments, and a table that gives the segment of each."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_emcad.core.choices import Crumbs
from napari_emcad.core.geometry import Box
from napari_emcad.core.ids import Ids, id_dtype
from napari_emcad.core.merge_tree import MergeTree
from napari_emcad.core.region_graph import RegionGraph
from napari_emcad.core.volume import FragmentVolume


@dataclass(frozen=True)
class Segmentation:
    """Fragments with their region graph and merge tree: all that is needed for any threshold.

    Attributes
    ----------
    fragments : FragmentVolume (z, y, x)
        1..n without gaps, 0 = none.
    graph : RegionGraph
    tree : MergeTree
    sizes : (n + 1,) int64
        Voxels of each fragment; sizes[0] = voxels of none.
    """

    fragments: FragmentVolume
    graph: RegionGraph
    tree: MergeTree
    sizes: NDArray[np.int64]

    def table(self, threshold: float, min_size: int = 0, crumbs: Crumbs = "strongest") -> Ids:
        """Return the segment of each fragment at a threshold.

        Parameters
        ----------
        threshold : float
            Merges with a lower score are made; 0 = fragments as they are.
        min_size : int
            Voxels that a segment must have; smaller ones are crumbs.
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

    def labels(self, table: Ids, box: Box | None = None) -> NDArray[np.integer]:
        """Return the segment of each voxel, (z, y, x), uint16 if the ids allow, else Ids."""
        place = box.slices if box else ...
        return table.astype(label_dtype(int(table.max())))[self.fragments[place]]

    def neuron_sizes(self, table: Ids) -> NDArray[np.int64]:
        """Return the voxels of each segment, see `neuron_sizes`."""
        return neuron_sizes(table, self.sizes)

    def _with_crumbs_joined(self, table: Ids, min_size: int) -> Ids:
        """Join every crumb to its strongest neighbour, again until none has a neighbour.

        Strategy: only contacts of segments that are crumbs at first are looked at, since a segment that joins a crumb
        later is made of crumbs alone. Their ends are numbered anew from 0, so that a round costs as much as there are
        crumbs, not as there are fragments; `names` is the segment of each end after the rounds so far.
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


def segment_sizes(table: Ids, fragment_sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the voxels of each segment, (n + 1,) or more, from those of each fragment, (n + 1,)."""
    return np.bincount(table, weights=fragment_sizes, minlength=len(table)).astype(np.int64)


def neuron_sizes(table: Ids, fragment_sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the voxels of each segment without the background, in the order of their ids."""
    sizes = segment_sizes(table, fragment_sizes)[1:]
    return sizes[sizes > 0]


def label_dtype(largest: int) -> type[np.integer]:
    """Return the smallest dtype that napari shows fast and that holds this id."""
    return np.uint16 if largest <= np.iinfo(np.uint16).max else id_dtype(largest)


def fragment_sizes(fragments: NDArray[np.integer]) -> NDArray[np.int64]:
    """Count the voxels of each fragment, (n + 1,), section by section to spare memory."""
    n = int(fragments.max()) if fragments.size else 0
    sizes = np.zeros(n + 1, np.int64)
    for section in fragments:
        sizes += np.bincount(section.ravel(), minlength=n + 1)
    return sizes


def _joined_once(
    u: NDArray[np.intp], v: NDArray[np.intp], mean: NDArray[np.float32], size: NDArray[np.int64], min_size: int
) -> NDArray[np.intp] | None:
    """Join every crumb to its strongest neighbour once.

    Each crumb chooses one edge and a segment of full size chooses none, so no two of those get joined. Returns the new
    name of each segment; None if no crumb has a neighbour.

    Strategy: each contact is listed from both sides and sorted by crumb, the strongest first; the first of each crumb
    is its choice, and connected components of the choices are the new segments.
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


def _named_by_largest(group: NDArray[np.integer], size: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return the name of each old segment's group: its largest member, the last of several."""
    order = np.argsort(size, kind="stable")
    name = np.zeros(int(group.max(initial=0)) + 1, np.intp)
    name[group[order]] = order  # the last written, so the largest, stays
    return name[group]
