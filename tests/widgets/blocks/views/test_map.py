"""The map of blocks as it is painted and clicked."""

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt

from napari_emcad.widgets.blocks.views.map import COLOURS, BlockMap

pytestmark = pytest.mark.window


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


def middle(shown, block):
    left, top, wide, high = shown.places.place_of(block)
    return QPoint(left + wide // 2, top + high // 2)


def colour(shown, block):
    return shown.grab().toImage().pixelColor(middle(shown, block)).name()


def test_each_block_has_the_colour_of_its_step(drawn):
    reached = np.arange(12).reshape(2, 2, 3) % 5
    shown = drawn(reached)
    for block in np.ndindex(reached.shape):
        assert colour(shown, block) == COLOURS[reached[block]], block


def test_blocks_shown_as_one_are_as_far_as_the_least(drawn):
    reached = np.full((100_000, 1, 1), 4)
    reached[0] = 1
    shown = drawn(reached)
    assert colour(shown, (0, 0, 0)) == COLOURS[1]
    assert colour(shown, (99_999, 0, 0)) == COLOURS[4]


def test_a_click_tells_the_block(drawn, qtbot):
    shown = drawn(np.zeros((4, 2, 2)))
    with qtbot.waitSignal(shown.chosen) as heard:
        qtbot.mouseClick(shown, Qt.MouseButton.LeftButton, pos=middle(shown, (3, 1, 0)))
    assert heard.args == [(3, 1, 0)]
    with qtbot.assertNotEmitted(shown.chosen):
        qtbot.mouseClick(shown, Qt.MouseButton.LeftButton, pos=QPoint(359, 0))
