"""Outcomes of merging the edits of sessions."""

from dataclasses import dataclass, field
from typing import Literal

from napari_emcad.core.geometry import Voxel
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.rows import EditInput

MergeOutcome = Literal["applied", "right", "conflict"]


class Contradiction(Refused):
    """An edit that says something else than what other people did.

    Attributes
    ----------
    against : int
        Seq of their edit in the merged session; 0 = of none in particular.
    """

    def __init__(self, why: str, against: int = 0):
        super().__init__(why)
        self.against = against


@dataclass(frozen=True)
class Merged:
    """One edit of a session, and what became of it.

    Attributes
    ----------
    side : int
        The place of its session.
    seq : int
        Seq of the edit there.
    user, kind : str
    outcome : "applied", "right" or "conflict"
        It is in the merged session; so is the same one of another session; it waits for a person.
    why : str
        One sentence; empty if there is nothing to tell.
    against : int
        Seq in the merged session of the edit that it contradicts; 0 = of none in particular.
    voxel : (z, y, x) or None
        The place to look at.
    wanted : str
        The effect of an edit in conflict, with the merged session's fragments, as `effect_text` writes it; "" if it is
        about fragments that are not there.
    asked : EditInput
        The input of an edit in conflict, with the merged session's fragments as far as they are there.
    """

    side: int
    seq: int
    user: str
    kind: str
    outcome: MergeOutcome
    why: str = ""
    against: int = 0
    voxel: Voxel | None = None
    wanted: str = ""
    asked: EditInput = field(default_factory=EditInput)
