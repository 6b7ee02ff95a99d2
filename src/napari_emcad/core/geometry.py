"""Where things are: boxes in voxels, voxel sizes in nanometres, always z, y, x."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from napari_emcad.core.errors import UserError


class VoxelSize(NamedTuple):
    """Edge lengths of a voxel in nanometres."""

    z: float
    y: float
    x: float


@dataclass(frozen=True)
class Box:
    """A half-open box of voxels: start <= voxel < stop on z, y, x."""

    start: tuple[int, int, int]
    stop: tuple[int, int, int]

    @classmethod
    def whole(cls, shape: Sequence[int]) -> Self:
        """The box of a whole volume of this shape (z, y, x)."""
        return cls((0, 0, 0), tuple(int(n) for n in shape))

    @classmethod
    def parse(cls, text: str, shape: Sequence[int]) -> Self:
        """Read "z0:z1,y0:y1,x0:x1" within a volume of `shape`; an end left out is the volume's.

        Raises
        ------
        UserError
            Where the text is not a box or holds no voxel of the volume.
        """
        try:
            parts = [[int(n) if n.strip() else None for n in part.split(":")] for part in text.split(",")]
            ends = [slice(*part).indices(n) for part, n in zip(parts, shape, strict=True) if len(part) == 2]
        except ValueError:
            ends = []
        if len(ends) != 3:
            raise UserError(f'box: "z0:z1,y0:y1,x0:x1" is needed, got "{text}"; for example 0:10,0:512,0:512.')
        box = cls(tuple(e[0] for e in ends), tuple(e[1] for e in ends))
        if min(box.shape) <= 0:
            raise UserError(f'box: "{text}" holds no voxel of a volume of shape {tuple(shape)}; choose it inside.')
        return box

    @classmethod
    def around(cls, voxel: Sequence[int], size: Sequence[int], shape: Sequence[int]) -> Self:
        """The box of this size with a voxel in its middle, moved and if need be cut to lie in a volume of `shape`."""
        sides = [min(s, n) for s, n in zip(size, shape, strict=True)]
        start = [min(max(0, v - s // 2), n - s) for v, s, n in zip(voxel, sides, shape, strict=True)]
        return cls(tuple(map(int, start)), tuple(int(a + s) for a, s in zip(start, sides, strict=True)))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels on z, y, x."""
        return tuple(b - a for a, b in zip(self.start, self.stop, strict=True))

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """To index an array with."""
        return tuple(slice(a, b) for a, b in zip(self.start, self.stop, strict=True))

    @property
    def text(self) -> str:
        """As `parse` reads it."""
        return ",".join(f"{a}:{b}" for a, b in zip(self.start, self.stop, strict=True))

    def moved(self, by: Sequence[int]) -> Self:
        """The box so many voxels further on z, y, x."""
        start, stop = (tuple(int(n + m) for n, m in zip(end, by, strict=True)) for end in (self.start, self.stop))
        return type(self)(start, stop)

    def within(self, other: Self) -> Self:
        """The box in voxels of another one, whose start is (0, 0, 0) then; `moved(other.start)` is the way back."""
        return self.moved([-n for n in other.start])

    def grown(self, margin: Sequence[int]) -> Self:
        """The box with so many voxels more on each side of z, y, x; it may reach outside a volume."""
        return type(self)(
            tuple(int(a - m) for a, m in zip(self.start, margin, strict=True)),
            tuple(int(b + m) for b, m in zip(self.stop, margin, strict=True)),
        )

    def clipped(self, shape: Sequence[int]) -> Self:
        """The part of the box inside a volume of this shape."""
        start = tuple(min(max(a, 0), n) for a, n in zip(self.start, shape, strict=True))
        stop = tuple(min(max(b, a), n) for a, b, n in zip(start, self.stop, shape, strict=True))
        return type(self)(start, stop)
