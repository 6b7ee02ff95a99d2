from itertools import pairwise

import numpy as np
import pytest

from napari_emcad.core.geometry import Box
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.core.sections.unbroken import MOST_MOVED, unbroken

SHAPE = (20, 40, 60)
BOX = Box((2, 5, 6), (18, 30, 50))


def sections(plan, box=BOX) -> list[tuple[int, int]]:
    found = unbroken(box, plan)
    assert all((part.start[1:], part.stop[1:]) == (box.start[1:], box.stop[1:]) for part in found)
    return [(part.start[0], part.stop[0]) for part in found]


def as_is() -> SectionPlan:
    return SectionPlan.as_is(SHAPE)


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (None, [(2, 18)]),
        (as_is(), [(2, 18)]),
        (as_is().leaving_out(9), [(2, 9), (10, 18)]),
        (as_is().leaving_out(2).leaving_out(3).leaving_out(17), [(4, 17)]),
        (as_is().shifting(7, (0, 24), all_that_follow=True), [(2, 7), (7, 18)]),
        (as_is().shifting(7, (24, 0)), [(2, 7), (7, 8), (8, 18)]),
        (as_is().shifting(7, (0, -MOST_MOVED), all_that_follow=True), [(2, 18)]),
        (as_is().leaving_out(1).leaving_out(19), [(2, 18)]),
    ],
)
def test_parts_end_where_nothing_goes_on(plan, expected):
    assert sections(plan) == expected


def test_a_box_of_sections_that_are_left_out_has_no_parts():
    plan = as_is().leaving_out(4).leaving_out(5)
    assert unbroken(Box((4, 0, 0), (6, 40, 60)), plan) == []


@pytest.mark.parametrize("seed", range(20))
def test_of_any_plan_each_used_section_is_in_one_part(seed):
    rng = np.random.default_rng(seed)
    plan = as_is()
    for z in rng.permutation(20)[:5].tolist():
        plan = [plan.leaving_out(z), plan.shifting(z, (9, 0), bool(z % 2)), plan.shifting(z, (1, 2))][z % 3]
    plan.breaks[rng.integers(20)] = True
    found = sections(plan)
    assert [z for a, b in found for z in range(a, b)] == [z for z in range(2, 18) if not plan.left_out[z]]
    for a, b in found:
        for before, z in pairwise(range(a, b)):
            assert not plan.breaks[z] and np.abs(plan.offset[z] - plan.offset[before]).max() <= MOST_MOVED
