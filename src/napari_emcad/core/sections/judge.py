"""The judgement of all sections of a stack, from what was measured of each."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.geometry import Shape
from napari_emcad.core.sections.damage import find_damage
from napari_emcad.core.sections.greys import find_blank, find_odd_greys
from napari_emcad.core.sections.likeness import Likeness
from napari_emcad.core.sections.measures import Grid, SectionMeasure
from napari_emcad.core.sections.order import find_chain
from napari_emcad.core.sections.report import SectionFinding, SectionReport, SlipKind, Verdict
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
    damaged = _find_damaged(measures, masks, found)
    found += [_damaged_part(grid, z, damaged[z]) for z in np.flatnonzero(damaged.any(axis=(1, 2))).tolist()]
    ranks = {verdict: n for n, verdict in enumerate(Verdict)}
    found.sort(key=lambda one: (one.z, ranks[one.verdict]))
    return SectionReport(shape, tuple(found), masks.no_tissue, masks.missing, grid.cell, damaged)


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


def _find_damaged(
    measures: Sequence[SectionMeasure], masks: TissueMasks, found: Sequence[SectionFinding]
) -> NDArray[np.bool_]:
    """Return damaged cells of sections that are good otherwise, and lie where those around them do."""
    stays = {one.z for one in found if one.slip and one.slip.kind in (SlipKind.JUMP, SlipKind.BREAK)}
    defective = {one.z for one in found} - stays
    return find_damage(measures, masks.missing | masks.no_tissue, defective, stays)


def _damaged_part(grid: Grid, z: int, cells: NDArray[np.bool_]) -> SectionFinding:
    y0, y1, x0, x1 = box = _box_of(grid, cells)
    share = f"{100 * cells.mean():.0f} % of it, within y {y0}-{y1}, x {x0}-{x1}"
    evidence = f"much darker or brighter than before and after on {share}"
    return SectionFinding(z, Verdict.DAMAGED, evidence, box=box)


def _missing_part(grid: Grid, z: int, measure: SectionMeasure, masks: TissueMasks) -> SectionFinding:
    cells = masks.missing[z]
    y0, y1, x0, x1 = box = _box_of(grid, cells)
    what = "one grey" if measure.flat[cells].mean() > 0.5 else "nothing but noise"
    evidence = f"{what} on {100 * cells.mean():.0f} % of it, within y {y0}-{y1}, x {x0}-{x1}"
    return SectionFinding(z, Verdict.PARTLY_MISSING, evidence, box=box)


def _box_of(grid: Grid, cells: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Return the pixels (y0, y1, x0, x1) around cells, half open."""
    rows, columns = np.flatnonzero(cells.any(axis=1)), np.flatnonzero(cells.any(axis=0))
    return (
        int(rows[0]) * grid.cell,
        min(grid.height, (int(rows[-1]) + 1) * grid.cell),
        int(columns[0]) * grid.cell,
        min(grid.width, (int(columns[-1]) + 1) * grid.cell),
    )
