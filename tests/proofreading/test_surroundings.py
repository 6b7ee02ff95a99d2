import numpy as np
import pytest
from drawings import patient
from hypothesis import given
from hypothesis import strategies as st

from napari_emcad.core.geometry import Box
from napari_emcad.proofreading.surroundings import disjoint_boxes, surroundings

SHAPE = (7, 20, 25)

corners = st.tuples(*(st.integers(0, n - 1) for n in SHAPE))
sizes = st.tuples(*(st.integers(1, n // 2) for n in SHAPE))
many = st.lists(st.tuples(corners, sizes), min_size=1, max_size=12)


@given(many, st.tuples(st.integers(1, 7), st.integers(2, 20), st.integers(2, 25)))
@patient
def test_boxes_hold_all_and_do_not_overlap(places, largest):
    start = np.array([corner for corner, _ in places])
    stop = np.minimum(start + [size for _, size in places], SHAPE)
    wanted, times = np.zeros(SHAPE, bool), np.zeros(SHAPE, int)
    for a, b in zip(start, stop, strict=True):
        wanted[tuple(map(slice, a, b))] = True
    boxes = list(disjoint_boxes(start, stop, largest))
    for box in boxes:
        assert all(n <= most for n, most in zip(box.shape, largest, strict=True))
        times[box.slices] += 1
        for axis in range(3):  # tight: a box begins and ends where one of the given does, or where it was cut
            planes = wanted[box.slices].any(axis=tuple({0, 1, 2} - {axis}))
            assert planes[0] and planes[-1]
    assert times.max() == 1
    assert times[wanted].min() == 1


def test_what_touches_stays_together_and_what_does_not_is_parted():
    start = np.array([(0, 0, 0), (0, 0, 5), (0, 0, 11), (0, 8, 11)])
    stop = np.array([(2, 4, 5), (2, 4, 10), (2, 4, 15), (2, 9, 12)])
    assert list(disjoint_boxes(start, stop, SHAPE)) == [
        Box((0, 0, 0), (2, 4, 10)),
        Box((0, 0, 11), (2, 4, 15)),
        Box((0, 8, 11), (2, 9, 12)),
    ]


def test_what_is_too_large_is_cut_into_equal_lengths():
    one = np.array([(0, 0, 0)]), np.array([(2, 9, 22)])
    found = list(disjoint_boxes(*one, (2, 9, 10)))
    assert [(box.start[2], box.stop[2]) for box in found] == [(0, 7), (7, 14), (14, 22)]
    assert {box.shape[:2] for box in found} == {(2, 9)}


def test_a_cut_goes_on_with_what_lies_on_each_side():
    """An L: behind the plane x = 10 only its foot is left."""
    start, stop = np.array([(0, 0, 0), (0, 16, 0)]), np.array([(1, 20, 5), (1, 20, 20)])
    found = list(disjoint_boxes(start, stop, (1, 20, 10)))
    assert found == [Box((0, 0, 0), (1, 20, 10)), Box((0, 16, 10), (1, 20, 20))]


def test_of_nothing_there_are_none():
    assert list(disjoint_boxes(np.empty((0, 3), int), np.empty((0, 3), int), SHAPE)) == []


@pytest.mark.parametrize(
    ("start", "stop", "margin", "least", "expected"),
    [
        pytest.param((2, 5, 6), (3, 7, 9), (1, 2, 3), (1, 1, 1), ((1, 3, 3), (4, 9, 12)), id="grown"),
        pytest.param((6, 5, 1), (7, 7, 9), (1, 2, 3), (1, 1, 1), ((5, 3, 0), (7, 9, 12)), id="grown to the rim"),
        pytest.param((2, 5, 6), (3, 7, 9), (0, 0, 0), (3, 8, 5), ((1, 2, 5), (4, 10, 10)), id="widened"),
        pytest.param((0, 1, 24), (1, 2, 25), (0, 0, 0), (3, 8, 5), ((0, 0, 20), (3, 8, 25)), id="moved inside"),
        pytest.param((0, 1, 2), (7, 2, 3), (2, 0, 0), (1, 99, 1), ((0, 0, 2), (7, 20, 3)), id="cut"),
    ],
)
def test_surroundings(start, stop, margin, least, expected):
    found = surroundings((np.array([start], np.int32), np.array([stop], np.int32)), SHAPE, margin, least)
    assert tuple(tuple(ends[0].tolist()) for ends in found) == expected


@given(corners, st.tuples(*(st.integers(1, 2 * n) for n in SHAPE)))
@patient
def test_around_one_voxel_they_are_the_boxes_of_geometry(voxel, size):
    start, stop = surroundings((np.array([voxel]), np.array([voxel]) + 1), SHAPE, least=size)
    assert Box(tuple(start[0].tolist()), tuple(stop[0].tolist())) == Box.around(voxel, size, SHAPE)
