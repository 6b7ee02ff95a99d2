import numpy as np
import pytest
from scipy.interpolate import BSpline

from napari_emcad.training.augment import (
    CHANCES,
    LIGHT,
    _spline_weights,
    add_noise,
    augment,
    bend,
    blacken_section,
    blur,
    change_grey_levels,
    copy_section,
    flip,
    misalign,
    turn,
)

GEOMETRY = [flip, turn, bend, misalign, copy_section]
GREY = [blur, change_grey_levels, add_noise, blacken_section]
ALL = [*GEOMETRY, *GREY, augment]
SHAPES = [(2, 40, 56), (2, 33, 32), (7, 32, 45)]
SEEDS = range(12)
TOP = 2**53 + 1
"""Ids from here on are not all floats."""


def distinct(shape=(2, 40, 56), dtype=np.float32, ids=np.int32, first=1):
    """An image, labels all different and not 0, and a mask, whose values tell one another; none may be written to."""
    labels = np.arange(np.prod(shape)).reshape(shape)
    image = ((labels + 1) / labels.size).astype(dtype)
    arrays = image, (labels + first).astype(ids), labels % 5 > 0
    for array in arrays:
        array.flags.writeable = False
    return arrays


def known(labels, first=1):
    """The mask that goes with the labels."""
    return (labels.astype(np.int64) - first) % 5 > 0


def values(image):
    """The labels that the grey values stand for."""
    return np.rint(image.astype(float) * image.size).astype(int)


def results(change, arrays, seeds=SEEDS):
    return [change(np.random.default_rng(seed), *arrays) for seed in seeds]


@pytest.mark.parametrize("change", ALL)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("dtype", "ids"), [(np.float32, np.uint16), (np.float32, np.int64), (np.float64, np.int32)])
def test_shapes_dtypes_and_inputs_are_kept(change, shape, dtype, ids):
    arrays = distinct(shape, dtype, ids)
    before = [a.copy() for a in arrays]
    for changed in results(change, arrays):
        assert len({a.shape for a in changed}) == 1
        assert sorted(changed[0].shape) == sorted(shape)
        assert [a.dtype for a in changed] == [dtype, ids, bool]
        assert changed[0].min() >= 0
        assert changed[0].max() <= 1
        for array, copy in zip(arrays, before, strict=True):
            np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("change", ALL)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_same_generator_gives_the_same_and_another_does_not(change, shape):
    arrays = distinct(shape)
    one, same, *others = results(change, arrays, (3, 3, *SEEDS))
    for first, second in zip(one, same, strict=True):
        np.testing.assert_array_equal(first, second)
    assert any(o[0].shape != one[0].shape or (o[0] != one[0]).any() for o in others)


@pytest.mark.parametrize("change", ALL)
def test_the_image_changes_alike_whatever_goes_with_it(change):
    image, labels, mask = distinct()
    for seed in SEEDS:
        alone, with_labels, with_both = (
            change(np.random.default_rng(seed), image, *company) for company in ((), (labels,), (labels, mask))
        )
        assert [len(r) for r in (alone, with_labels, with_both)] == [1, 2, 3]
        np.testing.assert_array_equal(alone[0], with_both[0])
        np.testing.assert_array_equal(with_labels[1], with_both[1])


@pytest.mark.parametrize("change", [*GEOMETRY, augment])
@pytest.mark.parametrize("shape", SHAPES)
def test_labels_and_mask_move_together_and_keep_their_ids(change, shape):
    arrays = distinct(shape, ids=np.int64, first=TOP)
    for _, labels, mask in results(change, arrays):
        assert labels.min() >= TOP
        assert labels.max() < TOP + arrays[0].size
        np.testing.assert_array_equal(mask, known(labels, TOP))


@pytest.mark.parametrize("change", [flip, turn, misalign, copy_section])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_image_moves_with_its_labels(change, shape):
    for image, labels, _ in results(change, distinct(shape)):
        np.testing.assert_array_equal(values(image), labels)


@pytest.mark.parametrize("change", GREY)
@pytest.mark.parametrize("shape", SHAPES)
def test_changes_of_grey_leave_labels_and_mask_alone(change, shape):
    arrays = distinct(shape)
    for image, *company in results(change, arrays):
        assert (image != arrays[0]).any()
        for array, before in zip(company, arrays[1:], strict=True):
            np.testing.assert_array_equal(array, before)


def test_augmented_arrays_are_ready_for_torch_and_owned():
    arrays = distinct()
    for changed in results(augment, arrays, range(40)):
        for array in changed:
            assert array.flags.c_contiguous
            assert array.flags.writeable
            assert not any(np.shares_memory(array, a) for a in arrays)


