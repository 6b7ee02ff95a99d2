"""Overlapping tiles, and the share that each has in the voxels it gives: on one axis at a time.

The shares of a tile of a volume are the products of its shares on z, y and x. Those on one axis add up to one at each
voxel, so products do as well, and sums of weighted tiles need no division. Tiles lie on a fixed raster of the whole
axis: what a part of it becomes does not depend on which other parts are asked for.

Source of the weights: the Gaussian of Huang et al., TMI 2022 (SSNS-Net), which is such a product, too.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIGMA = 0.2
"""Standard deviation of the Gaussian, in half tiles."""


@dataclass(frozen=True)
class Raster:
    """The tiles that a network can give on one axis, and how they are to overlap; in voxels.

    Attributes
    ----------
    stride : int
        Tiles lie multiples of this apart, and sizes differ by multiples of it.
    rest : int
        Remainder of all sizes when divided by the stride.
    rim : int
        Voxels at each end of a tile that are not used.
    overlap : int
        Voxels that neighbours share at least.
    """

    stride: int = 1
    rest: int = 0
    rim: int = 0
    overlap: int = 0

    def at_least(self, size: int) -> int:
        """Return the smallest size of a tile that holds `size` voxels."""
        return self.rest + max(0, -(-(size - self.rest) // self.stride)) * self.stride

    def at_most(self, size: int) -> int:
        """Return the largest size of a tile that fits into `size` voxels; if none does, the smallest that overlaps."""
        return max(self.rest + (size - self.rest) // self.stride * self.stride, self.smallest)

    def fitting(self, length: int, most: int) -> int:
        """Return the size of the tiles of an axis: at most `most`, and no more than the axis and its two rims need."""
        return min(self.at_least(length + 2 * self.rim), self.at_most(most))

    @property
    def shared(self) -> int:
        """Voxels that neighbours share at the least."""
        return max(self.overlap, 2 * self.rim)

    @property
    def smallest(self) -> int:
        """The smallest size of tiles that overlap and still move on."""
        return self.at_least(self.shared + self.stride)


@dataclass(frozen=True)
class Span:
    """A tile on one axis.

    Attributes
    ----------
    start, stop : int
        Voxels of the axis, half open; may lie outside.
    shares : (stop - start,) float32
        0 in its rims and outside the axis.
    """

    start: int
    stop: int
    shares: NDArray[np.float32]

    @property
    def first(self) -> int:
        """First voxel that the tile has a share in."""
        return self.start + int(self.shares.nonzero()[0][0])

    @property
    def end(self) -> int:
        """One past the last voxel that the tile has a share in."""
        return self.start + int(self.shares.nonzero()[0][-1]) + 1

    def overlap(self, start: int, stop: int) -> range:
        """Return the voxels from `start` to `stop` that the tile has a share in."""
        return range(max(self.first, start), min(self.end, stop))


def spans(length: int, most: int, raster: Raster) -> list[Span]:
    """Return tiles of one size that cover an axis and reach a rim beyond its ends, in rising order.

    Parameters
    ----------
    length : int
        Voxels of the axis.
    most : int
        Size of a tile, at most; tiles are smaller if the axis is short.
    raster : Raster
    """
    # Strategy: each tile has a weight at each voxel; divided by the sum of all of them there, weights become shares.
    size = raster.fitting(length, most)
    starts = [-raster.rim + raster.stride * place for place in _places(length, size, raster)]
    weights = np.stack([_weights(start, size, length, raster.rim) for start in starts])
    total = np.zeros(starts[-1] - starts[0] + size)
    for start, weight in zip(starts, weights, strict=True):
        total[start - starts[0] :][:size] += weight
    total[total == 0] = 1  # outside the axis
    return [
        Span(start, start + size, (weight / total[start - starts[0] :][:size]).astype(np.float32))
        for start, weight in zip(starts, weights, strict=True)
    ]


def even_size(length: int, most: int, raster: Raster) -> int:
    """Return the smallest size of tiles that covers an axis with as few tiles as the largest size does.

    Parameters
    ----------
    length : int
        Voxels of the axis.
    most : int
        Size of a tile, at most.
    raster : Raster
    """
    tiles = len(_places(length, raster.fitting(length, most), raster))
    return raster.at_least(-(-(length + 2 * raster.rim + (tiles - 1) * raster.shared) // tiles))


def mirrored_places(start: int, stop: int, length: int) -> NDArray[np.int64]:
    """Return the voxels of an axis that stand for those from `start` to `stop`, mirrored at both ends."""
    period = max(1, 2 * (length - 1))
    place = np.arange(start, stop) % period
    return np.where(place < length, place, period - place)


def _places(length: int, size: int, raster: Raster) -> list[int]:
    """Return the starts of the tiles, in strides from the first one: as evenly as strides allow."""
    last = -(-(length + 2 * raster.rim - size) // raster.stride)
    if last <= 0:
        return [0]
    steps = -(-last // ((size - raster.shared) // raster.stride))
    return [last * i // steps for i in range(steps + 1)]


def _weights(start: int, size: int, length: int, rim: int) -> NDArray[np.float64]:
    """Return a Gaussian that ends at the rims and at the ends of the axis."""
    weights = np.exp(-0.5 * (np.linspace(-1, 1, size) / SIGMA) ** 2) if size > 1 else np.ones(1)
    place = np.arange(start, start + size)
    used = (place >= max(0, start + rim)) & (place < min(length, start + size - rim))
    return np.where(used, weights, 0)
