from dataclasses import replace

import numpy as np
import pytest
from drawings import drawn
from plans import any_plan, leaving_out, random_box, usable_of
from scipy import ndimage

from napari_emcad.core.bridging import bridge_fragments, bridged_section, bridging_halo
from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import drive
from napari_emcad.core.sections.pairing import PlannedBox
from napari_emcad.core.sections.plan import MOST_BRIDGED
from napari_emcad.core.swallowing import sections_and_sizes


def bridged(fragments, plan, box=None):
    """Return the fragments with what is bridged, and check that their sizes are told."""
    planned, found = PlannedBox(plan, box or Box.whole(fragments.shape)), fragments.copy()
    _, seen = sections_and_sizes(fragments)
    sizes = drive(bridge_fragments(found, seen, planned))
    np.testing.assert_array_equal(sizes, np.bincount(found.ravel(), minlength=len(seen)))
    return found


def stripes(*borders, width=40):
    """Sections (y, x) of two fragments each, parted at x = border; a border of None is a section without any."""
    fragments = np.zeros((len(borders), 3, width), np.uint32)
    for z, border in enumerate(borders):
        if border is not None:
            fragments[z, :, :border], fragments[z, :, border:] = 2 * z + 1, 2 * z + 2
    return fragments


def border(section):
    """Return where the second of two fragments begins; those of any section count."""
    (at,) = {int(np.argmax(row % 2 == 0)) for row in section}
    return at


def test_a_border_moves_evenly_through_a_gap():
    for gap in (1, 2, 3):
        fragments = stripes(12, *[None] * gap, 24)
        found = bridged(fragments, leaving_out(fragments.shape, *range(1, gap + 1)))
        borders = [border(section) for section in found[1:-1]]
        np.testing.assert_allclose(borders, np.linspace(12, 24, gap + 2)[1:-1], atol=1)
    # each voxel has a fragment of the side that its border belongs to
    assert set(np.unique(found[1])) <= {1, 2, 9, 10}


def test_a_gap_that_is_too_long_stays_without_labels():
    fragments = stripes(12, *[None] * (MOST_BRIDGED + 1), 24)
    plan = leaving_out(fragments.shape, *range(1, MOST_BRIDGED + 2))
    assert len(plan.parts) == 2
    assert not bridged(fragments, plan)[1:-1].any()


def test_the_end_of_a_stack_takes_what_lies_beside_it():
    fragments = stripes(None, None, 12, 14, None)
    found = bridged(fragments, leaving_out(fragments.shape, 0, 1, 4))
    for z, source in ((0, 2), (1, 2), (4, 3)):
        np.testing.assert_array_equal(found[z], fragments[source])
    too_many = stripes(*[None] * (MOST_BRIDGED + 1), 12)
    assert not bridged(too_many, leaving_out(too_many.shape, *range(MOST_BRIDGED + 1)))[:-1].any()


def test_nothing_is_interpolated_over_a_break():
    fragments = stripes(12, None, 24, 24)
    plan = leaving_out(fragments.shape, 1)
    breaks = plan.breaks.copy()
    breaks[1] = True
    found = bridged(fragments, replace(plan, breaks=breaks))
    np.testing.assert_array_equal(found[1], fragments[2])
    breaks[:] = [False, False, True, False]
    np.testing.assert_array_equal(bridged(fragments, replace(plan, breaks=breaks))[1], fragments[0])


def test_shifts_are_made_up_for():
    """All from section 1 on lies six pixels further right."""
    fragments = stripes(12, None, 18)
    plan = leaving_out(fragments.shape, 1).shifting(1, (0, 6), all_that_follow=True)
    found = bridged(fragments, plan)
    assert border(found[1]) == 18
    assert (found[1] > 0).all(), "what section 0 does not show is taken from section 2"


def test_background_is_asked_for():
    fragments = stripes(12, None, 24)
    plan = replace(leaving_out(fragments.shape, 1), interpolates=False)
    np.testing.assert_array_equal(bridged(fragments, plan), fragments)


