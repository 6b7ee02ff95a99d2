import numpy as np
import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.core.sections.report import SectionFinding, SectionReport, Verdict
from napari_emcad.io.section_plans import plan_of_json, plan_to_json

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
        ({"shape": [3, 64, 96]}, "they are those of a stack"),
        ({"sections": {"12": {}}}, '"12" names no sections'),
        ({"sections": {"5-3": {}}}, '"5-3" names no sections'),
        ({"sections": {"5": {"lost": True}}}, "sections.5.lost"),
        ({"missing": {"5": "!"}}, "the mask of 5 is damaged"),
        ({"cell": 32, "cells": [2, 3], "missing": {"5": "eJwDAAAAAAE="}}, "the mask of 5 is not one of 2 x 3 cells"),
        ({"cell": -1}, "cell"),
        ({"cells": [2, 100]}, "2 x 100 cells do not fit"),
    ],
)
def test_a_plan_that_is_none_is_refused(changed, told):
    with pytest.raises(UserError, match="sections") as error:
        plan_of_json({"shape": list(SHAPE)} | changed, SHAPE)
    assert told in str(error.value)
