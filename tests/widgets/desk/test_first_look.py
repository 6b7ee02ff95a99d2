"""A first look at stack and model, without a window."""

import numpy as np
import pytest
from drawings import neuropil

from napari_emcad.core.geometry import VoxelSize

VALUES = np.random.default_rng(5).integers(0, 255, (4, 40, 50), np.uint8)


def test_nothing_is_ready_once_the_stack_has_gone(desk, loop, open_stack, stack):
    layer = open_stack(stack)
    loop.settle()
    assert "Ready" in desk.message.text
    desk.viewer.layers.remove(layer)
    loop.settle()
    assert desk.message.text == desk.stack.why_not and desk.message.kind == "hint"


def test_pixels_unlike_the_model_s_are_said_before_the_run(desk, open_stack):
    open_stack(VALUES)
    assert desk.message.text.startswith("Ready")
    desk.stack.voxel_size = VoxelSize(30, 20, 20)
    assert "pixel size: 20 nm here, 6 nm where the model learnt; it sees this stack at 6 nm" in desk.first_look.warning
    desk.message.result("Something else was done.")
    assert "pixel size: 20 nm here" in desk.first_look.warning, "it stays until it is settled"
    desk.stack.voxel_size = VoxelSize(30, 60, 60)
    assert "and it sees this stack as it is; try a section first" in desk.first_look.warning
    desk.stack.voxel_size = VoxelSize(30, 6, 6)
    assert desk.first_look.warning == ""


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (np.full((3, 48, 64), np.nan, np.float32), "NaN"),
        (np.full((3, 48, 64), 7, np.uint16), "nothing but 7"),
        (np.zeros((48, 64), np.uint8), "2D image"),
    ],
    ids=["nan", "flat", "2d"],
)
def test_what_cannot_be_segmented_is_said_at_once(desk, loop, data, sentence):
    desk.viewer.add_image(data)
    loop.work()
    assert sentence in desk.message.text and desk.message.kind == "error"


def test_grey_levels_come_from_the_data(desk, open_stack):
    open_stack(VALUES.astype(np.uint16) * 100)
    low, high = desk.settings.levels_of_data
    assert 0 < low < high < 25_500
    assert desk.choices.parameters().black is None


def test_a_file_that_is_no_model(desk, loop, open_stack, model, tmp_path):
    open_stack(VALUES)
    (tmp_path / "wrong.pt").write_text("no weights")
    desk.model.open_file(tmp_path / "wrong.pt")
    loop.work()
    assert "wrong.pt" in desk.message.text and "no model" in desk.choices.why_not
    desk.model.open_file(model)
    loop.work()
    assert desk.message.text.startswith("Ready") and desk.message.kind == "hint", "the error has gone"


def test_bytes_of_few_grey_levels_are_stretched_and_it_is_said(desk, open_stack):
    open_stack((100 + VALUES / 255.0 * 50).astype(np.uint8))
    low, high = desk.settings.levels_of_data
    assert 95 < low < 103 and 146 < high < 155
    assert f"{low:g} is taken for black and {high:g} for white" in desk.first_look.warning
    assert '(black 0 and white 255 under "Advanced" leaves them as they are)' in desk.first_look.warning
    assert desk.choices.parameters().black is None


def test_pale_bytes_are_told(desk, open_stack):
    halves = np.full((3, 48, 64), 60, np.uint8)
    halves[:, :, 32:] = 185
    open_stack(halves)
    assert desk.settings.levels_of_data == (0, 255)
    assert 'try black 59 and white 192.9 under "Advanced".' in desk.first_look.warning
    desk.settings.change_levels(59, 192.9)
    assert desk.first_look.warning == ""


def test_an_inverted_stack_is_told_until_black_and_white_are_exchanged(desk, loop, open_stack):
    open_stack(255 - neuropil((3, 120, 130), seed=1))
    assert "looks inverted" in desk.first_look.warning
    desk.settings.change_levels(255, 0)
    loop.work()
    assert desk.first_look.warning == ""
    assert (desk.choices.parameters().black, desk.choices.parameters().white) == (255, 0)
    desk.settings.put_levels(0, 255)
    loop.work()
    assert "looks inverted" in desk.first_look.warning
