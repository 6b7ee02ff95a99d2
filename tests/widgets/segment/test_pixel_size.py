"""The question for the voxel size, without a window but for its row of buttons."""

import numpy as np
import pytest
from drawings import neuropil
from hearing import heard

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.widgets.segment.pixel_size import USUAL, PixelSizeQuestion
from napari_emcad.widgets.segment.views.pixel_size import PixelSizeRow

PIXELS = {"scale": (1, 1, 1), "units": ("pixel",) * 3}


@pytest.fixture
def question(desk) -> PixelSizeQuestion:
    return PixelSizeQuestion(desk)


def test_a_voxel_size_that_is_not_known_is_asked_for(desk, open_stack, stack, question):
    assert question.words == ""
    changes = heard(question.changed)
    layer = open_stack(stack, **PIXELS)
    assert question.words == "Voxel size in nm? The model learnt on 40 x 6." and changes
    assert desk.choices.why_not == ""  # a run is possible all the same
    question.answer(VoxelSize(40, 4, 4))
    assert question.words == ""
    assert desk.stack.voxel_size == (40, 4, 4)
    np.testing.assert_allclose(layer.scale, (40, 4, 4))
    assert "pixel size: 4 nm here, 6 nm where the model learnt; it sees this stack at 6 nm" in desk.first_look.warning


def test_a_stack_that_tells_its_voxel_size_is_not_asked_about(open_stack, stack, question):
    open_stack(stack)
    assert question.words == ""


def test_a_model_for_other_volumes_is_asked_nothing(desk, loop, open_stack, stack, sdasn, question):
    open_stack(stack, **PIXELS)
    desk.model.open_file(sdasn)
    loop.settle()
    assert question.words == ""


def test_usual_sizes_are_those_that_one_section_has():
    assert len({one.size for one in USUAL}) == len(USUAL)
    assert all(one.size.y == one.size.x for one in USUAL)


@pytest.mark.window
def test_a_click_answers(desk, open_stack, stack, question, qtbot):
    row = PixelSizeRow(question)
    qtbot.addWidget(row)
    assert row.isHidden()
    open_stack(stack, **PIXELS)
    assert not row.isHidden() and row.words.text() == question.words
    assert [button.text() for button in row.usual] == ["30 x 6", "40 x 4", "30 x 3", "25 x 10", "8 x 8"]
    row.usual[3].click()
    assert desk.stack.voxel_size == (25, 10, 10)
    assert row.isHidden()


def test_time_and_memory_are_those_of_the_pixels_that_are_seen(desk, open_stack):
    open_stack(np.random.default_rng(0).integers(0, 255, (3, 600, 600), np.uint8), scale=(30, 3, 3))
    box = desk.region.box()
    fewer = desk.choices.planned(box)
    changes = heard(desk.settings.pixels_changed)
    desk.settings.resamples = False
    own = desk.choices.planned(box)
    assert (fewer.scale, own.scale) == ((2, 2), (1, 1)) and changes
    assert fewer.work < 0.5 * own.work and fewer.memory < own.memory
    assert desk.choices.parameters().scale == (1, 1)
    assert "it sees this stack as it is" in desk.first_look.warning


def test_a_run_sees_the_pixels_of_the_model_and_keeps_those_of_the_stack(desk, loop, open_stack):
    open_stack(neuropil((2, 96, 128), VoxelSize(30, 3, 3)), scale=(30, 3, 3))
    desk.runs.run()
    loop.settle()
    result = desk.results.current
    assert result.parameters.scale == (2, 2)
    assert result.affinities.shape == (3, 2, 96, 128)
    before = result.segmentation.sizes
    desk.settings.change(seed_sigma=desk.settings.values.seed_sigma + 0.5)
    loop.settle()
    assert desk.settings.resamples
    assert len(result.segmentation.sizes) < 1.2 * len(before)  # smoothed in the pixels that were seen
