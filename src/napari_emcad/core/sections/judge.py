"""The judgement of all sections of a stack, from what was measured of each."""

from collections.abc import Iterator, Sequence

import numpy as np

from napari_emcad.core.geometry import Shape
from napari_emcad.core.sections.greys import find_blank, find_odd_greys
from napari_emcad.core.sections.likeness import Likeness
from napari_emcad.core.sections.measures import Grid, SectionMeasure
from napari_emcad.core.sections.order import find_chain
from napari_emcad.core.sections.report import SectionFinding, SectionReport, Verdict
from napari_emcad.core.sections.ruler import Ruler
from napari_emcad.core.sections.shifts import SectionMatcher
from napari_emcad.core.sections.slips import find_slips
from napari_emcad.core.sections.tissue import TissueMasks, find_tissue


def judge_sections(shape: Shape, grid: Grid, measures: Sequence[SectionMeasure]) -> SectionReport:
    """Judge sections from their measures.

    Strategy: blank sections go first, since nothing can be compared with them; then the order of the others is
    judged, then greys of those that belong there, then shifts along them.
    """
    masks = find_tissue(measures)
    found = list(find_blank(measures))
    blank = {one.z for one in found}
    shown = [z for z in range(len(measures)) if z not in blank]
    if shown:
        found += _judge_shown(grid, measures, masks, shown)
    masks.missing[list(blank)] = False
    ranks = {verdict: n for n, verdict in enumerate(Verdict)}
    found.sort(key=lambda one: (one.z, ranks[one.verdict]))
    return SectionReport(shape, tuple(found), masks.no_tissue, masks.missing, grid.cell)


def _judge_shown(
    grid: Grid, measures: Sequence[SectionMeasure], masks: TissueMasks, shown: Sequence[int]
) -> Iterator[SectionFinding]:
    """Yield the findings on sections that show something."""
    matcher = SectionMatcher(measures)
    likeness = Likeness(matcher, shown)
    chain = find_chain(likeness)
    yield from chain.findings
    usable = np.zeros(len(measures), bool)
    usable[chain.good] = True
    yield from find_odd_greys(measures, usable)
    if likeness.clear:
        yield from find_slips(likeness, chain, Ruler(grid, measures))
    yield from (_missing_part(grid, z, measures[z], masks) for z in shown if masks.missing[z].any())


def _missing_part(grid: Grid, z: int, measure: SectionMeasure, masks: TissueMasks) -> SectionFinding:
    cells = masks.missing[z]
    rows, columns = np.flatnonzero(cells.any(axis=1)), np.flatnonzero(cells.any(axis=0))
    box = (
        int(rows[0]) * grid.cell,
        min(grid.height, (int(rows[-1]) + 1) * grid.cell),
        int(columns[0]) * grid.cell,
        min(grid.width, (int(columns[-1]) + 1) * grid.cell),
    )
    y0, y1, x0, x1 = box
    what = "one grey" if measure.flat[cells].mean() > 0.5 else "nothing but noise"
    evidence = f"{what} on {100 * cells.mean():.0f} % of it, within y {y0}-{y1}, x {x0}-{x1}"
    return SectionFinding(z, Verdict.PARTLY_MISSING, evidence, box=box)
