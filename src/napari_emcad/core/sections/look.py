"""The jobs that look at every section of a stack once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Shape, triple
from napari_emcad.core.progress import Job, Stopwatch
from napari_emcad.core.sections.judge import judge_sections
from napari_emcad.core.sections.measures import SIDE, Grid, SectionMeasure, measure_detail, measure_section
from napari_emcad.core.sections.report import SectionReport
from napari_emcad.core.volume import Volume, is_far, resolutions

TILES_OF_LEVELS = 2
"""The most tiles along each axis that are read at full resolution where the rest comes from a lower level."""

READ_BYTES, READ_SECTIONS = 2**25, 64
"""Bytes and sections, at most, that are read at once: a chunk of a file holds several sections."""


@dataclass(frozen=True)
class SectionLook:
    """The way some whole sections of a stack are looked at: from which of its levels, and how they are reduced.

    Whoever looks at a stack does it so: in one go, by slabs, in the window and without it.

    Attributes
    ----------
    stack : Volume (z, y, x)
    level : Volume (z, y, x)
        The level that is read: the stack itself, or a coarser one of as many sections.
    sections : range
        Those that are looked at; the first is section 0 of the report.
    """

    stack: Volume
    level: Volume
    sections: range

    @classmethod
    def of(cls, levels: Sequence[Volume], sections: range | None = None) -> Self:
        """Return the look at a stack that is kept at these resolutions, the finest first; None = at all its sections.

        Raises
        ------
        UserError
            If the stack holds no voxels.
        """
        stack = levels[0]
        if len(stack.shape) != 3 or min(stack.shape) < 1:
            raise UserError(f"sections: a stack (z, y, x) with voxels is needed, got the shape {tuple(stack.shape)}.")
        return cls(stack, level_to_read(levels), range(stack.shape[0]) if sections is None else sections)

    @property
    def shape(self) -> Shape:
        """Voxels of the sections that are looked at, at full resolution."""
        return len(self.sections), self.stack.shape[1], self.stack.shape[2]

    @property
    def grid(self) -> Grid:
        """The grid of the report, in pixels of the stack."""
        return full_grid(self.shape, triple(self.level.shape))

    @property
    def note(self) -> str:
        """One sentence if a volume behind a URL is read at full resolution; empty otherwise."""
        if not is_far(self.stack) or self.level is not self.stack:
            return ""
        read = f"{np.prod(self.shape, dtype=np.int64) / 1e6:,.1f}"
        return (
            f"sections: there is no lower level to look at them in; {read} million voxels are read at full resolution."
        )

    def measures(self, part: range) -> Iterator[SectionMeasure]:
        """Read sections of the stack, in order, and yield what is measured of each.

        Parameters
        ----------
        part : range
            Some of `sections`, one after the other.
        """
        grid, whole = Grid.of((len(self.sections), *self.level.shape[1:])), (slice(None), slice(None))
        for ahead in self._at_once(part):
            level, stack = _Ahead(self.level, ahead), _Ahead(self.stack, ahead)
            for z in ahead:
                measure = measure_section(level.read(z, whole), grid)
                if self.level is not self.stack:
                    detail = measure_detail(_Plane(stack, z), TILES_OF_LEVELS)
                    measure = replace(measure, detail=detail, middle=np.zeros((0, 0), np.float32))
                yield measure

    def _at_once(self, part: range) -> Iterator[range]:
        """Yield sections in runs that are read at once, which begin at multiples of their length, as chunks do."""
        section = int(np.prod(self.level.shape[1:], dtype=np.int64)) * self.level.dtype.itemsize
        fitting = max(1, min(READ_SECTIONS, READ_BYTES // max(1, section)))
        most = 1 << (fitting.bit_length() - 1)
        start = part.start
        while start < part.stop:
            stop = min(part.stop, (start // most + 1) * most)
            yield range(start, stop)
            start = stop


def inspect_sections(stack: Volume) -> Job[SectionReport]:
    """Look at a stack section by section and report what is wrong with which.

    Sections are judged against their neighbours, so that grey levels, tissue and pixel size do not matter. A stack that
    knows of lower resolutions is looked at in one of them, see `inspect_levels`.

    Parameters
    ----------
    stack : Volume (z, y, x)
        Real numbers; each section is read once, in order.

    Raises
    ------
    UserError
        If it holds no voxels.
    """
    return (yield from inspect_levels(resolutions(stack)))


def inspect_levels(levels: Sequence[Volume], sections: range | None = None) -> Job[SectionReport]:
    """Look at a stack that is kept at several resolutions, as `inspect_sections` does.

    Sections are read from the coarsest level that has all of them and still shows enough; only a few tiles are read at
    full resolution, for focus and noise. Shifts, boxes and cells of the report are those of the finest level.

    Parameters
    ----------
    levels : sequence of Volume (z, y, x)
        The finest first; each holds the same tissue.
    sections : range, optional
        Those that are looked at, whole; the first is section 0 of the report. None = all.

    Raises
    ------
    UserError
        If the finest holds no voxels.
    """
    look = SectionLook.of(levels, sections)
    depth = len(look.sections)
    clock = Stopwatch("sections", depth)
    measures: list[SectionMeasure] = []
    yield clock.at(0)
    for measure in look.measures(look.sections):
        measures.append(measure)
        yield clock.at(len(measures))
    return (yield from judge_sections(look.shape, look.grid, measures))


def level_to_read(levels: Sequence[Volume]) -> Volume:
    """Return the level that sections are read from.

    Strategy: sections are reduced to `SIDE` pixels anyway, but shares of pixels are no places, so each pixel must be a
    whole number of the finest ones, the same on both axes.
    """
    finest = triple(levels[0].shape)
    fitting = [levels[0]]
    for level in levels[1:]:
        shape = triple(level.shape)
        if shape[0] == finest[0] and factor_between(finest, shape) > 1 and max(shape[1:]) >= 2 * SIDE:
            fitting.append(level)
    return max(fitting, key=lambda level: factor_between(finest, triple(level.shape)))


def factor_between(finest: Shape, level: Shape) -> int:
    """Return how many pixels of the finest level, on y and on x, make one of another; 0 if no whole number does."""
    sides, coarser = finest[1:], level[1:]
    factors = {round(a / b) for a, b in zip(sides, coarser, strict=True) if b}
    factor = factors.pop() if len(factors) == 1 else 0
    whole = factor > 0 and all(-(-a // factor) - b in (0, 1) for a, b in zip(sides, coarser, strict=True))
    return factor if whole else 0


def full_grid(shape: Shape, level: Shape) -> Grid:
    """Return the grid, in pixels of the finest level, of sections of this shape (z, y, x) that are read from another.

    Parameters
    ----------
    shape : (z, y, x)
        Of the sections looked at, in the finest level.
    level : (z, y, x)
        Of the level that they are read from.
    """
    step = Grid.of((shape[0], level[1], level[2])).step
    return Grid(shape[1], shape[2], step * factor_between(shape, level))


@dataclass(frozen=True)
class _Ahead:
    """Parts of several sections of a volume, which are read at once when the first of them is asked for."""

    volume: Volume
    sections: range
    _parts: dict[tuple[tuple[int | None, int | None], ...], NDArray[Any]] = field(default_factory=dict)

    def read(self, z: int, plane: tuple[slice, slice]) -> NDArray[Any]:
        key = tuple((axis.start, axis.stop) for axis in plane)
        if key not in self._parts:
            self._parts[key] = np.asarray(self.volume[(slice(self.sections.start, self.sections.stop), *plane)])
        return self._parts[key][z - self.sections.start]


@dataclass(frozen=True)
class _Plane:
    """A section of a volume of which only what is asked for is read."""

    ahead: _Ahead
    z: int

    @property
    def shape(self) -> tuple[int, int]:
        shape: Shape = self.ahead.volume.shape
        return shape[1], shape[2]

    def __getitem__(self, key: tuple[slice, slice]) -> NDArray[Any]:
        return self.ahead.read(self.z, key)