@pytest.mark.parametrize("depth", [2, 3])
def test_flips_and_turns_are_the_sixteen_symmetries(depth):
    arrays = distinct((depth, 8, 8))
    seen = set()
    for seed in range(300):
        rng = np.random.default_rng(seed)
        seen.add(np.ascontiguousarray(turn(rng, *flip(rng, *arrays))[1]).tobytes())
    labels = arrays[1]
    mirrors = [m for s in (labels, labels[::-1]) for m in (s, s[:, ::-1], s[:, :, ::-1], s[:, ::-1, ::-1])]
    symmetries = mirrors + [m.transpose(0, 2, 1) for m in mirrors]
    assert seen == {np.ascontiguousarray(s).tobytes() for s in symmetries}
    assert len(seen) == 16


@pytest.mark.parametrize("depth", [2, 5])
def test_misalignment_moves_one_section_with_its_labels(depth):
    arrays = distinct((depth, 30, 36))
    labels = arrays[1]
    shifts, sections = set(), set()
    for _, moved, _ in [misalign(np.random.default_rng(seed), *arrays, most=3) for seed in range(100)]:
        changed = np.flatnonzero((moved != labels).any((1, 2)))
        assert len(changed) <= 1
        for z in changed:
            _, y, x = np.array([z, 15, 18]) - np.argwhere(labels == moved[z, 15, 18])[0]
            inside = (slice(3, 27), slice(3, 33))
            np.testing.assert_array_equal(moved[z][inside], np.roll(labels[z], (y, x), (0, 1))[inside])
            shifts |= {int(y), int(x)}
            sections.add(int(z))
    assert shifts == set(range(-3, 4))
    assert sections == set(range(depth))


def test_what_is_moved_in_is_mirrored():
    row = np.broadcast_to(np.arange(6.0)[:, None], (2, 6, 1)) / 8
    seen = set()
    for seed in range(60):
        (moved,) = misalign(np.random.default_rng(seed), row, most=2)
        seen |= {tuple((s[:, 0] * 8).astype(int).tolist()) for s in moved}
    assert seen == {
        (2, 1, 0, 1, 2, 3),
        (1, 0, 1, 2, 3, 4),
        (0, 1, 2, 3, 4, 5),
        (1, 2, 3, 4, 5, 4),
        (2, 3, 4, 5, 4, 3),
    }


@pytest.mark.parametrize("axis", [1, 2])
@pytest.mark.parametrize("depth", [2, 4])
def test_labels_bend_with_the_image(axis, depth):
    """On a ramp of one a pixel the nearest value lies within one half of the interpolated one."""
    place = np.indices((depth, 90, 70))[axis]
    for seed in SEEDS:
        bent, follow = bend(np.random.default_rng(seed), place.astype(np.float32), place)
        assert np.abs(bent - follow).max() <= 0.5 + 1e-4
        assert (bent == bent[:1]).all()
        assert (follow == follow[:1]).all()


@pytest.mark.parametrize("axis", [1, 2])
def test_bending_is_bounded_and_folds_nothing(axis):
    rim = 12
    place = np.indices((2, 200, 180))[axis].astype(np.float64)
    moved = 0.0
    for seed in SEEDS:
        (bent,) = bend(np.random.default_rng(seed), place)
        inner = bent[:, rim:-rim, rim:-rim]
        moved = max(moved, np.abs(bent - place).max())
        assert np.diff(inner, axis=axis).min() > 0
        assert np.abs(np.diff(inner, axis=3 - axis)).max() < 0.5
    assert 3 < moved <= 12


class Wild:
    """A generator whose normal numbers are all extreme."""

    def __init__(self, seed):
        self.signs = np.random.default_rng(seed)

    def normal(self, mean, spread, shape):
        return self.signs.choice([-1e6, 1e6], shape)


@pytest.mark.parametrize("axis", [1, 2])
def test_the_wildest_bending_is_bounded_and_folds_nothing(axis):
    place = np.indices((2, 200, 180))[axis].astype(np.float64)
    for seed in SEEDS:
        (bent,) = bend(Wild(seed), place)
        assert np.abs(bent - place).max() <= 12
        assert np.diff(bent[:, 12:-12, 12:-12], axis=axis).min() > 0


def test_no_bending_is_the_identity():
    arrays = distinct()
    for array, same in zip(arrays, bend(np.random.default_rng(0), *arrays, spread=0), strict=True):
        np.testing.assert_allclose(array, same, rtol=1e-6)


@pytest.mark.parametrize(("length", "grid"), [(1, 64), (32, 64), (64, 64), (65, 64), (200, 16)])
def test_the_weights_are_those_of_a_cubic_spline(length, grid):
    weights = _spline_weights(length, grid)
    nodes = np.random.default_rng(0).normal(size=weights.shape[1])
    spline = BSpline(np.arange(-3, len(nodes) + 1), nodes, 3)  # node i peaks at i - 1
    np.testing.assert_allclose(weights @ nodes, spline(np.arange(length) / grid), atol=1e-12)
    np.testing.assert_allclose(weights.sum(1), 1)


