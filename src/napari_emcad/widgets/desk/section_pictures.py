"""Small pictures of sections, read in a thread when they are looked at."""

from collections import OrderedDict
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.progress import Job
from napari_emcad.core.volume import Volume
from napari_emcad.widgets.kit.jobs import Ended, Loop
from napari_emcad.widgets.kit.signals import Signal

SIDE = 56
"""Pixels of the longer side."""

SAMPLED = 4
"""Pixels on each axis that are read for one of a picture."""

KEPT, WAITING = 1000, 40
"""Pictures that are kept, and the most that are still to be read: those asked for last."""


class SectionPictures:
    """Reads pictures of the sections of one volume at a time, the one asked for last first.

    Signals
    -------
    came : int
        The picture of this section is there.
    """

    came = Signal(int)

    def __init__(self, loop: Loop):
        self._jobs = loop.jobs()
        self._volume: Volume | None = None
        self._reading: int | None = None
        self._wanted: OrderedDict[int, None] = OrderedDict()
        self._found: OrderedDict[int, NDArray[np.float32]] = OrderedDict()

    def follow(self, volume: Volume | None) -> None:
        """Read from another volume (z, y, x)."""
        if volume is not self._volume:
            self._jobs.close(0)
            self._volume, self._reading = volume, None
            self._wanted, self._found = OrderedDict(), OrderedDict()

    def find(self, z: int) -> NDArray[np.float32] | None:
        """Return the picture (y, x) of a section, in its grey levels; None if it is still to come."""
        if z in self._found:
            self._found.move_to_end(z)
            return self._found[z]
        if z == self._reading:
            return None
        self._wanted[z] = None
        self._wanted.move_to_end(z)
        while len(self._wanted) > WAITING:
            self._wanted.popitem(last=False)
        self._read_on()
        return None

    def close(self) -> None:
        """Read no more."""
        self._jobs.close()
        self._volume = None

    def _read_on(self) -> None:
        """Read the picture asked for last, unless one is being read."""
        if self._wanted and self._volume is not None and self._reading is None:
            z, _ = self._wanted.popitem()
            self._reading = z
            self._jobs.start(_picture_job(self._volume, z), lambda ended: self._on_ended(z, ended))

    def _on_ended(self, z: int, ended: Ended) -> None:
        """Keep the picture; of a section that cannot be read there is an empty one."""
        self._reading = None
        self._found[z] = np.zeros((1, 1), np.float32) if ended.result is None else ended.result
        while len(self._found) > KEPT:
            self._found.popitem(last=False)
        self.came.emit(z)
        self._read_on()


def small_picture(volume: Volume, z: int) -> NDArray[np.float32]:
    """Return a section (y, x) reduced to `SIDE` pixels: means over a sample of its pixels."""
    step = max(1, ceil(max(volume.shape[1:]) / (SIDE * SAMPLED)))
    sampled = np.nan_to_num(np.asarray(volume[z, ::step, ::step], np.float32), posinf=0, neginf=0)
    side = max(1, ceil(max(sampled.shape) / SIDE))
    height, width = (max(1, n // side) for n in sampled.shape)
    cut = sampled[: height * side, : width * side]
    squares = cut.reshape(height, cut.shape[0] // height, width, cut.shape[1] // width)
    means: NDArray[np.float32] = squares.mean(axis=(1, 3))
    return means


def grey_picture(picture: NDArray[np.float32], black: float, white: float) -> NDArray[np.uint8]:
    """Return a picture as it is shown between these grey levels."""
    span = (white - black) or 1.0
    shown: NDArray[np.uint8] = np.clip(255 * (picture - black) / span, 0, 255).astype(np.uint8)
    return shown


def _picture_job(volume: Volume, z: int) -> Job[NDArray[Any]]:
    yield from ()
    return small_picture(volume, z)
