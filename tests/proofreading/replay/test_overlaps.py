from collections import Counter

import numpy as np
from drawings import drawn

from napari_emcad.core.fragment_boxes import find_fragment_boxes
from napari_emcad.core.progress import drive
from napari_emcad.proofreading.replay.overlaps import Overlaps

SHAPE = (3, 5, 7)


def random_fragments(seed: int, most: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, most, SHAPE).astype(np.uint32)


def overlaps(old: np.ndarray, new: np.ndarray) -> Overlaps:
    return Overlaps(old, new, drive(find_fragment_boxes(old)))


def test_against_counting_voxel_by_voxel():
    old, new = random_fragments(1), random_fragments(2)
    new[new == 5] = 2**32 - 1
    found = overlaps(old, new)
    counts = Counter(zip(old.ravel().tolist(), new.ravel().tolist(), strict=True))
    for fragment in range(1, 6):
        shared = found.shared_with(fragment)
        assert dict(zip(shared.new.tolist(), shared.voxels.tolist(), strict=True)) == {
            b: n for (a, b), n in counts.items() if a == fragment
        }
        for other, voxel in zip(shared.new, map(tuple, shared.middle), strict=True):
            assert (old[voxel], new[voxel]) == (fragment, other)
        assert old[found.voxel_inside(fragment)] == fragment


def test_shared_voxels_of_several():
    old, new = random_fragments(3), random_fragments(4)
    found = overlaps(old, new)
    shared = found.voxels_in_new(np.array([1, 4], np.uint32), 6)
    np.testing.assert_array_equal(shared, np.bincount(new[np.isin(old, [1, 4])], minlength=6))


def test_the_middle_is_that_of_the_longest_run():
    old, new = drawn("1111111..\n111......"), drawn("334444444\n333344444")
    found = overlaps(old, new)
    assert found.shared_with(1).middle.tolist() == [[0, 1, 1], [0, 0, 4]]
    assert found.shared_with(1).run.tolist() == [3, 5]
    assert found.voxel_inside(1) == (0, 0, 4)


def test_drawn_anew_is_as_counted_anew():
    old, new = random_fragments(5), random_fragments(6)
    new[new == 4] = 0
    new[1, 1:4, 2:6] = 4
    found = overlaps(old, new)
    before = [found.shared_with(fragment) for fragment in range(1, 6)]
    new[1, 1:4, 2:4], new[1, 1:4, 4:6] = 7, 8
    found.forget((4, 7, 8))
    anew = overlaps(old, new)
    for fragment, was in enumerate(before, start=1):
        now, expected = found.shared_with(fragment), anew.shared_with(fragment)
        assert all(np.array_equal(getattr(now, name), getattr(expected, name)) for name in ("new", "voxels", "middle"))
        assert (now is was) == (4 not in was.new)


def test_nothing_in_common():
    nothing = overlaps(np.zeros(SHAPE, np.uint32), random_fragments(7))
    assert not len(nothing.shared_with(0).new) and not nothing.voxels_in_new(np.array([0], np.uint32), 9).any()
    apart = overlaps(random_fragments(7), np.zeros(SHAPE, np.uint32))
    assert apart.shared_with(3).new.tolist() == [0]
