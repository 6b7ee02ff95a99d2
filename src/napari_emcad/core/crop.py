"""A crop: part of a volume with its labels, and a mask of the voxels where they are verified."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.blending import mirrored_places
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Slices

SMALLEST = (2, 32, 32)
"""Sections and pixels that a crop must have: the student needs a pair, and two pixels at its coarsest."""

ANCHORS = 100_000
"""The most voxels around which the blocks of a partly known crop are drawn."""


@dataclass(frozen=True, eq=False)
class Crop:
    """Part of a volume with its truth.

    Attributes
    ----------
    raw : (z, y, x) uint8, or float32 in [0, 1]
    labels : (z, y, x) integer
        0 = boundary.
    known : (z, y, x) bool, optional
        True where the labels are verified; None = everywhere. Elsewhere only a teacher teaches.
    name : str
        The name of the crop in messages and lists.

    Raises
    ------
    UserError
        If the shapes differ or the crop is smaller than `SMALLEST`.
    """

    raw: NDArray[np.uint8] | NDArray[np.float32]
    labels: NDArray[np.integer]
    known: NDArray[np.bool_] | None = None
    name: str = "crop"

    def __post_init__(self) -> None:
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
    def truth(self) -> NDArray[np.integer]:
        """(z, y, x) labels where they are verified, 0 elsewhere."""
        return self.labels if self.known is None else np.where(self.known, self.labels, 0)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(z, y, x): True where the labels are verified."""
        return np.ones(self.labels.shape, bool) if self.known is None else self.known

    @cached_property
    def voxels_known(self) -> int:
        """Number of verified voxels."""
        return self.labels.size if self.known is None else int(np.count_nonzero(self.known))

    def cut(self, place: Slices) -> Self:
        """Return a part of the crop; its arrays are views."""
        known = None if self.known is None else self.known[place]
        return replace(self, raw=self.raw[place], labels=self.labels[place], known=known)

    def block(self, start: Sequence[int], shape: Sequence[int]) -> "Crop":
        """Return a copy of the block at `start`, mirrored where it reaches out of the crop; nothing is known there."""
        # Grey levels and labels are taken from mirrored places. Only voxels that the block shares with the crop are
        # known: `there` cuts them out of the crop, `inside` out of the block.
        sides = [(int(a), int(a) + n, m) for a, n, m in zip(start, shape, self.raw.shape, strict=True)]
        seen = np.ix_(*(mirrored_places(a, b, n) for a, b, n in sides))
        there = tuple(slice(max(0, a), max(0, b)) for a, b, _ in sides)
        inside = tuple(slice(max(0, -a), max(0, n - a)) for a, _, n in sides)
        known = np.zeros(shape, bool)
        known[inside] = True if self.known is None else self.known[there]
        return Crop(self.raw[seen], self.labels[seen], known, self.name)

    @cached_property
    def anchors(self) -> NDArray[np.int64] | None:
        """(n, 3) z, y, x of known voxels, up to `ANCHORS`; None if all voxels are known."""
        if self.known is None or self.known.all():
            return None
        found = np.flatnonzero(self.known)
        every = -(-len(found) // ANCHORS) or 1
        return np.stack(np.unravel_index(found[::every], self.known.shape), axis=1)


def exchange_greys(
    raw: NDArray[np.uint8] | NDArray[np.float32], inverted: NDArray[np.bool_]
) -> NDArray[np.uint8] | NDArray[np.float32]:
    """Return the grey values of a crop, (z, y, x), with dark and bright exchanged in its inverted sections, (z,)."""
    if not inverted.any():
        return raw
    white = np.uint8(255) if raw.dtype == np.uint8 else np.float32(1)
    return np.where(inverted[:, None, None], white - raw, raw)


def unlabelled_crop(raw: NDArray[np.uint8] | NDArray[np.float32], name: str) -> Crop:
    """Return a crop (z, y, x) of which nothing is known."""
    return Crop(raw, np.zeros(raw.shape, np.uint8), np.zeros(raw.shape, bool), name)
