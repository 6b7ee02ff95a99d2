import numpy as np
import pytest

from napari_emcad.core.fragment_boxes import FragmentBoxes, find_fragment_boxes
from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import drive


@pytest.fixture
def noise():
    """40 fragments scattered over a volume whose sides are no powers of two."""
    return np.random.default_rng(3).integers(0, 41, (9, 22, 35), np.uint32)


def test_boxes_of_fragments(noise):
    noise[noise == 7] = 0
    noise[0][noise[0] == 9] = 0
    boxes = drive(find_fragment_boxes(noise))
    for fragment in range(1, 41):
        places = np.argwhere(noise == fragment)
        box = boxes.box_of(np.array([fragment], np.uint32))
        if len(places):
            assert box == Box(tuple(places.min(0).tolist()), tuple((places.max(0) + 1).tolist()))
        else:
            assert min(box.shape) == 0
    both = np.argwhere((noise == 3) | (noise == 30))
    assert boxes.box_of(np.array([3, 7, 30])) == Box(tuple(both.min(0).tolist()), tuple((both.max(0) + 1).tolist()))


def test_boxes_of_nothing():
    boxes = drive(find_fragment_boxes(np.zeros((3, 4, 5), np.uint32)))
    assert len(boxes) == 1 and boxes.box_of(np.array([], np.uint32)) == Box((0, 0, 0), (0, 0, 0))


def test_boxes_change_and_more_come():
    before = FragmentBoxes.none(2)
    after = before.changed({1: Box((1, 2, 3), (4, 5, 6)), 5: Box((0, 0, 0), (1, 1, 1))})
    assert len(before) == 3 and len(after) >= 6
    assert after.box_of(np.array([1, 2, 4])) == Box((1, 2, 3), (4, 5, 6))
    assert after.box_of(np.array([1, 5])) == Box((0, 0, 0), (4, 5, 6))
    assert min(before.box_of(np.array([1])).shape) == 0


def test_what_comes_later_is_not_copied_each_time():
    boxes = FragmentBoxes.none(2).changed({3: Box((1, 2, 3), (4, 5, 6))})
    assert boxes.changed({4: Box((0, 0, 0), (1, 1, 1))}) is boxes
    assert boxes.box_of(np.array([4])) == Box((0, 0, 0), (1, 1, 1))
    assert min(boxes.box_of(np.array([5])).shape) == 0
    more = boxes.changed({len(boxes): Box((7, 7, 7), (8, 8, 8))})
    assert more is not boxes and more.box_of(np.array([3])) == Box((1, 2, 3), (4, 5, 6))


def test_what_cannot_be_written_is_copied():
    """Tables that are read from a file, for example."""
    before = FragmentBoxes.none(2)
    for ends in (before.start, before.stop):
        ends.flags.writeable = False
    after = before.changed({1: Box((1, 2, 3), (4, 5, 6))})
    assert after.box_of(np.array([1])) == Box((1, 2, 3), (4, 5, 6)) and min(before.box_of(np.array([1])).shape) == 0
