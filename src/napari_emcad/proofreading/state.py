"""The state of a session: which fragment is of which segment, and what edits change of that.

Segments that nobody edited follow the threshold. An edit takes all fragments of the segments it touches out of the
threshold's reach: from then on they are where people put them, at every threshold, until the edit is undone.
See docs/decisions/0007-edits.md.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_emcad.core.fragment_boxes import ROOM
from napari_emcad.core.ids import Ids
from napari_emcad.core.region_graph import RegionGraph
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.proofreading.contacts import Contacts
from napari_emcad.proofreading.edges import EditedGraph
from napari_emcad.proofreading.effects import Effect, Parting
from napari_emcad.proofreading.part import FAR, NEAR


@dataclass
class State:
    """Segments at a threshold with edits laid over them.

    Attributes
    ----------
    base : Segmentation
        What agglomeration made. Parting a fragment writes its voxels anew in `base.fragments`, which views share, and
        undoing that puts them back; nothing else of it is modified.
    threshold : float
    min_size : int
        Voxels; smaller segments that nobody edited are crumbs and join their strongest neighbour.
    table : (n + 1,) Ids
        Segment of each fragment, [0] = 0; 0 as well where there is no such fragment (any more).
    free : (n + 1,) bool
        Whether the threshold moves a fragment.
    sizes : (n + 1,) int64
        Voxels of each fragment.
    edges : EditedGraph
    bridges : list of (int, int)
    locked : set of int
    next_id : int
        The first id that no segment has had. Ids are not reused, undone or not.
    """

    base: Segmentation
    threshold: float
    min_size: int = 0
    table: Ids = field(init=False)
    free: NDArray[np.bool_] = field(init=False)
    sizes: NDArray[np.int64] = field(init=False)
    edges: EditedGraph = field(init=False)
    bridges: list[tuple[int, int]] = field(default_factory=list)
    locked: set[int] = field(default_factory=set)
    next_id: int = field(init=False)

    def __post_init__(self):
        n = len(self.base.sizes)
        self.free = np.ones(n, bool)
        self.free[0] = False
        self._members: dict[int, Ids] = {}  # those asked for since they have changed
        self._edition, self._is_settled, self._makes_many = 0, True, False
        self._room: dict[str, NDArray] = {}  # tables with more rows than are in use
        self._automatic_table: tuple[float, Ids] | None = None
        self._foreseen: tuple[int, float, Ids] | None = None
        self.sizes = self.base.sizes  # copied where a fragment is parted
        self.edges = EditedGraph.of(self.base.graph)
        self.table = self._automatic(self.threshold)
        self.next_id = n

    def members(self, segment: int) -> Ids:
        """Fragments of a segment, sorted."""
        if segment not in self._members:
            found = np.flatnonzero(self.table == segment) if segment else np.empty(0)
            self._members[segment] = found.astype(self.table.dtype)
        return self._members[segment]

    @property
    def graph(self) -> RegionGraph:
        """All edges there are; where a fragment was parted, they are copied for it."""
        return self.edges.whole

    def digest(self) -> str:
        """A hash of the state: equal states, equal hashes."""
        found, there = hashlib.sha256(), np.flatnonzero(self.sizes).astype(self.table.dtype)
        for array in (there, self.table[there], self.free[there], self.sizes[there], self.graph.u, self.graph.v):
            found.update(np.ascontiguousarray(array))
        found.update(repr((self.threshold, sorted(self.bridges), sorted(self.locked))).encode())
        return found.hexdigest()

    def apply(self, effect: Effect) -> None:
        """Make an edit."""
        self._forget(effect)
        for parting in effect.partings:
            self._part(parting)
        for move in effect.moves:
            self.table[move.fragments] = move.after
            self.free[move.fragments] = False
            self.next_id = max(self.next_id, move.after + 1)
        for segment in {move.after for move in effect.moves}:  # all that is in it is among them
            parts = [move.fragments for move in effect.moves if move.after == segment]
            self._members[segment] = np.sort(np.concatenate(parts)).astype(self.table.dtype)
        self.bridges.extend(effect.bridges)
        self.locked = (self.locked | set(effect.locked)) - set(effect.unlocked)
        if effect.threshold:
            self._move_threshold(effect.threshold[1])

    def take_back(self, effect: Effect, in_order: bool = True) -> None:
        """Undo an edit.

        Parameters
        ----------
        effect : Effect
        in_order : bool
            Whether it is the last one that is in force: then every free fragment stands where it stood before.
        """
        self._forget(effect)
        for move in reversed(effect.moves):
            self.table[move.fragments] = move.before
            self.free[move.fragments] = move.was_free
        for parting in reversed(effect.partings):
            self._unite(parting)
        for bridge in effect.bridges:
            self.bridges.remove(bridge)
        self.locked = (self.locked - set(effect.locked)) | set(effect.unlocked)
        if effect.threshold:
            self._move_threshold(effect.threshold[0])
        elif not in_order:
            self.settle()

    def settle(self) -> None:
        """Put every free fragment where the threshold wants it; at the end only while many edits are made."""
        self._is_settled = not self._makes_many
        if self._makes_many:
            return
        self.table = self._foreseen[2] if self.foresees(self.threshold) else self._settled(self.threshold)
        self._foreseen = None
        self._members.clear()

    @contextmanager
    def many(self) -> Iterator[None]:
        """While edits of a log are made: where free fragments are between them is of no use."""
        self._makes_many = True
        try:
            yield
        finally:
            self._makes_many = False
            if not self._is_settled:
                self.settle()

    def foresee(self, threshold: float) -> None:
        """Find what moving the threshold would come to, so that it takes no time then; may run beside edits.

        An edit in between makes it worthless.
        """
        edition = self._edition
        self._foreseen = edition, threshold, self._settled(threshold)

    def foresees(self, threshold: float) -> bool:
        """Whether it is known what moving the threshold would come to."""
        return self._foreseen is not None and self._foreseen[:2] == (self._edition, threshold)

    def _settled(self, threshold: float) -> Ids:
        """The table with every free fragment where a threshold wants it."""
        fixed = np.flatnonzero(~self.free)
        wanted = self._automatic(threshold)
        mixed = np.zeros(len(wanted), bool)
        mixed[wanted[fixed]] = True
        mixed[0] = False
        left = mixed.take(wanted, mode="clip") & self.free  # free ones that an edit took neighbours from
        if left.any():
            self._name_pieces(wanted, left)
        wanted[fixed] = self.table[fixed]
        return wanted

    def _forget(self, effect: Effect) -> None:
        """What was known of what an effect changes."""
        self._edition += bool(effect.partings or effect.moves)
        for segment in (s for move in effect.moves for s in (move.before, move.after)):
            self._members.pop(segment, None)
        for fragment in (f for parting in effect.partings for f in (parting.fragment, *parting.parts)):
            if fragment < len(self.table):
                self._members.pop(int(self.table[fragment]), None)

    def _part(self, parting: Parting) -> None:
        whole, (near, far) = parting.fragment, parting.parts
        self._make_room(max(parting.parts) + 1)
        parting.patch.draw(self.base.fragments, {NEAR: near, FAR: far})
        for part, side in ((near, NEAR), (far, FAR)):
            self.sizes[part], self.table[part] = np.count_nonzero(parting.patch.sides == side), self.table[whole]
        self.sizes[whole], self.table[whole], self.free[whole] = 0, 0, False
        self.edges = self.edges.without(parting.removed).also(parting.added)
        self.next_id = max(self.next_id, near + 1, far + 1)

    def _unite(self, parting: Parting) -> None:
        whole, parts = parting.fragment, list(parting.parts)
        parting.patch.draw(self.base.fragments, {NEAR: whole, FAR: whole})
        self.sizes[whole], self.table[whole] = self.sizes[parts].sum(), self.table[parts[0]]
        self.free[whole] = parting.was_free
        self.sizes[parts], self.table[parts] = 0, 0
        self.edges = self.edges.without(parting.added).also(parting.removed)

    def _make_room(self, n: int) -> None:
        """Tables of so many rows; a few thousand more are kept behind them, so that they are not copied each time."""
        if n <= len(self.table):
            return
        tables = {"table": self.table, "free": self.free, "sizes": self.sizes}
        for name, table in tables.items():
            room = self._room.get(name)
            if room is None or table.base is not room or n > len(room):
                self._room[name] = room = np.pad(table, (0, n + ROOM - len(table)))
            setattr(self, name, room[:n])

    def _move_threshold(self, threshold: float) -> None:
        self.threshold = threshold
        self.settle()

    def _automatic(self, threshold: float) -> Ids:
        if self._automatic_table is None or self._automatic_table[0] != threshold:
            self._automatic_table = threshold, self.base.table(threshold, self.min_size)
        table = np.zeros(len(self.free), self._automatic_table[1].dtype)
        table[: len(self.base.sizes)] = self._automatic_table[1]
        return table

    def _name_pieces(self, table: Ids, left: NDArray[np.bool_]) -> None:
        """Part what hung together only through edited fragments; a piece is named by its largest fragment."""
        fragments = np.flatnonzero(left)
        edges = Contacts(EditedGraph.of(self.base.graph), len(self.base.sizes)).among(fragments)
        u, v = self.base.graph.u[edges], self.base.graph.v[edges]
        same = table[u] == table[v]
        ends = (np.searchsorted(fragments, side[same]) for side in (u, v))
        n = len(fragments)
        piece = connected_components(coo_array((np.ones(same.sum(), bool), tuple(ends)), (n, n)), False)[1]
        order = np.lexsort((-fragments, self.base.sizes[fragments]))
        name = np.zeros(n, table.dtype)
        name[piece[order]] = fragments[order]  # the last written, so the largest, stays
        table[fragments] = name[piece]
