"""The segments that fragments are in where the threshold alone says so."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_emcad.core.ids import Ids
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.proofreading.contacts import Contacts
from napari_emcad.proofreading.edges import EditedGraph


class AutomaticSegments:
    """Segments at a threshold, and what edits leave of them.

    Parameters
    ----------
    base : Segmentation
        Not modified.
    min_size : int
        Voxels; smaller segments are crumbs and join their strongest neighbour.
    """

    def __init__(self, base: Segmentation, min_size: int):
        self._base, self._min_size = base, min_size
        self._last: tuple[float, Ids] | None = None  # a threshold and its table

    def table(self, threshold: float, n: int) -> Ids:
        """Return the segment of each fragment at a threshold, (n,); 0 for fragments that edits made."""
        if self._last is None or self._last[0] != threshold:
            self._last = threshold, self._base.table(threshold, self._min_size)
        found = self._last[1]
        table = np.zeros(n, found.dtype)
        table[: len(found)] = found
        return table

    def settle(self, threshold: float, table: Ids, free: NDArray[np.bool_]) -> Ids:
        """Return a table in which every free fragment is where a threshold wants it, and every other one stays.

        Parameters
        ----------
        threshold : float
        table : (n + 1,) Ids
            Segment of each fragment; not modified.
        free : (n + 1,) bool
            True for fragments that the threshold moves.
        """
        fixed = np.flatnonzero(~free)
        wanted = self.table(threshold, len(free))
        is_mixed = np.zeros(len(wanted), bool)  # segments that edits took fragments from
        is_mixed[wanted[fixed]] = True
        is_mixed[0] = False
        bereft = is_mixed.take(wanted, mode="clip") & free
        if bereft.any():
            self._name_pieces(wanted, np.flatnonzero(bereft))
        wanted[fixed] = table[fixed]
        return wanted

    def _name_pieces(self, table: Ids, fragments: NDArray[np.int64]) -> None:
        """Part what hung together only through edited fragments; each piece is named by its largest fragment."""
        graph, sizes, n = self._base.graph, self._base.sizes, len(fragments)
        edges = Contacts(EditedGraph.of(graph), len(sizes)).among(fragments)
        u, v = graph.u[edges], graph.v[edges]
        same = table[u] == table[v]
        ends = np.searchsorted(fragments, u[same]), np.searchsorted(fragments, v[same])
        piece = connected_components(coo_array((np.ones(same.sum(), bool), ends), (n, n)), False)[1]
        order = np.lexsort((-fragments, sizes[fragments]))
        name = np.zeros(n, table.dtype)
        name[piece[order]] = fragments[order]  # the last written, so the largest, stays
        table[fragments] = name[piece]