def test_bare_pixels_stay_without_labels():
    fragments = stripes(12, None, 12, width=32)
    no_tissue = np.zeros((3, 1, 2), bool)
    no_tissue[[0, 2], :, 1] = True
    plan = replace(leaving_out(fragments.shape, 1), missing=no_tissue & False, no_tissue=no_tissue, cell=16)
    fragments[[0, 2], :, 16:] = 0
    found = bridged(fragments, plan)
    assert (found[1, :, :16] > 0).all()
    assert not found[1, :, 16:].any()


def test_a_part_that_is_missing_is_taken_from_the_nearest_sections():
    fragments = drawn("""
        11112222
        11112222

        3333....
        3333....

        ........
        ........

        44445555
        44445555
    """)
    missing = np.zeros((4, 1, 2), bool)
    missing[1, :, 1] = True
    plan = replace(leaving_out(fragments.shape, 2), missing=missing, no_tissue=missing & False, cell=4)
    found = bridged(fragments, plan)
    np.testing.assert_array_equal(found[1], drawn("33332222\n33332222")[0])  # a third of the way
    assert set(found[2, :, :4].ravel()) <= {3, 4}
    np.testing.assert_array_equal(found[2, :, 4:], np.full((2, 4), 5))  # two thirds


@pytest.mark.parametrize("seed", range(12))
def test_any_part_is_that_of_the_whole(seed):
    """A reader that shows no more than the halo, and holds rubbish where sections show nothing."""
    shape = (8, 90, 100)
    plan = any_plan(shape, seed, largest_shift=5, cell=25)
    box = Box.whole(shape) if seed % 2 else Box((1, 4, 3), (8, 88, 99))
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=shape), (0, 9, 9))
    ids = 1 + 30 * np.arange(shape[0])[:, None, None] + np.digitize(smooth, np.quantile(smooth, np.linspace(0, 1, 20)))
    fragments = (ids * usable_of(plan)).astype(np.uint32)[box.slices]
    whole = bridged(fragments, plan, box)
    planned, part = PlannedBox(plan, box), random_box(fragments[0:1].shape, seed).slices[1:]
    rubbish = np.where(np.stack([planned.usable(z) for z in range(len(fragments))]), fragments, 7)
    bare = np.stack([plan.bare(z, box.slices[1:]) for z in range(*box.slices[0].indices(shape[0]))])
    rubbish[bare & ~np.stack([plan.holes(z, box.slices[1:]) for z in range(*box.slices[0].indices(shape[0]))])] = 0
    halos = bridging_halo(plan)
    for z in range(len(fragments)):

        def read(other, plane, z=z):
            assert 0 <= other < len(fragments)
            assert abs(other - z) <= MOST_BRIDGED
            for asked, wanted, side, halo in zip(plane, part, fragments.shape[1:], halos, strict=True):
                assert 0 <= asked.start <= asked.stop <= side
                assert asked.start == asked.stop or wanted.start - halo <= asked.start
                assert asked.stop <= wanted.stop + halo
            return rubbish[other][plane]

        found = bridged_section(read, planned, z, part)
        expected = np.where(planned.usable(z) | (fragments[z] > 0), 0, whole[z])
        np.testing.assert_array_equal(found, expected[part])
    assert (whole != fragments).any()


@pytest.mark.parametrize("seed", range(6))
def test_what_is_bridged_has_a_fragment_of_a_neighbour(seed):
    shape = (9, 24, 24)
    plan = any_plan(shape, seed, largest_shift=2, cell=6)
    usable = usable_of(plan)
    fragments = np.where(usable, np.arange(1, 10)[:, None, None], 0).astype(np.uint32)
    found = bridged(fragments, plan)
    np.testing.assert_array_equal(found[usable], fragments[usable])
    for z in range(9):
        assert not found[z][plan.bare(z) | ~plan.holes(z)][~usable[z][plan.bare(z) | ~plan.holes(z)]].any()
        ids = np.unique(found[z][plan.holes(z)])
        assert (np.abs(ids[ids > 0].astype(int) - 1 - z) <= MOST_BRIDGED).all()
