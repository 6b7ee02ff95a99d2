"""Shifts in pixels, from the reduced sections and, where these are coarse, from the middle of each section."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.sections.measures import Grid, SectionMeasure, measure_picture
from napari_emcad.core.sections.shifts import SectionMatch, SectionMatcher

SHARP = 6.0
"""Height of the peak above the rest from which the shift of the middles is believed."""

NEAR = 1.5
"""Reduced pixels within which the middles must agree with the whole sections."""


@dataclass(frozen=True)
class _Middles:
    """The middles of sections, measured when they are asked for: of many sections that takes long."""

    measures: Sequence[SectionMeasure]

    def __getitem__(self, z: int) -> SectionMeasure:
        return measure_picture(self.measures[z].middle)


class Ruler:
    """Turns matches of reduced sections into shifts in pixels.

    Parameters
    ----------
    grid : Grid
    measures : sequence of SectionMeasure
    """

    def __init__(self, grid: Grid, measures: Sequence[SectionMeasure]):
        self._step, self._fine = grid.step, grid.middle_step
        self._middles = SectionMatcher(_Middles(measures)) if measures[0].middle.size else None

    def measure(self, first: int, second: int, match: SectionMatch) -> tuple[NDArray[np.float64], int]:
        """Return the shift (y, x) in pixels between two sections, and the side in pixels of what tells it.

        Parameters
        ----------
        first, second : int
            Sections.
        match : SectionMatch
            Of the reduced sections.
        """
        coarse = np.array(match.shift) * self._step
        if self._middles is not None:
            close = self._middles.match(first, second)
            fine = np.array(close.shift) * self._fine
            if close.confidence >= SHARP and np.abs(fine - coarse).max() <= NEAR * self._step:
                return fine, self._fine
        return coarse, self._step
