"""The plan for the sections as a file, without a window."""

import numpy as np
import pytest
from drawings import neuropil

from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.io.section_plans import read_plan, write_plan
from napari_emcad.widgets.desk.section_use import AS_IT_IS, LEAVE_OUT

SHAPE = (6, 72, 80)


@pytest.fixture(scope="module")
def holed():
    """A stack whose section 4 is blank."""
    data = neuropil(SHAPE, seed=3)
    data[4] = 0
    return data


@pytest.fixture
def files(desk):
    return desk.section_plan_files


@pytest.fixture
def looked(desk, holed, loop):
    """The desk with such a stack, whose sections have been looked at."""
    desk.viewer.add_image(holed, name="holed")
    loop.work()
    return desk


def left_out(plan):
    return np.flatnonzero(plan.left_out).tolist()


def test_there_is_nothing_to_save_before_the_look(files, desk, holed, tmp_path):
    assert files.why_not_save and files.proposed_name == "stack sections.json"
    desk.viewer.add_image(holed, name="holed")
    assert files.why_not_save == "The sections have not been looked at."
    files.save(tmp_path / "plan.json")
    assert [*tmp_path.iterdir()] == []


def test_the_plan_as_it_stands_is_written(files, looked, tmp_path):
    looked.inspection.choices.choose([2], LEAVE_OUT)
    assert not files.why_not_save and files.proposed_name == "holed sections.json"
    files.save(tmp_path / "plan")
    assert left_out(read_plan(tmp_path / "plan.json", SHAPE)) == [2, 4]
    assert looked.message.kind == "result"
    assert looked.message.text == f"Saved {tmp_path / 'plan.json'}; --sections follows it on the command line."


def test_opening_sets_the_choices(files, looked, tmp_path):
    choices = looked.inspection.choices
    choices.choose([1], LEAVE_OUT)
    choices.choose([4], AS_IT_IS)
    files.save(tmp_path / "plan.json")
    choices.reset([1, 4])
    assert left_out(choices.plan) == [4]
    files.open(tmp_path / "plan.json")
    assert left_out(choices.plan) == [1] and choices.changed_sections == [1, 4]
    assert looked.message.text == "plan.json: section 1 is left out and bridged."


def test_a_plan_of_another_stack_is_refused_in_a_sentence(files, looked, tmp_path):
    write_plan(tmp_path / "plan.json", SectionPlan.as_is((5, 72, 80)).leaving_out(1))
    before = looked.inspection.plan
    files.open(tmp_path / "plan.json")
    assert looked.message.kind == "error" and looked.inspection.plan is before
    assert looked.message.text.endswith("the plan is for a stack of (5, 72, 80), this one has (6, 72, 80).")


@pytest.mark.parametrize("content", [None, b"{", b"\x89PNG"])
def test_a_file_that_is_no_plan_is_refused_without_words_of_the_command_line(files, looked, tmp_path, content):
    if content is not None:
        (tmp_path / "plan.json").write_bytes(content)
    files.open(tmp_path / "plan.json")
    assert looked.message.kind == "error" and left_out(looked.inspection.plan) == [4]
    assert "choose a file that the dock" in looked.message.text and "as-is" not in looked.message.text


def test_what_cannot_be_written_is_said(files, looked, tmp_path):
    files.save(tmp_path / "gone" / "plan.json")
    assert looked.message.kind == "error" and "does not exist" in looked.message.text


def test_a_plan_opened_in_mid_look_ends_it(files, desk, holed, loop, tmp_path):
    write_plan(tmp_path / "plan.json", SectionPlan.as_is(SHAPE).leaving_out(2))
    desk.viewer.add_image(holed)
    assert desk.inspection.is_looking
    files.open(tmp_path / "plan.json")
    loop.work()
    assert not desk.inspection.is_looking and left_out(desk.inspection.plan) == [2]
    assert desk.inspection.line == "From plan.json: section 2 is left out and bridged."


def test_without_a_stack_nothing_is_opened(files, desk, tmp_path):
    write_plan(tmp_path / "plan.json", SectionPlan.as_is(SHAPE))
    files.open(tmp_path / "plan.json")
    assert desk.message.kind != "error" and desk.inspection.plan is None
