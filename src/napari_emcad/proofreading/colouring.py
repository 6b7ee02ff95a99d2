"""Colours of a session's segments: they follow its edits, and an edit changes only those that it must."""

from copy import copy

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.colouring import colour_apart, first_colours, mend_colours
from napari_emcad.core.ids import Ids
from napari_emcad.core.palettes import PALETTES, LabelColours
from napari_emcad.proofreading.edges import EditedGraph, ranges

FEW = 0.02
"""Share of all fragments up to which segments are near those from before: fragments that have moved."""

AT_ONCE = 200
"""Segments up to which those that fragments have moved to are looked at alone."""

SORTED_AT_ONCE = 1_000_000
"""Fragments up to which the index of segments' fragments is made anew at once, in 0.1 s, when many have moved."""

KEEPS = 100
"""Moves of others that are better than one of a segment that a person has just edited."""

MOST_NEAR, MOST_ANEW = 300, 20_000
"""Moves to keep neighbours apart after an edit, and where all is coloured anew: some 0.1 ms each."""

MOST_EDGES = 30_000_000
"""Edges up to which an index of their larger ends is kept, 8 bytes for each; beyond, half of all contacts are seen."""


def coloured(graph: EditedGraph, table: Ids, palette: str, kept: LabelColours | None = None) -> LabelColours:
    """Return colours for segments: always the same for the same segments.

    Parameters
    ----------
    graph : EditedGraph
        Fragments that touch.
    table : (n + 1,) Ids
        Segment of each fragment, 0 = none.
    palette : str
        Key of `PALETTES`.
    kept : LabelColours, optional
        Colours that they had before, which stay unless neighbours are alike; those of another palette do not count.
    """
    before = kept.of_label if kept is not None and kept.palette == palette else None
    colouring = Colouring(len(PALETTES[palette]), before)
    colouring.follow(graph, table)
    return LabelColours(palette, colouring.colours)


