"""The session that others are merged into while it grows: its state, its log, and who said what."""

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.geometry import triple
from napari_emcad.core.ids import FragmentId, Ids, SegmentId, as_ids
from napari_emcad.core.volume import AffinityVolume
from napari_emcad.proofreading.contacts import Contacts
from napari_emcad.proofreading.effects import Effect, Parting
from napari_emcad.proofreading.history import History
from napari_emcad.proofreading.merging.said import SHARED, Sayings
from napari_emcad.proofreading.rows import EditInput, LogRow
from napari_emcad.proofreading.state import State

Cut = tuple[Ids, Ids]
"""Fragments on two sides."""


class MergedState:
    """Keeps state, log and sayings of the merged session in step.

    Parameters
    ----------
    state : State
        As it is before the first edit; follows the edits.
    rows : list of LogRow
        The history that all sessions share; grows.
    affinities : (3, z, y, x) uint8, optional
        Read where a fragment is parted anew.

    Attributes
    ----------
    history : History
    joined, parted : Sayings
        Pairs that people joined, and pairs that they parted or called two neurons.
    first_free : int
        The first id that was free when the sessions went apart.
    """

    def __init__(self, state: State, rows: list[LogRow], affinities: AffinityVolume | None = None):
        self.state, self.rows, self.affinities = state, rows, affinities
        self.history = History(rows, state)
        self.history.follow_all()
        self.first_free, self._shared = state.next_id, len(rows)
        self.joined, self.parted = Sayings(self.history.is_in_force), Sayings(self.history.is_in_force)
        self.partings = {p.fragment: p for row in self.history.rows_in_force() for p in _partings(row)}
        self._touched: dict[int, NDArray[np.int64]] = {}  # by side, the last seq that touched each fragment
        self._known_contacts = Contacts(state.edges, len(state.table))

    @property
    def contacts(self) -> Contacts:
        """The contacts of the fragments as they are."""
        if self._known_contacts.graph is not self.state.edges:
            self._known_contacts = Contacts(self.state.edges, len(self.state.table))
        return self._known_contacts

    def add(
        self, row: LogRow, user: str, duration_ms: float, edit_input: EditInput, effect: Effect, side: int
    ) -> LogRow:
        """Add an edit that a session made, with its person and its time, and make it."""
        head = row.time, user, duration_ms, row.kind, row.base_hash
        new = LogRow.of(len(self.rows) + 1, *head, edit_input, effect)
        self.rows.append(new)
        self.history.follow(new, None if row.kind == "undo" else effect)
        self._note_touched(effect, side, new.seq)
        self.partings.update((parting.fragment, parting) for parting in effect.partings)
        return new

    def last_of_others(self, fragments: Ids, side: int) -> int:
        """Return the seq of the last edit by others than one session that touched these fragments; 0 = none."""
        latest = 0
        for other, seqs in self._touched.items():
            if other != side:
                latest = max(latest, int(seqs[fragments[fragments < len(seqs)]].max(initial=0)))
        return latest

    def segments(self, fragments: Ids) -> list[SegmentId]:
        """Return the segments in which these fragments are, sorted."""
        return [SegmentId(one) for one in np.unique(self.state.table[fragments]).tolist()]

    def part_at(self, fragment: FragmentId, voxel: Sequence[int] | None) -> FragmentId:
        """Return what has become of a fragment: of one that was parted the part at a voxel, or the largest."""
        while not self.state.sizes[fragment] and fragment in self.partings:
            if voxel is not None:
                return self.state.fragment_at(triple(voxel))
            fragment = max(self.partings[fragment].parts, key=lambda part: (self.state.sizes[part], -part))
        return fragment

    def now(self, fragments: Ids) -> Ids:
        """Return what has become of fragments, sorted: the parts of one that was parted."""
        if is_there(self.state, fragments):
            return fragments
        pending, found = fragments.tolist(), list[int]()
        while pending:
            fragment = pending.pop()
            is_whole = fragment < len(self.state.sizes) and self.state.sizes[fragment]
            parts = self.partings[fragment].parts if not is_whole and fragment in self.partings else ()
            pending.extend(parts)
            found.extend([fragment] if is_whole else [])
        return as_ids(sorted(found))

    @cached_property
    def parted_before(self) -> Sayings:
        """Pairs that people parted in the history that all share."""
        found = Sayings(self.history.is_in_force)
        for row in self.rows[: self._shared]:
            if row.kind in ("split", "detach") and self.history.is_in_force(row.seq):
                moves = row.effect.moves
                stays = [m.fragments for m in moves if m.after == m.before]
                gone = [m.fragments for m in moves if m.after != m.before]
                if stays and gone:
                    found.add(self.pairs_across(np.concatenate(stays), np.concatenate(gone)), SHARED, row.seq)
            elif row.kind == "decide" and row.input["answer"] == "apart":
                found.add([(row.input["a"], row.input["b"])], SHARED, row.seq)
        return found

    def pairs_across(self, one: Ids, other: Ids) -> Iterable[tuple[int, int]]:
        """Return the pairs of fragments that touch across a cut."""
        there = self.state.sizes
        one, other = one[there[one] > 0], other[there[other] > 0]
        edges, graph = self.contacts.between(one, other), self.state.edges
        return list(zip(graph.u[edges].tolist(), graph.v[edges].tolist(), strict=True))

    def _note_touched(self, effect: Effect, side: int, seq: int) -> None:
        n = len(self.state.table)
        seqs = self._touched.setdefault(side, np.zeros(n, np.int64))
        if len(seqs) < n:
            self._touched[side] = seqs = np.pad(seqs, (0, 2 * n - len(seqs)))
        for move in effect.moves:
            seqs[move.fragments] = seq
        for parting in effect.partings:
            seqs[list(parting.all_ids)] = seq


def is_there(state: State, fragments: Ids) -> bool:
    """Return True if all fragments are whole: no edit has parted any of them."""
    return bool(fragments.max(initial=0) < len(state.sizes) and state.sizes[fragments].all())


def _partings(row: LogRow) -> tuple[Parting, ...]:
    return () if row.is_plain else row.effect.partings
