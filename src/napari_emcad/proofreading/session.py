"""A proofreading session: every edit is planned, written to the log, and only then made."""

import hashlib
import time
import zlib
from collections.abc import Sequence
from typing import Unpack

import numpy as np

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Voxel, triple
from napari_emcad.core.ids import FragmentId, SegmentId
from napari_emcad.core.sections.pairing import PlannedBox
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.core.volume import AffinityVolume
from napari_emcad.proofreading.contacts import Contacts
from napari_emcad.proofreading.cut import Proposal
from napari_emcad.proofreading.effects import Effect
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.hand_work import read_hand_work
from napari_emcad.proofreading.history import History
from napari_emcad.proofreading.log import EditLog
from napari_emcad.proofreading.plans.fixes import plan_fixes
from napari_emcad.proofreading.plans.locks import plan_lock, plan_unlock
from napari_emcad.proofreading.plans.merges import MergeDoubts, plan_group, plan_merge
from napari_emcad.proofreading.plans.partings import (
    PartingOrder,
    PartingProposal,
    check_parting,
    find_parts,
    order_parting,
    propose_parting,
)
from napari_emcad.proofreading.plans.splits import plan_detach, plan_split, propose_splits
from napari_emcad.proofreading.plans.thresholds import plan_segment_threshold, plan_step_down, plan_step_up
from napari_emcad.proofreading.rows import EditDetails, EditInput, EditKind, LogRow, SplitDetails
from napari_emcad.proofreading.state import State


