"""What an edit was asked for, as the log keeps it in JSON."""

from collections.abc import Sequence
from typing import Literal, TypedDict

from napari_emcad.core.ids import FragmentId, SegmentId

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
    """What a caller may add to the input of any edit; plans do not need it, people and replays do.

    Attributes
    ----------
    voxels : sequence of (z, y, x)
        VoxelLists that were clicked, in the order of what they stand for.
    near, far : sequence of (z, y, x)
        Points of each side of a split.
    question : "join?" or "part?"
        Kind of the question of the review that the edit answers.
    features : sequence of float
        What the probability of an error was estimated from.
    replayed : int
        Seq of the edit of another session that this one makes again.
    """

    voxels: VoxelLists
    near: VoxelLists
    far: VoxelLists
    question: str
    features: Sequence[float]
    replayed: int


class EditInput(EditDetails, total=False):
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
