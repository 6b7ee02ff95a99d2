"""Questions of the review, and their answers."""

from dataclasses import dataclass, field
from typing import Literal, get_args

from napari_emcad.core.geometry import Voxel
from napari_emcad.core.ids import FragmentId, Ids, SegmentId, as_ids

QuestionKind = Literal["join?", "part?"]
"""The kind of a question: are two segments one neuron, or is one segment two neurons?"""

Answer = Literal["join", "apart", "later", "unknown"]
"""The answer to a question; after "later" the next queue asks again, after the others only where they are undone."""

KINDS: tuple[QuestionKind, ...] = get_args(QuestionKind)
ANSWERS: tuple[Answer, ...] = get_args(Answer)


def _none() -> Ids:
    return as_ids([])


@dataclass(frozen=True)
class ReviewQuestion:
    """A question whether two fragments belong together.

    Attributes
    ----------
    kind : "join?" or "part?"
        They are in two segments that may be one, or in one that may be two.
    a, b : FragmentId
        Fragments that touch.
    voxel : (z, y, x)
        The place to look at: where they touch, or for a "part?" where most of what its cut parts touches.
    gain : float
        Expected change of the variation of information in bits: p x the change if there is an error.
    p : float
        Probability of an error.
    segments : (SegmentId, SegmentId)
        Segments of the two fragments; both are one for a "part?".
    features : tuple of float
        Numbers that p is estimated from.
    voxels : float
        Voxels that are put right if there is an error: those of the smaller side.
    near, far : (k,) Ids
        Fragments of both sides; empty until the question is asked.
    """

    kind: QuestionKind
    a: FragmentId
    b: FragmentId
    voxel: Voxel
    gain: float
    p: float
    segments: tuple[SegmentId, SegmentId]
    features: tuple[float, ...]
    voxels: float
    near: Ids = field(default_factory=_none, compare=False, repr=False)
    far: Ids = field(default_factory=_none, compare=False, repr=False)
