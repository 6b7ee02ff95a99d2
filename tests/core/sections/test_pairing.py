import numpy as np
import pytest
from plans import any_plan, holes_of, partner_of, random_box, usable_of

from napari_emcad.core.geometry import Box
from napari_emcad.core.sections.pairing import PlannedBox
from napari_emcad.core.sections.plan import SectionPlan

SHAPE = (9, 8, 11)


@pytest.mark.parametrize("seed", range(30))
def test_pixels_and_partners_are_those_of_the_plan_in_any_box(seed):
    plan, box = any_plan(SHAPE, seed), random_box(SHAPE, seed)
    usable, holes, planned = usable_of(plan), holes_of(plan), PlannedBox(plan, box)
    ids = np.arange(1, 1 + np.prod(SHAPE)).reshape(SHAPE)
    for z in range(box.shape[0]):
        np.testing.assert_array_equal(planned.usable(z), usable[box.slices][z])
        found = planned.before(z, ids[box.slices])
        for y, x in np.ndindex(box.shape[1:]):
            place = partner_of(plan, holes, (z + box.start[0], y + box.start[1], x + box.start[2]))
            inside = place is not None and all(a <= p < b for a, p, b in zip(box.start, place, box.stop, strict=True))
            assert found[y, x] == (ids[place] if inside else 0), (z, y, x)


def test_a_shift_larger_than_the_box_pairs_nothing():
    plan = SectionPlan.as_is(SHAPE).shifting(4, (0, 10), all_that_follow=True)
    planned = PlannedBox(plan, Box((3, 0, 4), (6, 8, 7)))
    ids = np.ones((3, 8, 3), np.uint32)
    assert [int(planned.before(z, ids).sum()) for z in range(3)] == [0, 0, 24]


def test_every_section_as_it_is_needs_no_plan():
    assert PlannedBox.of(None, Box.whole(SHAPE)) is None
    assert PlannedBox.of(SectionPlan.as_is(SHAPE), Box.whole(SHAPE)) is None
    assert PlannedBox.of(SectionPlan.as_is(SHAPE).leaving_out(3), Box.whole(SHAPE)) is not None
