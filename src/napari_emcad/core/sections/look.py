"""The jobs that look at every section of a stack once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Shape
from napari_emcad.core.progress import Job, Stopwatch
from napari_emcad.core.sections.judge import judge_sections
from napari_emcad.core.sections.measures import SIDE, Grid, SectionMeasure, measure_detail, measure_section
from napari_emcad.core.sections.report import SectionReport
from napari_emcad.core.volume import Volume

TILES_OF_LEVELS = 2
"""The most tiles along each axis that are read at full resolution where the rest comes from a lower level."""


def inspect_sections(stack: Volume) -> Job[SectionReport]:
    """Look at a stack section by section and report what is wrong with which.

    Sections are judged against their neighbours, so that grey levels, tissue and pixel size do not matter.

    Parameters
    ----------
    stack : Volume (z, y, x)
        Real numbers; each section is read once, in order.

    Raises
    ------
    UserError
        If it holds no voxels.
    """
    return (yield from inspect_levels([stack]))


def inspect_levels(levels: Sequence[Volume]) -> Job[SectionReport]:
    """Look at a stack that is kept at several resolutions, as `inspect_sections` does.

    Sections are read from the coarsest level that has all of them and still shows enough; only a few tiles are read at
    full resolution, for focus and noise. Shifts, boxes and cells of the report are those of the finest level.

    Parameters
    ----------
    levels : sequence of Volume (z, y, x)
        The finest first; each holds the same tissue.

    Raises
    ------
    UserError
        If the finest holds no voxels.
    """
    stack = levels[0]
    if len(stack.shape) != 3 or min(stack.shape) < 1:
        raise UserError(f"sections: a stack (z, y, x) with voxels is needed, got the shape {tuple(stack.shape)}.")
    level, factor = level_to_read(levels)
    grid, depth = Grid.of(level.shape), stack.shape[0]
    clock = Stopwatch("sections", depth)
    measures: list[SectionMeasure] = []
    for z in range(depth):
        yield clock.at(z)
        measure = measure_section(np.asarray(level[z]), grid)
        if factor > 1:
            detail = measure_detail(_Plane(stack, z), TILES_OF_LEVELS)
            measure = replace(measure, detail=detail, middle=np.zeros((0, 0), np.float32))
        measures.append(measure)
    yield clock.at(depth)
    full = Grid(stack.shape[1], stack.shape[2], grid.step * factor)
    return judge_sections(stack.shape, full, measures)


def level_to_read(levels: Sequence[Volume]) -> tuple[Volume, int]:
    """Return the level to read and by how much it is coarser than the finest one.

    Strategy: sections are reduced to `SIDE` pixels anyway, but shares of pixels are no places, so each pixel must be a
    whole number of the finest ones, the same on both axes.
    """
    depth, *sides = levels[0].shape
    fitting = [(levels[0], 1)]
    for level in levels[1:]:
        factors = {round(a / b) for a, b in zip(sides, level.shape[1:], strict=True) if b}
        factor = factors.pop() if len(factors) == 1 else 0
        whole = factor > 1 and all(-(-a // factor) - b in (0, 1) for a, b in zip(sides, level.shape[1:], strict=True))
        if level.shape[0] == depth and whole and max(level.shape[1:]) >= 2 * SIDE:
            fitting.append((level, factor))
    return max(fitting, key=lambda one: one[1])


@dataclass(frozen=True)
class _Plane:
    """A section of a volume of which only what is asked for is read."""

    volume: Volume
    z: int

    @property
    def shape(self) -> tuple[int, int]:
        shape: Shape = self.volume.shape
        return shape[1], shape[2]

    def __getitem__(self, key: tuple[slice, slice]) -> NDArray[Any]:
        return np.asarray(self.volume[(self.z, *key)])
