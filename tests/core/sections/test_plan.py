from dataclasses import replace

import numpy as np
import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.sections.plan import MOST_BRIDGED, SectionPlan, check_tissue
from napari_emcad.core.sections.report import SectionFinding, SectionReport, Slip, SlipKind, Verdict

SHAPE = (12, 64, 96)


def report(*findings, missing=()):
    masks = np.zeros((2, 12, 2, 3), bool)
    for z in missing:
        masks[1, z, 0, 1] = True
    return SectionReport(SHAPE, findings, masks[0], masks[1], 32)


def test_a_plan_without_findings_is_as_is():
    assert SectionPlan.of_report(report()).is_as_is
    assert SectionPlan.as_is(SHAPE).is_as_is
    assert [*SectionPlan.as_is(SHAPE).partners(0)] == []
    assert SectionPlan.as_is(SHAPE).sentence == ""


def test_unusable_sections_are_left_out_and_paired_over():
    plan = SectionPlan.of_report(report(SectionFinding(4, Verdict.BLANK, ""), SectionFinding(5, Verdict.WRONG, "")))
    assert np.flatnonzero(plan.left_out).tolist() == [4, 5]
    assert next(plan.partners(6)) == (3, (0, 0))
    assert plan.holes(4).all()
    assert not plan.holes(3).any()
    assert plan.sentence == "sections 4-5 are left out and bridged."


@pytest.mark.parametrize("length", [1, MOST_BRIDGED, MOST_BRIDGED + 1])
def test_gaps_are_bridged_up_to_a_length(length):
    plan = SectionPlan.as_is(SHAPE)
    for z in range(2, 2 + length):
        plan = plan.leaving_out(z)
    bridged = length <= MOST_BRIDGED
    assert [part.start for part in plan.parts] == ([0] if bridged else [0, 2 + length])
    assert [p.z for p in plan.partners(2 + length)][:1] == ([1] if bridged else [])


def test_of_a_swapped_pair_the_first_is_left_out():
    swap = [SectionFinding(a, Verdict.WRONG, "", cause=f"swapped with {b}") for a, b in ((6, 7), (7, 6))]
    assert np.flatnonzero(SectionPlan.of_report(report(*swap)).left_out).tolist() == [6]


def test_slips_move_what_they_move():
    def offsets(kind, shift, z, last=None):
        return (
            SectionPlan.of_report(report(SectionFinding(z, Verdict.SLIPPED, "", Slip(kind, shift, 9.0), last=last)))
            .offset[:, 1]
            .tolist()
        )

    assert offsets(SlipKind.JUMP, (0, 24), 8) == [0] * 8 + [24] * 4
    assert offsets(SlipKind.SINGLE, (0, 24), 8) == [0] * 8 + [24] + [0] * 3
    assert offsets(SlipKind.DRIFT, (0, 6), 2, 5) == [0, 0, 0, 2, 4, 6] + [6] * 6


def test_partners_lie_where_the_tissue_lies():
    plan = SectionPlan.as_is(SHAPE).shifting(5, (3, -4), all_that_follow=True)
    assert next(plan.partners(5)) == (4, (-3, 4))
    assert next(plan.partners(6)) == (5, (0, 0))
    assert plan.largest_shift == (3, 4)
    back = plan.using_as_is(5)
    assert next(back.partners(5)) == (4, (0, 0))


def test_nothing_goes_on_over_a_break():
    plan = SectionPlan.of_report(report(SectionFinding(6, Verdict.SLIPPED, "", Slip(SlipKind.BREAK, (0, 0), 0.0))))
    assert [*plan.partners(6)] == []
    assert [p.z for p in plan.partners(7)] == [6]
    assert plan.parts == [range(6), range(6, 12)]


def test_masks_are_of_pixels():
    plan = SectionPlan.of_report(report(missing=[3]))
    holes = plan.holes(3)
    assert holes[:32, 32:64].all()
    assert holes.sum() == 32 * 32
    np.testing.assert_array_equal(plan.holes(3, (slice(20, 40), slice(10, 50))), holes[20:40, 10:50])
    assert plan.holes(3, (slice(-5, 3), slice(40, 41))).all()


def test_what_is_damaged_is_bridged():
    damaged = np.zeros((12, 2, 3), bool)
    damaged[5, 1, 2] = True
    plan = SectionPlan.of_report(replace(report(missing=[3]), damaged=damaged))
    assert plan.holes(5)[32:, 64:].all()
    assert plan.holes(5).sum() == 32 * 32
    assert plan.holes(3)[:32, 32:64].all()


def test_where_nothing_is_used_there_are_no_parts():
    plan = SectionPlan.as_is((2, 8, 8)).leaving_out(0).leaving_out(1)
    assert plan.parts == []


def test_a_box_without_tissue_is_refused():
    plan = SectionPlan.of_report(report(missing=[3])).leaving_out(4)
    check_tissue(plan, Box((3, 0, 0), (5, 64, 96)))
    with pytest.raises(UserError, match="shows tissue that could be used"):
        check_tissue(plan, Box((3, 0, 32), (5, 32, 64)))


def test_a_part_shows_something_where_one_of_its_pixels_does():
    rng = np.random.default_rng(0)
    masks = rng.random((2, 12, 2, 3)) < 0.5
    plan = replace(SectionPlan.as_is(SHAPE), missing=masks[0], no_tissue=masks[1], cell=32).leaving_out(3)
    for z, *ends in rng.integers((0, -20, 1, -20, 1), (12, 80, 40, 110, 60), (300, 5)).tolist():
        plane = slice(ends[0], ends[0] + ends[1]), slice(ends[2], ends[2] + ends[3])
        assert plan.shows(z, plane) == (~plan.holes(z, plane) & ~plan.bare(z, plane)).any()
