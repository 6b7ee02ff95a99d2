"""A volume at the pixel size of a network, and the way of its affinities back to the pixels of the volume.

Neither the network nor what comes after the prediction knows of the other grid. Sections stay what they are, one by
one. Both grids begin at the corner of the whole section, so that a box has the affinities of that part of the whole:
docs/decisions/0020-pixel-size.md.
"""

from collections.abc import Iterator
from math import ceil, floor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.geometry import Box, Shape
from napari_emcad.core.pixel_size import OWN, Scale, seen_shape
from napari_emcad.core.resampling import AxisGrid, resampled, seen_box
from napari_emcad.core.tiling import Ends
from napari_emcad.core.volume import SMALLEST_SECTION, Key, Volume
from napari_emcad.inference.aligned import SeenPart, seen_parts
from napari_emcad.inference.prediction import Prediction

CHANNELS = ((False, False), (True, False), (False, True))
"""Axes (y, x) on which the channels z, y and x belong to edges between pixels, not to their middles."""


class ResampledVolume:
    """A volume (z, y, x) float32 with pixels of another size, made as they are asked for, a section at a time.

    Parameters
    ----------
    volume : Volume
        Read by slices of one section; not modified.
    scale : (y, x)
        Pixels of the volume that are as long as one of this view.
    """

    def __init__(self, volume: Volume, scale: Scale):
        self._volume = volume
        self._grids = [AxisGrid(n, step) for n, step in zip(volume.shape[1:], scale, strict=True)]
        self.shape: Shape = seen_shape(volume.shape, scale)
        self.dtype: np.dtype[Any] = np.dtype(np.float32)

    def __getitem__(self, key: Key, /) -> NDArray[Any]:
        match key:
            case (int(z), slice() as y, slice() as x):
                ends = [part.indices(n)[:2] for part, n in zip((y, x), self.shape[1:], strict=True)]
            case _:
                raise TypeError(f"a part of one section is read at a time, by [z, y0:y1, x0:x1], got {key}")
        rows, columns = (grid.seen(*end) for grid, end in zip(self._grids, ends, strict=True))
        section = self._volume[z, rows.start : rows.stop, columns.start : columns.stop]
        return resampled(section, *(grid.weights(*end) for grid, end in zip(self._grids, ends, strict=True)))


class AffinitiesBack:
    """The way of affinities from the pixels that a network sees back to those of a volume, for a box of it.

    Channels y and x belong to the edges between pixels on their own axis. The edges of both grids coincide, so that a
    membrane stays where it is.

    Parameters
    ----------
    box : Box
        Part of the volume.
    shape : (z, y, x)
        Of the volume.
    scale : (y, x)

    Attributes
    ----------
    seen : Box
        Part of what the network sees that it has to predict.
    """

    def __init__(self, box: Box, shape: Shape, scale: Scale):
        self.seen = seen_box(box, shape, scale)
        sides = seen_shape(shape, scale)[1:]
        grids = [
            [AxisGrid(n, 1 / step, edges) for n, step, edges in zip(sides, scale, of_channel, strict=True)]
            for of_channel in CHANNELS
        ]
        ends = list(zip(box.start[1:], box.stop[1:], strict=True))
        self._parts = [
            tuple(
                _from(grid.seen(*end), first) for grid, end, first in zip(axes, ends, self.seen.start[1:], strict=True)
            )
            for axes in grids
        ]
        self._weights = [[grid.weights(*end) for grid, end in zip(axes, ends, strict=True)] for axes in grids]

    def section(self, seen: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the affinities (3, y, x) of a section of the box from those that the network gives of `seen`."""
        channels = zip(seen, self._parts, self._weights, strict=True)
        return np.stack([np.rint(resampled(values[part], *w)).astype(np.uint8) for values, part, w in channels])


class ResampledPart:
    """A part of a stack as a network sees it with pixels of another size, and the way back: see `SeenPart`.

    Attributes
    ----------
    volume : ResampledVolume
    box : Box
        Place in it of what is predicted.
    """

    def __init__(self, part: SeenPart, scale: Scale):
        self._part, self._scale = part, scale
        self._back = AffinitiesBack(part.box, part.volume.shape, scale)
        self.volume, self.box = ResampledVolume(part.volume, scale), self._back.seen

    def end(self, k: int) -> int:
        """Return the sections that are finished, of the box of the stack, once section k of the view is."""
        return self._part.end(k)

    def section(self, k: int) -> int:
        """Return the place in the box of the stack of section k of the view."""
        return self._part.section(k)

    def is_full(self, k: int) -> bool:
        """Return True if that section has tissue everywhere."""
        return self._part.is_full(k)

    def frame(self, k: int) -> tuple[Ends, Ends]:
        """Return the rows and columns of this view that the tissue of that section is made of, in the box or outside.

        They are `SMALLEST_SECTION` at least.
        """
        (top, bottom), (left, right) = self._part.frame(k)
        seen = self._seen(Box((k, top, left), (k + 1, bottom, right)))
        y, x = (
            self._at_least(*ends) for ends in zip(seen.start[1:], seen.stop[1:], self.volume.shape[1:], strict=True)
        )
        return y, x

    def area(self, k: int) -> Box | None:
        """Return the part of the box that holds all tissue of that section that is to be predicted; None = nowhere."""
        area = self._part.area(k)
        return None if area is None else self._seen(area)

    def is_wanted(self, k: int, core: tuple[Ends, Ends]) -> bool:
        """Return True if a part of the view, (start, stop) on y and x, goes into tissue of that section in the box."""
        y, x = (
            (floor((start - 1) * step) - 1, ceil((stop + 1) * step) + 1)
            for (start, stop), step in zip(core, self._scale, strict=True)
        )
        return self._part.is_wanted(k, (y, x))

    def values(self, k: int, predicted: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the affinities (3, y, x) of that section's part of the box of the stack."""
        return self._part.values(k, self._back.section(predicted))

    def _seen(self, box: Box) -> Box:
        return seen_box(box, self._part.volume.shape, self._scale)

    @staticmethod
    def _at_least(start: int, stop: int, side: int) -> Ends:
        start = min(start, max(0, side - SMALLEST_SECTION))
        return start, min(side, max(stop, start + SMALLEST_SECTION))


def shown_parts(volume: Volume, prediction: Prediction) -> Iterator[SeenPart | ResampledPart]:
    """Yield the parts of a stack that hold sections of the prediction's box, at its scale.

    Raises
    ------
    UserError
        If the plan is for a stack of another shape.
    """
    for part in seen_parts(volume, prediction):
        yield part if prediction.scale == OWN else ResampledPart(part, prediction.scale)


def _from(pixels: range, first: int) -> slice:
    return slice(pixels.start - first, pixels.stop - first)
