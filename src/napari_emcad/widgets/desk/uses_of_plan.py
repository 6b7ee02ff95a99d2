"""Uses of single sections that lead from a report to a plan that was made elsewhere."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.core.sections.report import SectionReport, SlipKind
from napari_emcad.widgets.desk.section_use import LEAVE_OUT, SectionUse, plan_of_uses

MASKS = ("missing", "no_tissue")
MARKS = ("left_out", "inverted", "breaks", *MASKS)
"""Attributes of a plan that say something of each section by itself."""


def uses_of_plan(report: SectionReport, plan: SectionPlan) -> dict[int, SectionUse] | None:
    """Return the uses with which `plan_of_uses` makes this plan of a report; None if there are none.

    A plan can say more than uses can: other pixels that are missing, or a break and a shift in one section.

    Parameters
    ----------
    report : SectionReport
    plan : SectionPlan
        For a stack of the report's shape.
    """
    uses = dict(_uses_of_drifts(report, plan))
    proposed = plan_of_uses(report, uses)
    steps, expected, differs = _steps(plan.offset), _steps(proposed.offset), _differences(proposed, plan)
    jumps, singles = (_shifts(report, kind) for kind in (SlipKind.JUMP, SlipKind.SINGLE))
    expected = np.concatenate([expected, expected[:1] * 0])  # a last one, which the last section may move
    steps = np.concatenate([steps, expected[-1:]])
    for z in range(plan.shape[0]):
        if not differs[z] and (steps[z] == expected[z]).all():
            continue
        shift = steps[z] - expected[z] + jumps[z] + singles[z]
        expected[z + 1] += singles[z]  # a section that is shifted alone takes part in the step after it, too
        is_single = (steps[z + 1] == expected[z + 1] - shift).all()
        uses[z] = use = _use_in(plan, z, SlipKind.SINGLE if is_single else SlipKind.JUMP, shift)
        if use.slip is SlipKind.SINGLE:
            expected[z + 1] -= shift
    made = plan_of_uses(report, uses)
    return uses if (made.offset == plan.offset).all() and not _differences(made, plan).any() else None


def _uses_of_drifts(report: SectionReport, plan: SectionPlan) -> Iterator[tuple[int, SectionUse]]:
    """Yield sections at which a drift begins that the plan makes up for by other pixels, and their uses."""
    steps, proposed = _steps(plan.offset), _steps(plan_of_uses(report, {}).offset)
    for one in report.findings:
        if one.slip is None or one.slip.kind is not SlipKind.DRIFT or one.last is None:
            continue
        during = slice(one.z + 1, one.last + 1)
        shift = plan.offset[one.last] - plan.offset[one.z]
        if (steps[during] != proposed[during]).any() and (shift != one.slip.shift).any():
            yield one.z, replace(_use_in(plan, one.z, SlipKind.DRIFT, shift), last=one.last if shift.any() else None)


def _use_in(plan: SectionPlan, z: int, kind: SlipKind, shift: NDArray[np.int32]) -> SectionUse:
    """Return what a plan does with a section, if this slip (y, x) is what moves it."""
    if plan.left_out[z]:
        return LEAVE_OUT
    use = SectionUse(bridged=bool(plan.missing[z].any()), inverted=bool(plan.inverted[z]))
    if plan.breaks[z]:
        return replace(use, slip=SlipKind.BREAK)
    y, x = shift.tolist()
    return replace(use, slip=kind, shift=(y, x)) if y or x else use


def _shifts(report: SectionReport, kind: SlipKind) -> NDArray[np.int32]:
    """Return the pixels of slips of one kind that a report found, (z, 2)."""
    shifts = np.zeros((report.shape[0], 2), np.int32)
    for one in report.findings:
        if one.slip and one.slip.kind is kind:
            shifts[one.z] = one.slip.shift
    return shifts


def _steps(offset: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return by how many pixels each section is moved against the one before it, (z, 2)."""
    return np.diff(offset, axis=0, prepend=np.zeros((1, 2), np.int32))


def _differences(one: SectionPlan, other: SectionPlan) -> NDArray[np.bool_]:
    """Return the sections (z,) about which two plans for one stack do not say the same, offsets aside."""
    depth = one.shape[0]
    differs = np.zeros(depth, bool)
    for a, b, is_mask in ((getattr(one, name), getattr(other, name), name in MASKS) for name in MARKS):
        a, b = a.reshape(depth, -1), b.reshape(depth, -1)
        if is_mask and (one.cell != other.cell or a.shape != b.shape):  # cells of other sizes: alike where none is set
            differs |= a.any(axis=1) | b.any(axis=1)
        else:
            differs |= (a != b).any(axis=1)
    return differs
