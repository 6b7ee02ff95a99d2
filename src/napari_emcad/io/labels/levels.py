"""Labels written block by block, in several resolutions: levels of which each has every second pixel of the one before.

Sections stay: they are several times as thick as a pixel is wide. Labels are picked, not averaged. Every block is
made of chunks of its own, so that the order in which threads write them does not show.
"""

import heapq
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np

from napari_emcad.core.blocks import Blocks
from napari_emcad.core.geometry import Box
from napari_emcad.core.in_threads import map_in_threads
from napari_emcad.core.progress import Job, Stopwatch
from napari_emcad.io.labels.label_volume import THREADS

COARSEST = 512
"""Pixels: no level is made of one whose sections are no larger."""


@dataclass(frozen=True)
class LabelLevel:
    """One resolution of labels, and where it is written.

    Attributes
    ----------
    target : array-like (z, y, x)
        Set by boxes.
    block : (z, y, x)
        Voxels that are written at once: whole chunks of the target.
    step : int
        Pixels on y and x from one that is taken to the next.
    first : (y, x)
        The pixel that is taken first.
    """

    target: Any
    block: tuple[int, int, int]
    step: int = 1
    first: tuple[int, int] = (0, 0)

    @property
    def blocks(self) -> Blocks:
        return Blocks(tuple(self.target.shape), self.block)

    def write(self, labels: Any, box: Box) -> None:
        """Write one block of it."""
        z, *plane = box.slices
        ends = zip(plane, self.first, strict=True)
        pixels = [slice(self.step * s.start + a, self.step * s.stop + a, self.step) for s, a in ends]
        self.target[box.slices] = np.asarray(labels[(z, *pixels)])


def level_steps(section: Sequence[int]) -> list[int]:
    """Of the levels, from the finest on, of sections of this shape (y, x)."""
    found = [1]
    while max(section) > COARSEST * found[-1]:
        found.append(2 * found[-1])
    return found


def write_levels(labels: Any, levels: Sequence[LabelLevel]) -> Job[None]:
    """Write all blocks of all levels; once it is closed, no thread writes any more.

    Parameters
    ----------
    labels : array-like (z, y, x)
        Read by boxes, several at once, with steps on y and x; not modified.
    levels : sequence of Level

    Yields
    ------
    Progress
        Stage "export", in blocks of all levels.
    """
    watch = Stopwatch("export", sum(len(level.blocks) for level in levels))
    with closing(map_in_threads(lambda of: of[0].write(labels, of[1]), _blocks_in_order(levels), THREADS)) as written:
        for done, _ in enumerate(written, 1):
            yield watch.at(done)


def _blocks_in_order(levels: Sequence[LabelLevel]) -> Iterator[tuple[LabelLevel, Box]]:
    """The blocks of all levels from the first section to the last, so that what was read lately is read again."""
    blocks = [zip(repeat(level), level.blocks) for level in levels]
    return heapq.merge(*blocks, key=lambda of: of[1].start[0])
