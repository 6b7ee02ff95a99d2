"""Outcomes of making the edits of one session again in another."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from napari_emcad.core.geometry import Voxel
from napari_emcad.core.wording import count

Outcome = Literal["right", "applied", "conflict", "lost"]

OUTCOMES: dict[Outcome, str] = {
    "right": "already right",
    "applied": "applied again",
    "conflict": "in conflict",
    "lost": "lost",
}
"""Outcomes in words for people."""


@dataclass(frozen=True)
class Replayed:
    """The outcome of making one edit again.

    Attributes
    ----------
    seq : int
        Seq of the edit in the old log; the edits made again have it as `input["replayed"]`.
    kind : str
    outcome : "right", "applied", "conflict" or "lost"
        The new segmentation says the same; the edit was made again; it contradicts something; its place is no more.
        Nothing was changed in the last two cases, unless a conflict came with a later edit.
    why : str
        One sentence; empty if there is nothing to tell.
    voxel : (z, y, x) or None
        The place to look at.
    places : tuple of (z, y, x)
        A place in each neuron of the new segmentation that the edit is about, as far as they are there.
    """

    seq: int
    kind: str
    outcome: Outcome
    why: str
    voxel: Voxel | None
    places: tuple[Voxel, ...] = ()


class HasOutcome(Protocol):
    """An edit that was replayed, or its line in a report."""

    @property
    def outcome(self) -> Outcome:
        """The outcome of the edit."""
        ...


def summary(found: Sequence[HasOutcome]) -> str:
    """Return the outcomes in one line: "12 edits: 5 already right, 6 applied again, 1 in conflict, 0 lost"."""
    counts = Counter(replayed.outcome for replayed in found)
    return f"{count(len(found), 'edit')}: " + ", ".join(f"{counts[o]} {words}" for o, words in OUTCOMES.items())