@pytest.mark.parametrize("shape", [(2, 1, 1), (3, 5, 200), (2, 48, 130), (2, 64, 65), (2, 200, 33)])
@pytest.mark.parametrize("change", ALL)
def test_any_size_is_changed(shape, change):
    for changed in results(change, distinct(shape), range(4)):
        assert sorted(changed[1].shape) == sorted(shape)
        assert set(changed[1].flat) <= set(distinct(shape)[1].flat)


def test_grey_levels_keep_their_order_in_each_section():
    image = distinct((5, 20, 30))[0]
    for (changed,) in results(change_grey_levels, (image,)):
        assert (np.diff(changed.reshape(5, -1)) >= 0).all()


def test_grey_levels_are_drawn_for_each_section_or_for_all():
    image = np.broadcast_to(np.linspace(0.2, 0.8, 30), (4, 1, 30))
    alike = [(changed == changed[0]).all() for (changed,) in results(change_grey_levels, (image,), range(60))]
    assert 15 < sum(alike) < 45


@pytest.mark.parametrize(("depth", "most"), [(2, 1), (3, 1), (12, 3)])
def test_a_few_sections_are_out_of_focus(depth, most):
    image = np.random.default_rng(0).random((depth, 30, 40), np.float32)
    changed = [(blurred != image).any((1, 2)) for (blurred,) in results(blur, (image,), range(120))]
    assert {int(c.sum()) for c in changed} - {0} == set(range(1, most + 1))
    assert np.any(changed, axis=0).all()
    (blurred,) = blur(np.random.default_rng(1), image)
    assert blurred.std() < image.std()


def test_noise_has_no_bias_and_is_in_every_section():
    image = np.full((4, 50, 60), 0.5)
    for (noisy,) in results(add_noise, (image,)):
        assert (noisy != image).mean((1, 2)).min() > 0.9
        assert np.abs(noisy.mean() - 0.5) < 0.01
        assert noisy.std() < 0.09


@pytest.mark.parametrize("depth", [2, 4])
def test_one_section_is_black(depth):
    image = distinct((depth, 8, 9))[0]
    seen = set()
    for (lost,) in results(blacken_section, (image,), range(40)):
        black = np.flatnonzero((lost == 0).all((1, 2)))
        assert len(black) == 1
        np.testing.assert_array_equal(np.delete(lost, black, 0), np.delete(image, black, 0))
        seen.add(int(black[0]))
    assert seen == set(range(depth))


@pytest.mark.parametrize("depth", [2, 4])
def test_one_section_is_its_neighbours_copy(depth):
    arrays = distinct((depth, 8, 9))
    seen = set()
    for changed in results(copy_section, arrays, range(80)):
        sections = changed[1][:, 0, 0] // 72
        (z,) = np.flatnonzero(sections != np.arange(depth))
        seen.add((int(z), int(sections[z])))
        for array, before in zip(changed, arrays, strict=True):
            np.testing.assert_array_equal(array, before[sections])
    assert seen == {(z, n) for z in range(depth) for n in (z - 1, z + 1) if 0 <= n < depth}


def test_every_change_is_made_and_left_out():
    called = []
    spies = [(lambda rng, *a, change=change: called.append(change) or change(rng, *a), p) for change, p in CHANCES]
    arrays, runs = distinct((2, 8, 8)), 400
    for seed in range(runs):
        augment(np.random.default_rng(seed), *arrays, chances=spies)
    for change, chance in CHANCES:
        assert called.count(change) / runs == pytest.approx(chance, abs=0.1)
    assert {change for change, _ in CHANCES} == {*GEOMETRY, *GREY} == set(called)


def test_light_augmentation_leaves_every_grey_level():
    (image,) = distinct((2, 8, 8))[:1]
    for seed in range(20):
        (changed,) = augment(np.random.default_rng(seed), image, chances=LIGHT)
        np.testing.assert_array_equal(np.sort(changed, axis=None), np.sort(image, axis=None))


@pytest.mark.parametrize(
    ("arrays", "why"),
    [
        ([np.zeros((2, 4, 5), np.uint8)], r"float in \[0, 1\], z > 1, is needed, got uint8 of shape \(2, 4, 5\)"),
        ([np.zeros((2, 4, 5), np.float16)], "is needed, got float16"),
        ([np.zeros((1, 4, 5))], r"z > 1, is needed, got float64 of shape \(1, 4, 5\)"),
        ([np.zeros((4, 5))], r"\(z, y, x\) float .* got float64 of shape \(4, 5\)"),
        (
            [np.zeros((2, 4, 5)), np.zeros((2, 4, 5)), np.zeros((2, 5, 4))],
            r"company: the image's shape \(2, 4, 5\) is needed, got \(2, 5, 4\)",
        ),
    ],
)
def test_what_cannot_be_augmented_is_told(arrays, why):
    with pytest.raises(ValueError, match=why):
        augment(np.random.default_rng(0), *arrays)
