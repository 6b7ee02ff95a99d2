"""What a run will take, told before it starts. No Qt, and no torch until it is asked."""

from dataclasses import dataclass

import numpy as np
import psutil

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.wording import shape_text, size_text
from napari_emcad.widgets.wording import about

SAFETY = 0.9
"""Part of the free memory that a proposed box may take."""


@dataclass(frozen=True)
class Estimate:
    """Memory in bytes, and seconds where a run on this device has been measured."""

    memory: int
    seconds: float | None = None

    def text(self) -> str:
        """Such as "~ 1 min, 1.3 GB"."""
        time = [] if self.seconds is None else [about(self.seconds)]
        return ", ".join([*time, size_text(self.memory)])


def estimate(box: Box, section: tuple[int, int], device_kind: str, seconds_per_megavoxel: float | None) -> Estimate:
    """For a box of sections of this size (y, x), on a kind of device."""
    from napari_emcad.pipeline import memory_needed

    megavoxels = float(np.prod(box.shape, dtype=np.float64)) / 1e6
    seconds = None if seconds_per_megavoxel is None else megavoxels * seconds_per_megavoxel
    return Estimate(memory_needed(box, section, device_kind), seconds)


def check_memory(box: Box, section: tuple[int, int], device_kind: str) -> None:
    """Refuse a box of sections of this size (y, x) that does not fit the memory that is free now.

    Raises
    ------
    UserError
        With a box that fits.
    """
    from napari_emcad.pipeline import memory_needed

    needed, free = memory_needed(box, section, device_kind), psutil.virtual_memory().available
    if needed > free:
        fits = shape_text(smaller(box, section, device_kind, SAFETY * free))
        raise UserError(
            f"memory: {size_text(needed)} are needed for {shape_text(box.shape)} voxels and {size_text(free)} are "
            f"free; choose a box, for example of {fits} voxels."
        )


def smaller(box: Box, section: tuple[int, int], device_kind: str, free: float) -> tuple[int, int, int]:
    """A shape within the box's that fits: fewer sections, and where one is too much, smaller ones."""
    from napari_emcad.pipeline import memory_needed

    depth, height, width = box.shape
    while (
        max(depth, height, width) > 64 and memory_needed(Box.whole((depth, height, width)), section, device_kind) > free
    ):
        if depth > 1:
            depth //= 2
        else:
            height, width = max(64, height // 2), max(64, width // 2)
    return depth, height, width
