"""Perturbed views, and what is said of them brought back."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from napari_emcad.training import perturb
from napari_emcad.training.perturb import (
    IN_PLACE,
    PERTURBATIONS,
    PerturbedView,
    add_noise,
    affinities_of_sections,
    blur,
    change_grey_levels,
    mask_rectangles,
    misalign,
    perturbed,
    rescale,
)

SEEDS = st.integers(0, 10**6)


def picture(depth=2, side=64):
    smooth = ndimage.gaussian_filter(np.random.default_rng(3).random((depth, side, side)), (0, 5, 5))
    return ((smooth - smooth.min()) / np.ptp(smooth)).astype(np.float32)


@pytest.mark.parametrize("change", [change for change, _ in PERTURBATIONS])
@given(SEEDS)
def test_a_perturbation_keeps_shape_dtype_range_and_its_input(change, seed):
    image = picture(depth=3)
    before = image.copy()
    view = change(np.random.default_rng(seed), PerturbedView.of(image))
    assert (view.image.shape, view.image.dtype) == (image.shape, np.float32)
    assert view.image.min() >= 0 and view.image.max() <= 1
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("change", [change for change, _ in IN_PLACE])
def test_those_that_move_no_pixel_say_so(change):
    view = change(np.random.default_rng(0), PerturbedView.of(picture()))
    assert view.scale == 1 and not view.shifts.any()
    assert (view.image != picture()).any()


def test_noise_and_blur_are_as_strong_as_published():
    flat = np.full((2, 64, 64), 0.5, np.float32)
    spreads = [add_noise(np.random.default_rng(seed), PerturbedView.of(flat)).image.std() for seed in range(40)]
    assert min(spreads) > 0.009 and max(spreads) < 0.21 and max(spreads) > 0.1
    point = np.zeros((1, 21, 21), np.float32)
    point[0, 10, 10] = 1
    reach = {int((blur(np.random.default_rng(s), PerturbedView.of(point)).image[0, 10] > 0).sum()) for s in range(40)}
    assert reach == {3, 5, 7, 9}


def test_mask_blots_out_rectangles_with_the_mean():
    image = picture()
    view = mask_rectangles(np.random.default_rng(1), PerturbedView.of(image))
    for before, after in zip(image, view.image, strict=True):
        changed = after != before
        assert 0 < changed.mean() < 0.9
        assert np.ptp(after[changed]) < 0.2


def test_intensity_keeps_the_order_of_grey_levels():
    view = change_grey_levels(np.random.default_rng(1), PerturbedView.of(picture()))
    order = np.argsort(picture()[0].ravel())
    assert (np.diff(view.image[0].ravel()[order]) >= -1e-6).all()


def test_misalign_moves_one_section():
    view = misalign(np.random.default_rng(0), PerturbedView.of(picture(depth=4)))
    moved = view.shifts.any(axis=1)
    assert moved.sum() == 1
    np.testing.assert_array_equal(view.image[~moved], picture(depth=4)[~moved])
    z = int(np.flatnonzero(moved)[0])
    np.testing.assert_array_equal(np.roll(view.image[z], -view.shifts[z], (0, 1)), picture(depth=4)[z])


def test_rescale_shows_the_middle_larger():
    image = np.zeros((2, 64, 64), np.float32)
    image[:, 31:33, 31:33] = 1
    for seed in range(5):
        view = rescale(np.random.default_rng(seed), PerturbedView.of(image))
        assert 1 <= view.scale <= perturb.LARGEST_SCALE + 0.02
        assert view.image.sum() == pytest.approx(8 * view.scale**2, rel=0.1)


@given(SEEDS)
def test_what_is_said_of_a_view_comes_back_to_its_place(seed):
    """A network that says the grey level of each voxel says nearly the same of the sections and of a moved view."""
    rng, image = np.random.default_rng(seed), picture(depth=3, side=96)
    view = rescale(rng, misalign(rng, PerturbedView.of(image)))
    back, shown = affinities_of_sections(torch.from_numpy(view.image).expand(3, -1, -1, -1), view)
    wrong = (back - torch.from_numpy(image)).abs()
    assert shown.any() and wrong[shown].quantile(0.98) < 0.03
    assert 0.2 < shown[1].float().mean() <= 1


def test_no_affinity_is_compared_between_sections_moved_apart():
    view = PerturbedView(picture(depth=4), 1.0, np.array([[0, 0], [0, 0], [3, -2], [0, 0]]))
    _, shown = affinities_of_sections(torch.rand(3, 4, 64, 64), view)
    assert shown[0].flatten(1).any(1).tolist() == [True, True, False, False]
    assert shown[1, 2, :-3, 2:].all() and not shown[1, 2, -3:].any() and not shown[1, 2, :, :2].any()
    assert shown[1, [0, 1, 3]].all()


def test_views_are_drawn_by_the_generator_alone():
    first, second, third = (perturbed(np.random.default_rng(s), picture()) for s in (5, 5, 6))
    np.testing.assert_array_equal(first.image, second.image)
    assert (first.image != third.image).any()
    still = perturbed(np.random.default_rng(1), picture(), IN_PLACE)
    assert still.scale == 1 and not still.shifts.any()
