"""The map of blocks: all of them are on it, whatever their number, and a pixel tells which block it is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qtpy.QtCore import QPoint

from napari_emcad.widgets.blocks.map import COLOURS, HEIGHT, BlockMap, layout_of

counts = st.tuples(st.integers(1, 3000), st.integers(1, 60), st.integers(1, 60))


@given(counts, st.integers(200, 900))
def test_it_fits(counts, width):
    found = layout_of(counts, width)
    high, wide = found.size(counts)
    slabs = -(-counts[0] // found.together)
    rows = -(-slabs // found.columns)
    assert rows * high <= HEIGHT
    assert min(slabs, found.columns) * wide <= width


@pytest.fixture
def drawn(qtbot):
    """(reached) -> the map, 360 pixels wide."""

    def drawn(reached):
        shown = BlockMap(("affinities", "fragments", "region graph", "agglomeration"))
        qtbot.addWidget(shown)
        shown.resize(360, 50)
        shown.show_blocks(np.asarray(reached, np.uint8))
        return shown

    return drawn


@pytest.mark.window
def test_each_block_has_the_colour_of_its_step(drawn):
    reached = np.arange(12).reshape(2, 2, 3) % 5
    shown = drawn(reached)
    image = shown.grab().toImage()
    for block in np.ndindex(reached.shape):
        assert image.pixelColor(shown.place_of(block).center()).name() == COLOURS[reached[block]], block
        assert shown.block_at(shown.place_of(block).center()) == block
    assert shown.block_at(QPoint(359, 0)) is None


@pytest.mark.window
def test_blocks_shown_as_one_are_as_far_as_the_least(drawn):
    reached = np.full((100_000, 1, 1), 4)
    reached[0] = 1
    shown = drawn(reached)
    image = shown.grab().toImage()
    assert image.pixelColor(shown.place_of((0, 0, 0)).center()).name() == COLOURS[1]
    assert image.pixelColor(shown.place_of((99_999, 0, 0)).center()).name() == COLOURS[4]


@pytest.mark.window
def test_a_click_tells_the_block(drawn, qtbot):
    from qtpy.QtCore import Qt

    shown = drawn(np.zeros((4, 2, 2)))
    with qtbot.waitSignal(shown.chosen) as heard:
        qtbot.mouseClick(shown, Qt.MouseButton.LeftButton, pos=shown.place_of((3, 1, 0)).center())
    assert heard.args == [(3, 1, 0)]
