"""Places to learn from, before their pixels are read: a box of a stack, and who says what is true there."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import chain
from itertools import count as numbers
from typing import Self

import numpy as np
from napari.layers import Image, Layer
from numpy.typing import NDArray

from napari_emcad.core.crop import SMALLEST, Crop
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, Slices, triple
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.core.sections.unbroken import unbroken
from napari_emcad.widgets.finetune.truth import CropTruth, LayerTruth, NoTruth


class Role(StrEnum):
    """The use of a crop."""

    TRAIN = "train"
    HOLD_OUT = "hold out"
    BOTH = "train + hold out"


@dataclass(frozen=True, eq=False)
class Place:
    """A box of a stack to learn from, in the stack's voxels.

    Attributes
    ----------
    all_checked : bool
        True if a person has looked at every voxel of it.
    role : Role
    plan : SectionPlan or None
        Of the stack; None = all sections are used as they are.
    """

    name: str
    stack: Image
    box: Box
    truth: CropTruth = field(default_factory=NoTruth)
    all_checked: bool = False
    role: Role = Role.TRAIN
    plan: SectionPlan | None = None

    @property
    def share(self) -> float:
        """Share of its voxels that are verified, 0 to 1."""
        return self.truth.share_in(self.box, self.all_checked)

    def lies_in(self, layer: Layer) -> bool:
        """Return True if the layer is its stack, or has its labels."""
        return self.stack is layer or (isinstance(self.truth, LayerTruth) and self.truth.layer is layer)

    def planned(self) -> "PlannedCrop":
        """Return the crop that it will be.

        Raises
        ------
        UserError
            If it is too small for one.
        """
        nothing = np.broadcast_to(np.uint8(0), self.box.shape)
        known = self.truth.known_in(self.box, self.all_checked)
        return PlannedCrop(nothing, nothing, known, self.name, box=self.box, place=self)


@dataclass(frozen=True, eq=False)
class PlannedCrop(Crop):
    """A crop without pixels and labels yet.

    Attributes
    ----------
    box : Box
        Its place in the stack, also if it is a part that was cut out of a larger one.
    place : Place
        The place that it was made of.
    """

    box: Box = field(kw_only=True)
    place: Place = field(kw_only=True)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(z, y, x): True where the labels are verified; not to be modified."""
        return np.broadcast_to(np.True_, self.box.shape) if self.known is None else self.known

    def cut(self, place: Slices) -> Self:
        """Return a part of it."""
        ends = [part.indices(n) for part, n in zip(place, self.box.shape, strict=True)]
        start, stop = triple(first for first, _, _ in ends), triple(last for _, last, _ in ends)
        return replace(super().cut(place), box=Box(start, stop).moved(self.box.start))

    def without(self, others: Collection["PlannedCrop"]) -> Self | None:
        """Return it with nothing known of what other crops of its stack know; None if that leaves nothing."""
        known: NDArray[np.bool_] | None = None
        for other in others:
            overlap = shared(self.box, other.box) if other.place.stack is self.place.stack else None
            if overlap is not None:
                known = self.mask.copy() if known is None else known
                known[overlap.within(self.box).slices] &= ~other.mask[overlap.within(other.box).slices]
        if known is None:
            return self
        return replace(self, known=known) if known.any() or not self.voxels_known else None


def shared(first: Box, second: Box) -> Box | None:
    """Return the box that two boxes have in common; None if they do not touch."""
    start = triple(map(max, first.start, second.start))
    stop = triple(map(min, first.stop, second.stop))
    return Box(start, stop) if all(a < b for a, b in zip(start, stop, strict=True)) else None


def unbroken_places(place: Place) -> list[Place]:
    """Return a place, in parts where sections are left out, or do not go on from those before them.

    Raises
    ------
    UserError
        If no part has sections enough to learn from.
    """
    boxes = unbroken(place.box, place.plan)
    parts = [box for box in boxes if box.shape[0] >= SMALLEST[0]] if len(boxes) > 1 else boxes
    if not parts:
        raise UserError(
            f"crops: {SMALLEST[0]} sections in a row that are not left out are needed, {place.box.text} has none; "
            "choose another box."
        )
    if parts == [place.box]:
        return [check_place(place)]
    names = [f"{place.name}, part {i}" if len(parts) > 1 else place.name for i in range(1, len(parts) + 1)]
    return [check_place(replace(place, name=name, box=box)) for name, box in zip(names, parts, strict=True)]


def free_name(name: str, taken: Collection[str]) -> str:
    """Return the name, or if it is taken, the name with the first number behind it that is not."""
    return next(n for n in chain([name], (f"{name} {i}" for i in numbers(2))) if n not in taken)


def check_place(place: Place) -> Place:
    """Return the place itself.

    Raises
    ------
    UserError
        If it is too small to learn from.
    """
    place.planned()
    return place
