"""A volume in blocks: the voxels that each answers for, and the blocks around it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Self

import numpy as np

from napari_emcad.core.geometry import Box, Shape, triple


@dataclass(frozen=True)
class Blocks:
    """A volume cut into blocks of one size, smaller at its far ends, numbered z first, then y, then x.

    Attributes
    ----------
    shape : (z, y, x)
        Voxels of the volume.
    size : (z, y, x)
        Voxels of a block.
    """

    shape: Shape
    size: Shape

    @property
    def counts(self) -> tuple[int, int, int]:
        """Blocks on z, y, x."""
        return triple(-(-n // s) for n, s in zip(self.shape, self.size, strict=True))

    def __len__(self) -> int:
        return prod(self.counts)

    def __iter__(self) -> Iterator[Box]:
        return (self.box(number) for number in range(len(self)))

    def box(self, number: int) -> Box:
        """Return the voxels of a block."""
        place = np.unravel_index(number, self.counts)
        start = triple(int(i) * s for i, s in zip(place, self.size, strict=True))
        return Box(start, triple(a + s for a, s in zip(start, self.size, strict=True))).clipped(self.shape)

    def grouped(self, least: Shape) -> Self:
        """Return larger blocks: each of whole ones of these and of at least `least` voxels (z, y, x)."""
        size = triple(n * -(-m // n) for n, m in zip(self.size, least, strict=True))
        return type(self)(self.shape, size)

    def touching(self, box: Box) -> list[int]:
        """Return the numbers of the blocks that hold voxels of a box, in rising order."""
        inside = box.clipped(self.shape)
        if 0 in inside.shape:
            return []
        ends = zip(inside.start, inside.stop, self.size, strict=True)
        return [self._number(place) for place in product(*(range(a // s, -(-b // s)) for a, b, s in ends))]

    def _number(self, place: Sequence[int]) -> int:
        return int(np.ravel_multi_index(tuple(place), self.counts))
