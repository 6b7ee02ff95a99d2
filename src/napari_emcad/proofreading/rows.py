"""Rows of the edit log: the request of each edit, as JSON, and its effect."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

from napari_emcad.core.ids import FragmentId, SegmentId
from napari_emcad.proofreading.effects import Effect

EditKind = Literal[
    "merge",
    "group",
    "split",
    "detach",
    "threshold",
    "segment_threshold",
    "lock",
    "unlock",
    "decide",
    "note",
    "undo",
    "redo",
]
"""Kinds of edits; "group" is a merge of several segments at once."""

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
    replayed : int
        Seq of the edit of another session that this one makes again.
    """

    voxels: VoxelLists
    question: str
    features: Sequence[float]
    replayed: int


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


@dataclass(frozen=True)
class LogRow:
    """One edit as it stands in the log.

    Attributes
    ----------
    seq : int
        From 1, without gaps.
    time : float
        Seconds since 1970, UTC.
    user : str
    duration_ms : float
        Time from the first point to the edit.
    kind : str
        One of `EditKind`; a log of a later version may hold others.
    base_hash : str
        Hash of the fragments and the merge tree that the edit was made on.
    input : EditInput
        The request, such as points; for undo and redo the seq of the edit.
    effect : Effect
        All that the edit changed; empty for undo and redo, which point at an edit.
    """

    seq: int
    time: float
    user: str
    duration_ms: float
    kind: str
    base_hash: str
    input: EditInput
    effect: Effect
