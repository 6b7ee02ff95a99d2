"""The method after the network, on drawn neurons that run through sections which are left out, moved or not whole."""

from dataclasses import replace

import numpy as np
import pytest
from plans import leaving_out

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.progress import drive
from napari_emcad.core.sections.pairing import PlannedBox
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.pipeline import agglomerate

SHAPE, SIDE = (12, 64, 96), 16
CELLS = (SHAPE[1] // SIDE) * (SHAPE[2] // SIDE)


def cells(offset):
    """Neurons (z, y, x) as vertical pillars, moved with their sections; 0 = membrane."""
    sections = []
    for y, x in offset:
        rows, columns = np.arange(SHAPE[1])[:, None] - y, np.arange(SHAPE[2])[None] - x
        inside = (rows % SIDE > 1) & (columns % SIDE > 1)
        sections.append(np.where(inside, 1000 + 40 * (rows // SIDE) + columns // SIDE, 0))
    return np.stack(sections).astype(np.uint32)


def affinities_of(neurons, plan):
    """Affinities (3, z, y, x) of neurons, each voxel with the one that it is paired with, as a network gives them."""
    planned = PlannedBox(plan, Box.whole(SHAPE))
    found = np.zeros((3, *SHAPE), np.uint8)
    for z, section in enumerate(neurons):
        seen = planned.usable(z)
        before = planned.before(z, neurons)
        found[0, z] = 230 * ((section == before) & (section > 0) & seen)
        for channel, axis in ((1, 0), (2, 1)):
            found[channel, z] = 230 * ((section == np.roll(section, 1, axis)) & (section > 0) & seen)
    return found


def segmented(plan):
    """Return neurons and labels (z, y, x)."""
    neurons = cells(plan.offset)
    found = drive(agglomerate(affinities_of(neurons, plan), SegmentParameters(), plan))
    np.testing.assert_array_equal(found.sizes, np.bincount(found.fragments.ravel(), minlength=len(found.sizes)))
    return neurons, found.labels(found.table(0.5)), found


def agreement(neurons, labels, where):
    """Return True if labels part the inner pixels of neurons as the neurons do, and none has label 0."""
    inner = (neurons > 0) & where
    pairs = np.unique(np.stack([neurons[inner], labels[inner]]), axis=1)
    return len(pairs[0]) == len(set(pairs[0])) == len(set(pairs[1])) and 0 not in pairs[1]


def everywhere(plan):
    return np.ones(SHAPE, bool)


def used(plan):
    return np.broadcast_to(~plan.left_out[:, None, None], SHAPE)


def with_masks(missing=(), no_tissue=()):
    """Return a plan in which the right half of some sections is missing or without tissue."""
    masks = np.zeros((2, SHAPE[0], 1, 2), bool)
    masks[0, list(missing), :, 1] = True
    masks[1, list(no_tissue), :, 1] = True
    return replace(SectionPlan.as_is(SHAPE), missing=masks[0], no_tissue=masks[1], cell=SHAPE[2] // 2)


@pytest.mark.parametrize(
    "plan",
    [
        leaving_out(SHAPE, 5),
        leaving_out(SHAPE, 5, 6),
        leaving_out(SHAPE, 4, 5, 6),
        leaving_out(SHAPE, 2, 5, 9),
        leaving_out(SHAPE, 0, 11),
        with_masks(missing=[5]),
        with_masks(missing=[4, 5]).leaving_out(6),
    ],
    ids=["one", "two", "three", "here and there", "ends", "half", "half and whole"],
)
def test_neurons_go_on_through_gaps(plan):
    neurons, labels, _ = segmented(plan)
    assert agreement(neurons, labels, everywhere(plan))
    assert len(np.unique(labels)) == CELLS


@pytest.mark.parametrize("gap", [[], [6], [5, 6]], ids=["whole", "gap at the jump", "two left out"])
@pytest.mark.parametrize("all_that_follow", [True, False])
def test_neurons_follow_shifts(gap, all_that_follow):
    plan = leaving_out(SHAPE, *gap).shifting(6, (0, 24), all_that_follow)
    neurons, labels, _ = segmented(plan)
    rim = everywhere(plan)
    rim[..., :32] = rim[..., -32:] = False  # where a neuron enters or leaves the picture
    assert agreement(neurons, labels, used(plan) & rim)


def test_a_gap_of_four_parts_the_stack():
    plan = leaving_out(SHAPE, 4, 5, 6, 7)
    neurons, labels, _ = segmented(plan)
    assert not labels[4:8].any()
    assert not set(labels[:4].ravel()) & set(labels[8:].ravel())
    assert agreement(neurons[:4], labels[:4], everywhere(plan)[:4])
    assert agreement(neurons[8:], labels[8:], everywhere(plan)[8:])


def test_no_tissue_is_no_neuron():
    plan = with_masks(no_tissue=range(12))
    neurons, labels, found = segmented(plan)
    assert not labels[..., SHAPE[2] // 2 :].any()
    assert (labels[..., : SHAPE[2] // 2] > 0).all()
    assert found.sizes[0] == labels.size // 2
    assert agreement(neurons, labels, labels > 0)


def test_a_blank_section_in_front_of_resin_stays_blank_there():
    plan = with_masks(no_tissue=[z for z in range(12) if z != 5]).leaving_out(5)
    _, labels, _ = segmented(plan)
    assert (labels[..., : SHAPE[2] // 2] > 0).all()
    assert not labels[..., SHAPE[2] // 2 :].any()


def test_labels_may_be_left_out():
    plan = replace(leaving_out(SHAPE, 5), interpolates=False)
    neurons, labels, _ = segmented(plan)
    assert not labels[5].any()
    assert agreement(neurons, labels, used(plan))


def test_a_box_that_shows_nothing_is_told():
    plan, box = leaving_out(SHAPE, 4, 5), Box((4, 0, 0), (6, 64, 96))
    sentence = r"^sections: nothing in 4:6,0:64,0:96 shows tissue .* use the sections as they are\.$"
    with pytest.raises(UserError, match=sentence):
        drive(agglomerate(np.zeros((3, *box.shape), np.uint8), SegmentParameters(), plan, box))


def test_a_plan_that_does_nothing_changes_nothing():
    affinities = affinities_of(cells(np.zeros((12, 2), int)), SectionPlan.as_is(SHAPE))
    found, expected = (
        drive(agglomerate(affinities, SegmentParameters(), plan)) for plan in (SectionPlan.as_is(SHAPE), None)
    )
    np.testing.assert_array_equal(found.fragments, expected.fragments)
    np.testing.assert_array_equal(found.table(0.5), expected.table(0.5))


def test_a_box_has_the_plan_of_its_place():
    plan, box = leaving_out(SHAPE, 5, 9), Box((4, 0, 16), (12, 64, 96))
    neurons = cells(plan.offset)
    values = affinities_of(neurons, plan)[(slice(None), *box.slices)]
    found = drive(agglomerate(values, SegmentParameters(), plan, box))
    assert agreement(neurons[box.slices], found.labels(found.table(0.5)), everywhere(plan)[box.slices])
