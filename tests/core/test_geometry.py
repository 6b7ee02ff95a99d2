import re

import numpy as np
import pytest
from drawings import patient
from hypothesis import given
from hypothesis import strategies as st

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, VoxelSize, check_box, triple

SHAPE = (4, 10, 7)
ends = st.tuples(*[st.integers(-15, 15)] * 3)


@pytest.mark.parametrize(
    ("text", "start", "stop"),
    [
        ("0:2,1:5,2:7", (0, 1, 2), (2, 5, 7)),
        (" 0 : 2 , 1:5,\t2:7 ", (0, 1, 2), (2, 5, 7)),
        (":,:,:", (0, 0, 0), SHAPE),
        ("1:,:5,2:", (1, 0, 2), (4, 5, 7)),
        ("3:4,9:10,6:7", (3, 9, 6), SHAPE),
    ],
)
def test_parse(text, start, stop):
    assert Box.parse(text, SHAPE) == Box(start, stop)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", ",", ",,", "0:2", "0:2,1:5", "0:2,1:5,2:7,0:1", "0:2,1:5,", "0:2;1:5;2:7"),
        *("0:2:1,1:5,2:7", "3,1:5,2:7", "3,1,2", "0-2,1-5,2-7", "a:b,1:5,2:7", "0:1.5,1:5,2:7", "[0:2,1:5,2:7]"),
        *("0:2,1:5,2:7nm", "0x1:2,1:5,2:7", ":::,:,:"),
    ],
)
def test_what_is_no_box_is_refused(text):
    sentence = f'box: "z0:z1,y0:y1,x0:x1" is needed, got "{text}"; for example 0:10,0:512,0:512.'
    with pytest.raises(UserError, match=f"^{re.escape(sentence)}$"):
        Box.parse(text, SHAPE)


@pytest.mark.parametrize(("text", "ends"), [("2:2,:,:", "2:2 on z"), ("3:1,:,:", "3:1 on z"), (":,:,7:", "7:7 on x")])
def test_a_box_without_a_voxel_is_refused(text, ends):
    sentence = f'box: "{text}" holds no voxel, as {ends} ends where it begins or before; choose a later end.'
    with pytest.raises(UserError, match=f"^{re.escape(sentence)}$"):
        Box.parse(text, SHAPE)


@pytest.mark.parametrize(
    ("text", "axis", "length"),
    [("0:5,:,:", "z", 4), ("0:99,8:11,0:8", "z", 4), (":,10:12,:", "y", 10), (":,:,8:", "x", 7), (":,:,0:8", "x", 7)],
)
def test_a_box_beyond_the_volume_is_refused_not_cut(text, axis, length):
    sentence = (
        f'box: "{text}" reaches beyond the volume, which has {length} voxels on {axis}; end at {length} or before.'
    )
    with pytest.raises(UserError, match=f"^{re.escape(sentence)}$"):
        Box.parse(text, SHAPE)


@pytest.mark.parametrize(
    ("text", "ends"), [("-1:,:,:", "-1:4 on z"), (":,:-2,:", "0:-2 on y"), (":,:,-3:-1", "-3:-1 on x")]
)
def test_a_box_does_not_count_from_the_end(text, ends):
    sentence = f'box: voxels are counted from 0, got {ends} in "{text}"; give places in the volume.'
    with pytest.raises(UserError, match=f"^{re.escape(sentence)}$"):
        Box.parse(text, SHAPE)


def test_numbers_of_numpy_become_plain_ones():
    box = Box.whole(np.array(SHAPE))
    assert box == Box((0, 0, 0), SHAPE)
    assert {type(n) for n in box.stop} == {int}


def test_a_triple_is_three_plain_numbers():
    for values in (np.array([4, 10, 7], np.int32), [4, 10, 7], iter(SHAPE)):
        found = triple(values)
        assert found == SHAPE
        assert {type(n) for n in found} == {int}


@pytest.mark.parametrize("values", [(), (4, 10), (4, 10, 7, 1)])
def test_a_triple_has_three(values):
    with pytest.raises(ValueError, match="unpack"):
        triple(values)


def test_slices_and_shape_belong_together():
    box = Box((1, 2, 4), (3, 9, 5))
    assert box.shape == (2, 7, 1)
    assert np.empty(SHAPE)[box.slices].shape == box.shape


@patient
@given(ends, ends)
def test_clipped_keeps_the_voxels_inside(start, stop):
    box = Box(start, stop).clipped(SHAPE)
    inside = [set(range(a, b)) & set(range(n)) for a, b, n in zip(start, stop, SHAPE, strict=True)]
    assert [set(range(a, b)) for a, b in zip(box.start, box.stop, strict=True)] == inside
    assert all(0 <= a <= b <= n for a, b, n in zip(box.start, box.stop, SHAPE, strict=True))


def test_a_voxel_size_is_z_y_x():
    assert tuple(VoxelSize(40, 5, 6)) == (VoxelSize(x=6, y=5, z=40).z, 5, 6)


def test_a_box_grows_on_both_sides_and_may_leave_the_volume():
    grown = Box((1, 5, 9), (2, 8, 14)).grown((1, 2, 30))
    assert grown == Box((0, 3, -21), (3, 10, 44))
    assert grown.clipped((9, 9, 40)) == Box((0, 3, 0), (3, 9, 40))


def test_a_box_in_voxels_of_another_and_back():
    outer, inner = Box((1, 8, 16), (7, 72, 144)), Box((2, 10, 20), (4, 30, 40))
    assert inner.within(outer) == Box((1, 2, 4), (3, 22, 24))
    assert inner.within(outer).moved(outer.start) == inner


@pytest.mark.parametrize(
    ("start", "stop", "lies_in"),
    [
        ((1, 2, 3), (5, 6, 7), True),
        ((2, 3, 4), (4, 5, 6), True),
        ((0, 2, 3), (5, 6, 7), False),
        ((1, 2, 3), (5, 6, 8), False),
        ((7, 7, 7), (8, 8, 8), False),
    ],
)
def test_a_box_lies_in_another_one_or_not(start, stop, lies_in):
    assert Box(start, stop).lies_in(Box((1, 2, 3), (5, 6, 7))) is lies_in


def test_a_box_is_told_as_it_is_read():
    box = Box((1, 8, 16), (7, 72, 144))
    assert box.text == "1:7,8:72,16:144"
    assert Box.parse(box.text, (8, 80, 160)) == box


@pytest.mark.parametrize(
    "box",
    [
        Box((0, 0, 0), (4, 40, 53)),
        Box((0, -1, 0), (3, 40, 53)),
        Box((3, 0, 0), (3, 40, 53)),
        Box((2, 0, 0), (1, 40, 53)),
        Box((9, 90, 90), (10, 99, 99)),
    ],
)
def test_a_box_outside_the_volume_is_told(box):
    with pytest.raises(UserError) as error:
        check_box(box, (3, 40, 53))
    assert str(error.value) == (
        f"box: voxels inside a volume of shape (3, 40, 53) are needed, got {box.start} to {box.stop}; choose it inside."
    )


def test_a_box_inside_the_volume_will_do():
    for inside in (Box.whole((3, 40, 53)), Box((2, 39, 52), (3, 40, 53))):
        check_box(inside, (3, 40, 53))
