"""A region graph in which edges are taken out and others put in; of ten million fragments no copy is made for that."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.ids import Ids
from napari_emcad.core.region_graph import RegionGraph


@dataclass(frozen=True)
class _Column:
    """A column of a region graph, (m,) or (m, c), with more rows after its own; indexed by rows."""

    of_base: NDArray
    of_new: NDArray

    @property
    def dtype(self) -> np.dtype:
        return self.of_base.dtype

    def __getitem__(self, rows: Any) -> NDArray:
        if not len(self.of_new):
            return self.of_base[rows]
        rows, n = np.asarray(rows), len(self.of_base)
        is_new = rows >= n
        found = np.empty((*rows.shape, *self.of_base.shape[1:]), self.dtype)
        found[~is_new], found[is_new] = self.of_base[rows[~is_new]], self.of_new[rows[is_new] - n]
        return found[()]


def _column(name: str) -> cached_property:
    """A column of an `EditedGraph`."""
    return cached_property(lambda graph: _Column(getattr(graph.base, name), getattr(graph.new, name)))


@dataclass(frozen=True)
class EditedGraph:
    """Edges u < v between touching fragments, by row: a row keeps its number as long as there is the session.

    Attributes
    ----------
    base : RegionGraph
        Its edges are the first rows; neither copied nor modified.
    new : RegionGraph
        Those of the rows after them, in the order in which they came.
    gone : (g,) int64
        Rows that are not there (any more), sorted.
    u, v, mean, area, contact
        Columns of `RegionGraph`, indexed by rows.
    """

    base: RegionGraph
    new: RegionGraph
    gone: NDArray[np.int64]

    @classmethod
    def of(cls, base: RegionGraph) -> "EditedGraph":
        """A graph as it is."""
        return cls(base, base.chosen(slice(0, 0)), np.empty(0, np.int64))

    u, v = _column("u"), _column("v")
    mean, area, contact = _column("mean"), _column("area"), _column("contact")

    @property
    def room(self) -> int:
        """How many rows there have been."""
        return len(self.base) + len(self.new)

    @cached_property
    def whole(self) -> RegionGraph:
        """All edges that are there, sorted by (u, v); copied where any was taken out or put in."""
        if not len(self.new) + len(self.gone):
            return self.base
        rows = self.rows()
        rest, new = self.at(rows[rows < len(self.base)]), self.at(rows[rows >= len(self.base)])
        new = new.chosen(np.lexsort((new.v, new.u)))
        places = _places(rest, new.u, new.v)[0]
        columns = zip(_columns(rest), _columns(new), strict=True)
        return RegionGraph(*(np.insert(old, places, more, axis=0) for old, more in columns))

    def rows(self) -> NDArray[np.int64]:
        """All that are there."""
        return np.delete(np.arange(self.room), self.gone)

    def at(self, rows: NDArray[np.int64]) -> RegionGraph:
        """The edges of some rows, in their order."""
        new = rows[rows >= len(self.base)] - len(self.base)
        if not len(new):
            return self.base.chosen(rows)
        parts = zip(_columns(self.base), _columns(self.new), strict=True)
        return RegionGraph(*(_Column(base, new)[rows] for base, new in parts))

    def rows_from(self, fragments: Ids) -> NDArray[np.int64]:
        """Rows of the edges of which one of these fragments is u; of sorted fragments they are sorted."""
        fragments = fragments.astype(self.base.u.dtype)  # of another dtype, all edges would be copied
        starts, stops = (np.searchsorted(self.base.u, fragments, side) for side in ("left", "right"))
        new = np.flatnonzero(np.isin(self.new.u, fragments)) + len(self.base)
        return self._there(np.concatenate([ranges(starts, stops), new]))

    def rows_of(self, fragment: int) -> NDArray[np.int64]:
        """Rows of all edges of one fragment; the column v is looked through."""
        as_v = np.flatnonzero(self.base.v == fragment), np.flatnonzero(self.new.v == fragment) + len(self.base)
        return np.sort(np.concatenate([self.rows_from(np.array([fragment])), self._there(np.concatenate(as_v))]))

    def find(self, pairs: NDArray) -> NDArray[np.int64]:
        """Row of the edge between each pair of fragments, (k, 2) in any order; -1 where there is none."""
        found = self._ever(pairs)
        found[np.isin(found, self.gone)] = -1
        return found

    def without(self, those: RegionGraph) -> "EditedGraph":
        """Less some edges, all of which it has."""
        rows = self.find(np.stack([those.u, those.v], axis=1))
        return EditedGraph(self.base, self.new, np.union1d(self.gone, rows))

    def also(self, those: RegionGraph) -> "EditedGraph":
        """With some edges more, none of which it has; one that was there before has its row again."""
        rows = self._ever(np.stack([those.u, those.v], axis=1))
        more = zip(_columns(self.new), _columns(those.chosen(rows < 0)), strict=True)
        new = RegionGraph(*map(np.concatenate, more))
        return EditedGraph(self.base, new, np.setdiff1d(self.gone, rows))

    def _ever(self, pairs: NDArray) -> NDArray[np.int64]:
        """Row of each pair, there or gone; -1 where there never was one."""
        low, high = np.sort(pairs, axis=1).astype(self.base.u.dtype).T
        rows, stops = _places(self.base, low, high)
        there = rows < stops
        there[there] = self.base.v[rows[there]] == high[there]
        rows[~there] = -1
        for k in np.flatnonzero(~there) if self._new_rows else ():
            rows[k] = self._new_rows.get((int(low[k]), int(high[k])), -1)
        return rows

    @cached_property
    def _new_rows(self) -> dict[tuple[int, int], int]:
        pairs = zip(self.new.u.tolist(), self.new.v.tolist(), strict=True)
        return {pair: row for row, pair in enumerate(pairs, len(self.base))}

    def _there(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        return rows[~np.isin(rows, self.gone)] if len(self.gone) else rows


def ranges(starts: NDArray, stops: NDArray) -> NDArray[np.int64]:
    """All numbers of several ranges."""
    lengths = stops - starts
    return np.repeat(stops - np.cumsum(lengths), lengths) + np.arange(lengths.sum())


def _places(graph: RegionGraph, u: Ids, v: Ids) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each of these edges stands in a graph, or would, and where the edges of its u end."""
    u = u.astype(graph.u.dtype)  # of another dtype, all edges would be copied
    starts, stops = (np.searchsorted(graph.u, u, side) for side in ("left", "right"))
    ends = zip(starts, stops, v, strict=True)
    return starts + np.array([np.searchsorted(graph.v[a:b], other) for a, b, other in ends], np.int64), stops


def _columns(graph: RegionGraph) -> tuple[NDArray, ...]:
    return graph.u, graph.v, graph.mean, graph.quantiles, graph.area, graph.contact
