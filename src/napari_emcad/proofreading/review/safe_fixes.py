"""Fixes that are right so often that nobody needs to look at each: all of them in one edit, which one undo takes back.

How often is counted, not believed: what had this probability was right so many times out of so many where the truth was
known. Few counts say little, so that 5 right out of 5 are taken as 6 out of 7 (Laplace's rule of succession).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from napari_emcad.core.ids import SegmentId
from napari_emcad.core.wording import count
from napari_emcad.proofreading.cut import Proposal
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.review.questions import QuestionKind, ReviewQuestion
from napari_emcad.proofreading.review.queue import ReviewQueue
from napari_emcad.proofreading.rows import LogRow
from napari_emcad.proofreading.session import Session

PRECISION = 0.98
"""Share of fixes that are right, from which on one is safe."""

Counts = tuple[tuple[float, int, int], ...]
"""Probabilities from the highest, each with the fixes that had at least this one, and those of them that were right."""

MEASURED: dict[QuestionKind, Counts] = {
    "join?": ((0.912, 10, 8), (0.876, 30, 26), (0.793, 80, 65), (0.666, 150, 113), (0.565, 200, 140)),
    "part?": ((0.55, 10, 7), (0.34, 40, 17)),
}
"""Counts on AC4[80:100], which neither the bundled student nor the second opinion learned from."""


@dataclass(frozen=True)
class SafeFix:
    """A merge or a split that is likely to be right.

    Attributes
    ----------
    question : ReviewQuestion
        The question that it answers, with both sides.
    precision : float
        The share of fixes like this one that were right where that was measured.
    """

    question: ReviewQuestion
    precision: float

    @property
    def words(self) -> str:
        """One line for a list."""
        one, other = self.question.segments
        what = f"merge {one} and {other}" if self.question.kind == "join?" else f"split {one}"
        return f"{what}, {self.question.voxels:,.0f} voxels, {self.precision:.0%} right"


def precision_of(question: ReviewQuestion, measured: dict[QuestionKind, Counts] = MEASURED) -> float:
    """Return the share of fixes of at least this probability that were right where it was counted; 0 if it was not."""
    found = next(((seen, right) for p, seen, right in measured[question.kind] if question.p >= p), None)
    return (found[1] + 1) / (found[0] + 2) if found else 0.0


def find_safe_fixes(session: Session, precision: float = PRECISION, queue: ReviewQueue | None = None) -> list[SafeFix]:
    """Return the fixes of at least this precision, those that put most voxels right first.

    Left out are done neurons, and what a person has decided otherwise by any edit in force. A neuron that is split is
    in no other fix; press again for more.

    Parameters
    ----------
    session : Session
        Not modified.
    precision : float
    queue : ReviewQueue, optional
        Of the session; without it one is made.
    """
    queue = queue or ReviewQueue(session)
    asked = (queue.undecided(question) for question in queue.questions() if precision_of(question) >= precision)
    found: list[SafeFix] = []
    split: set[SegmentId] = set()
    joined: set[SegmentId] = set()
    for question in (question for question in asked if question is not None):
        segments = set(question.segments)
        if segments & split or (question.kind == "part?" and segments & joined):
            continue
        (joined if question.kind == "join?" else split).update(segments)
        found.append(SafeFix(question, precision_of(question)))
    return sorted(found, key=lambda fix: -fix.question.voxels)


def make_safe_fixes(session: Session, fixes: Sequence[SafeFix]) -> LogRow:
    """Make fixes in one edit.

    Raises
    ------
    Refused
        If there are none, the session can only be read, or a neuron is done or has changed since.
    """
    if not session.log.writable:
        raise Refused("safe fixes: this session is open for reading only; open it where it can be written.")
    joins = [(fix.question.a, fix.question.b) for fix in fixes if fix.question.kind == "join?"]
    cuts = [
        Proposal("minimum cut", fix.question.near, fix.question.far, 0.0)
        for fix in fixes
        if fix.question.kind == "part?"
    ]
    return session.fix(joins, cuts)


def what_fixes_bring(fixes: Sequence[SafeFix], precision: float, labelled: float) -> str:
    """Return in one sentence how many fixes there are, and what they are likely to put right of all labelled voxels."""
    if not fixes:
        return f"No fix is known to be right {precision:.0%} of the time here."
    merges = sum(fix.question.kind == "join?" for fix in fixes)
    voxels = sum(fix.question.voxels for fix in fixes)
    what = f"{count(merges, 'merge')} and {count(len(fixes) - merges, 'split')}"
    return f"{what} put about {voxels:,.0f} voxels right ({100 * voxels / max(labelled, 1):.2g} %)."
