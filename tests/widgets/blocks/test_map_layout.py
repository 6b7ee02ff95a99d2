"""The layout of the map: all blocks are on it, whatever their number, and a pixel tells which block it is."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_emcad.widgets.blocks.map_layout import HEIGHT, layout_of

counts = st.tuples(st.integers(1, 3000), st.integers(1, 60), st.integers(1, 60))


@given(counts, st.integers(200, 900))
def test_it_fits(counts, width):
    found = layout_of(counts, width)
    assert found.height <= HEIGHT
    assert max(found.slab(n).left + found.slab(n).width for n in range(found.slabs)) <= width


def test_each_block_is_found_where_it_lies():
    found = layout_of((4, 2, 3), 360)
    for block in np.ndindex(found.counts):
        left, top, wide, high = found.place_of(block)
        assert found.block_at(left, top) == block
        assert found.block_at(left + wide - 1, top + high - 1) == block


def test_between_slabs_there_is_no_block():
    found = layout_of((4, 2, 3), 360)
    first, second = found.slab(0), found.slab(1)
    assert first.left + first.width < second.left
    assert found.block_at(first.left + first.width, first.top) is None
    assert found.block_at(359, 0) is None


def test_blocks_shown_as_one_are_the_first_of_them():
    found = layout_of((100_000, 1, 1), 360)
    assert found.together > 1
    left, top, _, _ = found.place_of((99_999, 0, 0))
    assert found.block_at(left, top) == (99_999 // found.together * found.together, 0, 0)
