import numpy as np
import pytest

from napari_emcad.training.augment import (
    CHANCES,
    augment,
    blur,
    elastic,
    flip_and_turn,
    grey_levels,
    misalign,
    noise,
)

ALL = [flip_and_turn, elastic, misalign, grey_levels, noise, blur, augment]
SEEDS = range(12)


def distinct(height=40, width=56, dtype=np.int32):
    """Labels all different and not 0, and an image with the same values scaled into [0, 1]."""
    labels = (np.arange(2 * height * width) + 1).reshape(2, height, width)
    return (labels / labels.max()).astype(np.float32), labels.astype(dtype)


def values(sections, labels):
    """The labels that the grey values stand for."""
    return np.rint(sections.astype(float) * 2 * labels.shape[1] * labels.shape[2]).astype(int)


@pytest.mark.parametrize("change", ALL)
@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.int64])
def test_shapes_dtypes_and_inputs_are_kept(change, dtype):
    sections, labels = distinct(dtype=dtype)
    before = sections.copy(), labels.copy()
    for seed in SEEDS:
        bent, follow = change(np.random.default_rng(seed), sections, labels)
        assert bent.shape == follow.shape
        assert sorted(bent.shape) == sorted(sections.shape)
        assert (bent.dtype, follow.dtype) == (np.float32, dtype)
        assert bent.min() >= 0
        assert bent.max() <= 1
        np.testing.assert_array_equal(sections, before[0])
        np.testing.assert_array_equal(labels, before[1])


@pytest.mark.parametrize("change", ALL)
def test_the_same_generator_gives_the_same_and_another_does_not(change):
    sections, labels = distinct()
    results = [change(np.random.default_rng(seed), sections, labels) for seed in (3, 3, *SEEDS)]
    np.testing.assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_array_equal(results[0][1], results[1][1])
    assert any(r[0].shape != results[0][0].shape or (r[0] != results[0][0]).any() for r in results[2:])


def test_augmented_arrays_are_ready_for_torch():
    for seed in SEEDS:
        for array in augment(np.random.default_rng(seed), *distinct()):
            assert array.flags.c_contiguous


def test_flips_and_turns_are_the_sixteen_symmetries_and_labels_follow():
    sections, labels = distinct(32, 32)
    seen = set()
    for seed in range(300):
        turned, follow = flip_and_turn(np.random.default_rng(seed), sections, labels)
        np.testing.assert_array_equal(values(turned, follow), follow)
        seen.add(follow.tobytes())
    swaps = (labels, labels[::-1])
    mirrors = [m for s in swaps for m in (s, s[:, ::-1], s[:, :, ::-1], s[:, ::-1, ::-1])]
    symmetries = mirrors + [m.transpose(0, 2, 1) for m in mirrors]
    assert seen == {np.ascontiguousarray(s).tobytes() for s in symmetries}
    assert len(seen) == 16


def test_misalignment_moves_the_second_section_and_its_labels():
    sections, labels = distinct()
    shifts = set()
    for seed in range(60):
        moved, follow = misalign(np.random.default_rng(seed), sections, labels, most=3)
        np.testing.assert_array_equal(moved[0], sections[0])
        np.testing.assert_array_equal(follow[0], labels[0])
        np.testing.assert_array_equal(values(moved, follow)[1], follow[1])  # mirrored alike at the rim
        height, width = labels[1].shape
        middle = follow[1, height // 2, width // 2]
        y, x = np.array([height // 2, width // 2]) - np.argwhere(labels[1] == middle)[0]
        shifts.add((int(y), int(x)))
        inside = (slice(3, height - 3), slice(3, width - 3))
        np.testing.assert_array_equal(follow[1][inside], np.roll(labels[1], (y, x), (0, 1))[inside])
    assert {n for shift in shifts for n in shift} == set(range(-3, 4))


@pytest.mark.parametrize("axis", [1, 2])
def test_labels_bend_with_the_image(axis):
    """On a ramp of one a pixel the nearest value lies within one half of the interpolated one."""
    place = np.indices((2, 90, 70))[axis]
    for seed in SEEDS:
        bent, follow = elastic(np.random.default_rng(seed), place.astype(np.float32), place)
        assert np.abs(bent - follow).max() <= 0.5 + 1e-3
        assert np.abs(bent - place).max() > 0.5
        np.testing.assert_array_equal(bent[0], bent[1])
        np.testing.assert_array_equal(follow[0], follow[1])


@pytest.mark.parametrize("shape", [(32, 32), (48, 130), (64, 65), (200, 33)])
def test_any_size_is_bent(shape):
    sections, labels = distinct(*shape)
    for result in elastic(np.random.default_rng(0), sections, labels):
        assert result.shape == (2, *shape)


@pytest.mark.parametrize("change", [grey_levels, noise, blur])
def test_changes_of_grey_leave_labels_alone(change):
    sections, labels = distinct()
    for seed in SEEDS:
        changed, follow = change(np.random.default_rng(seed), sections, labels)
        np.testing.assert_array_equal(follow, labels)
        assert (changed != sections).any()


def test_grey_levels_keep_their_order_in_each_section():
    sections, labels = distinct()
    for seed in SEEDS:
        changed, _ = grey_levels(np.random.default_rng(seed), sections, labels)
        assert (np.diff(changed.reshape(2, -1)) >= 0).all()


def test_at_most_one_section_is_out_of_focus():
    sections = np.random.default_rng(0).random((2, 30, 40), np.float32)
    changed = [blur(np.random.default_rng(seed), sections, sections > 2)[0] != sections for seed in range(30)]
    seen = {tuple(c.any((1, 2)).tolist()) for c in changed}
    assert {(True, False), (False, True)} <= seen <= {(True, False), (False, True), (False, False)}


def test_every_change_is_made_and_left_out(monkeypatch):
    called = []
    spies = [(lambda rng, s, n, change=change: called.append(change) or change(rng, s, n), p) for change, p in CHANCES]
    monkeypatch.setattr("napari_emcad.training.augment.CHANCES", spies)
    runs = 60
    for seed in range(runs):
        augment(np.random.default_rng(seed), *distinct(32, 32))
    counts = {change: called.count(change) for change, _ in CHANCES}
    assert counts[flip_and_turn] == runs
    for change, chance in CHANCES[1:]:
        assert abs(counts[change] / runs - chance) < 0.25
