"""From a report to a plan that was made elsewhere, by uses of single sections."""

from dataclasses import replace

import numpy as np
import pytest

from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.core.sections.report import SectionFinding, SectionReport, Slip, SlipKind, Verdict
from napari_emcad.io.section_plans import plan_to_json
from napari_emcad.widgets.desk.section_use import AS_IT_IS, INVERT, LEAVE_OUT, SectionUse, plan_of_uses
from napari_emcad.widgets.desk.uses_of_plan import uses_of_plan

SHAPE = (16, 64, 96)
BLANK = SectionFinding(2, Verdict.BLANK, "")
PALE = SectionFinding(4, Verdict.PALE, "")
SINGLE = SectionFinding(5, Verdict.SLIPPED, "", Slip(SlipKind.SINGLE, (3, -8), 9.0))
HALF = SectionFinding(7, Verdict.PARTLY_MISSING, "", box=(0, 32, 0, 96))
DRIFT = SectionFinding(8, Verdict.SLIPPED, "", Slip(SlipKind.DRIFT, (0, 30), 8.0), last=11)
JUMP = SectionFinding(13, Verdict.SLIPPED, "", Slip(SlipKind.JUMP, (1, 24), 8.0))
SHIFTED = SectionUse(slip=SlipKind.SINGLE, shift=(-4, 9))
MOVED = SectionUse(slip=SlipKind.JUMP, shift=(-4, 9))
BROKEN = SectionUse(slip=SlipKind.BREAK)


@pytest.fixture
def report():
    masks = np.zeros((2, SHAPE[0], 2, 3), bool)
    masks[0, :, :, 0] = True
    masks[1, 7, 0] = True
    return SectionReport(SHAPE, (BLANK, PALE, SINGLE, HALF, DRIFT, JUMP), masks[0], masks[1], 32)


@pytest.mark.parametrize(
    "uses",
    [
        {},
        {2: AS_IT_IS},
        {1: LEAVE_OUT, 4: INVERT},
        {5: AS_IT_IS},
        {5: SHIFTED},
        {5: MOVED},
        {4: SHIFTED},
        {6: SHIFTED, 9: LEAVE_OUT},
        {7: AS_IT_IS},
        {7: SectionUse(slip=SlipKind.JUMP, shift=(2, 2), bridged=True)},
        {8: AS_IT_IS},
        {8: SectionUse(slip=SlipKind.DRIFT, shift=(0, -12), last=11)},
        {9: SectionUse(slip=SlipKind.SINGLE, shift=(40, -10))},
        {13: BROKEN},
        {0: LEAVE_OUT, 15: SHIFTED},
        {2: replace(SHIFTED, inverted=True), 3: BROKEN, 14: MOVED, 15: LEAVE_OUT},
    ],
)
def test_the_uses_that_made_a_plan_are_found(report, uses):
    plan = plan_of_uses(report, uses, interpolates=False)
    found = uses_of_plan(report, plan)
    assert found.keys() == uses.keys()
    assert plan_to_json(plan_of_uses(report, found, interpolates=False)) == plan_to_json(plan)


def test_drawn_uses_are_found(report):
    random = np.random.default_rng(0)
    choices = [AS_IT_IS, LEAVE_OUT, INVERT, SHIFTED, MOVED, BROKEN]
    found = 0
    for _ in range(60):
        sections = random.choice(np.r_[:8, 13:16], 4, replace=False).tolist()
        plan = plan_of_uses(report, {z: choices[random.integers(len(choices))] for z in sections})
        uses = uses_of_plan(report, plan)
        found += uses is not None
        assert uses is None or plan_to_json(plan_of_uses(report, uses)) == plan_to_json(plan)
    assert found >= 55


@pytest.mark.parametrize("what", ["another mask", "other cells", "a break with a shift"])
def test_a_plan_that_says_more_has_none(report, what):
    plan = SectionPlan.of_report(report)
    mask = np.zeros((2, 3), bool)
    mask[1, 1] = True
    plans = {
        "another mask": plan.masking(3, mask),
        "other cells": replace(plan, cell=31),
        "a break with a shift": replace(plan.shifting(13, (5, 5), True), breaks=np.arange(SHAPE[0]) == 13),
    }
    assert uses_of_plan(report, plans[what]) is None


def test_cells_do_not_matter_where_none_is_set(report):
    none = np.zeros_like(report.no_tissue)
    bare = replace(report, no_tissue=none, missing=none, findings=(BLANK,))
    assert uses_of_plan(bare, SectionPlan.as_is(SHAPE).leaving_out(3)) == {2: AS_IT_IS, 3: LEAVE_OUT}
