"""Places to learn from, before their pixels are read: a box of a stack, and who says what is true there. No Qt."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import chain
from itertools import count as numbers
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from napari.layers import Image, Labels
from numpy.typing import NDArray

from napari_emcad.core.crop import Crop
from napari_emcad.core.geometry import Box
from napari_emcad.core.hold_out import hold_out
from napari_emcad.core.ids import Ids
from napari_emcad.core.wording import count
from napari_emcad.proofreading.corrections import CORRECTIONS, share_verified, verified_labels
from napari_emcad.proofreading.session import Session
from napari_emcad.widgets.kit.layers import volume_of


class Role(StrEnum):
    """What a crop is for."""

    TRAIN = "train"
    HOLD_OUT = "hold out"
    BOTH = "train + hold out"


class CropTruth(Protocol):
    """Who says what is true in a box of the stack."""

    def known_in(self, box: Box, all_checked: bool) -> NDArray[np.bool_] | None:
        """(z, y, x) where the labels are verified; None = everywhere."""

    def labels_in(self, box: Box) -> NDArray:
        """(z, y, x) integer, 0 = boundary."""

    def share_in(self, box: Box, all_checked: bool) -> float:
        """How much of it is verified, 0 to 1."""


@dataclass(frozen=True, eq=False)
class SessionTruth:
    """The segments of a session that lies in `box` of the stack."""

    session: Session
    folder: Path
    box: Box

    def known_in(self, box: Box, all_checked: bool) -> NDArray[np.bool_] | None:
        return None if all_checked else verified_labels(self.session, box.within(self.box))[1]

    def labels_in(self, box: Box) -> Ids:
        return verified_labels(self.session, box.within(self.box))[0]

    def share_in(self, box: Box, all_checked: bool) -> float:
        return 1.0 if all_checked else share_verified(self.session, box.within(self.box))

    @property
    def edits_text(self) -> str:
        """What people have done in it."""
        rows = (self.session.log.rows[seq - 1] for seq in self.session.in_force)
        corrections = sum(row.kind in CORRECTIONS for row in rows)
        done = len(self.session.state.locked)
        return f"{count(corrections, 'correction')}, {count(done, 'neuron')} done"


@dataclass(frozen=True, eq=False)
class LayerTruth:
    """A Labels layer that lies in `box` of the stack; its 0 is boundary where all is checked, else unknown."""

    layer: Labels
    box: Box

    def known_in(self, box: Box, all_checked: bool) -> NDArray[np.bool_] | None:
        return None if all_checked else self.labels_in(box) > 0

    def labels_in(self, box: Box) -> NDArray:
        return np.asarray(volume_of(self.layer)[box.within(self.box).slices])

    def share_in(self, box: Box, all_checked: bool) -> float:
        return 1.0 if all_checked else float(np.mean(self.labels_in(box) > 0))


class NoTruth:
    """Nobody has said anything: only a teacher teaches here."""

    def known_in(self, box: Box, all_checked: bool) -> NDArray[np.bool_]:
        return np.broadcast_to(np.False_, box.shape)

    def labels_in(self, box: Box) -> NDArray[np.uint8]:
        return np.broadcast_to(np.uint8(0), box.shape)

    def share_in(self, box: Box, all_checked: bool) -> float:
        return 0.0


@dataclass(frozen=True, eq=False)
class Place:
    """A box of a stack to learn from, in the stack's voxels.

    Attributes
    ----------
    all_checked : bool
        Whether a person has looked at every voxel of it.
    role : Role
    """

    name: str
    stack: Image
    box: Box
    truth: CropTruth = field(default_factory=NoTruth)
    all_checked: bool = False
    role: Role = Role.TRAIN

    @property
    def share(self) -> float:
        """How much of it is verified, 0 to 1."""
        return self.truth.share_in(self.box, self.all_checked)

    def planned(self) -> "PlannedCrop":
        """The crop that it will be.

        Raises
        ------
        UserError
            Where it is too small for one.
        """
        nothing = np.broadcast_to(np.uint8(0), self.box.shape)
        return PlannedCrop(nothing, nothing, self.truth.known_in(self.box, self.all_checked), self.name, self.box, self)


@dataclass(frozen=True, eq=False)
class PlannedCrop(Crop):
    """A crop without pixels and labels yet; it knows where it lies, also where a part is cut of it."""

    box: Box | None = None
    of: Place | None = None

    @property
    def known_or_all(self) -> NDArray[np.bool_]:
        """(z, y, x) where the labels are verified."""
        return np.broadcast_to(np.True_, self.box.shape) if self.known is None else self.known

    def cut(self, place: tuple[slice, slice, slice]) -> Self:
        """A part of it."""
        ends = [part.indices(n) for part, n in zip(place, self.box.shape, strict=True)]
        start = tuple(a + first for a, (first, _, _) in zip(self.box.start, ends, strict=True))
        stop = tuple(a + last for a, (_, last, _) in zip(self.box.start, ends, strict=True))
        known = None if self.known is None else self.known[place]
        return replace(self, raw=self.raw[place], labels=self.labels[place], known=known, box=Box(start, stop))


@dataclass(frozen=True)
class Plan:
    """What is learnt from and what is scored on."""

    train: list[PlannedCrop]
    held_out: list[PlannedCrop]

    @classmethod
    def of(cls, places: Sequence[Place], automatic: bool) -> Self:
        """By the places' roles, or chosen automatically.

        Raises
        ------
        UserError
            Where a place is too small, or nothing can be held out.
        """
        crops = [place.planned() for place in places]
        train, held_out = hold_out(crops) if automatic else _by_role(crops)
        apart = [_apart(crop, held_out) for crop in train]
        return cls([crop for crop in apart if crop is not None], held_out)

    def role_of(self, place: Place) -> Role:
        """What becomes of a place."""
        learnt, scored = (any(crop.of is place for crop in crops) for crops in (self.train, self.held_out))
        if scored:
            return Role.BOTH if learnt else Role.HOLD_OUT
        return Role.TRAIN

    @property
    def voxels(self) -> tuple[int, int]:
        """Verified ones, to learn from and to score on."""
        return tuple(sum(crop.voxels_known for crop in crops) for crops in (self.train, self.held_out))

    @property
    def bytes_on_disk(self) -> int:
        """Of the crops, about: a grey value, a label and a bit that is kept as a byte."""
        return 6 * sum(int(np.prod(crop.box.shape)) for crop in (*self.train, *self.held_out))


def shared(first: Box, second: Box) -> Box | None:
    """What two boxes have in common; None where they do not touch."""
    start = tuple(map(max, first.start, second.start))
    stop = tuple(map(min, first.stop, second.stop))
    return Box(start, stop) if all(a < b for a, b in zip(start, stop, strict=True)) else None


def free_name(name: str, taken: Collection[str]) -> str:
    """The name, or where it is taken, with the first number behind it that is not."""
    return next(n for n in chain([name], (f"{name} {i}" for i in numbers(2))) if n not in taken)


def check_place(place: Place) -> Place:
    """Itself.

    Raises
    ------
    UserError
        Where it is too small to learn from.
    """
    place.planned()
    return place


def _by_role(crops: Sequence[PlannedCrop]) -> tuple[list[PlannedCrop], list[PlannedCrop]]:
    """As people have said; those that are for both are parted one by one."""
    train = [crop for crop in crops if crop.of.role is Role.TRAIN]
    held_out = [crop for crop in crops if crop.of.role is Role.HOLD_OUT]
    for crop in crops:
        if crop.of.role is Role.BOTH:
            parts = hold_out([crop])
            train, held_out = [*train, *parts[0]], [*held_out, *parts[1]]
    return train, held_out


def _apart(crop: PlannedCrop, held_out: Sequence[PlannedCrop]) -> PlannedCrop | None:
    """A crop of which nothing is known that is scored on; None where that leaves nothing."""
    known = None
    for other in held_out:
        overlap = shared(crop.box, other.box) if other.of.stack is crop.of.stack else None
        if overlap is not None:
            known = crop.known_or_all.copy() if known is None else known
            known[overlap.within(crop.box).slices] &= ~other.known_or_all[overlap.within(other.box).slices]
    if known is None:
        return crop
    return replace(crop, known=known) if known.any() or not crop.voxels_known else None


def about_crops(plan: Plan, before: str = "") -> dict[str, Any]:
    """What the card of the new model says of its data; `before` is what its parent's card says.

    The title is left to the name that it will be kept under.
    """
    stacks = ", ".join(dict.fromkeys(crop.of.stack.name for crop in plan.train))
    names = "; ".join(map(_told, plan.train))
    held_out = "; ".join(map(_told, plan.held_out)) or "nothing"
    truths = {crop.of.truth.folder: crop.of.truth for crop in plan.train if isinstance(crop.of.truth, SessionTruth)}
    edits = "".join(f" {folder.name}: {truth.edits_text}." for folder, truth in truths.items())
    earlier = f" Before: {before}" if before else ""
    return {"title": "", "data": f"{stacks}: {names}. Held out: {held_out}.{edits}{earlier}"}


def _told(crop: PlannedCrop) -> str:
    return f"{crop.of.name} [{crop.box.text}]"
