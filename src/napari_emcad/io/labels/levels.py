"""Labels written block by block, in several resolutions: levels of which each has every second pixel of the one before.

Sections stay: they are several times as thick as a pixel is wide. Labels are picked, not averaged. Every block is
made of chunks of its own, so that the order in which threads write them does not show.
"""

import heapq
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.blocks import Blocks
from napari_emcad.core.geometry import Box, Shape, Slices
from napari_emcad.core.in_threads import map_in_threads
from napari_emcad.core.progress import Job, Stopwatch
from napari_emcad.core.volume import Volume
from napari_emcad.io.labels.label_volume import THREADS

COARSEST = 512
"""Pixels a side of a section up to which no coarser level is made of it."""


class LabelTarget(Protocol):
    """An array (z, y, x) that labels are written to by boxes."""

    @property
    def shape(self) -> Shape:
        """Voxels on z, y, x."""
        ...

    def __setitem__(self, key: Slices, values: NDArray[Any], /) -> None: ...


@dataclass(frozen=True)
class LabelLevel:
    """One resolution of labels, and where it is written.

    Attributes
    ----------
    target : LabelTarget (z, y, x)
    block : (z, y, x)
        Voxels that are written at once: whole chunks of the target.
    step : int
        Pixels on y and x from one that is taken to the next.
    first : (y, x)
        The pixel that is taken first.
    """

    target: LabelTarget
    block: Shape
    step: int = 1
    first: tuple[int, int] = (0, 0)

    @property
    def blocks(self) -> Blocks:
        """The blocks that are written one by one."""
        return Blocks(self.target.shape, self.block)

    def write(self, labels: Volume, box: Box) -> None:
        """Write one block of it."""
        z, *plane = box.slices
        ends = zip(plane, self.first, strict=True)
        y, x = (slice(self.step * s.start + a, self.step * s.stop + a, self.step) for s, a in ends)
        self.target[box.slices] = np.asarray(labels[z, y, x])


def level_steps(section: Sequence[int]) -> list[int]:
    """Return the steps 1, 2, 4 ... of the levels of sections (y, x): pixels of the finest level that become one."""
    found = [1]
    while max(section) > COARSEST * found[-1]:
        found.append(2 * found[-1])
    return found


def write_levels(labels: Volume, levels: Sequence[LabelLevel]) -> Job[None]:
    """Write all blocks of all levels; once it is closed, no thread writes any more.

    Parameters
    ----------
    labels : Volume (z, y, x)
        Read by boxes, several at once, with steps on y and x; not modified.
    levels : sequence of LabelLevel

    Yields
    ------
    Progress
        Stage "export", in blocks of all levels.
    """
    watch = Stopwatch("export", sum(len(level.blocks) for level in levels))

    def write(block: tuple[LabelLevel, Box]) -> None:
        level, box = block
        level.write(labels, box)

    with closing(map_in_threads(write, _blocks_in_order(levels), THREADS)) as written:
        for done, _ in enumerate(written, 1):
            yield watch.at(done)


def _blocks_in_order(levels: Sequence[LabelLevel]) -> Iterator[tuple[LabelLevel, Box]]:
    """Yield the blocks of all levels from the first section to the last, so that what was read lately is read again."""
    blocks = [zip(repeat(level), level.blocks) for level in levels]
    return heapq.merge(*blocks, key=lambda block: block[1].start[0])
