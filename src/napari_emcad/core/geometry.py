"""Places in a volume: boxes in voxels, voxel sizes in nanometres, always z, y, x."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self, SupportsIndex

from napari_emcad.core.errors import UserError

Shape = tuple[int, int, int]
"""Voxels on z, y, x."""

Voxel = tuple[int, int, int]
"""The place of a voxel: z, y, x, from 0."""

Slices = tuple[slice, slice, slice]
"""Slices on z, y, x to index a volume with."""


SHORTEST_EDGE, LONGEST_EDGE = 1e-3, 1e9
"""Lengths in nanometres between which the edges of voxels are."""


class VoxelSize(NamedTuple):
    """Edge lengths of a voxel in nanometres."""

    z: float
    y: float
    x: float

    @property
    def is_possible(self) -> bool:
        """True if each edge is of a length that something was ever imaged at: from 0.001 nm to 1 m."""
        return all(SHORTEST_EDGE <= edge <= LONGEST_EDGE for edge in self)


def triple(values: Iterable[SupportsIndex]) -> tuple[int, int, int]:
    """Return three whole numbers of any kind as a tuple of int: a `Shape`, a `Voxel` and the like.

    Raises
    ------
    ValueError
        If there are not three.
    """
    z, y, x = values
    return int(z), int(y), int(x)


@dataclass(frozen=True)
class Box:
    """A half-open box of voxels: start <= voxel < stop on z, y, x."""

    start: Voxel
    stop: Voxel

    @classmethod
    def whole(cls, shape: Sequence[int]) -> Self:
        """Return the box of a whole volume of this shape (z, y, x)."""
        return cls((0, 0, 0), triple(shape))

    @classmethod
    def parse(cls, text: str, shape: Sequence[int]) -> Self:
        """Read "z0:z1,y0:y1,x0:x1" within a volume of `shape`; an end left out is the volume's.

        Raises
        ------
        UserError
            If the text is not a box, holds no voxel, or is not wholly inside the volume.
        """
        try:
            parts = [[int(n) if n.strip() else None for n in part.split(":")] for part in text.split(",")]
            ends = [(start or 0, n if stop is None else stop) for (start, stop), n in zip(parts, shape, strict=True)]
        except ValueError:
            ends = []
        if len(ends) != 3:
            raise UserError(f'box: "z0:z1,y0:y1,x0:x1" is needed, got "{text}"; for example 0:10,0:512,0:512.')
        for axis, end, n in zip("zyx", ends, shape, strict=True):
            _check_ends(text, axis, end, n)
        return cls(triple(start for start, _ in ends), triple(stop for _, stop in ends))

    @classmethod
    def around(cls, voxel: Sequence[int], size: Sequence[int], shape: Sequence[int]) -> Self:
        """Return a box of `size` around a voxel, moved and if need be cut so that it lies in a volume of `shape`."""
        sides = [min(s, n) for s, n in zip(size, shape, strict=True)]
        start = [min(max(0, v - s // 2), n - s) for v, s, n in zip(voxel, sides, shape, strict=True)]
        return cls(triple(start), triple(a + s for a, s in zip(start, sides, strict=True)))

    @property
    def shape(self) -> Shape:
        """Voxels on z, y, x."""
        return triple(b - a for a, b in zip(self.start, self.stop, strict=True))

    @property
    def slices(self) -> Slices:
        """Slices that cut the box out of a volume."""
        z, y, x = (slice(a, b) for a, b in zip(self.start, self.stop, strict=True))
        return z, y, x

    @property
    def text(self) -> str:
        """The box as `parse` reads it: "0:10,0:512,0:512"."""
        return ",".join(f"{a}:{b}" for a, b in zip(self.start, self.stop, strict=True))

    def moved(self, by: Sequence[int]) -> Self:
        """Return the box that many voxels further on z, y, x."""
        start, stop = (triple(n + m for n, m in zip(end, by, strict=True)) for end in (self.start, self.stop))
        return type(self)(start, stop)

    def within(self, other: "Box") -> Self:
        """Return the box counted from the start of another one; `moved(other.start)` is the way back."""
        return self.moved([-n for n in other.start])

    def lies_in(self, other: "Box") -> bool:
        """Return True if no voxel of it lies outside another box."""
        begins_in = all(a >= b for a, b in zip(self.start, other.start, strict=True))
        return begins_in and all(a <= b for a, b in zip(self.stop, other.stop, strict=True))

    def grown(self, margin: Sequence[int]) -> Self:
        """Return the box with `margin` more voxels (z, y, x) on each side; it may reach outside a volume."""
        return type(self)(
            triple(a - m for a, m in zip(self.start, margin, strict=True)),
            triple(b + m for b, m in zip(self.stop, margin, strict=True)),
        )

    def clipped(self, shape: Sequence[int]) -> Self:
        """Return the part of the box inside a volume of this shape."""
        start = triple(min(max(a, 0), n) for a, n in zip(self.start, shape, strict=True))
        stop = triple(min(max(b, a), n) for a, b, n in zip(start, self.stop, shape, strict=True))
        return type(self)(start, stop)


def check_box(box: Box, shape: Sequence[int]) -> None:
    """Refuse a box that is empty or does not lie inside a volume of this shape.

    Raises
    ------
    UserError
    """
    if box.clipped(shape) != box or 0 in box.shape:
        raise UserError(
            f"box: voxels inside a volume of shape {tuple(shape)} are needed, got {box.start} to {box.stop}; "
            "choose it inside."
        )


def _check_ends(text: str, axis: str, ends: tuple[int, int], length: int) -> None:
    """Refuse the two ends of a box on one axis that do not lie inside a volume, or have no voxel between them."""
    start, stop = ends
    if min(ends) < 0:
        raise UserError(
            f'box: voxels are counted from 0, got {start}:{stop} on {axis} in "{text}"; give places in the volume.'
        )
    if max(ends) > length:
        raise UserError(
            f'box: "{text}" reaches beyond the volume, which has {length} voxels on {axis}; end at {length} or before.'
        )
    if start >= stop:
        raise UserError(
            f'box: "{text}" holds no voxel, as {start}:{stop} on {axis} ends where it begins or before; '
            "choose a later end."
        )
