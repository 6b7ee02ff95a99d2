"""Rims without a picture: rows or columns of one grey at the edges of sections, as where these were shifted or turned.

They may be narrower than the cells in which tissue is told, and a rim that is taken for tissue joins all neurons along
it. So masks of sections with rims have cells of a quarter of the side.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.sections.measures import Grid, SectionMeasure
from napari_emcad.core.sections.report import SectionFinding, SectionReport, Verdict
from napari_emcad.core.sections.tissue import AROUND

LEAST = 3
"""Pixels below which rows or columns of one grey are no rim: files often lack a row or two."""

FINER = 4
"""Cells of masks with rims that are one cell of other masks, along each axis."""

EDGES = ("the first rows", "the last rows", "the first columns", "the last columns")

Cells = NDArray[np.bool_]


def mark_rims(report: SectionReport, grid: Grid, measures: Sequence[SectionMeasure]) -> SectionReport:
    """Return a report in which rims have no tissue, or are missing as far as those of the sections around are narrower.

    Findings are put in order, by section. Masks get finer cells only where rims are not in them yet.
    """
    blank = report.sections(Verdict.BLANK)
    widths = np.rint(np.stack([one.rims for one in measures]) * grid.step).astype(int)
    widths[widths < LEAST] = 0
    widths[blank] = 0
    if _are_marked(widths, report, grid):
        return replace(report, findings=_in_order(report.findings))
    shown = [z for z in range(len(widths)) if z not in blank]
    usual = _usual(widths, shown)
    usual = np.where(widths - usual < LEAST, widths, usual)
    fine = max(1, grid.cell // FINER)
    no_tissue, missing = (_finer(cells, grid, fine) for cells in (report.no_tissue, report.missing))
    for z in shown:
        no_tissue[z] |= _strips(np.minimum(widths[z], usual[z]), grid, fine, no_tissue.shape[1:])
        missing[z] = (missing[z] | _strips(widths[z], grid, fine, missing.shape[1:])) & ~no_tissue[z]
    damaged = None if report.damaged is None else _finer(report.damaged, grid, fine) & ~no_tissue
    told = set(report.sections(Verdict.PARTLY_MISSING))
    wide = [z for z in shown if z not in told and missing[z].any()]
    found = [_wide_rim(z, widths[z], usual[z], grid) for z in wide]
    return replace(
        report,
        findings=_in_order((*report.findings, *found)),
        no_tissue=no_tissue,
        missing=missing,
        damaged=damaged,
        cell=fine,
    )


def _are_marked(widths: NDArray[np.int64], report: SectionReport, grid: Grid) -> bool:
    """Return True if the cells that hold any of a rim are marked already, as where half a section is missing."""
    marked = report.missing | report.no_tissue
    rims = ((z, _strips(widths[z], grid, grid.cell, marked.shape[1:])) for z in np.flatnonzero(widths.any(axis=1)))
    return all(marked[z][cells].all() for z, cells in rims)


def _usual(widths: NDArray[np.int64], shown: Sequence[int]) -> NDArray[np.int64]:
    """Return the widths (z, edge) that half of the sections around each one have; a single section has its own."""
    usual = widths.copy()
    for z in shown:
        near = [widths[n] for n in shown if 0 < abs(n - z) <= AROUND]
        if near:
            usual[z] = np.sort(near, axis=0)[len(near) // 2]
    return usual


def _finer(cells: Cells, grid: Grid, fine: int) -> Cells:
    """Return masks (z, y, x) with cells of `fine` pixels instead of the grid's."""
    times = grid.cell // fine
    rows, columns = (min(n * times, -(-side // fine)) for n, side in zip(cells.shape[1:], _sides(grid), strict=True))
    return cells.repeat(times, axis=1).repeat(times, axis=2)[:, :rows, :columns].copy()


def _strips(widths: NDArray[np.int64], grid: Grid, fine: int, shape: tuple[int, ...]) -> Cells:
    """Return the cells (y, x) that hold any pixel of rims so wide."""
    mask = np.zeros(shape, bool)
    for lines, side, (first, last) in zip((mask, mask.T), _sides(grid), widths.reshape(2, 2).tolist(), strict=True):
        lines[: -(-first // fine)] = True
        if last:
            lines[min((side - last) // fine, len(lines) - 1) :] = True
    return mask


def _sides(grid: Grid) -> tuple[int, int]:
    return grid.height, grid.width


def _wide_rim(z: int, widths: NDArray[np.int64], usual: NDArray[np.int64], grid: Grid) -> SectionFinding:
    """Return what is said of a section with rims that are wider than those around it: the widest of them."""
    edge = int(np.where(widths > usual, widths, 0).argmax())
    width = int(widths[edge])
    height, length = _sides(grid)
    boxes = [
        (0, width, 0, length),
        (height - width, height, 0, length),
        (0, height, 0, width),
        (0, height, length - width, length),
    ]
    evidence = f"one grey on {EDGES[edge]}, {width} px"
    return SectionFinding(z, Verdict.PARTLY_MISSING, evidence, box=boxes[edge])


def _in_order(findings: Sequence[SectionFinding]) -> tuple[SectionFinding, ...]:
    ranks = {verdict: n for n, verdict in enumerate(Verdict)}
    return tuple(sorted(findings, key=lambda one: (one.z, ranks[one.verdict])))
