"""The state of a session: the segment of each fragment, and what edits change of that.

Segments that nobody edited follow the threshold. An edit takes all fragments of the segments it touches out of the
threshold's reach: from then on they are where people put them, at every threshold, until the edit is undone.
See docs/decisions/0007-edits.md.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.fragment_boxes import ROOM
from napari_emcad.core.geometry import Voxel
from napari_emcad.core.ids import FragmentId, Ids, SegmentId
from napari_emcad.core.region_graph import RegionGraph
from napari_emcad.core.sections.pairing import PlannedBox
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.proofreading.automatic import AutomaticSegments
from napari_emcad.proofreading.edges import EditedGraph
from napari_emcad.proofreading.effects import Bridge, Effect, Parting
from napari_emcad.proofreading.packed import ManyMoves
from napari_emcad.proofreading.part import FAR, NEAR


@dataclass
class State:
    """Segments at a threshold with edits laid over them.

    Attributes
    ----------
    base : Segmentation
        The result of agglomeration. Parting a fragment writes its voxels anew in `base.fragments`, which views share,
        and undoing that puts them back; nothing else of it is modified.
    threshold : float
    min_size : int
        Voxels; smaller segments that nobody edited are crumbs and join their strongest neighbour.
    planned : PlannedBox or None
        The plan for the sections that the fragments lie in; None = all are used as they are.
    table : (n + 1,) Ids
        Segment of each fragment, [0] = 0; 0 as well for fragments that are not there (any more).
    free : (n + 1,) bool
        True for fragments that the threshold moves.
    sizes : (n + 1,) int64
        Voxels of each fragment; 0 for fragments that are not there (any more).
    edges : EditedGraph
    bridges : list of Bridge
    locked : set of SegmentId
    next_id : int
        The first id that no fragment or segment has had. Ids are not reused, undone or not.
    """

    base: Segmentation
    threshold: float
    min_size: int = 0
    planned: PlannedBox | None = None
    table: Ids = field(init=False)
    free: NDArray[np.bool_] = field(init=False)
    sizes: NDArray[np.int64] = field(init=False)
    edges: EditedGraph = field(init=False)
    bridges: list[Bridge] = field(default_factory=list)
    locked: set[SegmentId] = field(default_factory=set)
    next_id: int = field(init=False)

    def __post_init__(self) -> None:
        n = len(self.base.sizes)
        self.free = np.ones(n, bool)
        self.free[0] = False
        self.sizes = self.base.sizes  # copied once a fragment is parted
        self.edges = EditedGraph.of(self.base.graph)
        self.next_id = n
        self._members: dict[int, Ids] = {}  # of segments that have not changed since they were asked for
        self._edition, self._is_settled, self._makes_many = 0, True, False
        self._foreseen: tuple[int, float, Ids] | None = None  # edition, threshold, table
        self._edge_changes: list[tuple[RegionGraph, RegionGraph]] = []  # removed and added
        self._bridge_ends = np.empty((0, 2), self.base.sizes.dtype)
        self._room: dict[str, NDArray[Any]] = {}  # tables with more rows than are in use
        self._automatic = AutomaticSegments(self.base, self.min_size)
        self.table = self._automatic.table(self.threshold, n)

    def fragment_at(self, voxel: Voxel) -> FragmentId:
        """Return the fragment at a voxel inside the volume; 0 = none."""
        return FragmentId(int(self.base.fragments[voxel]))

    def segment_of(self, fragment: FragmentId) -> SegmentId:
        """Return the segment of a fragment; 0 = none."""
        return SegmentId(int(self.table[fragment]))

    def members(self, segment: SegmentId) -> Ids:
        """Return the fragments of a segment, sorted; none for 0 and for a segment that is not there."""
        if segment not in self._members:
            found = np.flatnonzero(self.table == segment) if segment else np.empty(0)
            self._members[segment] = found.astype(self.table.dtype)
        return self._members[segment]

    @property
    def graph(self) -> RegionGraph:
        """All edges that are there; copied if a fragment was parted."""
        return self.edges.whole

    @property
    def bridge_ends(self) -> NDArray[np.int64]:
        """The two fragments of each bridge, (k, 2)."""
        if more := self.bridges[len(self._bridge_ends) :]:
            self._bridge_ends = np.concatenate([self._bridge_ends, np.array(more, np.int64)])
        return self._bridge_ends

    def digest(self) -> str:
        """Return a hash of the state: equal states, equal hashes."""
        found, there = hashlib.sha256(), np.flatnonzero(self.sizes).astype(self.table.dtype)
        columns = (there, self.table[there], self.free[there], self.sizes[there], self.graph.u, self.graph.v)
        for column in columns:
            found.update(np.ascontiguousarray(column).data)
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

    def apply_many(self, many: ManyMoves) -> None:
        """Make many edits that part nothing and move no threshold."""
        if not len(many.effect) and not many.locks and not many.bridges:
            return
        self._edition += 1
        self._members.clear()
        self.table[many.fragments] = np.repeat(many.after, many.count)
        self.free[many.fragments] = False
        self.reserve(many.after)
        self.bridges.extend(many.bridges)
        for locked, unlocked in many.locks:
            self.locked = (self.locked | set(locked)) - set(unlocked)

    def reserve(self, ids: Sequence[int] | NDArray[np.int64]) -> None:
        """Give no edit these ids: one that is undone had them."""
        self.next_id = max(self.next_id, 1 + int(np.max(ids, initial=-1)))

    def reserve_parts(self, partings: Iterable[Parting]) -> None:
        """Give no edit the ids of parts that are united again; the tables have rows for them."""
        parts = [part for parting in partings for part in parting.parts]
        self.reserve(parts)
        self._make_room(max(parts, default=0) + 1)

    def take_back(self, effect: Effect, in_order: bool = True) -> None:
        """Undo an edit.

        Parameters
        ----------
        effect : Effect
        in_order : bool
            True if it is the last one in force: then every free fragment is where it was before.
        """
        self._forget(effect)
        for move in reversed(effect.moves):
            self.table[move.fragments] = move.before
            self.free[move.fragments] = move.was_free
        for parting in reversed(effect.partings):
            self._unite(parting)
        for bridge in effect.bridges:
            self._remove_bridge(bridge)
        self.locked = (self.locked - set(effect.locked)) | set(effect.unlocked)
        if effect.threshold:
            self._move_threshold(effect.threshold[0])
        elif not in_order:
            self.settle()

    def settle(self) -> None:
        """Put every free fragment where the threshold wants it; while many edits are made, once at their end."""
        self._is_settled = not self._makes_many
        if self._makes_many:
            return
        foreseen = self._take_foreseen(self.threshold)
        self.table = self._settled_at(self.threshold) if foreseen is None else foreseen
        self._foreseen = None
        self._members.clear()

    @contextmanager
    def settle_once(self) -> Iterator[None]:
        """Settle free fragments and edges once, after all edits made inside: in between nobody looks at them."""
        self._makes_many = True
        try:
            yield
        finally:
            self._makes_many = False
            self.edges = self.edges.changed(self._edge_changes)
            self._edge_changes = []
            if not self._is_settled:
                self.settle()

    def foresee(self, threshold: float) -> None:
        """Find what moving the threshold would come to, so that it takes no time then; may run beside edits.

        An edit in between makes it worthless.
        """
        edition = self._edition
        self._foreseen = edition, threshold, self._settled_at(threshold)

    def foresees(self, threshold: float) -> bool:
        """True if it is known what moving the threshold would come to."""
        return self._take_foreseen(threshold) is not None

    def _take_foreseen(self, threshold: float) -> Ids | None:
        """Return the table that was foreseen for a threshold; None if there is none that still holds."""
        foreseen = self._foreseen
        return foreseen[2] if foreseen is not None and foreseen[:2] == (self._edition, threshold) else None

    def _settled_at(self, threshold: float) -> Ids:
        return self._automatic.settle(threshold, self.table, self.free)

    def _remove_bridge(self, bridge: Bridge) -> None:
        """Remove a bridge; mostly it is one of the last."""
        place = next(i for i in range(len(self.bridges) - 1, -1, -1) if self.bridges[i] == bridge)
        del self.bridges[place]
        self._bridge_ends = np.delete(self._bridge_ends, slice(place, place + 1), axis=0)

    def _move_threshold(self, threshold: float) -> None:
        self.threshold = threshold
        self.settle()

    def _forget(self, effect: Effect) -> None:
        """Drop what is remembered of all that an effect changes."""
        self._edition += bool(effect.partings or effect.moves)
        for segment in (s for move in effect.moves for s in (move.before, move.after)):
            self._members.pop(segment, None)
        for fragment in (f for parting in effect.partings for f in parting.all_ids):
            if fragment < len(self.table):
                self._members.pop(int(self.table[fragment]), None)

    def _part(self, parting: Parting) -> None:
        whole, (near, far) = parting.fragment, parting.parts
        self._make_room(max(parting.parts) + 1)
        parting.patch.draw(self.base.fragments, {NEAR: near, FAR: far})
        for part, side in ((near, NEAR), (far, FAR)):
            self.sizes[part], self.table[part] = np.count_nonzero(parting.patch.sides == side), self.table[whole]
        self.sizes[whole], self.table[whole], self.free[whole] = 0, 0, False
        self._change_edges(parting.removed, parting.added)
        self.next_id = max(self.next_id, near + 1, far + 1)

    def _unite(self, parting: Parting) -> None:
        whole, parts = parting.fragment, list(parting.parts)
        parting.patch.draw(self.base.fragments, {NEAR: whole, FAR: whole})
        self.sizes[whole], self.table[whole] = self.sizes[parts].sum(), self.table[parts[0]]
        self.free[whole] = parting.was_free
        self.sizes[parts], self.table[parts] = 0, 0
        self._change_edges(parting.added, parting.removed)

    def _change_edges(self, removed: RegionGraph, added: RegionGraph) -> None:
        """Remove and add edges; while many edits are made, those of all of them at their end."""
        if self._makes_many:
            self._edge_changes.append((removed, added))
        else:
            self.edges = self.edges.without(removed).also(added)

    def _make_room(self, n: int) -> None:
        """Lengthen the tables to n rows; a few thousand more are kept behind them, so that they are rarely copied."""
        if n <= len(self.table):
            return
        self.table = self._lengthened("table", self.table, n)
        self.free = self._lengthened("free", self.free, n)
        self.sizes = self._lengthened("sizes", self.sizes, n)

    def _lengthened(self, name: str, table: NDArray[Any], n: int) -> NDArray[Any]:
        if name not in self._room or table.base is not self._room[name] or n > len(self._room[name]):
            self._room[name] = np.pad(table, (0, n + ROOM - len(table)))
        return self._room[name][:n]
