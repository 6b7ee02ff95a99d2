"""The report on a stack's sections, and what a person wants done with them."""

from dataclasses import replace

import numpy as np
import pytest
from hearing import heard

from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.core.sections.report import SectionFinding, SectionReport, Slip, SlipKind, Verdict
from napari_emcad.widgets.desk.section_choices import SectionChoices
from napari_emcad.widgets.desk.section_use import AS_IT_IS, INVERT, LEAVE_OUT

SHAPE = (12, 64, 96)
BLANK = SectionFinding(2, Verdict.BLANK, "one grey, 0, on 100 % of it")
PALE = SectionFinding(4, Verdict.PALE, "contrast is 50 % of the neighbours'")
DRIFT = SectionFinding(6, Verdict.SLIPPED, "far", Slip(SlipKind.DRIFT, (0, 30), 8.0), last=9)


def report_of(*findings, bare=0.0, shape=SHAPE):
    masks = np.zeros((2, shape[0], 2, 5), bool)
    masks[0].reshape(shape[0], -1)[:, : round(10 * bare)] = True
    return SectionReport(shape, findings, masks[0], masks[1], 32)


@pytest.fixture
def choices():
    choices = SectionChoices(SHAPE)
    choices.put_report(report_of(BLANK, PALE, DRIFT))
    return choices


def left_out(choices):
    return np.flatnonzero(choices.plan.left_out).tolist()


def test_nothing_is_known_before_the_look():
    choices = SectionChoices(SHAPE)
    assert choices.plan is None and choices.summary == "" and choices.sections == []
    choices.all_as_is = True
    assert choices.plan.is_as_is and choices.summary == "All sections are used as they are."


def test_the_report_in_one_line_and_row_by_row(choices):
    assert choices.summary == "12 sections: 2 blank; 4 pale; drift of 30 px from 6 to 9."
    assert [choices.row(z).title for z in choices.sections] == ["2: blank", "4: pale", "6 to 9: slipped"]
    assert choices.row(2).evidence == "one grey, 0, on 100 % of it"
    assert [choices.row(z).use.words for z in choices.sections] == [
        "leave out",
        "use as it is",
        "make up for the drift, y +0, x +30 px",
    ]
    assert left_out(choices) == [2] and choices.plan.offset[-1].tolist() == [0, 30]


def test_a_person_decides_otherwise_and_back(choices):
    changes = heard(choices.changed)
    choices.choose([2], AS_IT_IS)
    assert choices.row(2).is_changed and left_out(choices) == [] and choices.changed_sections == [2]
    assert choices.summary.endswith("from 6 to 9 (1 changed by you).")
    choices.choose([2, 4], LEAVE_OUT)
    assert not choices.row(2).is_changed and choices.row(4).is_changed and left_out(choices) == [2, 4]
    choices.reset([2, 4])
    assert left_out(choices) == [2] and choices.changed_sections == []
    assert len(changes) == 3


def test_a_new_report_leaves_what_a_person_decided(choices):
    choices.choose([2, 5], INVERT)
    choices.choose([4], LEAVE_OUT)
    choices.put_report(report_of(replace(BLANK, z=4), PALE))
    assert choices.sections == [2, 4, 5] and choices.changed_sections == [2, 5] and left_out(choices) == [4]


def test_a_section_that_is_good_can_be_added_and_taken_off(choices):
    choices.add(5)
    choices.add(2)
    assert choices.sections == [2, 4, 5, 6] and choices.row(5).title == "5: added by you"
    assert not choices.row(5).is_changed and choices.plan.is_as_is is False
    choices.choose([5], INVERT)
    assert choices.plan.inverted[5] and choices.changed_sections == [5]
    choices.reset([5])
    assert choices.sections == [2, 4, 6] and not choices.plan.inverted.any()


def test_uses_for_several_sections_are_those_that_all_have(choices):
    assert "make up for the drift" in [use.choice for use in choices.offers([6])]
    both = [use.choice for use in choices.offers([6, 2])]
    assert "make up for the drift" not in both and {"leave out", "use as it is"} <= set(both)
    assert choices.offers([]) == []


