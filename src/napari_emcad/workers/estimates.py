"""What a run will take, told before it starts. No Qt, and no torch until it is asked."""

from dataclasses import dataclass, replace

import numpy as np
import psutil

from napari_emcad.core.errors import UserError
from napari_emcad.core.fragments import DEFAULT_SEED_SIGMA
from napari_emcad.core.geometry import Box
from napari_emcad.core.wording import about_text, shape_text, size_text
from napari_emcad.networks.card import ModelCard

SAFETY = 0.9
"""Part of the free memory that a proposed box may take."""

SLOWER = 2.0
"""A model that takes so many times as long as a student is told so where no time can be told."""


@dataclass(frozen=True)
class Planned:
    """A run that has not begun.

    Attributes
    ----------
    box : Box
    shape : (z, y, x)
        Of the volume that it is a part of.
    device_kind : str
        "cpu", "cuda" or "mps".
    card : ModelCard or None
        Of the model; None, where it has not been read, counts as a student's.
    seed_sigma : float
        Pixels.
    """

    box: Box
    shape: tuple[int, ...]
    device_kind: str = "cpu"
    card: ModelCard | None = None
    seed_sigma: float = DEFAULT_SEED_SIGMA

    @property
    def memory(self) -> int:
        """Bytes of main memory at the peak."""
        if is_foreground(self.card):
            from napari_emcad import optical

            return optical.memory_needed(self.box, self.shape, self.card, self.device_kind)
        from napari_emcad.pipeline import memory_needed

        return memory_needed(self.box, tuple(self.shape[1:]), self.device_kind, self.card, self.seed_sigma)

    @property
    def voxels(self) -> int:
        """In the box."""
        return int(np.prod(self.box.shape, dtype=np.int64))

    @property
    def work(self) -> float:
        """Voxels that a student segments in the time this takes: those of the box, or many more for a teacher."""
        if not is_teacher(self.card):
            return self.voxels
        from napari_emcad.inference.predict_teacher import teacher_work

        return teacher_work(self.card, self.box, tuple(self.shape), self.device_kind)


@dataclass(frozen=True)
class Estimate:
    """Memory in bytes; seconds where a run on this device has been measured; how many times those of a student."""

    memory: int
    seconds: float | None = None
    times_a_student: float = 1.0

    def text(self) -> str:
        """Such as "~ 1 min, 1.3 GB"; where no time is known, how much longer than a student it takes."""
        time = [] if self.seconds is None else [about_text(self.seconds)]
        if self.seconds is None and self.times_a_student >= SLOWER:
            time = [f"~ {self.times_a_student:.0f} times as long as a student"]
        return ", ".join([*time, size_text(self.memory)])


def estimate(planned: Planned, seconds_per_megavoxel: float | None) -> Estimate:
    """For a run at this speed, per megavoxel of its work."""
    work = planned.work
    seconds = None if seconds_per_megavoxel is None else work / 1e6 * seconds_per_megavoxel
    return Estimate(planned.memory, seconds, work / planned.voxels)


def is_teacher(card: ModelCard | None) -> bool:
    """Whether it is known to be one."""
    return card is not None and card.role == "teacher"


def is_foreground(card: ModelCard | None) -> bool:
    """Whether it is known to find the foreground of optical volumes."""
    return card is not None and card.role == "foreground"


class TooLarge(UserError):
    """More memory is needed than is free."""


def check_memory(planned: Planned, instead: str = "") -> None:
    """Refuse a run that does not fit the memory that is free now.

    Parameters
    ----------
    planned : Planned
    instead : str
        What could be done besides choosing a box.

    Raises
    ------
    TooLarge
        With a box that fits.
    """
    needed, free = planned.memory, psutil.virtual_memory().available
    if needed > free:
        raise TooLarge(
            f"memory: {size_text(needed)} are needed for {shape_text(planned.box.shape)} voxels and "
            f"{size_text(free)} are free; {_advice(planned, SAFETY * free)}{instead}."
        )


def smaller(planned: Planned, free: float) -> tuple[int, int, int] | None:
    """A shape within the box's that fits: fewer sections, and where one is too much, smaller ones.

    None where not even the smallest does: a teacher needs all the sections of its tiles, whatever the box.
    """
    depth, height, width = planned.box.shape
    while replace(planned, box=Box.whole((depth, height, width))).memory > free:
        if depth > 1:
            depth //= 2
        elif max(height, width) > 64:
            height, width = (min(side, max(64, side // 2)) for side in (height, width))
        else:
            return None
    return depth, height, width


def _advice(planned: Planned, free: float) -> str:
    fits = smaller(planned, free)
    box = f"choose a box, for example of {shape_text(fits)} voxels" if fits else "close other programs"
    return box + (", or choose a student" if is_teacher(planned.card) else "")
