"""A volume in blocks: which voxels each answers for, and which blocks lie around it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Self

import numpy as np

from napari_emcad.core.geometry import Box


@dataclass(frozen=True)
class Blocks:
    """A volume cut into blocks of one size, smaller at its far ends, numbered z first, then y, then x.

    Attributes
    ----------
    shape : (z, y, x)
        Of the volume, in voxels.
    size : (z, y, x)
        Of a block, in voxels.
    """

    shape: tuple[int, int, int]
    size: tuple[int, int, int]

    @property
    def counts(self) -> tuple[int, int, int]:
        """Blocks on z, y, x."""
        return tuple(-(-n // s) for n, s in zip(self.shape, self.size, strict=True))

    def __len__(self) -> int:
        return prod(self.counts)

    def __iter__(self) -> Iterator[Box]:
        return (self.box(number) for number in range(len(self)))

    def box(self, number: int) -> Box:
        """The voxels of a block."""
        start = tuple(int(i) * s for i, s in zip(np.unravel_index(number, self.counts), self.size, strict=True))
        return Box(start, tuple(a + s for a, s in zip(start, self.size, strict=True))).clipped(self.shape)

    def grouped(self, least: tuple[int, int, int]) -> Self:
        """Larger blocks, each of whole ones of these and of at least so many voxels (z, y, x)."""
        size = tuple(n * -(-m // n) for n, m in zip(self.size, least, strict=True))
        return type(self)(self.shape, size)

    def touching(self, box: Box) -> list[int]:
        """The blocks that hold voxels of a box, in order."""
        inside = box.clipped(self.shape)
        if 0 in inside.shape:
            return []
        ends = zip(inside.start, inside.stop, self.size, strict=True)
        return [self._number(place) for place in product(*(range(a // s, -(-b // s)) for a, b, s in ends))]

    def _number(self, place: Sequence[int]) -> int:
        return int(np.ravel_multi_index(tuple(place), self.counts))
