"""A cut of a merge tree to look at while the threshold moves: only what is looked at is computed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.ids import Ids
from napari_emcad.core.merge_tree import MergeTree


@dataclass(frozen=True)
class LiveCut:
    """A stand-in for the table (n + 1,) of a cut in which fragments are looked up; crumbs are not joined.

    Attributes
    ----------
    tree : MergeTree
    threshold : float
    table : (n + 1,) Ids, optional
        Segments of the fragments that the threshold does not move; there may be more than in the tree.
    free : (n + 1,) bool, optional
        True for fragments that the threshold moves; without a table it moves all.

    Raises
    ------
    ValueError
        If a table is given without `free`.
    """

    tree: MergeTree
    threshold: float
    table: Ids | None = None
    free: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        if self.table is not None and self.free is None:
            raise ValueError("live cut: a table without free was given; say which fragments the threshold moves.")

    def __len__(self) -> int:
        return len(self.tree.leaves) + 1 if self.table is None else len(self.table)

    def __getitem__(self, fragments: Ids) -> Ids:
        """Return the segments of fragments, such as those of all voxels in a view.

        Strategy: each fragment once; tables of all are touched only where these are, and so take no time.
        """
        is_there, found = np.zeros(len(self), bool), np.zeros(len(self), self.tree.leaves.dtype)
        is_there[fragments] = True
        is_there[0] = False
        there = np.flatnonzero(is_there)
        if self.table is not None and self.free is not None:
            found[there] = self.table[there]
            there = there[self.free[there]]
        found[there] = self.tree.segments_of(there, self.threshold)
        return found[fragments]
