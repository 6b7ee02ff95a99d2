"""A neuron by one click on the image, before any run."""

import numpy as np
import pytest

from napari_emcad.core.geometry import Box
from napari_emcad.widgets.proofread import click_to_segment
from napari_emcad.widgets.proofread.click_to_segment import SIZE

pytestmark = pytest.mark.window


@pytest.fixture
def small_box(monkeypatch):
    monkeypatch.setattr(click_to_segment, "SIZE", (2, 32, 32))
    return (2, 32, 32)


def labelled(desk):
    """A voxel of the stack on a neuron of the result."""
    layer = desk.result.neuron_layer
    inside = np.argwhere(layer.data[:])[0]
    return tuple(int(v) for v in inside + desk.result.box.start), int(layer.data[tuple(inside)])


def test_a_click_segments_a_box_round_it(desk, stack, small_box):
    desk.open(stack, translate=(400, 50, 60))
    tool = desk.dock.proofread.click_to_segment
    desk.dock.segment.prepare()
    desk.wait(lambda: desk.dock.segment.device.device is not None)
    assert "2 x 32 x 32 voxels" in tool._facts.text().replace("\N{MULTIPLICATION SIGN}", "x")
    tool.button.setChecked(True)
    assert "CLICK" in desk.viewer.canvas.overlays.text.text
    tool.click((0, 24, 60))
    desk.idle()
    assert desk.result.box == Box((0, 8, 32), (2, 40, 64))
    layer = desk.result.neuron_layer
    assert layer.show_selected_label and f"Neuron {layer.selected_label}:" in desk.message
    before = desk.result
    voxel, neuron = labelled(desk)
    tool.click(voxel)
    assert desk.result is before and layer.selected_label == neuron  # looked up, not computed again
    tool.click((2, 20, 5))
    desk.idle()
    assert desk.result is not before and before.neuron_layer not in desk.viewer.layers
    assert desk.result.box == Box((1, 4, 0), (3, 36, 32))
    tool.leave()
    assert not desk.viewer.canvas.overlays.text.visible and not desk.viewer.keymap


def test_a_click_runs_the_teacher_where_one_is_chosen(desk, stack, small_box, teacher):
    desk.open(stack)
    segment, tool = desk.dock.segment, desk.dock.proofread.click_to_segment
    segment.prepare()
    assert "runs the student on" in tool._facts.text()
    segment.model.open_file(teacher)
    desk.wait(lambda: segment.device.device is not None and segment.model.card is not None)
    assert tool._facts.text().startswith("A click runs the teacher on 2 x 32 x 32 voxels round it, ")
    tool.button.setChecked(True)
    tool.click((0, 24, 60))
    desk.idle()
    assert desk.result.box == Box((0, 8, 32), (2, 40, 64)) and desk.result.card.role == "teacher"
    tool.leave()


def test_proofreading_goes_on_from_a_click(desk, stack, small_box, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_emcad.widgets.proofread.panel.session_folder", lambda _: tmp_path / "stack.emcad")
    desk.open(stack)
    panel = desk.dock.proofread
    panel.click_to_segment.button.setChecked(True)
    panel.click_to_segment.click((0, 24, 60))
    desk.idle()
    edited = desk.result
    panel.start_button.click()
    desk.wait(lambda: panel.proofreading is not None)
    assert not panel.click_to_segment.button.isChecked() and panel.body.only_selected.isChecked()
    assert set(np.unique(edited.neuron_layer.data[:])) <= {0, panel.selected}
    assert not edited.neuron_layer.show_selected_label
    desk.dock.segment.segment_box(Box((1, 0, 0), (3, 32, 32)))
    desk.idle()
    assert edited.neuron_layer in desk.viewer.layers  # a trial that was edited stays


def test_the_box_lies_inside_the_stack():
    assert Box.around((0, 10, 1000), SIZE, (100, 1024, 1024)) == Box((0, 0, 512), (9, 512, 1024))
    assert Box.around((50, 500, 500), SIZE, (100, 1024, 1024)) == Box((46, 244, 244), (55, 756, 756))
    assert Box.around((2, 20, 30), SIZE, (3, 48, 64)) == Box.whole((3, 48, 64))


def test_without_a_stack_it_says_why_not(desk):
    tool = desk.dock.proofread.click_to_segment
    assert not tool.button.isEnabled() and "Open a stack" in tool.button.toolTip()
