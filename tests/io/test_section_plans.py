import json

import numpy as np
import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.core.sections.report import SectionFinding, SectionReport, Verdict
from napari_emcad.io.section_plans import plan_of_json, plan_to_json, read_plan, write_plan

SHAPE = (12, 64, 96)


def test_a_plan_survives_json():
    masks = np.zeros((2, 12, 2, 3), bool)
    masks[1, 3, 0, 1] = True
    report = SectionReport(SHAPE, (SectionFinding(4, Verdict.BLANK, ""),), masks[0], masks[1], 32)
    plan = SectionPlan.of_report(report).inverting(9).shifting(5, (1, 2), all_that_follow=True)
    again = plan_of_json(plan_to_json(plan), SHAPE)
    for name in ("left_out", "offset", "inverted", "breaks", "missing", "no_tissue"):
        np.testing.assert_array_equal(getattr(again, name), getattr(plan, name))
    assert (again.cell, again.interpolates) == (32, True)
    assert plan_to_json(SectionPlan.as_is(SHAPE)).keys() == {"shape", "cell"}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"shape": [3, 64, 96]}, "the plan is for a stack of (3, 64, 96)"),
        ({"sections": {"12": {}}}, '"12" names no sections'),
        ({"sections": {"5-3": {}}}, '"5-3" names no sections'),
        ({"sections": {"5": {"lost": True}}}, "sections.5.lost"),
        ({"missing": {"5": "!"}}, "the mask of 5 is damaged"),
        ({"cell": 32, "cells": [2, 3], "missing": {"5": "eJwDAAAAAAE="}}, "the mask of 5 is not one of 2 x 3 cells"),
        ({"cell": -1}, "cell"),
        ({"cells": [2, 100]}, "2 x 100 cells do not fit"),
        ({"sections": {"5": {"missing": [[0, 65, 0, 9]]}}}, "the box [0, 65, 0, 9] (y0, y1, x0, x1) does not lie in"),
        ({"sections": {"5": {"offset": [0, 10**30]}}}, "sections.5.offset"),
    ],
)
def test_a_plan_that_is_none_is_refused(changed, told):
    with pytest.raises(UserError, match="sections") as error:
        plan_of_json({"shape": list(SHAPE)} | changed, SHAPE)
    assert told in str(error.value)


def test_entries_decide_on_what_they_say_alone():
    sections = {"2-5": {"offset": [0, 5], "inverted": True}, "3": {"left_out": True}, "5": {"inverted": False}}
    plan = plan_of_json({"shape": list(SHAPE), "sections": sections}, SHAPE)
    assert plan.offset[:, 1].tolist() == [0, 0, 5, 5, 5, 5, 0, 0, 0, 0, 0, 0]
    assert np.flatnonzero(plan.left_out).tolist() == [3]
    assert np.flatnonzero(plan.inverted).tolist() == [2, 3, 4]


def test_boxes_replace_the_masks_of_their_sections():
    drawn = {"sections": {"3": {"missing": [[0, 20, 30, 40], [63, 64, 95, 96]]}, "4": {"no_tissue": [[0, 64, 0, 96]]}}}
    plan = plan_of_json({"shape": list(SHAPE)} | drawn, SHAPE)
    holes = plan.holes(3)
    assert holes[:32, 16:48].all()
    assert holes[48:, 80:].all()
    assert holes.sum() == 32 * 32 + 16 * 16
    assert plan.bare(4).all()
    assert not plan.holes(4).any()
    again = plan_of_json(plan_to_json(plan) | {"sections": {"3": {"missing": []}}}, SHAPE)
    assert not again.missing.any()
    np.testing.assert_array_equal(again.no_tissue, plan.no_tissue)


def test_a_plan_is_read_from_its_file_and_from_a_report(tmp_path):
    plan = SectionPlan.as_is(SHAPE).leaving_out(7).masking(2, np.ones((1, 1), bool))
    write_plan(tmp_path / "plan.json", plan)
    assert '    "7": {"left_out": true}\n' in (tmp_path / "plan.json").read_text("utf-8")
    (tmp_path / "report.json").write_text(json.dumps({"summary": "", "plan": plan_to_json(plan)}), "utf-8")
    for name in ("plan.json", "report.json"):
        again = read_plan(tmp_path / name, SHAPE)
        assert plan_to_json(again) == plan_to_json(plan)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "there is no file"),
        (b"{", "is damaged, or no JSON"),
        (b"\xff", "is damaged, or no JSON"),
        (b"[" * 100_000, "is damaged, or no JSON"),
        (b"[]", "plan.json: sections: the plan: an object { ... } is needed."),
        (b'{"plan": [1]}', "plan.json: sections: the plan: an object { ... } is needed."),
        (b'{"shape": [3, 4, 5], "sections": {"1": []}}', "sections: sections.1: an object { ... } is needed."),
        (b" " * 2**24 + b"{}", "is too large for a plan"),
        (b'{"shape": [1, 2, 3]}', "the plan is for a stack of (1, 2, 3)"),
    ],
)
def test_a_file_that_holds_no_plan_is_refused(tmp_path, content, told):
    if content is not None:
        (tmp_path / "plan.json").write_bytes(content)
    with pytest.raises(UserError) as error:
        read_plan(tmp_path / "plan.json", SHAPE)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_is_no_plan(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        read_plan(tmp_path, SHAPE)
