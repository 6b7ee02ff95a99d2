"""Parts of a stack in which each section goes on from the one before it: what can be learnt from."""

from itertools import pairwise

import numpy as np

from napari_emcad.core.geometry import Box
from napari_emcad.core.sections.plan import SectionPlan

MOST_MOVED = 4
"""Pixels by which a section may lie elsewhere than the one before it: as much as neurites move by themselves."""


def unbroken(box: Box, plan: SectionPlan | None) -> list[Box]:
    """Return the parts of a box of a stack without a section that is left out, a break, or a slip within them.

    Parameters
    ----------
    box : Box
        In voxels of the stack.
    plan : SectionPlan or None
        Of the stack; None = all sections are used as they are.
    """
    if plan is None:
        return [box]
    sections = [z for z in range(box.start[0], box.stop[0]) if not plan.left_out[z]]
    starts = [i for i, (before, z) in enumerate(pairwise(sections), 1) if not _goes_on(plan, before, z)]
    runs = [sections[a:b] for a, b in pairwise([0, *starts, len(sections)]) if a < b]
    return [Box((run[0], *box.start[1:]), (run[-1] + 1, *box.stop[1:])) for run in runs]


def _goes_on(plan: SectionPlan, before: int, z: int) -> bool:
    moved = np.abs(plan.offset[z] - plan.offset[before]).max()
    return z == before + 1 and not plan.breaks[z] and bool(moved <= MOST_MOVED)
