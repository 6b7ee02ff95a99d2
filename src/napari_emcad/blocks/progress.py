"""Progress of a run by blocks, seen from its folder: whoever does the blocks, here or elsewhere."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod

import numpy as np
from numpy.typing import NDArray

from napari_emcad.blocks.sections import SECTIONS
from napari_emcad.blocks.steps import (
    AFFINITIES,
    AGGLOMERATION,
    FRAGMENTS,
    REGION_GRAPH,
    STEPS,
    STEPS_OF_BLOCKS,
    parts_of,
)
from napari_emcad.core.progress import Progress
from napari_emcad.io.sessions.block_files import BlockFiles
from napari_emcad.io.sessions.block_run_facts import BlockRunFacts

SHARES = {SECTIONS: 0.01, AFFINITIES: 0.74, FRAGMENTS: 0.11, REGION_GRAPH: 0.10, AGGLOMERATION: 0.02}
"""Share of a run's seconds that each step takes on a CPU; the rest is spent at the end: docs/scale.md."""


@dataclass(frozen=True)
class BlockProgress(Progress):
    """Blocks of the step under way, or groups of them; the seconds left are those of the whole run.

    Attributes
    ----------
    reached : (z, y, x) uint8
        Steps that are done of each block, 0 to 4: `STEPS_OF_BLOCKS`.
    seconds_per_megavoxel : float or None
        Speed of all steps since somebody began to watch; None while nothing was done since.
    """

    reached: NDArray[np.uint8] = field(kw_only=True)
    seconds_per_megavoxel: float | None = None


class Watch:
    """Looks at a run from time to time.

    Parameters
    ----------
    files : BlockFiles
    run : BlockRunFacts
    """

    def __init__(self, files: BlockFiles, run: BlockRunFacts):
        self._files, self._run = files, run
        self._start, self._share_before = time.monotonic(), self._share(files.finished_blocks())

    def look(self) -> BlockProgress:
        """Return the progress now."""
        finished, passed = self._files.finished_blocks(), time.monotonic() - self._start
        step, done = self._under_way(finished)
        share = self._share(finished)
        speed = seconds_left = None
        if share > self._share_before:
            seconds = passed / (share - self._share_before)
            speed, seconds_left = seconds / prod(self._run.place.shape) * 1e6, seconds * max(0.0, 1 - share)
        reached = self._reached(finished)
        return BlockProgress(step, done, self._total(step), seconds_left, reached=reached, seconds_per_megavoxel=speed)

    def _total(self, step: str) -> int:
        return len(parts_of(self._run, step))

    def _under_way(self, finished: Mapping[str, set[int]]) -> tuple[str, int]:
        """Return the first step that is not done, or the last, and how many of its blocks are done."""
        for step in STEPS:
            done = len(finished.get(step, ()))
            if done < self._total(step):
                break
        return step, done

    def _share(self, finished: Mapping[str, set[int]]) -> float:
        """Return the share of all the work that is done."""
        return sum(SHARES[step] * self._share_of(step, finished) for step in STEPS)

    def _share_of(self, step: str, finished: Mapping[str, set[int]]) -> float:
        """Return the share of a step that is done; there may be nothing to do."""
        total = self._total(step)
        return len(finished.get(step, ())) / total if total else 1.0

    def _reached(self, finished: Mapping[str, set[int]]) -> NDArray[np.uint8]:
        """Return the steps that are done of each block."""
        blocks, groups = self._run.blocks, self._run.groups
        reached = np.zeros(len(blocks), np.uint8)
        for step in STEPS_OF_BLOCKS:
            done = list(finished.get(step, ()))
            if step == AGGLOMERATION:
                done = [number for group in done for number in blocks.touching(groups.box(group))]
            reached[done] += 1
        return reached.reshape(blocks.counts)
