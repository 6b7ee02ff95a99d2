"""EM stack or optical volume: what the grey levels and the voxel size of a volume suggest."""

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.volume import Volume

StackKind = Literal["EM stack", "optical volume", ""]
"""Kinds of stacks; empty if the kind is not clear."""

SAMPLED_SECTIONS, SAMPLED_SIDE = 8, 1024
"""The most sections that are looked at, and the side in pixels of the square in the middle of each."""

EM_VOXEL, OPTICAL_VOXEL = (0.5, 70.0), (100.0, 20_000.0)
"""Pixel sizes in nm of either kind; a file that states others means something else, or nothing."""

OPTICAL_TAIL = 3.0
"""Distance of the brightest voxels from the median, in distances of the darkest, from which fibres are seen.

Measured: 4 to 19 in optical volumes; 0.6 to 0.9 in EM stacks, 1.3 in inverted ones.
"""

EM_TAIL, EM_PEAK = 2.0, 2.8
"""The same distance below which a stack may be EM, and the kurtosis below which it is.

Membranes and cytoplasm have a flat histogram: its kurtosis was 2.1 to 2.6 in EM stacks. Plain noise has 3.
"""


@dataclass(frozen=True)
class GreyLevels:
    """Grey levels of a sample of a volume.

    Attributes
    ----------
    darkest, median, brightest : float
        Grey levels that 0.1, 50 and 99.99 percent of the voxels lie below.
    kurtosis : float
        Kurtosis of their distribution.
    """

    darkest: float
    median: float
    brightest: float
    kurtosis: float

    @classmethod
    def of(cls, volume: Volume) -> Self:
        """Return the grey levels of a volume of real numbers; NaN and infinite values are left out."""
        y, x = (slice(max(0, (n - SAMPLED_SIDE) // 2), (n + SAMPLED_SIDE) // 2) for n in volume.shape[1:])
        sample = np.stack([np.asarray(volume[z, y, x], np.float64) for z in spread_sections(volume)])
        sample = sample[np.isfinite(sample)]
        if not sample.size:
            return cls(0.0, 0.0, 0.0, 0.0)
        away = sample - sample.mean()
        kurtosis = np.mean(away**4) / max(np.mean(away**2) ** 2, np.finfo(float).tiny)
        darkest, median, brightest = np.percentile(sample, (0.1, 50, 99.99))
        return cls(float(darkest), float(median), float(brightest), float(kurtosis))

    @property
    def kind(self) -> StackKind:
        """The kind of stack that they look like."""
        above, below = self.brightest - self.median, self.median - self.darkest
        if above > OPTICAL_TAIL * below:
            return "optical volume"
        return "EM stack" if above < EM_TAIL * below and self.kurtosis < EM_PEAK else ""


def stack_kind(levels: GreyLevels, voxel_size: VoxelSize | None = None) -> StackKind:
    """Return the kind of a volume, as far as grey levels and voxel size (nm, if known) do not contradict each other."""
    kinds: set[StackKind] = {levels.kind, _kind_by_size(voxel_size)} - {""}
    return kinds.pop() if len(kinds) == 1 else ""


def spread_sections(volume: Volume) -> list[int]:
    """Return up to `SAMPLED_SECTIONS` sections of a volume, from the first to the last."""
    return spread_over(volume.shape[0])


def spread_over(count: int) -> list[int]:
    """Return up to `SAMPLED_SECTIONS` numbers below `count`, from the first to the last."""
    return np.unique(np.linspace(0, count - 1, min(count, SAMPLED_SECTIONS)).astype(int)).tolist()


def _kind_by_size(voxel_size: VoxelSize | None) -> StackKind:
    if voxel_size is None:
        return ""
    pixel = min(voxel_size.y, voxel_size.x)
    if EM_VOXEL[0] <= pixel <= EM_VOXEL[1]:
        return "EM stack"
    return "optical volume" if OPTICAL_VOXEL[0] <= pixel <= OPTICAL_VOXEL[1] else ""
