"""Edges that came after those of a region graph: many are added few at a time, so they share memory that grows."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.ids import Ids
from napari_emcad.core.region_graph import RegionGraph

ROOM = 1 << 10
"""Edges that there is room for at first."""


class AddedEdges:
    """Edges u < v in the order in which they came, and sorted by (u, v); it stays as it is when more are added.

    Parameters
    ----------
    memory : list of array
        Columns of a region graph with room for more rows.
    used : list of int
        One number: how many rows of the memory are in use, by whichever edges share it.
    count : int
        How many are of these edges.
    order : (count,) int64
        Their places, sorted by (u, v).

    Attributes
    ----------
    graph : RegionGraph
        The edges in the order in which they came.
    u, v : (count,) Ids
        Their ends, sorted by (u, v).
    order : (count,) int64
    """

    def __init__(
        self, memory: list[NDArray[Any]], used: list[int], count: int, order: NDArray[np.int64], u: Ids, v: Ids
    ):
        self.graph = RegionGraph(*(column[:count] for column in memory))
        self.order, self.u, self.v = order, u, v
        self._memory, self._used = memory, used

    @classmethod
    def none(cls, base: RegionGraph) -> "AddedEdges":
        """Return no edges, to which such as those of a region graph can be added."""
        nothing = base.chosen(np.empty(0, np.int64))
        return cls([*columns_of(nothing)], [0], 0, np.empty(0, np.int64), nothing.u, nothing.v)

    def __len__(self) -> int:
        return len(self.order)

    def also(self, more: RegionGraph) -> "AddedEdges":
        """Return these edges and more, none of which is among them."""
        if not len(more):
            return self
        count, total = len(self), len(self) + len(more)
        memory, used = self._memory, self._used
        if used[0] != count or total > len(memory[0]):  # others have written behind these, or there is no room
            memory, used = [_with_room(column, total + max(ROOM, total)) for column in columns_of(self.graph)], [count]
        for column, values in zip(memory, columns_of(more), strict=True):
            column[count:total] = values
        used[0] = total
        new = np.lexsort((more.v, more.u))
        u, v = more.u[new].astype(self.u.dtype), more.v[new].astype(self.v.dtype)
        places = self._places(u, v)
        order = np.insert(self.order, places, count + new)
        return AddedEdges(memory, used, total, order, np.insert(self.u, places, u), np.insert(self.v, places, v))

    def starting_at(self, fragments: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return the places, sorted, of edges whose u is one of these fragments."""
        starts, stops = np.searchsorted(self.u, fragments), np.searchsorted(self.u, fragments, "right")
        found = [self.order[a:b] for a, b in zip(starts, stops, strict=True) if b > a]
        return np.sort(np.concatenate(found)) if found else np.empty(0, np.int64)

    def find(self, u: Ids, v: Ids) -> NDArray[np.int64]:
        """Return the place of each edge (u, v); -1 = there is none."""
        places = self._places(u, v)
        found = np.full(len(u), -1)
        inside = np.flatnonzero(places < len(self))
        here = inside[(self.u[places[inside]] == u[inside]) & (self.v[places[inside]] == v[inside])]
        found[here] = self.order[places[here]]
        return found

    def _places(self, u: Ids, v: Ids) -> NDArray[np.int64]:
        """Return where each edge stands in the sorted order, or would."""
        starts, stops = np.searchsorted(self.u, u), np.searchsorted(self.u, u, "right")
        return places_between(self.v, starts, stops, v)


def places_between(
    column: NDArray[np.integer], starts: NDArray[np.int64], stops: NDArray[np.int64], values: NDArray[np.integer]
) -> NDArray[np.int64]:
    """Return where each of many values, (k,), stands between two places of a column that is sorted there, or would.

    Strategy: bisect for all of them at once.
    """
    low, high = starts.copy(), stops.copy()
    open_ones = np.flatnonzero(low < high)
    while len(open_ones):
        middle = (low[open_ones] + high[open_ones]) // 2
        is_less = column[middle] < values[open_ones]
        low[open_ones[is_less]] = middle[is_less] + 1
        high[open_ones[~is_less]] = middle[~is_less]
        open_ones = open_ones[low[open_ones] < high[open_ones]]
    return low


def columns_of(graph: RegionGraph) -> Iterator[NDArray[Any]]:
    """Yield the columns of a region graph."""
    yield from (graph.u, graph.v, graph.mean, graph.quantiles, graph.area, graph.contact)


def _with_room(column: NDArray[Any], rows: int) -> NDArray[Any]:
    found = np.empty((rows, *column.shape[1:]), column.dtype)
    found[: len(column)] = column
    return found
