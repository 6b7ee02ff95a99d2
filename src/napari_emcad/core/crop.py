"""A crop: part of a volume with its labels, and where they are verified."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.blending import mirrored_places
from napari_emcad.core.errors import UserError

SMALLEST = (2, 32, 32)
"""Sections and pixels below which a crop teaches nothing: the student needs a pair, and two pixels at its coarsest."""

ANCHORS = 100_000
"""Voxels, at most, around which the blocks of a partly known crop are drawn."""


@dataclass(frozen=True, eq=False)
class Crop:
    """Part of a volume with its truth.

    Attributes
    ----------
    raw : (z, y, x) uint8, or float32 in [0, 1]
    labels : (z, y, x) integer
        0 = boundary.
    known : (z, y, x) bool, optional
        Where the labels are verified; None = everywhere. Elsewhere only a teacher teaches.
    name : str
        For messages and lists.

    Raises
    ------
    UserError
        Where the shapes differ or the crop is smaller than `SMALLEST`.
    """

    raw: NDArray
    labels: NDArray
    known: NDArray | None = None
    name: str = "crop"

    def __post_init__(self):
        for what, array in (("labels", self.labels), ("mask", self.known)):
            if array is not None and array.shape != self.raw.shape:
                raise UserError(
                    f"{self.name}: {what} of the stack's shape {self.raw.shape} are needed, got {array.shape}; "
                    "choose those that belong to it."
                )
        if any(n < least for n, least in zip(self.raw.shape, SMALLEST, strict=True)):
            raise UserError(
                f"{self.name}: at least {SMALLEST[0]} sections of {SMALLEST[1]} x {SMALLEST[2]} pixels are needed, "
                f"got {' x '.join(map(str, self.raw.shape))}; choose a larger one."
            )

    @property
    def truth(self) -> NDArray:
        """(z, y, x) labels where they are verified, 0 elsewhere."""
        return self.labels if self.known is None else np.where(self.known, self.labels, 0)

    @cached_property
    def voxels_known(self) -> int:
        """How many voxels are verified."""
        return self.labels.size if self.known is None else int(np.count_nonzero(self.known))

    def cut(self, place: tuple[slice, slice, slice]) -> "Crop":
        """A part of it; its arrays are views."""
        return Crop(self.raw[place], self.labels[place], None if self.known is None else self.known[place], self.name)

    def block(self, start: Sequence[int], shape: Sequence[int]) -> "Crop":
        """A copy of what lies from `start` on; outside it is mirrored, and nothing is known there."""
        stop = np.add(start, shape)
        sides = list(zip(start, stop, self.raw.shape, strict=True))
        seen = np.ix_(*(mirrored_places(a, b, n) for a, b, n in sides))
        there = tuple(slice(max(0, a), max(0, b)) for a, b, _ in sides)
        inside = tuple(slice(max(0, -a), max(0, n - a)) for a, _, n in sides)
        known = np.zeros(shape, bool)
        known[inside] = True if self.known is None else self.known[there]
        return Crop(self.raw[seen], self.labels[seen], known, self.name)

    @cached_property
    def anchors(self) -> NDArray[np.int64] | None:
        """(n, 3) z, y, x of known voxels, up to `ANCHORS`; None where all are known."""
        if self.known is None or self.known.all():
            return None
        found = np.flatnonzero(self.known)
        every = -(-len(found) // ANCHORS) or 1
        return np.stack(np.unravel_index(found[::every], self.known.shape), axis=1)


def unlabelled_crop(raw: NDArray, name: str) -> Crop:
    """A crop (z, y, x) of which nothing is known."""
    return Crop(raw, np.zeros(raw.shape, np.uint8), np.zeros(raw.shape, bool), name)
