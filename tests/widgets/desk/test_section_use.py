"""Uses of sections, and the plan that follows."""

from dataclasses import replace

import numpy as np
import pytest

from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.core.sections.report import SectionFinding, SectionReport, Slip, SlipKind, Verdict
from napari_emcad.widgets.desk.section_use import (
    AS_IT_IS,
    INVERT,
    LEAVE_OUT,
    SectionUse,
    findings_by_section,
    plan_of_uses,
    proposed_use,
    uses_on_offer,
    within_sections,
)

SHAPE = (12, 64, 96)
MARKS = ("left_out", "offset", "inverted", "breaks", "missing", "no_tissue")


def slip(z, kind, shift=(0, 0), last=None):
    return SectionFinding(z, Verdict.SLIPPED, "", Slip(kind, shift, 9.0), last=last)


def report_of(*findings, missing=(), bare=()):
    masks = np.zeros((2, 12, 2, 3), bool)
    masks[0, :, 0, 0] = [z in bare for z in range(12)]
    masks[1, :, 0, 1] = [z in missing for z in range(12)]
    return SectionReport(SHAPE, findings, masks[0], masks[1], 32)


@pytest.fixture
def report():
    """Section 2 is blank, 4 shifted and lacks a part, from 6 on all is shifted, 8 to 10 drift, 11 is another part."""
    return report_of(
        SectionFinding(2, Verdict.BLANK, ""),
        SectionFinding(4, Verdict.PARTLY_MISSING, ""),
        slip(4, SlipKind.SINGLE, (3, -5)),
        slip(6, SlipKind.JUMP, (0, 24)),
        slip(8, SlipKind.DRIFT, (8, 0), last=10),
        slip(11, SlipKind.BREAK),
        missing=[4],
        bare=range(12),
    )


def assert_same(one: SectionPlan, other: SectionPlan) -> None:
    for name in MARKS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), name)


def uses_of(report):
    plan = SectionPlan.of_report(report)
    return {z: proposed_use(plan, found) for z, found in findings_by_section(report)}


def test_words_say_what_is_done(report):
    assert {z: use.words for z, use in uses_of(report).items()} == {
        2: "leave out",
        4: "shift this section by y +3, x -5 px, bridge the missing part",
        6: "shift it and all that follow by y +0, x +24 px",
        8: "make up for the drift, y +8, x +0 px",
        11: "begin a new part here",
    }
    assert AS_IT_IS.words == "use as it is"


def test_what_is_proposed_is_the_plan_of_the_report(report):
    assert_same(plan_of_uses(report, {}), SectionPlan.of_report(report))
    assert_same(plan_of_uses(report, uses_of(report)), SectionPlan.of_report(report))


def test_a_section_is_used_as_it_is(report):
    plan = plan_of_uses(report, {2: AS_IT_IS, 4: AS_IT_IS, 6: AS_IT_IS, 8: AS_IT_IS, 11: AS_IT_IS})
    assert not plan.left_out.any() and not plan.offset.any() and not plan.breaks.any() and not plan.missing.any()
    assert [z for z in range(12) if not plan.no_tissue[z].any()] == [2, 4, 6, 8, 11]


def test_the_sections_after_a_changed_shift_go_with_it(report):
    plan = plan_of_uses(report, {6: SectionUse(slip=SlipKind.JUMP, shift=(1, 10))})
    assert plan.offset[:, 1].tolist() == [0, 0, 0, 0, -5, 0, *[10] * 6]
    alone = plan_of_uses(report, {6: SectionUse(slip=SlipKind.SINGLE, shift=(1, 10))})
    assert alone.offset[:, 1].tolist() == [0, 0, 0, 0, -5, 0, 10, 0, 0, 0, 0, 0]


def test_a_section_is_left_out_or_inverted(report):
    plan = plan_of_uses(report, {4: LEAVE_OUT, 5: INVERT, 7: LEAVE_OUT}, interpolates=False)
    assert np.flatnonzero(plan.left_out).tolist() == [2, 4, 7] and np.flatnonzero(plan.inverted).tolist() == [5]
    assert not plan.missing.any() and not plan.no_tissue[[4, 7]].any() and not plan.interpolates
    assert plan.no_tissue[5].any()


def test_the_report_is_not_changed(report):
    before = report.missing.copy(), report.no_tissue.copy()
    plan_of_uses(report, {4: LEAVE_OUT, 5: AS_IT_IS})
    np.testing.assert_array_equal(before, (report.missing, report.no_tissue))


def test_a_later_section_of_a_swapped_pair_is_proposed_as_it_is():
    swap = [SectionFinding(a, Verdict.WRONG, "", cause=f"swapped with {b}") for a, b in ((6, 7), (7, 6))]
    assert list(uses_of(report_of(*swap)).values()) == [LEAVE_OUT, AS_IT_IS]


def test_uses_on_offer_fit_the_section(report):
    uses = uses_of(report)
    assert [use.words for use in uses_on_offer(uses[2], uses[2], False)] == [
        "leave out",
        "use as it is",
        "shift this section by y +0, x +0 px",
        "shift it and all that follow by y +0, x +0 px",
        "invert",
    ]
    of_slip = [use.words for use in uses_on_offer(uses[4], AS_IT_IS, True)]
    assert "bridge the missing part" in of_slip and "shift this section by y +3, x -5 px" in of_slip
    mine = replace(uses[6], shift=(1, 1))
    assert "shift it and all that follow by y +1, x +1 px" in [use.words for use in uses_on_offer(uses[6], mine, False)]
    for proposed in uses.values():
        choices = [use.choice for use in uses_on_offer(proposed, INVERT, True)]
        assert len(choices) == len(set(choices)) and proposed.choice == choices[0]


def test_only_what_lies_in_a_region_is_said(report):
    plan = replace(SectionPlan.of_report(report), no_tissue=np.zeros_like(report.no_tissue))
    assert within_sections(plan, range(12)).sentence == plan.sentence
    assert within_sections(plan, range(1, 4)).sentence == "section 2 is left out and bridged."
    assert within_sections(plan, range(6, 8)).is_as_is and within_sections(plan, range(11, 12)).is_as_is
    assert within_sections(plan, range(5, 8)).sentence == "shifts at 6 made up for."


def test_findings_go_by_section(report):
    assert {z: len(found) for z, found in findings_by_section(report)} == {2: 1, 4: 2, 6: 1, 8: 1, 11: 1}
    assert list(findings_by_section(report_of())) == []


@pytest.mark.parametrize("seed", range(5))
def test_any_report_proposes_its_own_plan(seed):
    rng = np.random.default_rng(seed)
    found = []
    for z in sorted(rng.choice(12, 5, replace=False).tolist()):
        verdict = rng.choice([*Verdict][1:])
        kind = rng.choice([*SlipKind])
        last = min(11, z + 2) if kind == SlipKind.DRIFT else None
        shift = (0, 0) if kind == SlipKind.BREAK else tuple(rng.integers(-9, 9, 2).tolist())
        if verdict == Verdict.SLIPPED:
            found.append(slip(z, SlipKind(kind), shift, last))
        else:
            found.append(SectionFinding(z, Verdict(verdict), ""))
    report = report_of(*found, missing=[f.z for f in found if f.verdict is Verdict.PARTLY_MISSING], bare=[1, 2, 3])
    uses = {z: use for z, use in uses_of(report).items() if use != AS_IT_IS}  # a person's wish means tissue everywhere
    assert_same(plan_of_uses(report, uses), SectionPlan.of_report(report))