class Colouring:
    """Colours of segments, of which two that touch never have the same.

    Parameters
    ----------
    number : int
        Colours that there are.
    before : (k,) uint8, optional
        Colours that segments had before, by their ids; copied.

    Attributes
    ----------
    colours : (k,) uint8
        Colour of each segment by its id, 0..number - 1; [0] means nothing.
    """

    def __init__(self, number: int, before: NDArray[np.uint8] | None = None):
        self._number = number
        self.colours = first_colours(np.arange(1), number) if before is None else before.copy()
        self._table: Ids = np.empty(0, np.uint32)
        self._ends: _EdgesByEnd | None = None
        self._members = _Members(self._table)
        self._are_apart = True  # False if there are too few colours: then some that touch are alike

    def copy(self) -> "Colouring":
        """Return colours that can follow other segments in a thread of their own."""
        new = copy(self)
        new.colours, new._table, new._members = self.colours.copy(), self._table.copy(), copy(self._members)
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
            self._table, self._members = table.copy(), _Members(table)
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
        moved = _moved(self._table, table)
        if self._ends is None or len(moved) > FEW * len(table) or self._table.dtype != table.dtype:
            return False
        if self._members.moved_so_far > FEW * len(table):
            if len(table) > SORTED_AT_ONCE:
                return False
            self._members = _Members(self._table)
        now = np.zeros(len(moved), table.dtype)
        is_there = moved < len(table)
        now[is_there] = table[moved[is_there]]
        if len(table) > len(self._table):
            self._table = np.pad(self._table, (0, len(table) - len(self._table)))
        return self._follow_some(graph, moved, now)

    def _follow_all(self, graph: EditedGraph) -> None:
        if self._ends is None or self._ends.base is not graph.base.v:
            self._ends = _EdgesByEnd(graph.base.v)
        u, v = self._touching(graph, graph.rows())
        self.colours = colour_apart(u, v, self.colours, self._number)
        is_alike = self.colours[u] == self.colours[v]
        stuck = _segments(np.minimum(u[is_alike], v[is_alike]))
        self._are_apart = self._mend(graph, stuck, _segments(stuck[:0]), MOST_ANEW)

    def _follow_some(self, graph: EditedGraph, moved: NDArray[np.int64], now: Ids) -> bool:
        """Take over where fragments have moved to; if that leaves neighbours alike, the table is as before."""
        changed = _segments(now)
        if len(changed) > AT_ONCE:
            return False
        had_members = np.isin(changed, self._table[self._members.of(changed, self._table)])
        before, self._table[moved] = self._table[moved], now
        members = self._members
        self._members = members.also(moved)
        if self._part(graph, changed, changed[~had_members]) or not self._are_apart:
            return True
        self._table[moved], self._members = before, members
        return False

    def _part(self, graph: EditedGraph, changed: Ids, new: Ids) -> bool:
        """Give segments that are new a colour, and change those beside the changed ones that have theirs.

        Returns
        -------
        bool
            True if no two that touch have the same colour in the end.
        """
        u, v = self._touching(graph, self._rows_of(graph, changed))
        for segment in new:
            self.colours[segment] = self._rarest_around(segment, u, v)
        is_alike = self.colours[u] == self.colours[v]
        alike = _segments(np.concatenate([u[is_alike], v[is_alike]]))
        others = np.setdiff1d(alike, changed)
        return self._mend(graph, np.concatenate([others, np.intersect1d(alike, changed)]), changed, MOST_NEAR)

    def _mend(self, graph: EditedGraph, alike: Ids, kept: Ids, most: int) -> bool:
        """Part segments from neighbours that are like them; those that are kept move last of all."""
        if not len(alike):
            return True
        moves = np.zeros(len(self.colours), np.uint16)
        moves[kept] = KEEPS

        def around(segment: int) -> NDArray[np.integer]:
            ends = np.concatenate(self._touching(graph, self._rows_of(graph, np.array([segment]))))
            return np.unique(ends[ends != segment])

        return mend_colours(alike, around, self.colours, self._number, moves, most)

    def _rarest_around(self, segment: int, u: Ids, v: Ids) -> int:
        """Return the colour that the fewest neighbours have: none, most often."""
        around = np.union1d(u[v == segment], v[u == segment])
        others = np.bincount(self.colours[around], minlength=self._number)
        return int(np.lexsort((np.roll(np.arange(self._number), segment), others))[0])

    def _rows_of(self, graph: EditedGraph, segments: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return the rows of all edges of segments; some twice."""
        assert self._ends is not None, "all segments are looked at first"
        fragments = self._members.of(segments, self._table)
        return np.concatenate([graph.rows_from(fragments), self._ends.rows_to(graph, fragments)])

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


class _Members:
    """Finds the fragments of segments without looking at all of them: by a table, and those moved since.

    Attributes
    ----------
    moved_so_far : int
        Fragments that have moved; one counts each time.
    """

    def __init__(self, table: Ids):
        self._order = np.argsort(table, kind="stable").astype(np.uint32)
        self._starts = np.concatenate([[0], np.cumsum(np.bincount(table))])
        self._moved = np.empty(0, np.int64)

    @property
    def moved_so_far(self) -> int:
        return len(self._moved)

    def also(self, moved: NDArray[np.int64]) -> "_Members":
        """Return what finds fragments that have moved, too."""
        new = copy(self)
        new._moved = np.concatenate([self._moved, moved])
        return new

    def of(self, segments: NDArray[np.integer], table: Ids) -> NDArray[np.int64]:
        """Return the fragments, sorted, that a table has in some segments; it is that of now."""
        known = segments[segments < len(self._starts) - 1].astype(np.int64)
        first = self._order[ranges(self._starts[known], self._starts[known + 1])]
        found = np.concatenate([first.astype(np.int64), self._moved])
        return np.unique(found[np.isin(table[found], segments)])


def _moved(before: Ids, table: Ids) -> NDArray[np.int64]:
    """Return the fragments that are in another segment than before, or were not there, or have gone."""
    known, most = sorted((len(before), len(table)))
    return np.concatenate([np.flatnonzero(before[:known] != table[:known]), np.arange(known, most)])


def _segments(table: Ids) -> Ids:
    """Return the segments in a part of a table, each once."""
    segments = np.unique(table)
    return segments[segments > 0]
