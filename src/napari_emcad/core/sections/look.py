"""The job that looks at every section of a stack once."""

import numpy as np

from napari_emcad.core.errors import UserError
from napari_emcad.core.progress import Job, Stopwatch
from napari_emcad.core.sections.judge import judge_sections
from napari_emcad.core.sections.measures import Grid, SectionMeasure, measure_section
from napari_emcad.core.sections.report import SectionReport
from napari_emcad.core.volume import Volume


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
    if len(stack.shape) != 3 or min(stack.shape) < 1:
        raise UserError(f"sections: a stack (z, y, x) with voxels is needed, got the shape {tuple(stack.shape)}.")
    grid, depth = Grid.of(stack.shape), stack.shape[0]
    clock = Stopwatch("sections", depth)
    measures: list[SectionMeasure] = []
    for z in range(depth):
        yield clock.at(z)
        measures.append(measure_section(np.asarray(stack[z]), grid))
    yield clock.at(depth)
    return judge_sections(stack.shape, grid, measures)
