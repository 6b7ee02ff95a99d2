"""Rims of one grey at the edges of drawn sections."""

import numpy as np
import pytest
from drawings import tissue

from napari_emcad.core.progress import drive
from napari_emcad.core.sections.look import inspect_sections
from napari_emcad.core.sections.measures import rim_widths
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.core.sections.report import Verdict

SHAPE = (8, 256, 320)


def blackened(rims, seed=0):
    """Tissue whose sections are black on so many (first, last) rows and (first, last) columns."""
    stack = tissue(SHAPE, np.uint8, seed)
    for z, (first, last, left, right) in rims.items():
        stack[z, :first], stack[z, SHAPE[1] - last :] = 0, 0
        stack[z, :, :left], stack[z, :, SHAPE[2] - right :] = 0, 0
    return stack


def planned(stack):
    report = drive(inspect_sections(stack))
    return report, SectionPlan.of_report(report)


@pytest.mark.parametrize("edge", range(4))
def test_a_rim_of_one_section_is_bridged(edge):
    """It is narrower than a cell; what is bridged is little more than the rim, and nothing elsewhere."""
    widths = [0, 0, 0, 0]
    widths[edge] = 6
    stack = blackened({4: widths})
    report, plan = planned(stack)
    assert report.sections(Verdict.PARTLY_MISSING) == [4]
    assert f"{6} px" in report.of_section(4)[0].evidence
    black, holes = stack[4] == 0, plan.holes(4)
    assert holes[black].mean() > 0.99
    assert holes.sum() <= black.sum() * 16 / 6
    assert not any(plan.holes(z).any() or plan.bare(z).any() for z in range(8) if z != 4)
    assert not plan.bare(4).any()


def test_rims_of_most_sections_have_no_tissue():
    stack = blackened(dict.fromkeys(range(3, 8), (0, 0, 12, 0)))
    report, plan = planned(stack)
    assert not report.sections(Verdict.PARTLY_MISSING)
    assert [bool(plan.bare(z).any()) for z in range(8)] == [False] * 3 + [True] * 5
    assert all(plan.bare(z)[:, :12].all() and not plan.bare(z)[:, 16:].any() for z in range(3, 8))
    assert not any(plan.holes(z).any() for z in range(8))


def test_what_a_section_lacks_beyond_the_usual_rim_is_bridged():
    rims = dict.fromkeys(range(8), (10, 0, 0, 0)) | {5: (30, 0, 0, 0)}
    _, plan = planned(blackened(rims))
    assert plan.bare(5)[:10].all()
    assert plan.holes(5)[16:30].all()
    assert not plan.holes(4).any()


def test_a_row_or_two_are_no_rim():
    report, _ = planned(blackened({4: (2, 0, 0, 2)}))
    assert not report.findings
    assert not report.missing.any()


def test_stacks_without_rims_keep_their_cells():
    report, _ = planned(tissue(SHAPE, np.uint8, 1))
    assert report.missing.shape == (8, *(-(-n // report.cell) for n in SHAPE[1:]))


def test_widths():
    section = np.tile(np.arange(0, 100, 2, dtype=np.uint8), (40, 1))
    section[:, :3] = 7
    section[-5:] = [9, 10] * 25
    assert rim_widths(section, 0).tolist() == [0, 0, 0, 0]
    assert rim_widths(section[:-5], 0).tolist() == [0, 0, 3, 1]
    assert rim_widths(section, 1).tolist() == [0, 5, 0, 0]
    assert rim_widths(np.full((4, 5), 3), 0).tolist() == [0, 0, 0, 0]
