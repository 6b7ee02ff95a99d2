"""Sections that would swallow the rest: fragments that lie on very many of the next section join nothing across it.

A section without membranes to be seen (lost, out of focus, overexposed) becomes one fragment, or a few. They touch
every neuron of the sections before and after, often by high affinities, and would join them all.
"""

from typing import NamedTuple, Self

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


class Lying(NamedTuple):
    """Contacts by which fragments lie on those of another section, each once from either side.

    Attributes
    ----------
    row : (m,) int64
        Place of each in its graph.
    one : (m,) Ids
        The fragment that may swallow.
    section : (m,) int32
        The section of the other one.
    area : (m,) int64
        In voxel faces.
    lies_under : (m,) bool
        True if half of the other one's pixels or more do, and it counts.
    is_earlier : (m,) bool
        True if `one` is of an earlier section than the other.
    """

    row: NDArray[np.int64]
    one: Ids
    section: NDArray[np.int32]
    area: NDArray[np.int64]
    lies_under: NDArray[np.bool_]
    is_earlier: NDArray[np.bool_]

    @classmethod
    def of(cls, graph: RegionGraph, section: NDArray[np.int32], sizes: NDArray[np.int64]) -> Self:
        """Return the contacts of a graph; the parameters are those of `without_swallowing`."""
        across = np.flatnonzero(section[graph.u] != section[graph.v])
        u, v, area = graph.u[across], graph.v[across], graph.area[across]
        one, other, areas = np.append(u, v), np.append(v, u), np.append(area, area)
        under = (2 * areas >= sizes[other]) & (sizes[other] >= LEAST_SIZE)
        return cls(np.append(across, across), one, section[other], areas, under, section[one] < section[other])

    def chosen(self, which: NDArray[np.bool_]) -> Self:
        """Return some of the contacts."""
        return self._replace(**{name: column[which] for name, column in self._asdict().items()})

    @property
    def swallows(self) -> NDArray[np.bool_]:
        """(m,): True for contacts that are to be dropped.

        Strategy: the contacts of a fragment with one other section stand in a group. It counts the fragments that lie
        under it with half of their pixels or more; and (sum of areas)^2 / (sum of squared areas), which is n for n
        equal parts.
        """
        if not len(self.row):
            return np.zeros(0, bool)
        depth = int(self.section.max()) + 1
        _, group = np.unique(depth * self.one.astype(np.int64) + self.section, return_inverse=True)
        shares = np.bincount(group, self.area) ** 2 / np.bincount(group, self.area.astype(np.float64) ** 2)
        found: NDArray[np.bool_] = ((np.bincount(group, self.lies_under) >= MANY) & (shares >= EVEN))[group]
        return found


def without_swallowing(graph: RegionGraph, section: NDArray[np.int32], sizes: NDArray[np.int64]) -> RegionGraph:
    """Return a graph without the contacts by which a fragment lies on very many fragments of another section.

    Parameters
    ----------
    graph : RegionGraph
    section : (n + 1,) int32
        The section that each fragment lies in, see `sections_and_sizes`.
    sizes : (n + 1,) int64
        Voxels of each fragment.
    """
    lying = Lying.of(graph, section, sizes)
    dropped = lying.row[lying.swallows]
    return without_rows(graph, dropped) if len(dropped) else graph


def without_rows(graph: RegionGraph, rows: NDArray[np.integer]) -> RegionGraph:
    """Return a graph without the edges at these places."""
    is_kept = np.ones(len(graph), bool)
    is_kept[rows] = False
    return graph.chosen(is_kept)


def sections_and_sizes(fragments: Ids) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the section that each fragment 0..n of a volume (z, y, x) lies in, the last of several, and its voxels."""
    n = int(fragments.max(initial=0)) + 1
    section, sizes = np.zeros(n, np.int32), np.zeros(n, np.int64)
    for z, ids in enumerate(fragments):
        section[ids.ravel()] = z
        sizes += np.bincount(ids.ravel(), minlength=n)
    return section, sizes
