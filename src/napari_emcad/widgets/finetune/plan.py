"""The plan of a run: the crops that are learnt from, and those that are scored on."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Self

from napari_emcad.core.hold_out import hold_out
from napari_emcad.widgets.finetune.crop_places import Place, PlannedCrop, Role
from napari_emcad.widgets.finetune.truth import SessionTruth

BYTES_A_VOXEL = 6
"""Bytes on disk, about: a grey value, a label, and a bit that is kept as a byte."""


@dataclass(frozen=True)
class Plan:
    """Crops to train on, and crops that are held out."""

    train: list[PlannedCrop]
    held_out: list[PlannedCrop]

    @classmethod
    def of(cls, places: Sequence[Place], automatic: bool) -> Self:
        """Return the plan by the places' roles, or one that is chosen automatically.

        Raises
        ------
        UserError
            If a place is too small, or nothing can be held out.
        """
        crops = [place.planned() for place in places]
        train, held_out = hold_out(crops) if automatic else _by_role(crops)
        apart = [crop.without(held_out) for crop in train]
        return cls([crop for crop in apart if crop is not None], held_out)

    def role_of(self, place: Place) -> Role:
        """Return the role that a place has in it."""
        learnt, scored = (any(crop.place is place for crop in crops) for crops in (self.train, self.held_out))
        if scored:
            return Role.BOTH if learnt else Role.HOLD_OUT
        return Role.TRAIN

    @property
    def voxels(self) -> tuple[int, int]:
        """Numbers of verified voxels: to learn from, and to score on."""
        learnt, scored = (sum(crop.voxels_known for crop in crops) for crops in (self.train, self.held_out))
        return learnt, scored

    @property
    def bytes_on_disk(self) -> int:
        """Bytes of its crops on disk, about."""
        return BYTES_A_VOXEL * sum(prod(crop.box.shape) for crop in (*self.train, *self.held_out))

    def about(self, before: str = "") -> dict[str, Any]:
        """Return the fields of the new model's card that are about its data.

        Parameters
        ----------
        before : str
            The same from the card of the model that it is made of.
        """
        stacks = ", ".join(dict.fromkeys(crop.place.stack.name for crop in self.train))
        names = "; ".join(map(_crop_text, self.train))
        held_out = "; ".join(map(_crop_text, self.held_out)) or "nothing"
        truths = (crop.place.truth for crop in self.train)
        sessions = {truth.folder: truth for truth in truths if isinstance(truth, SessionTruth)}
        edits = "".join(f" {folder.name}: {truth.edits_text}." for folder, truth in sessions.items())
        earlier = f" Before: {before}" if before else ""
        return {"title": "", "data": f"{stacks}: {names}. Held out: {held_out}.{edits}{earlier}"}  # titled when kept


def _by_role(crops: Sequence[PlannedCrop]) -> tuple[list[PlannedCrop], list[PlannedCrop]]:
    """Return crops to train on and to hold out as people have chosen; each that is for both is parted."""
    train = [crop for crop in crops if crop.place.role is Role.TRAIN]
    held_out = [crop for crop in crops if crop.place.role is Role.HOLD_OUT]
    for crop in crops:
        if crop.place.role is Role.BOTH:
            parts = hold_out([crop])
            train, held_out = [*train, *parts[0]], [*held_out, *parts[1]]
    return train, held_out


def _crop_text(crop: PlannedCrop) -> str:
    return f"{crop.place.name} [{crop.box.text}]"