class Session:
    """Fragments, their segments and the log of what people changed.

    Each edit is a method: a plan works out its effect, or refuses it with `Refused` or `Doubtful`; then it is a row of
    the log, and last the state follows. `**details` is kept in the row for people and replays, see `EditDetails`.

    Parameters
    ----------
    base : Segmentation
        Its fragments are modified where a fragment is parted.
    log : EditLog
        Its edits are made again.
    threshold : float
        The threshold of all that nobody edited, before the first edit.
    min_size : int
        Voxels; smaller segments that nobody edited join their strongest neighbour.
    affinities : (3, z, y, x) uint8, optional
        Read where a fragment is parted.
    planned : PlannedBox, optional
        The plan for the sections that the fragments lie in; None = all are used as they are.
    known_hash : str, optional
        The `base_hash` of the base, where it is known.

    Attributes
    ----------
    state : State
    log : EditLog
    base_hash : str

    Raises
    ------
    UserError
        If the log is that of other fragments.
    """

    def __init__(
        self,
        base: Segmentation,
        log: EditLog,
        threshold: float,
        min_size: int = 0,
        affinities: AffinityVolume | None = None,
        *,
        planned: PlannedBox | None = None,
        known_hash: str | None = None,
    ):
        self.state, self.log = State(base, threshold, min_size, planned), log
        self.base_hash = known_hash or base_hash(base)
        self._affinities, self._known_contacts = affinities, Contacts(self.state.edges, len(self.state.table))
        self._history = History(log.rows, self.state)
        self._began: float | None = None
        for row in log.rows:
            _check_base(row, self.base_hash)
        try:
            self._history.follow_all()
        except (ArithmeticError, LookupError, MemoryError, RecursionError, TypeError, ValueError, zlib.error) as error:
            raise UserError(
                f"session: its edits cannot be made again on its fragments ({error}); "
                "copy the session again from where it is whole."
            ) from error
        self._doubts = MergeDoubts(self.state)

    def begin(self) -> None:
        """Note that the first point was placed, or a question asked: the next row says how long the edit took."""
        self._began = time.monotonic()

    # ---- edits -------------------------------------------------------------------------------------------------

    def merge(
        self, anchor: FragmentId, other: FragmentId, *, confirmed: bool = False, **details: Unpack[EditDetails]
    ) -> LogRow:
        """Join the segment of `other` to that of `anchor`, without doubts if `confirmed`; see `plan_merge`."""
        effect = plan_merge(self.state, self._contacts, anchor, other, None if confirmed else self._doubts)
        return self._make("merge", {"anchor": anchor, "other": other, **details}, effect)

    def merge_all(self, anchor: FragmentId, others: Sequence[FragmentId], **details: Unpack[EditDetails]) -> LogRow:
        """Join the segments of several fragments to that of `anchor` in one edit; see `plan_group`."""
        effect = plan_group(self.state, self._contacts, anchor, others)
        return self._make("group", {"anchor": anchor, "others": list(others), **details}, effect)

    def propose(self, near: Sequence[FragmentId], far: Sequence[FragmentId]) -> list[Proposal]:
        """Propose ways to split the segment in which all these fragments are; see `propose_splits`."""
        return propose_splits(self.state, self._contacts, near, far)

    def split(
        self,
        proposal: Proposal,
        between: tuple[FragmentId, FragmentId] | None = None,
        **details: Unpack[SplitDetails],
    ) -> LogRow:
        """Make a split that was proposed, see `plan_split`; `between` are two fragments that a question was about."""
        effect = plan_split(self.state, self._contacts, proposal)
        edit_input: EditInput = {"method": proposal.method}
        if between:
            edit_input["a"], edit_input["b"] = between
        return self._make("split", {**edit_input, **details}, effect)

    def fix(
        self,
        joins: Sequence[tuple[FragmentId, FragmentId]],
        cuts: Sequence[Proposal],
        **details: Unpack[EditDetails],
    ) -> LogRow:
        """Join pairs of segments and make splits, all in one edit; see `plan_fixes`."""
        effect = plan_fixes(self.state, self._contacts, joins, cuts)
        return self._make("fix", {**details}, effect)

    def detach(self, fragment: FragmentId, **details: Unpack[EditDetails]) -> LogRow:
        """Take one fragment out of its segment; see `plan_detach`."""
        effect = plan_detach(self.state, self._contacts, fragment)
        return self._make("detach", {"fragment": fragment, **details}, effect)

    def order_parting(self, near: Sequence[Voxel], far: Sequence[Voxel]) -> PartingOrder:
        """Return what the parts of the fragment are found from in which all points are; see `PartingOrder`."""
        return order_parting(self.state, self._affinities, *([triple(p) for p in points] for points in (near, far)))

    def split_fragment(
        self,
        near: Sequence[Voxel],
        far: Sequence[Voxel],
        proposal: PartingProposal | None = None,
        **details: Unpack[EditDetails],
    ) -> LogRow:
        """Part the fragment in which all points (z, y, x) are, and with it its segment, as was proposed for them."""
        near, far = [triple(point) for point in near], [triple(point) for point in far]
        if proposal is None:
            proposal = propose_parting(self.state, find_parts(self.order_parting(near, far)))
        check_parting(self.state, proposal)
        return self._make("split", {"near": near, "far": far, **details}, proposal.effect)

    def set_threshold(self, threshold: float, **details: Unpack[EditDetails]) -> LogRow | None:
        """Move the threshold of all that nobody edited; None if it is there already."""
        if threshold == self.state.threshold:
            return None
        return self._make("threshold", {**details}, Effect(threshold=(self.state.threshold, threshold)))

    def set_segment_threshold(self, segment: SegmentId, threshold: float, **details: Unpack[EditDetails]) -> LogRow:
        """Cut the merge tree elsewhere for one segment; see `plan_segment_threshold`."""
        by_hand = read_hand_work(self.state, self._history.rows_behind(segment))
        effect = plan_segment_threshold(self.state, self._contacts, segment, threshold, by_hand)
        return self._make("segment_threshold", {"segment": segment, "threshold": threshold, **details}, effect)

    def walk(self, segment: SegmentId, upwards: bool, **details: Unpack[EditDetails]) -> LogRow:
        """Go one step along the merge tree with one segment; see `plan_step_up` and `plan_step_down`."""
        if upwards:
            effect = plan_step_up(self.state, self._contacts, segment)
        else:
            by_hand = read_hand_work(self.state, self._history.rows_behind(segment))
            effect = plan_step_down(self.state, self._contacts, segment, by_hand)
        return self._make("segment_threshold", {"segment": segment, "upwards": upwards, **details}, effect)

    def lock(self, segment: SegmentId, **details: Unpack[EditDetails]) -> LogRow:
        """Lock a segment: it is done; see `plan_lock`."""
        return self._make("lock", {"segment": segment, **details}, plan_lock(self.state, segment))

    def unlock(self, segment: SegmentId, **details: Unpack[EditDetails]) -> LogRow:
        """Let a segment be edited again; see `plan_unlock`."""
        return self._make("unlock", {"segment": segment, **details}, plan_unlock(self.state, segment))

    def decide(self, a: FragmentId, b: FragmentId, answer: str, **details: Unpack[EditDetails]) -> LogRow:
        """Remember what a person said about two fragments, such as "apart"; nothing else changes."""
        return self._make("decide", {"a": a, "b": b, "answer": answer, **details}, Effect())

    def note(self, voxel: Voxel, words: str = "", **details: Unpack[EditDetails]) -> LogRow:
        """Mark a place to come back to; undoing it, or `tick`, takes the mark away."""
        return self._make("note", {"voxels": [list(triple(voxel))], "words": words, **details}, Effect())

    def tick(self, seq: int) -> LogRow:
        """Tick a place off: it has been looked after.

        Raises
        ------
        Refused
            If edit `seq` is no open place.
        """
        if not self.is_to_do(seq):
            raise Refused(f"to do: {seq} is no open place; choose one from the list.")
        return self._make("note", {"ticks": seq, "voxels": self._history.row(seq).input["voxels"]}, Effect())

    # ---- undo --------------------------------------------------------------------------------------------------

    def undo(self, seq: int | None = None) -> LogRow:
        """Take back an edit, the last one in force unless another is named.

        Raises
        ------
        Refused
            If there is none, or a later edit changed the same fragments.
        """
        row = self.log.add("undo", {"seq": self._history.check_undo(seq)}, Effect(), self.base_hash)
        self._history.follow(row)
        return row

    def redo(self) -> LogRow:
        """Make the edit again that was undone last.

        Raises
        ------
        Refused
            If there is none.
        """
        row = self.log.add("redo", {"seq": self._history.check_redo()}, Effect(), self.base_hash)
        self._history.follow(row)
        return row

    @property
    def edits(self) -> Sequence[int]:
        """Seq of all edits, undone or not, in the order they were made; it grows with the session."""
        return self._history.edits

    @property
    def in_force(self) -> list[int]:
        """Seq of the edits that are not undone, in the order they were made."""
        return list(self._history.in_force)

    def is_in_force(self, seq: int) -> bool:
        """Return True if an edit is not undone."""
        return self._history.is_in_force(seq)

    @property
    def rows_in_force(self) -> list[LogRow]:
        """Rows of the edits that are not undone, in the order they were made."""
        return self._history.rows_in_force()

    @property
    def undoable(self) -> LogRow | None:
        """The edit that undo takes back; None if there is none, or the log can only be read."""
        seqs = self._history.in_force
        return self._history.row(seqs[-1]) if seqs and self.log.writable else None

    @property
    def redoable(self) -> LogRow | None:
        """The edit that redo makes again; None if there is none, or the log can only be read."""
        seqs = self._history.undone
        return self._history.row(seqs[-1]) if seqs and self.log.writable else None

    @property
    def to_do(self) -> list[LogRow]:
        """The places that are marked and not ticked off, in their order; the same list until these are others."""
        return self._history.notes.open

    def is_to_do(self, seq: int) -> bool:
        """Return True if this edit marks a place that is not ticked off."""
        return self._history.notes.is_open(seq)

    # ---- inside ------------------------------------------------------------------------------------------------

    @property
    def _contacts(self) -> Contacts:
        """The contacts of the edges as they are: parting a fragment changes them."""
        if self._known_contacts.graph is not self.state.edges:
            self._known_contacts = Contacts(self.state.edges, len(self.state.table))
        return self._known_contacts

    def _make(self, kind: EditKind, edit_input: EditInput, effect: Effect) -> LogRow:
        """Write an edit to the log, with the time it took since `begin`, and make it."""
        took = 0.0 if self._began is None else 1000 * (time.monotonic() - self._began)
        row = self.log.add(kind, edit_input, effect, self.base_hash, round(took, 1))
        self._began = None
        self._history.follow(row)
        return row


def base_hash(base: Segmentation) -> str:
    """Return a hash of the fragments, read section by section, and their merge tree: edits hold for no others."""
    found = hashlib.sha256()
    for z in range(base.fragments.shape[0]):
        found.update(np.ascontiguousarray(base.fragments[z]).data)
    for array in (base.tree.leaves, base.tree.gaps):
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def _check_base(row: LogRow, expected: str) -> None:
    if row.base_hash != expected:
        raise UserError(
            f"session: its edits were made on other fragments (edit {row.seq} is the first); "
            "make them again on these with napari-emcad replay."
        )
