"""The region to work on, without a window."""

import numpy as np
import pytest
from hearing import heard
from napari.components import ViewerModel

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.widgets.desk.region import BOX, SECTION, WHOLE, Region
from napari_emcad.widgets.desk.stack import NO_STACK

VALUES = np.random.default_rng(5).integers(0, 255, (4, 40, 50), np.uint8)
NM = {"scale": (40, 5, 6), "units": ("nm",) * 3}


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def region(viewer):
    region = Region(viewer)
    region.follow(viewer.add_image(VALUES, **NM))
    return region


def test_all_and_one_section(viewer, region):
    assert region.kind == WHOLE and region.box() == Box.whole(VALUES.shape)
    viewer.dims.set_current_step(0, 2)
    region.kind = SECTION
    assert region.box() == region.section_box() == Box((2, 0, 0), (3, 40, 50))


def test_a_box_with_its_sections(viewer, region):
    changes = heard(region.changed)
    region.kind = BOX
    with pytest.raises(UserError, match="Draw"):
        region.box()
    assert 'press "Draw"' in region.facts
    region.draw()
    assert viewer.layers["box"].mode == "add_rectangle"
    before = len(changes)
    viewer.layers["box"].add_rectangles(np.array([[1, 3, 4], [1, 3, 20], [1, 12, 20], [1, 12, 4]]))
    assert len(changes) > before
    region.sections = (1, 2)
    assert region.box() == Box((1, 3, 4), (3, 13, 21)) and region.facts == "2 x 10 x 17 voxels"
    viewer.layers["box"].add_rectangles(np.array([[1, 3, 4], [1, 3, 99], [1, 12, 99], [1, 12, 4]]))
    assert region.facts == "2 x 10 x 46 voxels, cut at the edge of the stack"
    viewer.layers["box"].selected_data = {0}
    viewer.layers["box"].remove_selected()
    viewer.layers["box"].add_rectangles(np.array([[1, 3, 4], [1, 3, 20], [1, 12, 20], [1, 12, 4]]))
    region.sections = (3, 1)
    assert region.sections == (3, 3)
    viewer.dims.set_current_step(0, 0)
    assert region.section_box() == Box((0, 3, 4), (1, 13, 21))


def test_another_stack_has_all_its_sections(viewer, region):
    region.sections = (1, 2)
    region.follow(viewer.add_image(VALUES[:3], **NM))
    assert region.sections == (0, 2) and region.last_section == 2


def test_a_kind_that_is_not_offered(viewer):
    with pytest.raises(ValueError, match="one of box is needed"):
        Region(viewer, kinds=(BOX,)).kind = WHOLE


def test_without_a_stack_there_is_no_region(viewer):
    region = Region(viewer)
    assert region.why_not_draw == NO_STACK and region.facts == ""
    for ask in (region.box, region.section_box, region.draw):
        with pytest.raises(UserError, match="Open a stack first"):
            ask()
    region.follow(viewer.add_image(VALUES, **NM))
    assert region.why_not_draw == ""


def test_a_closed_region_hears_nothing(viewer, region):
    region.kind = BOX
    region.draw()
    changes = heard(region.changed)
    region.close()
    viewer.layers["box"].add_rectangles(np.array([[1, 3, 4], [1, 3, 20], [1, 12, 20], [1, 12, 4]]))
    assert changes == []
