from dataclasses import replace

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


@pytest.mark.parametrize("seed", range(30))
def test_single_voxels_are_paired_like_whole_sections(seed):
    plan, box = any_plan(SHAPE, seed), random_box(SHAPE, seed)
    planned, holes = PlannedBox(plan, box), holes_of(plan)
    voxels = np.argwhere(np.ones(box.shape, bool))[::2]
    for voxel, found in zip(voxels, planned.voxels_before(voxels).tolist(), strict=True):
        place = partner_of(plan, holes, tuple((voxel + box.start).tolist()))
        inside = place is not None and all(a <= p < b for a, p, b in zip(box.start, place, box.stop, strict=True))
        assert found == ([p - a for p, a in zip(place, box.start, strict=True)] if inside else [-1, -1, -1])


@pytest.mark.parametrize("seed", range(10))
def test_a_part_of_a_planned_box_is_planned_like_it(seed):
    plan, box = any_plan(SHAPE, seed), random_box(SHAPE, seed)
    whole, part = PlannedBox(plan, Box.whole(SHAPE)), PlannedBox(plan, Box.whole(SHAPE)).within(box)
    assert part == PlannedBox(plan, box)
    bridged = np.stack([plan.holes(z) for z in range(SHAPE[0])])
    np.testing.assert_array_equal(whole.bridged(), bridged)
    np.testing.assert_array_equal(part.bridged(), bridged[box.slices])


def test_places_in_the_tissue_lie_one_above_the_other():
    planned = PlannedBox(SectionPlan.as_is(SHAPE).shifting(4, (2, -3), all_that_follow=True), Box((2, 1, 1), (8, 8, 9)))
    before, after = np.array([1, 3, 5]), np.array([2, 5, 2])
    np.testing.assert_array_equal(planned.voxels_before(after[None]), before[None])
    same = planned.in_tissue(np.array([before, after]))
    np.testing.assert_array_equal(same[0, 1:], same[1, 1:])


def test_the_reach_is_that_of_the_gaps():
    plan = SectionPlan.as_is((12, 8, 8))
    whole = Box.whole(plan.shape)
    assert PlannedBox(plan, whole).reach == 1
    assert PlannedBox(plan.leaving_out(4), whole).reach == 2
    assert PlannedBox(plan.leaving_out(4).leaving_out(5), whole).reach == 3
    assert PlannedBox(plan.leaving_out(4), Box((6, 0, 0), (9, 8, 8))).reach == 1
    assert PlannedBox(plan.masking(4, np.ones((1, 1), bool)), whole).reach == 2
    assert PlannedBox(replace(plan, no_tissue=np.ones_like(plan.no_tissue)), whole).reach == 1


def test_the_reach_holds_all_that_voxels_are_paired_with():
    rng = np.random.default_rng(0)
    for _ in range(20):
        plan = SectionPlan.as_is((12, 8, 8))
        missing = rng.random((12, 4, 4)) < 0.2
        plan = replace(plan, missing=missing, no_tissue=np.zeros_like(missing), cell=2)
        for z in rng.choice(np.arange(1, 12), 2, replace=False).tolist():
            plan = plan.leaving_out(z).shifting(z - 1, (int(rng.integers(-3, 4)), 0))
        planned = PlannedBox(plan, Box.whole(plan.shape))
        voxels = np.stack(np.indices(plan.shape), -1).reshape(-1, 3)
        before = planned.voxels_before(voxels)
        there = before[:, 0] >= 0
        assert (voxels[there, 0] - before[there, 0]).max() <= planned.reach
