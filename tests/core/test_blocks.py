import numpy as np
import pytest
from drawings import patient
from hypothesis import given
from hypothesis import strategies as st

from napari_emcad.core.blocks import Blocks
from napari_emcad.core.geometry import Box

sides = st.tuples(*[st.integers(1, 9)] * 3)


@patient
@given(sides, sides)
def test_each_voxel_is_in_one_block(shape, size):
    blocks, times = Blocks(shape, size), np.zeros(shape, int)
    for number in range(len(blocks)):
        assert min(blocks.box(number).shape) > 0
        times[blocks.box(number).slices] += 1
    assert (times == 1).all()


@patient
@given(sides, sides, st.tuples(*[st.integers(-3, 9)] * 3), sides)
def test_blocks_that_touch_a_box_are_those_that_share_voxels(shape, size, start, extent):
    blocks, box = Blocks(shape, size), Box(start, tuple(a + n for a, n in zip(start, extent, strict=True)))
    inside = np.zeros(shape, bool)
    inside[box.clipped(shape).slices] = True
    expected = [k for k in range(len(blocks)) if inside[blocks.box(k).slices].any()]
    assert blocks.touching(box) == expected


def test_blocks_are_numbered_along_x_first():
    blocks = Blocks((4, 4, 5), (2, 4, 3))
    assert blocks.counts == (2, 1, 2)
    assert [blocks.box(k).text for k in range(4)] == ["0:2,0:4,0:3", "0:2,0:4,3:5", "2:4,0:4,0:3", "2:4,0:4,3:5"]


@pytest.mark.parametrize("number", [-5, 4])
def test_there_are_no_others(number):
    with pytest.raises(ValueError):
        Blocks((4, 4, 5), (2, 4, 3)).box(number)
