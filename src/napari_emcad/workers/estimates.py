"""Memory and time that a run will take, known before it starts. No torch until it is asked."""

from dataclasses import dataclass, replace
from math import prod

import psutil

from napari_emcad import optical, pipeline
from napari_emcad.core.choices import DEFAULT_SEED_SIGMA, DeviceKind
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, Shape
from napari_emcad.core.pixel_size import OWN, Scale
from napari_emcad.core.resampling import seen_place
from napari_emcad.core.wording import about_text, shape_text, size_text
from napari_emcad.networks.card import ModelCard

SAFETY = 0.9
"""Part of the free memory that a proposed box may take."""

SLOWER = 2.0
"""Times as long as a student from which on a model is said to take longer, if no time is known."""


AFTER_THE_NETWORK = 0.2
"""Part of a student's time for a voxel that is not the network's."""


@dataclass(frozen=True)
class Planned:
    """A run that has not begun.

    Attributes
    ----------
    box : Box
    shape : (z, y, x)
        Shape of the volume that it is a part of.
    device_kind : "cpu", "cuda" or "mps"
    card : ModelCard or None
        Card of the model; None, if it has not been read, counts as a student's.
    seed_sigma : float
        Pixels as the network sees them.
    scale : (y, x)
        Pixels of the stack that the network sees as one.
    """

    box: Box
    shape: Shape
    device_kind: DeviceKind = "cpu"
    card: ModelCard | None = None
    seed_sigma: float = DEFAULT_SEED_SIGMA
    scale: Scale = OWN

    @property
    def memory(self) -> int:
        """Bytes of main memory at the peak."""
        if self.card is not None and is_foreground(self.card):
            return optical.memory_needed(self.box, self.shape, self.card, self.device_kind)
        of_network = self.device_kind, self.card
        return pipeline.memory_needed(self.box, self.shape[1:], *of_network, self.seed_sigma, self.scale)

    @property
    def voxels(self) -> int:
        """Voxels in the box."""
        return prod(self.box.shape)

    @property
    def work(self) -> float:
        """Voxels that a student segments in the time this takes: those of the box, or many more for a teacher.

        Where the network sees pixels of another size, only what comes after it takes as long as for the box.
        """
        box, shape = seen_place(self.box, self.shape, self.scale)
        after = AFTER_THE_NETWORK * (self.voxels - prod(box.shape))
        if self.card is None or not is_teacher(self.card):
            return prod(box.shape) + after
        from napari_emcad.inference.predict_teacher import teacher_work

        return teacher_work(self.card, box, shape, self.device_kind) + after

    @property
    def work_of_a_student(self) -> float:
        """The work if a student did it."""
        return replace(self, card=None).work


@dataclass(frozen=True)
class Estimate:
    """Memory in bytes; seconds, if a run on this device has been measured; and how many times those of a student."""

    memory: int
    seconds: float | None = None
    times_a_student: float = 1.0

    def text(self) -> str:
        """Return it in words: "~ 1 min, 1.3 GB"; if no time is known, how much longer than a student it takes."""
        time = [] if self.seconds is None else [about_text(self.seconds)]
        if self.seconds is None and self.times_a_student >= SLOWER:
            time = [f"~ {self.times_a_student:.0f} times as long as a student"]
        return ", ".join([*time, size_text(self.memory)])


def estimate(planned: Planned, seconds_per_megavoxel: float | None) -> Estimate:
    """Estimate a run at this speed, in seconds per megavoxel of its work."""
    work = planned.work
    seconds = None if seconds_per_megavoxel is None else work / 1e6 * seconds_per_megavoxel
    return Estimate(planned.memory, seconds, work / planned.work_of_a_student)


def is_teacher(card: ModelCard | None) -> bool:
    """True if a model is known to be a teacher."""
    return card is not None and card.role == "teacher"


def is_foreground(card: ModelCard | None) -> bool:
    """True if a model is known to find the foreground of optical volumes."""
    return card is not None and card.role == "foreground"


class TooLarge(UserError):
    """A run needs more memory than is free."""


def check_memory(planned: Planned, instead: str = "") -> None:
    """Refuse a run that does not fit the memory that is free now.

    Parameters
    ----------
    planned : Planned
    instead : str
        Middle of a sentence: what could be done besides choosing a box.

    Raises
    ------
    TooLarge
        Its sentence names a box that fits.
    """
    needed, free = planned.memory, psutil.virtual_memory().available
    if needed > free:
        raise TooLarge(
            f"memory: {size_text(needed)} are needed for {shape_text(planned.box.shape)} voxels and "
            f"{size_text(free)} are free; {_advice(planned, SAFETY * free)}{instead}."
        )


def fitting_shape(planned: Planned, free: float) -> Shape | None:
    """Return a shape within the box's that fits: fewer sections, and if one is too much, smaller ones.

    None if not even the smallest does: a teacher needs all the sections of its tiles, whatever the box.
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
    fits = fitting_shape(planned, free)
    box = f"choose a box, for example of {shape_text(fits)} voxels" if fits else "close other programs"
    return box + (", or choose a student" if is_teacher(planned.card) else "")
