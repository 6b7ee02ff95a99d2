"""The places of blocks on their map, in pixels: slabs of blocks side by side in rows, the first at the upper left."""

from math import ceil
from typing import NamedTuple

from napari_emcad.core.geometry import Shape, Voxel

HEIGHT, GAP = 120, 3
"""Pixels: the largest height of a map, and the gap between two slabs."""

EDGES = (14, 12, 10, 8, 6, 5, 4, 3, 2, 1, 1 / 2, 1 / 4, 1 / 8, 1 / 16)
"""Pixels a side of a block: the largest that fits is taken."""


class PixelBox(NamedTuple):
    """A rectangle of pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def bottom(self) -> int:
        """The first row below it."""
        return self.top + self.height

    def holds(self, x: int, y: int) -> bool:
        """Return True if a pixel lies inside."""
        return self.left <= x < self.left + self.width and self.top <= y < self.bottom


class MapLayout(NamedTuple):
    """The places of blocks.

    Attributes
    ----------
    counts : (z, y, x)
        Blocks.
    edge : float
        Pixels a side of a block.
    columns : int
        Slabs in a row of them.
    together : int
        Blocks on z that are shown as one.
    """

    counts: Shape
    edge: float
    columns: int
    together: int

    @property
    def slabs(self) -> int:
        """Number of slabs."""
        return ceil(self.counts[0] / self.together)

    @property
    def slab_size(self) -> tuple[int, int]:
        """Pixels of a slab, (height, width)."""
        return max(1, ceil(self.counts[1] * self.edge)), max(1, ceil(self.counts[2] * self.edge))

    @property
    def height(self) -> int:
        """Pixels of the map."""
        return self.slab(self.slabs - 1).bottom

    def slab(self, number: int) -> PixelBox:
        """Return the pixels of a slab."""
        high, wide = self.slab_size
        row, column = divmod(number, self.columns)
        return PixelBox(column * (wide + GAP), row * (high + GAP), wide, high)

    def place_of(self, block: Voxel) -> PixelBox:
        """Return the pixels of a block."""
        slab, side = self.slab(block[0] // self.together), max(1, round(self.edge))
        return PixelBox(slab.left + round(block[2] * self.edge), slab.top + round(block[1] * self.edge), side, side)

    def block_at(self, x: int, y: int) -> Voxel | None:
        """Return the block under a pixel, the first of those that are shown as one; None where there is none."""
        for number in range(self.slabs):
            slab = self.slab(number)
            if slab.holds(x, y):
                row, column = int((y - slab.top) // self.edge), int((x - slab.left) // self.edge)
                return number * self.together, min(row, self.counts[1] - 1), min(column, self.counts[2] - 1)
        return None


def layout_of(counts: Shape, width: int) -> MapLayout:
    """Return the layout with the largest blocks (z, y, x) that fits a width, and `HEIGHT`."""
    together = 1
    while True:
        for edge in EDGES:
            one = MapLayout(counts, edge, 1, together)
            high, wide = one.slab_size
            columns = (width + GAP) // (wide + GAP)
            if columns and ceil(one.slabs / columns) * (high + GAP) - GAP <= HEIGHT:
                return one._replace(columns=columns)
        together *= 2
