"""A region graph in which edges are removed and others added; of ten million fragments no copy is made for that."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, Protocol, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.ids import FragmentId, Ids
from napari_emcad.core.region_graph import RegionGraph
from napari_emcad.proofreading.added_edges import AddedEdges, columns_of, places_between

Scalar = TypeVar("Scalar", bound=np.generic)
Scalar_co = TypeVar("Scalar_co", bound=np.generic, covariant=True)


class Column(Protocol[Scalar_co]):
    """Values of edges, (m,) or (m, c), that are read by rows: an array, or one with more rows kept beside it."""

    @overload
    def __getitem__(self, rows: int, /) -> Any: ...
    @overload
    def __getitem__(self, rows: NDArray[np.integer], /) -> NDArray[Scalar_co]: ...


class Graph(Protocol):
    """Edges between touching fragments, read by rows: a `RegionGraph` or an `EditedGraph`."""

    @property
    def u(self) -> Column[np.integer]:
        """The smaller fragment of each edge."""
        ...

    @property
    def v(self) -> Column[np.integer]:
        """The larger fragment of each edge."""
        ...

    @property
    def mean(self) -> Column[np.float32]:
        """Mean affinity over each contact."""
        ...

    @property
    def area(self) -> Column[np.int64]:
        """Contact area in voxel faces."""
        ...


@dataclass(frozen=True)
class _Column(Generic[Scalar]):
    """A column of a region graph, (m,) or (m, c), with more rows after its own."""

    of_base: NDArray[Scalar]
    of_new: NDArray[Scalar]

    @property
    def dtype(self) -> np.dtype[Scalar]:
        return self.of_base.dtype

    @overload
    def __getitem__(self, rows: int, /) -> Any: ...
    @overload
    def __getitem__(self, rows: NDArray[np.integer], /) -> NDArray[Scalar]: ...
    def __getitem__(self, rows: int | NDArray[np.integer], /) -> Any:
        if not len(self.of_new):
            return self.of_base[rows]
        rows, n = np.asarray(rows), len(self.of_base)
        is_new = rows >= n
        found = np.empty((*rows.shape, *self.of_base.shape[1:]), self.dtype)
        found[~is_new], found[is_new] = self.of_base[rows[~is_new]], self.of_new[rows[is_new] - n]
        return found[()]


@dataclass(frozen=True)
class EditedGraph:
    """Edges u < v between touching fragments, by row: a row keeps its number as long as there is the session.

    Attributes
    ----------
    base : RegionGraph
        Edges of the first rows; neither copied nor modified.
    added : AddedEdges
        Edges of the rows after them, in the order in which they came.
    gone : (g,) int64
        Rows that are removed, sorted.
    """

    base: RegionGraph
    added: AddedEdges
    gone: NDArray[np.int64]

    @classmethod
    def of(cls, base: RegionGraph) -> "EditedGraph":
        """Return a graph as it is, without changes."""
        return cls(base, AddedEdges.none(base), np.empty(0, np.int64))

    @property
    def new(self) -> RegionGraph:
        """The edges that were added, in the order in which they came."""
        return self.added.graph

    @cached_property
    def u(self) -> _Column[np.integer]:
        """The smaller fragment of each edge."""
        return _Column(self.base.u, self.new.u)

    @cached_property
    def v(self) -> _Column[np.integer]:
        """The larger fragment of each edge."""
        return _Column(self.base.v, self.new.v)

    @cached_property
    def mean(self) -> _Column[np.float32]:
        """Mean affinity over each contact."""
        return _Column(self.base.mean, self.new.mean)

    @cached_property
    def area(self) -> _Column[np.int64]:
        """Contact area in voxel faces."""
        return _Column(self.base.area, self.new.area)

    @cached_property
    def quantiles(self) -> _Column[np.float32]:
        """Affinity quantiles over each contact, see `RegionGraph`."""
        return _Column(self.base.quantiles, self.new.quantiles)

    @cached_property
    def contact(self) -> _Column[np.int32]:
        """A voxel (z, y, x) at each contact."""
        return _Column(self.base.contact, self.new.contact)

    @property
    def row_count(self) -> int:
        """The number of rows that there have been."""
        return len(self.base) + len(self.new)

    @cached_property
    def whole(self) -> RegionGraph:
        """All edges that are there, sorted by (u, v); copied where any was removed or added."""
        if not len(self.new) + len(self.gone):
            return self.base
        rows = self.rows()
        rest, new = self.at(rows[rows < len(self.base)]), self.at(rows[rows >= len(self.base)])
        new = new.chosen(np.lexsort((new.v, new.u)))
        places = _places(rest, new.u, new.v)[0]
        columns = zip(columns_of(rest), columns_of(new), strict=True)
        return RegionGraph(*(np.insert(old, places, more, axis=0) for old, more in columns))

    def rows(self) -> NDArray[np.int64]:
        """Return all rows that are there."""
        return np.delete(np.arange(self.row_count), self.gone)

    def at(self, rows: NDArray[np.int64]) -> RegionGraph:
        """Return the edges of some rows, in their order."""
        new = rows[rows >= len(self.base)] - len(self.base)
        if not len(new):
            return self.base.chosen(rows)
        parts = zip(columns_of(self.base), columns_of(self.new), strict=True)
        return RegionGraph(*(_Column(base, new)[rows] for base, new in parts))

    def rows_from(self, fragments: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return the rows of edges whose u is one of these fragments; sorted if the fragments are."""
        fragments = fragments.astype(self.base.u.dtype)  # of another dtype, all edges would be copied
        starts, stops = np.searchsorted(self.base.u, fragments), np.searchsorted(self.base.u, fragments, "right")
        new = self.added.starting_at(fragments) + len(self.base)
        return self.those_there(np.concatenate([ranges(starts, stops), new]))

    def rows_of(self, fragment: FragmentId) -> NDArray[np.int64]:
        """Return the rows of all edges of one fragment; the column v is looked through."""
        as_v = np.flatnonzero(self.base.v == fragment), np.flatnonzero(self.new.v == fragment) + len(self.base)
        return np.sort(np.concatenate([self.rows_from(np.array([fragment])), self.those_there(np.concatenate(as_v))]))

    def find(self, pairs: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return the row of the edge between each pair of fragments, (k, 2) in any order; -1 = no edge."""
        found = self._find_ever(pairs)
        found[_are_among(found, self.gone)] = -1
        return found

    def without(self, removed: RegionGraph) -> "EditedGraph":
        """Return the graph without some of its edges."""
        rows = np.sort(self.find(np.stack([removed.u, removed.v], axis=1)))
        return EditedGraph(self.base, self.added, np.insert(self.gone, np.searchsorted(self.gone, rows), rows))

    def also(self, added: RegionGraph) -> "EditedGraph":
        """Return the graph with more edges, none of which it has; one that was there before has its row again."""
        rows = self._find_ever(np.stack([added.u, added.v], axis=1))
        back = self.gone[np.searchsorted(self.gone, rows[rows >= 0])]
        gone = np.delete(self.gone, np.searchsorted(self.gone, back))
        return EditedGraph(self.base, self.added.also(added.chosen(rows < 0)), gone)

    def changed(self, changes: Sequence[tuple[RegionGraph, RegionGraph]]) -> "EditedGraph":
        """Return the graph after many changes, each edges that go and then edges that come.

        Strategy: of each edge only the last change counts.
        """
        graphs = [graph for change in changes for graph in change if len(graph)]
        if not graphs:
            return self
        all_edges = RegionGraph(*map(np.concatenate, zip(*map(columns_of, graphs), strict=True)))
        comes = np.concatenate([np.full(len(g), i % 2 == 1) for c in changes for i, g in enumerate(c) if len(g)])
        order = np.lexsort((np.arange(len(all_edges)), all_edges.v, all_edges.u))
        u, v = all_edges.u[order], all_edges.v[order]
        last = order[np.append((u[1:] != u[:-1]) | (v[1:] != v[:-1]), True)]
        there = self.find(np.stack([all_edges.u[last], all_edges.v[last]], axis=1)) >= 0
        removed, added = last[there & ~comes[last]], np.sort(last[~there & comes[last]])
        return self.without(all_edges.chosen(removed)).also(all_edges.chosen(added))

    def those_there(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return those of these rows that are not removed."""
        return rows[~_are_among(rows, self.gone)] if len(self.gone) else rows

    def _find_ever(self, pairs: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return the row of each pair, there or gone; -1 = there never was one."""
        low, high = np.sort(pairs, axis=1).astype(self.base.u.dtype).T
        rows, stops = _places(self.base, low, high)
        there = rows < stops
        there[there] = self.base.v[rows[there]] == high[there]
        new = self.added.find(low[~there], high[~there])
        rows[~there] = np.where(new < 0, -1, new + len(self.base))
        return rows


def ranges(starts: NDArray[np.integer], stops: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return all numbers of several ranges, one range after the other."""
    lengths = stops - starts
    return np.repeat(stops - np.cumsum(lengths), lengths) + np.arange(lengths.sum())


def _places(graph: RegionGraph, u: Ids, v: Ids) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the row where each edge stands in a graph, or would, and the row where the edges of its u end."""
    u = u.astype(graph.u.dtype)  # of another dtype, all edges would be copied
    starts, stops = np.searchsorted(graph.u, u), np.searchsorted(graph.u, u, "right")
    return places_between(graph.v, starts, stops, v), stops


def _are_among(rows: NDArray[np.int64], some: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which rows are among some that are sorted; `np.isin` would sort all of them again."""
    if not len(some):
        return np.zeros(len(rows), bool)
    places = np.minimum(np.searchsorted(some, rows), len(some) - 1)
    found: NDArray[np.bool_] = some[places] == rows
    return found
