"""Rows of the edit log: the request of each edit, and its effect."""

import json
import zlib
from collections.abc import Sequence
from typing import Literal, Self, TypedDict

from napari_emcad.core.errors import UserError
from napari_emcad.core.ids import FragmentId, SegmentId
from napari_emcad.proofreading.effect_text import effect_text
from napari_emcad.proofreading.effects import Effect
from napari_emcad.proofreading.packed import is_plain, pack_details, pack_effect, unpack_details, unpack_effect
from napari_emcad.proofreading.plausible import check_details

EditKind = Literal[
    "merge",
    "group",
    "split",
    "detach",
    "fix",
    "threshold",
    "segment_threshold",
    "lock",
    "unlock",
    "decide",
    "note",
    "undo",
    "redo",
]
"""Kinds of edits; "group" is a merge of several segments at once, "fix" many merges and splits."""

VoxelLists = Sequence[Sequence[int]]
"""Voxels (z, y, x)."""


class EditDetails(TypedDict, total=False):
    """Details that a caller may add to the input of any edit; plans do not need them, people and replays do.

    Attributes
    ----------
    voxels : sequence of (z, y, x)
        Places that were clicked, in the order of what they stand for.
    question : "join?" or "part?"
        Kind of the question of the review that the edit answers.
    features : sequence of float
        Numbers that the probability of an error was estimated from.
    sides : sequence of two sequences of int
        Both sides of the question: fragments that stand for equal shares of a side, and last the voxels of the side.
    replayed : int
        Seq of the edit of another session that this one makes again.
    original : (str, int)
        The session that the edit was made in, and its seq there, where sessions were merged.
    """

    voxels: VoxelLists
    question: str
    features: Sequence[float]
    sides: Sequence[Sequence[int]]
    replayed: int
    original: tuple[str, int]


class SplitDetails(EditDetails, total=False):
    """Details that a caller may add to the input of a split.

    Attributes
    ----------
    near, far : sequence of (z, y, x)
        Points of each side.
    """

    near: VoxelLists
    far: VoxelLists


class EditInput(SplitDetails, total=False):
    """All that the input of an edit may hold; each kind has some of it.

    Attributes
    ----------
    anchor, other, others
        The fragment whose segment a merge keeps, and one in each segment that it adds.
    method : str
        The method of the proposal of a split.
    fragment : FragmentId
        The fragment that was detached.
    segment : SegmentId
        The segment that was locked, unlocked or moved along the merge tree.
    threshold : float
        The threshold of that segment.
    upwards : bool
        True if the segment took in what joins it next; False if it let go of what joined it last.
    a, b : FragmentId
        Two fragments that a decision is about, or that a split of the review parts.
    answer : str
        The decision: "join", "apart", "later" or "unknown".
    words : str
        The words of a note.
    ticks : int
        Seq of the note that is ticked off.
    seq : int
        Seq of the edit that is undone or redone.
    """

    anchor: FragmentId
    other: FragmentId
    others: list[FragmentId]
    method: str
    fragment: FragmentId
    segment: SegmentId
    threshold: float
    upwards: bool
    a: FragmentId
    b: FragmentId
    answer: str
    words: str
    ticks: int
    seq: int


class LogRow:
    """One edit as it stands in the log; what is packed of it is unpacked whenever it is asked for.

    Attributes
    ----------
    seq : int
        From 1, without gaps.
    time : float
        Seconds since 1970, UTC.
    kind : str
        One of `EditKind`; a log of a later version may hold others.
    base_hash : str
        Hash of the fragments and the merge tree that the edit was made on.
    details : bytes
        User, duration and input, see `pack_details`.
    packed : bytes or str
        The effect, see `pack_effect`; rows of earlier versions have its text, see `effect_text`.
    """

    __slots__ = ("base_hash", "details", "kind", "packed", "seq", "time")

    def __init__(self, seq: int, time: float, kind: str, base_hash: str, details: bytes, packed: bytes | str):
        self.seq, self.time, self.kind, self.base_hash = seq, time, kind, base_hash
        self.details, self.packed = details, packed

    @classmethod
    def of(
        cls,
        seq: int,
        time: float,
        user: str,
        duration_ms: float,
        kind: str,
        base_hash: str,
        edit_input: EditInput,
        effect: Effect,
    ) -> Self:
        """Return a row of what is not packed yet."""
        try:
            packed: bytes | str = pack_effect(effect)
        except ValueError:  # no edit of ours has such ids, but they may be in a log
            packed = effect_text(effect)
        return cls(seq, time, kind, base_hash, pack_details([user, duration_ms, edit_input]), packed)

    @property
    def user(self) -> str:
        """The person at the keyboard, as the system names them."""
        return self.user_duration_input[0]

    @property
    def duration_ms(self) -> float:
        """Time from the first point to the edit."""
        return self.user_duration_input[1]

    @property
    def input(self) -> EditInput:
        """The request, such as points; for undo and redo the seq of the edit."""
        return self.user_duration_input[2]

    @property
    def effect(self) -> Effect:
        """All that the edit changed; empty for undo and redo, which point at an edit."""
        return unpack_effect(self.packed)

    @property
    def is_plain(self) -> bool:
        """False if the edit parts fragments or moves the threshold."""
        return is_plain(self.packed)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LogRow) and self._as_one() == other._as_one()

    def __hash__(self) -> int:
        return hash((self.seq, self.time))

    def _as_one(self) -> tuple[object, ...]:
        input_text = json.dumps(self.input, sort_keys=True)
        head = self.seq, self.time, self.user, self.duration_ms, self.kind, self.base_hash
        return *head, input_text, effect_text(self.effect)

    @property
    def user_duration_input(self) -> tuple[str, float, EditInput]:
        """User, duration and input.

        Raises
        ------
        UserError
            If no edit has such.
        """
        try:
            details = unpack_details(self.details)
            check_details(self.kind, details)
        except (ValueError, RecursionError, zlib.error) as error:
            raise UserError(
                f"edit log: edit {self.seq} says what no edit says ({error}); "
                "copy the session again from where it is whole."
            ) from error
        user, duration_ms, edit_input = details
        return user, duration_ms, edit_input
