"""The rows of a region, without a window."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_emcad.widgets.choices.region import RegionChoice
from napari_emcad.widgets.desk.region import BOX, SECTION, WHOLE, Region

VALUES = np.random.default_rng(5).integers(0, 255, (4, 40, 50), np.uint8)


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def region(viewer) -> Region:
    return Region(viewer)


@pytest.fixture
def choice(region, qtbot) -> RegionChoice:
    choice = RegionChoice(region)
    qtbot.addWidget(choice)
    return choice


def test_a_kind_is_chosen(choice, region):
    assert choice.buttons[WHOLE].isChecked() and choice._box_rows.isHidden()
    choice.buttons[SECTION].setChecked(True)
    assert region.kind == SECTION
    region.kind = BOX
    assert choice.buttons[BOX].isChecked() and not choice._box_rows.isHidden()


def test_a_box_is_drawn_on_a_stack_only(choice, region, viewer):
    region.kind = BOX
    assert not choice.draw_button.isEnabled() and "Open a stack first" in choice.draw_button.toolTip()
    region.follow(viewer.add_image(VALUES))
    assert choice.draw_button.isEnabled() and not choice.combo.isEnabled()
    choice.draw_button.click()
    assert choice.combo.isEnabled() and choice.combo.currentText() == "box"
    assert "nothing is drawn" in choice._facts.text()
    viewer.layers["box"].add_rectangles(np.array([[1, 3, 4], [1, 3, 20], [1, 12, 20], [1, 12, 4]]))
    assert choice._facts.text() == "4 x 10 x 17 voxels"


def test_sections_go_both_ways(choice, region, viewer):
    region.follow(viewer.add_image(VALUES))
    assert (choice.first.value(), choice.last.value(), choice.last.maximum()) == (0, 3, 3)
    choice.first.setValue(2)
    assert region.sections == (2, 3)
    region.sections = (1, 2)
    assert (choice.first.value(), choice.last.value()) == (1, 2)


def test_one_kind_needs_no_buttons(viewer, qtbot):
    choice = RegionChoice(Region(viewer, kinds=(BOX,)))
    qtbot.addWidget(choice)
    assert choice.buttons[BOX].isHidden() and not choice._box_rows.isHidden()
