"""A proofreading session: every edit is checked, written to the log, and only then made."""

import hashlib
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Voxel
from napari_emcad.core.ids import Ids, as_ids
from napari_emcad.core.region_graph import RegionGraph
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.proofreading.contacts import Contacts
from napari_emcad.proofreading.cut import Proposal, propose_cuts
from napari_emcad.proofreading.effects import Effect, Move, Parting
from napari_emcad.proofreading.errors import Doubtful, Refused
from napari_emcad.proofreading.log import EditLog, LogRow
from napari_emcad.proofreading.part import FAR, NEAR, Patch, edges_of_parts, part_fragment
from napari_emcad.proofreading.state import State
from napari_emcad.proofreading.walk import joining_next, leaving_next

VERY_LOW = 0.02
"""Affinity below which a merge is asked about."""

BY_FAR = 1.5
"""A merge is asked about that makes a segment so many times larger than the largest there is ..."""

FEW = 10
"""... where there are more than so many: of a few segments any two may make the largest."""


class Session:
    """Fragments, their segments and the log of what people changed.

    Attributes
    ----------
    state : State
    log : EditLog
    base_hash : str
    """

    def __init__(
        self,
        base: Segmentation,
        log: EditLog,
        threshold: float,
        min_size: int = 0,
        affinities=None,
        known_hash: str | None = None,
    ):
        self.state = State(base, threshold, min_size)
        self.log, self._affinities = log, affinities
        self.base_hash = known_hash or base_hash(base)
        self._contacts = Contacts(self.state.edges, len(self.state.table))
        self._undone: list[int] = []
        self._live: list[int] = []
        self._disordered = False
        self._began: float | None = None
        with self.state.many():
            for row in log.rows:
                self._check_base(row)
                self._replay(row)
        self._largest = int(self._all_sizes().argmax())

    def begin(self) -> None:
        """The first point of an edit has been placed, or a question asked: the next row says how long it took."""
        self._began = time.monotonic()

    # ---- edits -------------------------------------------------------------------------------------------------

    def merge(self, anchor: int, other: int, confirmed: bool = False, **given: Any) -> LogRow:
        """Join the segment of fragment `other` to that of fragment `anchor`, whose id it takes.

        Raises
        ------
        Refused
            Background, one segment, or a locked one.
        Doubtful
            No contact, hardly any affinity, or a giant; made where `confirmed`.
        """
        kept, added = self._segment(anchor), self._segment(other)
        if kept == added:
            raise Refused(f"merge: both points are in segment {kept} already; click another segment.")
        self._check_open(kept, added)
        ours, theirs = self.state.members(kept), self.state.members(added)
        edges = self._contacts.between(ours, theirs)
        if not confirmed:
            self._check_likely(kept, added, edges, ours, theirs)
        bridges = () if len(edges) else ((anchor, other),)
        moves = (self._held(kept, ours), Move(theirs, added, kept, bool(self.state.free[theirs[0]])))
        return self._make("merge", {"anchor": anchor, "other": other, **given}, Effect(moves=moves, bridges=bridges))

    def propose(self, near: list[int], far: list[int]) -> list[Proposal]:
        """Ways to split the segment in which all these fragments are, see `cut.proposals`."""
        segments = {self._segment(f) for f in (*near, *far)}
        if len(segments) > 1:
            raise Refused("split: the points are in different segments; place all of them in one.")
        segment = segments.pop()
        self._check_open(segment)
        return propose_cuts(self._contacts.segment_graph(self.state.members(segment), self.state.bridges), near, far)

    def split(self, proposal: Proposal, **given: Any) -> LogRow:
        """Make a split that was proposed; the side of the first points keeps the id."""
        segment = self._segment(int(proposal.near[0]))
        self._check_open(segment)
        if not np.array_equal(np.union1d(proposal.near, proposal.far), self.state.members(segment)):
            raise Refused("split: the segment has changed since; place the points again.")
        free = bool(self.state.free[proposal.near[0]])
        moves = (self._held(segment, proposal.near), Move(proposal.far, segment, self.state.next_id, free))
        bridges = (*self._bridges_in(proposal.near), *self._bridges_in(proposal.far))
        return self._make("split", {"method": proposal.method, **given}, Effect(moves=moves, bridges=bridges))

    def detach(self, fragment: int, **given: Any) -> LogRow:
        """Take one fragment out of its segment; what falls apart without it becomes segments of their own."""
        segment = self._segment(fragment)
        self._check_open(segment)
        members = self.state.members(segment)
        if len(members) == 1:
            raise Refused(f"detach: segment {segment} has no other fragment; there is nothing to detach it from.")
        rest = members[members != fragment]
        parts = sorted(self._pieces(rest), key=lambda p: (-self.state.sizes[p].sum(), p[0]))
        free = bool(self.state.free[fragment])
        leaving = [as_ids([fragment]), *parts[1:]]
        moves = [Move(p, segment, self.state.next_id + i, free) for i, p in enumerate(leaving)]
        return self._make(
            "detach", {"fragment": fragment, **given}, Effect(moves=(self._held(segment, parts[0]), *moves))
        )

    def split_fragment(self, near: list[Voxel], far: list[Voxel], **given: Any) -> LogRow:
        """Part the fragment in which all points are, and with it its segment; one edit.

        Parameters
        ----------
        near, far : list of (z, y, x)
            Points of each side. The near side keeps the segment's id; both parts are new fragments.
        """
        fragments, next_id = self.state.base.fragments, self.state.next_id
        near, far = ([tuple(map(int, p)) for p in points] for points in (near, far))
        whole = {int(fragments[p]) for p in (*near, *far)}
        if len(whole) != 1:
            raise Refused("split: points on both sides of one fragment are needed, these are in several.")
        segment = self._segment(fragment := whole.pop())
        self._check_open(segment)
        patch = part_fragment(fragments, self._affinities, near, far)
        parting = self._parting(fragment, (next_id, next_id + 1), patch)
        bridges = self._bridges_after(parting)
        moves = self._moves_after(parting, segment, next_id + 2, bridges)
        given = {"near": near, "far": far, **given}
        return self._make("split", given, Effect((parting,), moves, bridges))

    def set_threshold(self, threshold: float, **given: Any) -> LogRow | None:
        """Move the threshold of all that nobody edited."""
        if threshold == self.state.threshold:
            return None
        return self._make("threshold", given, Effect(threshold=(self.state.threshold, threshold)))

    def set_segment_threshold(self, segment: int, threshold: float, **given: Any) -> LogRow:
        """Cut the merge tree elsewhere for one segment; what people joined or cut by hand stays so.

        The segment takes in those that nobody edited, and lets go of what the tree parts at this threshold.
        """
        self._check_open(segment)
        wanted = self._wanted_at(threshold)
        stays, *leaving = self._groups(self._members(segment), wanted)
        taken = self._touching(stays, [s for s in self._free_segments_in(wanted, stays) if s != segment])
        if not leaving and not taken:
            raise Refused(f"threshold: segment {segment} is the same at {threshold:.2f}; move it further.")
        given = {"segment": segment, "threshold": threshold, **given}
        return self._make("segment_threshold", given, self._regrouped(segment, stays, leaving, taken))

    def walk(self, segment: int, upwards: bool, **given: Any) -> LogRow:
        """One step along the merge tree: the segment takes in what joins it next, or lets go of what joined it last.

        Raises
        ------
        Refused
            Where nothing more joins or leaves, or the segment is locked.
        """
        self._check_open(segment)
        members, given = self._members(segment), {"segment": segment, "upwards": upwards, **given}
        if upwards:
            taken = self._touching(members, joining_next(self.state, segment))
            if not taken:
                raise Refused(
                    f"threshold: what joins segment {segment} next touches it only through neurons that were edited; "
                    "merge by hand."
                )
            return self._make("segment_threshold", given, self._regrouped(segment, members, [], taken))
        leaving = leaving_next(self.state, segment, by_hand := self._joined_by_hand(segment))
        first, *others = self._groups(np.setdiff1d(members, leaving))
        stays = np.sort(np.concatenate([first, *(g for g in others if np.isin(g, by_hand).any())]))
        gone = self._groups(np.setdiff1d(members, stays))  # what hangs on the leaving ones goes with them
        return self._make("segment_threshold", given, self._regrouped(segment, stays, gone, []))

    def merge_all(self, anchor: int, others: list[int], **given: Any) -> LogRow:
        """Join the segments of several fragments to that of `anchor`; one edit, of the kind "group".

        Raises
        ------
        Refused
            Background, no other segment, or a locked one; nothing is joined then.
        """
        kept = self._segment(anchor)
        added = list(dict.fromkeys(s for s in map(self._segment, others) if s != kept))
        if not added:
            raise Refused(f"merge: all points are in segment {kept} already; choose other segments.")
        self._check_open(kept, *added)
        moves = [self._held(kept, self.state.members(kept))]
        for segment in added:
            theirs = self.state.members(segment)
            moves.append(Move(theirs, segment, kept, bool(self.state.free[theirs[0]])))
        bridges = self._bridges_to(anchor, others, np.sort(np.concatenate([m.fragments for m in moves])))
        given = {"anchor": anchor, "others": list(others), **given}
        return self._make("group", given, Effect(moves=tuple(moves), bridges=bridges))

    def decide(self, a: int, b: int, answer: str, **given: Any) -> LogRow:
        """Remember what a person said about two fragments, such as "apart"; nothing else changes."""
        return self._make("decide", {"a": a, "b": b, "answer": answer, **given}, Effect())

    def note(self, voxel: Voxel, words: str = "", **given: Any) -> LogRow:
        """Mark a place to come back to; undoing it, or `tick`, takes the mark away."""
        return self._make("note", {"voxels": [list(map(int, voxel))], "words": words, **given}, Effect())

    def tick(self, seq: int) -> LogRow:
        """Tick a place off: it has been looked after.

        Raises
        ------
        Refused
            Where edit `seq` is no open place.
        """
        if seq not in [row.seq for row in self.to_do]:
            raise Refused(f"to do: {seq} is no open place; choose one from the list.")
        return self._make("note", {"ticks": seq, "voxels": self._row(seq).input["voxels"]}, Effect())

    @property
    def to_do(self) -> list[LogRow]:
        """The places that are marked and not ticked off, in the order they were marked."""
        notes = [row for row in map(self._row, self._live) if row.kind == "note"]
        ticked = {row.input["ticks"] for row in notes if "ticks" in row.input}
        return [row for row in notes if "ticks" not in row.input and row.seq not in ticked]

    def lock(self, segment: int, **given: Any) -> LogRow:
        """Nothing changes a locked segment: it is done."""
        if segment in self.state.locked:
            raise Refused(f"lock: segment {segment} is locked already.")
        held = self._held(segment, self._members(segment))
        return self._make("lock", {"segment": segment, **given}, Effect(moves=(held,), locked=(segment,)))

    def unlock(self, segment: int, **given: Any) -> LogRow:
        """Let a segment be edited again."""
        if segment not in self.state.locked:
            raise Refused(f"unlock: segment {segment} is not locked.")
        held = self._held(segment, self.state.members(segment))  # undoing this would lock what was edited since
        return self._make("unlock", {"segment": segment, **given}, Effect(moves=(held,), unlocked=(segment,)))

    @property
    def in_force(self) -> list[int]:
        """Seq of the edits that are not undone, in the order they were made."""
        return list(self._live)

    @property
    def undoable(self) -> LogRow | None:
        """The edit that undo takes back."""
        return self._row(self._live[-1]) if self._live else None

    @property
    def redoable(self) -> LogRow | None:
        """The edit that redo makes again."""
        return self._row(self._undone[-1]) if self._undone else None

    @property
    def can_undo(self) -> bool:
        return self.undoable is not None and self.log.writable

    @property
    def can_redo(self) -> bool:
        return self.redoable is not None and self.log.writable

    # ---- undo --------------------------------------------------------------------------------------------------

    def undo(self, seq: int | None = None) -> LogRow:
        """Take back an edit, the last one in force unless another is named.

        Raises
        ------
        Refused
            Where there is none, or a later edit changed the same fragments.
        """
        if not self._live:
            raise Refused("undo: there is nothing to undo.")
        seq = self._live[-1] if seq is None else seq
        if seq not in self._live:
            raise Refused(f"undo: edit {seq} is not in force.")
        effect = self._row(seq).effect
        for later in self._live[self._live.index(seq) + 1 :]:
            if self._row(later).effect.touches(effect):
                raise Refused(f"undo: edit {later} ({self._row(later).kind}) changed the same; undo that one first.")
        row = self.log.add("undo", {"seq": seq}, Effect(), self.base_hash)
        self._replay(row)
        return row

    def redo(self) -> LogRow:
        """Make the edit again that was undone last."""
        if not self._undone:
            raise Refused("redo: there is nothing to redo.")
        row = self.log.add("redo", {"seq": self._undone[-1]}, Effect(), self.base_hash)
        self._replay(row)
        return row

    # ---- inside ------------------------------------------------------------------------------------------------

    def _make(self, kind: str, given: dict[str, Any], effect: Effect) -> LogRow:
        took = 0.0 if self._began is None else 1000 * (time.monotonic() - self._began)
        row = self.log.add(kind, given, effect, self.base_hash, round(took, 1))
        self._began = None
        self._replay(row)
        return row

    def _check_base(self, row: LogRow) -> None:
        if row.base_hash != self.base_hash:
            raise UserError(
                f"session: its edits were made on other fragments (edit {row.seq} is the first); "
                "make them again on these with napari-emcad replay."
            )

    def _replay(self, row: LogRow) -> None:
        if row.kind == "undo":
            self._take_back(row.input["seq"])
        elif row.kind == "redo":
            self._undone.remove(row.input["seq"])
            self._apply(row.input["seq"])
        else:
            self._undone.clear()
            self._apply(row.seq)

    def _apply(self, seq: int) -> None:
        self.state.apply(self._row(seq).effect)
        self._look_up_again(seq)
        self._live.append(seq)
        if self._disordered:
            self.state.settle()

    def _take_back(self, seq: int) -> None:
        self._disordered |= seq != self._live[-1]
        self.state.take_back(self._row(seq).effect, in_order=not self._disordered)
        self._look_up_again(seq)
        self._live.remove(seq)
        self._undone.append(seq)

    def _look_up_again(self, seq: int) -> None:
        if self._row(seq).effect.partings:
            self._contacts = Contacts(self.state.edges, len(self.state.table))

    def _row(self, seq: int) -> LogRow:
        return self.log.rows[seq - 1]

    def _segment(self, fragment: int) -> int:
        if not 0 <= fragment < len(self.state.table):
            raise Refused("outside: there is no fragment here; click inside the segmentation.")
        segment = int(self.state.table[fragment])
        if not segment:
            raise Refused("background: there is no segment here; click on one.")
        return segment

    def _members(self, segment: int) -> Ids:
        members = self.state.members(segment)
        if not len(members):
            raise Refused(f"segment: there is no segment {segment} any more; click on one.")
        return members

    def _check_open(self, *segments: int) -> None:
        for segment in segments:
            if segment in self.state.locked:
                raise Refused(f"locked: segment {segment} is done; unlock it first.")

    def _check_likely(self, kept: int, added: int, edges: NDArray, ours: NDArray, theirs: NDArray) -> None:
        graph, sizes = self.state.edges, self.state.sizes
        if not len(edges):
            raise Doubtful(f"merge: segments {kept} and {added} do not touch; confirm to join them across the gap.")
        if (affinity := float(graph.mean[edges].max())) < VERY_LOW:
            raise Doubtful(
                f"merge: the affinity between {kept} and {added} is only {affinity:.3f}; confirm to join them."
            )
        if self._is_by_far_the_largest(sizes[ours].sum() + sizes[theirs].sum()):
            raise Doubtful(f"merge: {kept} with {added} would be by far the largest segment; confirm to join them.")

    def _is_by_far_the_largest(self, size: int) -> bool:
        """Whether a segment of so many voxels would be; mostly the one that was found the largest before tells."""
        state = self.state
        if size <= BY_FAR * state.sizes[state.members(self._largest)].sum():
            return False
        all_sizes = self._all_sizes()
        self._largest = int(all_sizes.argmax())
        return size > BY_FAR * all_sizes[self._largest] and np.count_nonzero(all_sizes) > FEW

    def _all_sizes(self) -> NDArray[np.float64]:
        """Voxels of each segment by its id."""
        found = np.bincount(self.state.table, weights=self.state.sizes)
        found[0] = 0
        return found

    def _held(self, segment: int, fragments: NDArray) -> Move:
        """Fragments stay where they are and leave the threshold's reach."""
        return Move(fragments, segment, segment, bool(self.state.free[fragments[0]]))

    def _parting(self, fragment: int, parts: tuple[int, int], patch: Patch) -> Parting:
        added = edges_of_parts(self.state.base.fragments, self._affinities, patch, parts)
        removed = self._edges_of(fragment)
        return Parting(fragment, parts, bool(self.state.free[fragment]), patch, removed, added)

    def _edges_of(self, fragment: int) -> RegionGraph:
        return self.state.edges.at(self.state.edges.rows_of(fragment))

    def _moves_after(
        self, parting: Parting, segment: int, new: int, bridges: tuple[tuple[int, int], ...]
    ) -> tuple[Move, ...]:
        """Split the segment between the two parts, as if the fragment were parted already."""
        members, free = self.state.members(segment), bool(self.state.free[parting.fragment])
        others = members[members != parting.fragment]
        nodes = np.concatenate([others, as_ids(parting.parts)])
        graph = self.state.edges.without(parting.removed).also(parting.added)
        contacts = Contacts(graph, parting.parts[1] + 1)
        joined = contacts.segment_graph(nodes, [*self.state.bridges, *bridges])
        cut = propose_cuts(joined, parting.parts[:1], parting.parts[1:])[0]
        sides = ((cut.near, segment), (cut.far, new))
        made = [Move(np.intersect1d(side, others), segment, after, free) for side, after in sides]
        drawn = [Move(np.intersect1d(side, parting.parts), segment, after, False) for side, after in sides]
        return tuple(m for m in (*made, *drawn) if len(m.fragments))

    def _wanted_at(self, threshold: float) -> Ids:
        """Cluster of each fragment in the merge tree; parts of a fragment are where it was."""
        wanted = np.zeros_like(self.state.table)
        wanted[: len(self.state.base.sizes)] = self.state.base.tree.cut(threshold)
        for parting in (p for row in map(self._row, self._live) for p in row.effect.partings):
            wanted[list(parting.parts)] = wanted[parting.fragment]
        return wanted

    def _groups(self, fragments: NDArray, wanted: NDArray | None = None) -> list[NDArray]:
        """What of these hangs together, by contacts within one cluster where those are given, or was joined by hand.

        That of the largest fragment comes first.
        """
        edges, graph = self._contacts.among(fragments), self.state.edges
        if wanted is not None:
            edges = edges[wanted[graph.u[edges]] == wanted[graph.v[edges]]]
        by_hand = as_ids([*self.state.bridges, *self._joins()]).reshape(-1, 2)
        by_hand = by_hand[np.isin(by_hand, fragments).all(axis=1)]
        ends = (
            np.concatenate([ends, hand])
            for ends, hand in ((graph.u[edges], by_hand[:, 0]), (graph.v[edges], by_hand[:, 1]))
        )
        u, v = (np.searchsorted(fragments, e) for e in ends)
        n = len(fragments)
        label = connected_components(coo_array((np.ones(len(u)), (u, v)), (n, n)), False)[1]
        groups = [fragments[label == k] for k in range(label.max() + 1)]
        return sorted(groups, key=lambda g: -self.state.sizes[g].max())

    def _joins(self) -> list[tuple[int, int]]:
        """Fragments that people joined, as they are now."""
        found = []
        for given in (row.input for row in map(self._row, self._live) if row.kind in ("merge", "group")):
            ends = [given["anchor"], *given.get("others", [given.get("other")])]
            voxels = given.get("voxels", ())
            if len(voxels) == len(ends) and not self.state.sizes[ends].all():  # one of them was parted
                ends = [int(self.state.base.fragments[tuple(v)]) for v in voxels]
            found += [(ends[0], end) for end in ends[1:]]
        return found

    def _touching(self, stays: NDArray, segments: list[int]) -> list[int]:
        """Those segments that hang together with these fragments, by themselves or through each other."""
        members = {s: self.state.members(s) for s in segments}
        pieces = self._pieces(np.sort(np.concatenate([stays, *members.values()])))
        near = np.concatenate([p for p in pieces if np.isin(p, stays).any()])
        return [s for s, theirs in members.items() if theirs[0] in near]

    def _regrouped(self, segment: int, stays: NDArray, leaving: list[NDArray], taken: list[int]) -> Effect:
        """Some fragments of a segment stay, others become segments of their own, and segments are taken in."""
        free, new = bool(self.state.free[stays[0]]), self.state.next_id
        moves = [Move(stays, segment, segment, free)]
        moves += [Move(group, segment, new + i, free) for i, group in enumerate(leaving)]
        moves += [Move(self.state.members(s), s, segment, True) for s in taken]
        return Effect(moves=tuple(moves), bridges=tuple(b for g in (stays, *leaving) for b in self._bridges_in(g)))

    def _free_segments_in(self, wanted: NDArray, stays: NDArray) -> list[int]:
        """Segments that nobody edited, of which a part is in the clusters of these fragments."""
        inside = np.isin(wanted, np.unique(wanted[stays])) & (wanted > 0)
        return np.unique(self.state.table[inside & self.state.free]).tolist()

    def _joined_by_hand(self, segment: int) -> Ids:
        """Fragments that merges brought to the largest fragment of a segment, from either side."""
        members = self.state.members(segment)
        largest = members[np.argmax(self.state.sizes[members])]
        merges = [r.effect.moves for r in map(self._row, self._live) if r.kind in ("merge", "group")]
        sides = [m.fragments for moves in merges for m in moves if largest not in m.fragments]
        return np.intersect1d(members, np.concatenate([as_ids([]), *sides]))

    def _bridges_to(self, anchor: int, others: list[int], fragments: NDArray) -> tuple[tuple[int, int], ...]:
        """One bridge for each piece of these fragments that another point is in and the anchor is not."""
        away = [p for p in self._pieces(fragments) if anchor not in p]
        ends = [next((o for o in others if o in p), None) for p in away]
        return tuple((anchor, end) for end in ends if end is not None)

    def _bridges_in(self, fragments: NDArray) -> tuple[tuple[int, int], ...]:
        """What it takes for these to hang together: a bridge from the first piece to each other one."""
        first, *others = [int(p[np.argmax(self.state.sizes[p])]) for p in self._pieces(fragments)]
        return tuple((first, end) for end in others)

    def _bridges_after(self, parting: Parting) -> tuple[tuple[int, int], ...]:
        """The bridges to a fragment lead to that part of it that is nearer to the other end."""
        ends = [(set(b) - {parting.fragment}).pop() for b in self.state.bridges if parting.fragment in b]
        return tuple((self._nearer_part(parting, end), end) for end in ends)

    def _nearer_part(self, parting: Parting, fragment: int) -> int:
        contacts = self._edges_of(fragment).contact
        if not len(contacts):
            return parting.parts[0]
        voxels = [np.argwhere(parting.patch.sides == side) + parting.patch.start for side in (NEAR, FAR)]
        return parting.parts[int(np.argmin([np.linalg.norm(v - contacts[0], axis=1).min() for v in voxels]))]

    def _pieces(self, fragments: NDArray) -> list[NDArray]:
        """What of these hangs together."""
        graph = self._contacts.segment_graph(fragments, self.state.bridges)
        n = len(fragments)
        label = connected_components(coo_array((np.ones(len(graph.u)), (graph.u, graph.v)), (n, n)), False)[1]
        return [fragments[label == k] for k in range(label.max() + 1)]


def base_hash(base: Segmentation) -> str:
    """Of the fragments, read section by section, and their merge tree: edits hold for these and no others."""
    found = hashlib.sha256()
    for z in range(base.fragments.shape[0]):
        found.update(np.ascontiguousarray(base.fragments[z]))
    for array in (base.tree.leaves, base.tree.gaps):
        found.update(np.ascontiguousarray(array))
    return found.hexdigest()
