"""Sections on another grid of pixels: linear between the pixels of a coarser one, means over those of a finer one.

Both are sums with weights that follow from a pixel's place in the whole section alone, so that a part of a section has
the values of that part of the whole.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from napari_emcad.core.geometry import Box, Shape
from napari_emcad.core.pixel_size import OWN, Scale, seen_shape


@dataclass(frozen=True)
class AxisGrid:
    """The pixels of one axis, each made of those of another grid that covers the same length.

    Attributes
    ----------
    source : int
        Pixels of the other grid.
    step : float
        Pixels of the other grid that are as long as one of this grid.
    at_edges : bool
        True: the value of a pixel belongs to its edge with the pixel before it, as affinities do on their own axis, and
        not to its middle.
    """

    source: int
    step: float
    at_edges: bool = False

    def seen(self, start: int, stop: int) -> range:
        """Return the pixels of the other grid that pixels start <= p < stop are made of."""
        first, last = self._ends(self._middles(np.array([start, stop - 1])))
        return range(int(first[0]), int(last[1]))

    def weights(self, start: int, stop: int) -> csr_array:
        """Return the weights of the pixels `seen` in pixels start <= p < stop: (p, seen) float32, rows of sum 1."""
        middles = self._middles(np.arange(start, stop))
        first, last = self._ends(middles)
        counts = last - first
        rows = np.repeat(np.arange(stop - start), counts)
        columns = np.arange(len(rows)) + np.repeat(first - (np.cumsum(counts) - counts), counts)
        shares = self._shares(middles[rows], columns)
        shares /= np.bincount(rows, shares)[rows]
        places = rows, columns - first[0]
        return csr_array((shares.astype(np.float32), places), (stop - start, int(last[-1] - first[0])))

    def _middles(self, pixels: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return what pixels lie around on the other grid, whose pixel i reaches from i to i + 1."""
        middles = pixels.astype(np.float64) * self.step + (0.5 if self.at_edges else 0.5 * self.step)
        return middles if self.step > 1 else middles.clip(0.5, self.source - 0.5)

    def _ends(self, middles: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the first pixel of the other grid that each pixel is made of, and the one after the last."""
        reach = self.step / 2 if self.step > 1 else 0.5
        first = np.maximum(np.floor(middles - reach), 0)
        last = np.clip(np.ceil(middles + reach), first + 1, self.source)
        return first.astype(np.int64), last.astype(np.int64)

    def _shares(self, middles: NDArray[np.float64], pixels: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return how much of pixels of the other grid goes into those around these middles."""
        if self.step > 1:
            ends = np.minimum(middles + self.step / 2, pixels + 1), np.maximum(middles - self.step / 2, pixels)
            return np.maximum(ends[0] - ends[1], 0)
        return np.maximum(1 - np.abs(middles - (pixels + 0.5)), 0)


def resampled(section: NDArray[Any], rows: csr_array, columns: csr_array) -> NDArray[np.float32]:
    """Return a section (y, x) of real numbers on another grid, given the weights of its rows and columns."""
    values = np.asarray(section, np.float32)
    return np.ascontiguousarray((columns @ (rows @ values).T).T)


def seen_place(box: Box, shape: Shape, scale: Scale) -> tuple[Box, Shape]:
    """Return what a network has to predict for a box of a volume, and the shape that it sees the volume at."""
    return (box, shape) if scale == OWN else (seen_box(box, shape, scale), seen_shape(shape, scale))


def seen_box(box: Box, shape: Shape, scale: Scale) -> Box:
    """Return the part that a network has to predict, at its scale, for a box of a volume of a shape (z, y, x)."""
    ends = []
    for axis, factor in enumerate(scale, 1):
        grids = [AxisGrid(seen_shape(shape, scale)[axis], 1 / factor, at_edges) for at_edges in (False, True)]
        parts = [grid.seen(box.start[axis], box.stop[axis]) for grid in grids]
        ends.append((min(part.start for part in parts), max(part.stop for part in parts)))
    (top, bottom), (left, right) = ends
    return Box((box.start[0], top, left), (box.stop[0], bottom, right))
