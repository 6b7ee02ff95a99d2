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


def labelled(window):
    """A voxel of the stack on a neuron of the result."""
    layer = window.result.neuron_layer
    inside = np.argwhere(layer.data[:])[0]
    return tuple(int(v) for v in inside + window.result.box.start), int(layer.data[tuple(inside)])


def test_a_click_segments_a_box_round_it(window, stack, small_box):
    window.open(stack, translate=(400, 50, 60))
    tool = window.dock.proofread.proofreader.clicking
    window.desk.prepare()
    window.wait(lambda: window.desk.device.device is not None)
    assert "2 x 32 x 32 voxels" in tool.facts.replace("\N{MULTIPLICATION SIGN}", "x")
    tool.enter()
    assert "CLICK" in window.viewer.canvas.overlays.text.text
    tool.click((0, 24, 60))
    window.idle()
    assert window.result.box == Box((0, 8, 32), (2, 40, 64))
    layer = window.result.neuron_layer
    assert layer.show_selected_label and f"Neuron {layer.selected_label}:" in window.message
    before = window.result
    voxel, neuron = labelled(window)
    tool.click(voxel)
    assert window.result is before and layer.selected_label == neuron  # looked up, not computed again
    tool.click((2, 20, 5))
    window.idle()
    assert window.result is not before and before.neuron_layer not in window.viewer.layers
    assert window.result.box == Box((1, 4, 0), (3, 36, 32))
    tool.leave()
    assert not window.viewer.canvas.overlays.text.visible and not window.viewer.keymap


def test_a_click_runs_the_teacher_where_one_is_chosen(window, stack, small_box, teacher):
    window.open(stack)
    desk, tool = window.desk, window.dock.proofread.proofreader.clicking
    desk.prepare()
    assert "runs the student on" in tool.facts
    desk.model.open_file(teacher)
    window.wait(lambda: desk.device.device is not None and desk.model.card is not None)
    assert tool.facts.startswith("A click runs the teacher on 2 x 32 x 32 voxels round it, ")
    tool.enter()
    tool.click((0, 24, 60))
    window.idle()
    assert window.result.box == Box((0, 8, 32), (2, 40, 64)) and window.result.card.role == "teacher"
    tool.leave()


def test_proofreading_goes_on_from_a_click(window, stack, small_box, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_emcad.widgets.desk.sessions.session_folder", lambda _: tmp_path / "stack.emcad")
    window.open(stack)
    panel = window.dock.proofread
    panel.proofreader.clicking.enter()
    panel.proofreader.clicking.click((0, 24, 60))
    window.idle()
    edited = window.result
    panel.start_button.click()
    window.wait(lambda: panel.editor is not None)
    assert not panel.proofreader.clicking.is_on and panel.body.only_selected.isChecked()
    assert set(np.unique(edited.neuron_layer.data[:])) <= {0, panel.editor.at.selection.last}
    assert not edited.neuron_layer.show_selected_label
    window.desk.runs.segment_box(Box((1, 0, 0), (3, 32, 32)))
    window.idle()
    assert edited.neuron_layer in window.viewer.layers  # a trial that was edited stays


def test_the_box_lies_inside_the_stack():
    assert Box.around((0, 10, 1000), SIZE, (100, 1024, 1024)) == Box((0, 0, 512), (9, 512, 1024))
    assert Box.around((50, 500, 500), SIZE, (100, 1024, 1024)) == Box((46, 244, 244), (55, 756, 756))
    assert Box.around((2, 20, 30), SIZE, (3, 48, 64)) == Box.whole((3, 48, 64))


def test_without_a_stack_it_says_why_not(window):
    tool = window.dock.proofread.proofreader.clicking
    assert "Open a stack" in tool.why_not and not window.dock.proofread.click_row.button.isEnabled()
