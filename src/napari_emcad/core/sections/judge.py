"""The judgement of all sections of a stack, from what was measured of each."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.geometry import Shape
from napari_emcad.core.progress import Job, Steps, Stopwatch
from napari_emcad.core.sections.damage import find_damage
from napari_emcad.core.sections.greys import find_blank, find_odd_greys
from napari_emcad.core.sections.likeness import learn_likeness
from napari_emcad.core.sections.measures import Grid, SectionMeasure
from napari_emcad.core.sections.order import find_chain
from napari_emcad.core.sections.report import SectionFinding, SectionReport, SlipKind, Verdict
from napari_emcad.core.sections.rims import mark_rims
from napari_emcad.core.sections.ruler import Ruler
from napari_emcad.core.sections.shifts import SectionMatcher
from napari_emcad.core.sections.slips import find_slips
from napari_emcad.core.sections.tissue import TissueMasks, find_tissue

T = TypeVar("T")

JUDGING = "judging sections"
"""The stage of progress."""

STEPS_EACH = 12
"""Steps that a section takes at most, about: four to tell tissue, if any of the stack has none, two to compare it, one
to go on, two for shifts, three for damage."""


def judge_sections(shape: Shape, grid: Grid, measures: Sequence[SectionMeasure]) -> Job[SectionReport]:
    """Judge sections from their measures.

    Strategy: blank sections go first, since nothing can be compared with them; then the order of the others is
    judged, then greys of those that belong there, then shifts along them.
    """
    return (yield from _tell_progress(_judge(shape, grid, measures), len(measures)))


def _tell_progress(steps: Steps[T], depth: int) -> Job[T]:
    """Do the steps of a judgement, and tell about how many of the sections are judged."""
    clock, total = Stopwatch(JUDGING, depth), STEPS_EACH * depth
    yield clock.at(0)
    done = 0
    while True:
        try:
            next(steps)
        except StopIteration as end:
            yield clock.at(depth)
            result: T = end.value
            return result
        done += 1
        whole, part = divmod(min(done, total - 1), STEPS_EACH)
        yield clock.at(whole, part / STEPS_EACH)


def _judge(shape: Shape, grid: Grid, measures: Sequence[SectionMeasure]) -> Steps[SectionReport]:
    masks = yield from find_tissue(measures)
    found = list(find_blank(measures, masks))
    blank = {one.z for one in found}
    shown = [z for z in range(len(measures)) if z not in blank]
    if shown:
        found += yield from _judge_shown(grid, measures, masks, shown)
    blank = {one.z for one in found if one.verdict is Verdict.BLANK}
    masks.missing[list(blank)] = False
    damaged = yield from _find_damaged(measures, masks, found)
    found += [_damaged_part(grid, z, damaged[z]) for z in np.flatnonzero(damaged.any(axis=(1, 2))).tolist()]
    report = SectionReport(shape, tuple(found), masks.no_tissue, masks.missing, grid.cell, damaged)
    return mark_rims(report, grid, measures)


def _judge_shown(
    grid: Grid, measures: Sequence[SectionMeasure], masks: TissueMasks, shown: Sequence[int]
) -> Steps[list[SectionFinding]]:
    """Return the findings on sections that show something."""
    likeness = yield from learn_likeness(SectionMatcher(measures), shown)
    if likeness.nothing_but_resin(measures):
        return [SectionFinding(z, Verdict.BLANK, "resin: nothing goes on from section to section") for z in shown]
    chain = yield from find_chain(likeness)
    found = list(chain.findings)
    usable = np.zeros(len(measures), bool)
    usable[chain.good] = True
    found += find_odd_greys(measures, usable)
    if likeness.clear:
        found += yield from find_slips(likeness, chain, Ruler(grid, measures))
    return found + [_missing_part(grid, z, measures[z], masks) for z in shown if masks.missing[z].any()]


def _find_damaged(
    measures: Sequence[SectionMeasure], masks: TissueMasks, found: Sequence[SectionFinding]
) -> Steps[NDArray[np.bool_]]:
    """Return damaged cells of sections that are good otherwise, and lie where those around them do."""
    stays = {one.z for one in found if one.slip and one.slip.kind in (SlipKind.JUMP, SlipKind.BREAK)}
    defective = {one.z for one in found} - stays
    return (yield from find_damage(measures, masks.missing | masks.no_tissue, defective, stays))


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
