"""Colours of a session's segments: they follow its edits, and an edit changes only those that it must."""

from copy import copy

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.colouring import colour_apart, first_colours
from napari_emcad.core.ids import Ids
from napari_emcad.core.palettes import PALETTES, LabelColours
from napari_emcad.proofreading.edges import EditedGraph, ranges

FEW = 0.02
"""Share of all fragments up to which segments are near those from before: fragments that have moved."""

AT_ONCE = 200
"""Segments up to which those that fragments have moved to are looked at alone."""

ROUNDS = 8
"""Times that neighbours give way to those that have just been coloured."""

MOST_EDGES = 30_000_000
"""Edges up to which an index of their larger ends is kept, 8 bytes for each; beyond, half of all contacts are seen."""


def coloured(graph: EditedGraph, table: Ids, palette: str) -> LabelColours:
    """Return colours for segments that had none: always the same for the same segments.

    Parameters
    ----------
    graph : EditedGraph
        Fragments that touch.
    table : (n + 1,) Ids
        Segment of each fragment, 0 = none.
    palette : str
        Key of `PALETTES`.
    """
    colouring = Colouring(len(PALETTES[palette]))
    colouring.follow(graph, table)
    return LabelColours(palette, colouring.colours)


class Colouring:
    """Colours of segments, of which two that touch never have the same.

    Parameters
    ----------
    number : int
        Colours that there are.

    Attributes
    ----------
    colours : (k,) uint8
        Colour of each segment by its id, 0..number - 1; [0] means nothing.
    """

    def __init__(self, number: int):
        self._number = number
        self.colours = first_colours(np.arange(1), number)
        self._table: Ids = np.empty(0, np.uint32)
        self._ends: _EdgesByEnd | None = None
        self._are_apart = True  # False if there are too few colours: then some that touch are alike

    def copy(self) -> "Colouring":
        """Return colours that can follow other segments in a thread of their own."""
        new = copy(self)
        new.colours = self.colours.copy()
        return new

    def reach(self, n: int) -> None:
        """Give all ids below n a colour."""
        if n > len(self.colours):
            more = first_colours(np.arange(len(self.colours), n + n // 8), self._number)
            self.colours = np.concatenate([self.colours, more])

    def follow(self, graph: EditedGraph, table: Ids) -> None:
        """Take over other segments.

        Parameters
        ----------
        graph : EditedGraph
            Fragments that touch.
        table : (n + 1,) Ids
            Segment of each fragment, 0 = none; copied.
        """
        if not self.follow_near(graph, table):
            self._table = table.copy()
            self._follow_all(graph)

    def follow_near(self, graph: EditedGraph, table: Ids) -> bool:
        """Take over segments that are near those from before, which takes milliseconds; see `follow`.

        The segments of fragments that have moved are looked at alone: one that is new takes a colour that none of its
        neighbours has, if there is one, and a neighbour that has its colour all the same gives way.

        Returns
        -------
        bool
            False if too many have moved, or that is not enough to keep neighbours apart: all are to be looked at.
        """
        self.reach(max(len(table), int(table.max(initial=0)) + 1))
        before, moved = self._table, _moved(self._table, table)
        if self._ends is None or len(moved) > FEW * len(table):
            return False
        self._table = table.copy()
        if self._follow_some(graph, before, moved) or not self._are_apart:
            return True
        self._table = before
        return False

    def _follow_all(self, graph: EditedGraph) -> None:
        if self._ends is None or self._ends.base is not graph.base.v:
            self._ends = _EdgesByEnd(graph.base.v)
        u, v = self._touching(graph, graph.rows())
        self.colours = colour_apart(u, v, self.colours, self._number)
        self._are_apart = not (self.colours[u] == self.colours[v]).any()

    def _follow_some(self, graph: EditedGraph, before: Ids, moved: NDArray[np.int64]) -> bool:
        """Return True if no two that touch have the same colour in the end."""
        changed: NDArray[np.integer] = _segments(self._table[moved])
        if len(changed) > AT_ONCE:
            return False
        to_colour, settled = changed[~self._marks(before)[changed]], changed
        u, v = self._touching(graph, self._rows_of(graph, changed))
        for _ in range(ROUNDS):
            for segment in to_colour:
                self.colours[segment] = self._rarest_around(segment, u, v)
            alike = self.colours[u] == self.colours[v]
            clashing = _segments(np.concatenate([u[alike], v[alike]]))
            to_colour = np.setdiff1d(clashing, settled)
            if not len(to_colour):
                return not len(clashing)
            settled = np.union1d(settled, to_colour)
            u, v = self._touching(graph, self._rows_of(graph, to_colour))
        return False

    def _rarest_around(self, segment: int, u: Ids, v: Ids) -> int:
        """Return the colour that the fewest neighbours have: none, most often."""
        around = np.union1d(u[v == segment], v[u == segment])
        others = np.bincount(self.colours[around], minlength=self._number)
        return int(np.lexsort((np.roll(np.arange(self._number), segment), others))[0])

    def _rows_of(self, graph: EditedGraph, segments: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return the rows of all edges of segments; some twice."""
        assert self._ends is not None, "all segments are looked at first"
        fragments = np.flatnonzero(self._marks(segments)[self._table])
        return np.concatenate([graph.rows_from(fragments), self._ends.rows_to(graph, fragments)])

    def _marks(self, segments: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Return True at the ids of some segments."""
        marks = np.zeros(len(self.colours), bool)
        marks[segments] = True
        return marks

    def _touching(self, graph: EditedGraph, rows: NDArray[np.int64]) -> tuple[Ids, Ids]:
        """Return the two segments of each edge, where it lies between two."""
        u, v = self._table[graph.u[rows]], self._table[graph.v[rows]]
        is_between = (u != v) & (u > 0) & (v > 0)
        return u[is_between], v[is_between]


class _EdgesByEnd:
    """Finds edges of a region graph by their larger fragment; their table is sorted by the smaller one.

    Attributes
    ----------
    base : (m,) Ids
        The larger fragment of each edge.
    """

    def __init__(self, base: Ids):
        self.base = base
        known = base if len(base) <= MOST_EDGES else base[:0]
        self._order = np.argsort(known, kind="stable").astype(np.uint32)
        self._sorted = known[self._order]

    def rows_to(self, graph: EditedGraph, fragments: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows of edges whose larger fragment is one of these."""
        wanted = fragments.astype(self._sorted.dtype)
        starts, stops = np.searchsorted(self._sorted, wanted), np.searchsorted(self._sorted, wanted, "right")
        new = np.flatnonzero(np.isin(graph.new.v, fragments)) + len(graph.base)
        return graph.those_there(np.concatenate([self._order[ranges(starts, stops)].astype(np.int64), new]))


def _moved(before: Ids, table: Ids) -> NDArray[np.int64]:
    """Return the fragments that are in another segment than before, or were not there."""
    known = min(len(before), len(table))
    return np.concatenate([np.flatnonzero(before[:known] != table[:known]), np.arange(known, len(table))])


def _segments(table: Ids) -> Ids:
    """Return the segments in a part of a table, each once."""
    segments = np.unique(table)
    return segments[segments > 0]
