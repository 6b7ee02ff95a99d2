from collections import Counter

import numpy as np
from drawings import drawn

from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import drive
from napari_emcad.proofreading.overlaps import Overlaps, overlaps

SHAPE = (3, 5, 7)


def random_fragments(seed: int, most: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, most, SHAPE).astype(np.uint32)


def columns(found: Overlaps) -> list[list[int]]:
    return [getattr(found, name).tolist() for name in ("key", "voxels", "run")]


def test_against_counting_voxel_by_voxel():
    old, new = random_fragments(1), random_fragments(2)
    new[new == 5] = 2**32 - 1
    found = drive(overlaps(old, new))
    counts = Counter(zip(old.ravel().tolist(), new.ravel().tolist(), strict=True))
    for fragment in range(1, 6):
        ids, voxels, places = found.with_old(fragment)
        assert dict(zip(ids.tolist(), voxels.tolist(), strict=True)) == {
            b: n for (a, b), n in counts.items() if a == fragment
        }
        for other, place in zip(ids, places, strict=True):
            voxel = found.voxel(place)
            assert (old[voxel], new[voxel]) == (fragment, other)
        assert old[found.inside(fragment)] == fragment
    assert sum(found.voxels) == (old > 0).sum()


def test_shared_voxels_of_several():
    old, new = random_fragments(3), random_fragments(4)
    found = drive(overlaps(old, new))
    shared = found.shared(np.array([1, 4], np.uint32), 6)
    np.testing.assert_array_equal(shared, np.bincount(new[np.isin(old, [1, 4])], minlength=6))
    assert not found.shared(np.array([9], np.uint32), 6).any()


def test_the_middle_is_that_of_the_longest_run():
    old, new = drawn("1111111..\n111......"), drawn("334444444\n333344444")
    found = drive(overlaps(old, new))
    assert [found.voxel(place) for place in found.with_old(1)[2]] == [(0, 1, 1), (0, 0, 4)]
    assert found.inside(1) == (0, 0, 4)


def test_drawn_anew_is_as_counted_anew():
    old, new = random_fragments(5), random_fragments(6)
    new[new == 4] = 0
    new[1, 1:4, 2:6] = 4
    found, box = drive(overlaps(old, new)), Box((1, 1, 2), (2, 4, 6))
    new[1, 1:4, 2:4], new[1, 1:4, 4:6] = 7, 8
    again = found.redrawn(box, old, new, (4, 7, 8))
    anew = drive(overlaps(old, new))
    assert columns(again) == columns(anew)
    for place, key in zip(again.middle.tolist(), again.key.tolist(), strict=True):
        voxel = again.voxel(place)
        assert (int(old[voxel]) << 32 | int(new[voxel])) == key


def test_nothing_in_common():
    nothing = drive(overlaps(np.zeros(SHAPE, np.uint32), random_fragments(7)))
    assert not len(nothing.key) and not nothing.shared(np.array([1], np.uint32), 9).any()