def test_all_sections_as_they_are(choices):
    choices.choose([4], LEAVE_OUT)
    choices.all_as_is = True
    assert choices.plan.is_as_is and choices.summary.endswith("All sections are used as they are.")
    choices.all_as_is = False
    assert left_out(choices) == [2, 4]


def test_bridged_labels_and_resin(choices):
    choices.put_report(report_of(BLANK, bare=0.3))
    assert choices.plan.interpolates and choices.plan.no_tissue.any() and choices.has_bare
    assert "30 % without tissue" in choices.summary
    choices.interpolates = choices.skips_bare = False
    assert not choices.plan.interpolates and not choices.plan.no_tissue.any()


def test_no_tissue_anywhere_is_one_sentence(choices):
    choices.put_report(report_of(bare=1.0))
    assert choices.summary == "12 sections: no tissue anywhere. Nothing would be segmented."
    choices.put_report(report_of(*(replace(BLANK, z=z) for z in range(12))))
    assert choices.summary == "12 sections: no tissue anywhere. Nothing would be segmented."


def test_a_good_stack():
    choices = SectionChoices(SHAPE)
    choices.put_report(report_of())
    assert choices.summary == "12 sections: all good." and choices.plan.is_as_is and not choices.has_findings


def test_the_plan_of_a_session_counts_until_there_is_a_report():
    choices = SectionChoices(SHAPE)
    given = SectionPlan.as_is(SHAPE).leaving_out(3)
    choices.put_given(replace(given, interpolates=False))
    assert choices.summary == "From the session: section 3 is left out and bridged."
    assert left_out(choices) == [3] and not choices.plan.interpolates and choices.sections == []
    choices.interpolates = True
    assert choices.plan.interpolates
    choices.put_report(report_of(BLANK))
    assert left_out(choices) == [2]


def test_a_plan_of_a_file_becomes_choices_where_sections_were_looked_at(choices):
    choices.choose([1], INVERT)
    plan = SectionPlan.of_report(choices.report).leaving_out(2, False).leaving_out(5)
    choices.put_given(replace(plan, interpolates=False), "plan.json")
    assert [(row.z, row.use) for row in map(choices.row, choices.sections) if row.is_changed] == [
        (2, AS_IT_IS),
        (5, LEAVE_OUT),
    ]
    assert left_out(choices) == [5] and not choices.interpolates and choices.sections == [2, 4, 5, 6]
    choices.reset([2, 5])
    assert left_out(choices) == [2] and choices.sections == [2, 4, 6]


def test_a_plan_that_uses_cannot_say_counts_in_place_of_the_report(choices):
    plan = SectionPlan.as_is(SHAPE).shifting(8, (0, 4), all_that_follow=True)
    plan = replace(plan, breaks=np.arange(SHAPE[0]) == 8)
    choices.put_given(plan, "plan.json")
    assert choices.summary.startswith("From plan.json: shifts at 8 made up for") and choices.sections == []
    assert choices.plan.breaks[8] and choices.plan.offset[-1].tolist() == [0, 4]


def test_a_plan_of_sections_as_they_are_ticks_that(choices):
    choices.put_given(SectionPlan.as_is(SHAPE), "plan.json")
    assert choices.all_as_is and choices.plan.is_as_is and choices.sections == [2, 4, 6]
    choices.all_as_is = False
    assert left_out(choices) == [2]


def test_a_plan_that_segments_everywhere_unticks_the_rest(choices):
    choices.put_report(report_of(BLANK, bare=0.3))
    choices.put_given(SectionPlan.as_is(SHAPE).leaving_out(2), "plan.json")
    assert not choices.skips_bare and left_out(choices) == [2] and choices.changed_sections == []
    choices.put_given(SectionPlan.of_report(choices.report), "plan.json")
    assert choices.skips_bare and choices.plan.no_tissue.any()


def test_a_stack_of_nothing_but_findings():
    shape = (3000, 32, 32)
    choices = SectionChoices(shape)
    choices.put_report(report_of(*(replace(BLANK, z=z) for z in range(0, 3000, 2)), shape=shape))
    choices.choose([4], AS_IT_IS)
    assert len(choices.sections) == 1500 and choices.row(2998).use == LEAVE_OUT and 4 not in left_out(choices)
