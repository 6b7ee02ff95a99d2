"""A part of an array that is cut out as it is read."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.geometry import Box, Slices
from napari_emcad.core.volume import Volume
from napari_emcad.io.stacks.lazy_array import LazyArray


def part_of(array: Volume, box: Box) -> LazyArray:
    """Return a box of an array (z, y, x); nothing is read until the part is."""

    def read(slices: Slices) -> NDArray[Any]:
        z, y, x = (slice(s.start + a, s.stop + a, s.step) for s, a in zip(slices, box.start, strict=True))
        return np.asarray(array[z, y, x])

    return LazyArray("labels", box.shape, array.dtype, read)
