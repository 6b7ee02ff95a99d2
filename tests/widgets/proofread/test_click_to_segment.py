"""A neuron by one click on the image, before any run, without a window."""

from types import SimpleNamespace

import numpy as np
import pytest
from editing_hands import Editing
from napari.utils.interactions import mouse_press_callbacks, mouse_release_callbacks

from napari_emcad.core.geometry import Box
from napari_emcad.widgets.proofread import click_to_segment
from napari_emcad.widgets.proofread.click_to_segment import SIZE


@pytest.fixture(autouse=True)
def small_box(monkeypatch):
    monkeypatch.setattr(click_to_segment, "SIZE", (2, 32, 32))


@pytest.fixture
def clicking(proofreader):
    return proofreader.clicking


@pytest.fixture
def click(clicking, loop):
    """Click a voxel of the stack, and wait for the run."""

    def click_(voxel):
        clicking.click(voxel)
        loop.settle()

    return click_


def press_mouse(desk, layer, voxel, dims_displayed=(1, 2)) -> None:
    """A click of the mouse at a voxel of a layer."""
    event = SimpleNamespace(
        type="mouse_press",
        button=1,
        pos=(300, 200),
        position=tuple(layer.data_to_world(voxel)),
        view_direction=None,
        dims_displayed=list(dims_displayed),
        modifiers=(),
    )
    mouse_press_callbacks(desk.viewer, event)
    event.type = "mouse_release"
    mouse_release_callbacks(desk.viewer, event)


def labelled(result):
    """A voxel of the stack on a neuron of a result, and the neuron."""
    layer = result.neuron_layer
    inside = np.argwhere(layer.data[:])[0]
    return tuple(int(v) for v in inside + result.box.start), int(layer.data[tuple(inside)])


def test_a_click_segments_a_box_round_it(desk, loop, clicking, click, open_stack, stack):
    open_stack(stack, translate=(400, 50, 60))
    assert "2 x 32 x 32 voxels" in clicking.facts.replace("\N{MULTIPLICATION SIGN}", "x")
    clicking.enter()
    assert "CLICK" in desk.viewer.canvas.overlays.text.text and desk.viewer.cursor.style == "crosshair"
    click((0, 24, 60))
    result = desk.results.current
    assert result.box == Box((0, 8, 32), (2, 40, 64))
    layer = result.neuron_layer
    assert layer.show_selected_label and f"Neuron {layer.selected_label}:" in desk.message.text
    assert not any(affinities.visible for affinities in result.affinity_layers)
    voxel, neuron = labelled(result)
    click(voxel)
    assert desk.results.current is result and layer.selected_label == neuron  # looked up, not computed again
    click((2, 20, 5))
    assert desk.results.current is not result and layer not in desk.viewer.layers
    assert desk.results.current.box == Box((1, 4, 0), (3, 36, 32))
    clicking.leave()
    assert not desk.viewer.canvas.overlays.text.visible and not desk.viewer.keymap and not clicking.is_on


def test_the_mouse_clicks_voxels_of_the_stack(desk, loop, clicking, open_stack, stack):
    layer = open_stack(stack, translate=(400, 50, 60))
    clicking.enter()
    clicking.enter()  # once more: nothing is bound twice
    press_mouse(desk, layer, (0, 24, 60))
    loop.settle()
    assert desk.results.current.box == Box((0, 8, 32), (2, 40, 64))
    press_mouse(desk, layer, (0, 24, 64))
    assert desk.message.text == 'click: outside of "stack"; click on it.'
    desk.viewer.dims.ndisplay = 3
    press_mouse(desk, layer, (0, 24, 60), dims_displayed=(0, 1, 2))
    assert desk.message.text == "click: the image shows no depth in 3D; go back to 2D."
    desk.viewer.dims.ndisplay = 2
    desk.viewer.layers.remove(layer)
    press_mouse(desk, layer, (0, 24, 60))
    assert "Open a stack" in desk.message.text and desk.message.kind == "error"


def test_beside_all_neurons_it_says_so(desk, clicking, click, open_stack, stack):
    open_stack(stack)
    click((0, 24, 60))
    result = desk.results.current
    desk.results.show_table(result, np.zeros_like(result.neurons.table))
    click((0, 24, 60))
    assert desk.message.text == "click: there is no neuron within 100 nm; click on one."


def test_a_click_runs_the_teacher_where_one_is_chosen(desk, loop, clicking, click, open_stack, stack, teacher):
    open_stack(stack)
    assert "runs the student on" in clicking.facts
    desk.model.open_file(teacher)
    loop.work()
    assert clicking.facts.startswith("A click runs the teacher on 2 x 32 x 32 voxels round it, ")
    click((0, 24, 60))
    result = desk.results.current
    assert result.box == Box((0, 8, 32), (2, 40, 64)) and result.card.role == "teacher"


def test_proofreading_goes_on_from_a_click(desk, loop, proofreader, clicking, click, open_stack, stack, beside):
    open_stack(stack)
    clicking.enter()
    click((0, 24, 60))
    edited = desk.results.current
    desk.sessions.start()
    loop.work()
    editing = Editing(desk, loop, proofreader)
    assert not clicking.is_on and editing.at.only_selected
    assert set(np.unique(edited.neuron_layer.data[:])) <= {0, editing.at.selection.last}
    assert not edited.neuron_layer.show_selected_label
    desk.runs.segment_box(Box((1, 0, 0), (3, 32, 32)))
    loop.settle()
    assert edited.neuron_layer in desk.viewer.layers  # a trial that was edited stays


def test_the_box_lies_inside_the_stack():
    assert Box.around((0, 10, 1000), SIZE, (100, 1024, 1024)) == Box((0, 0, 512), (9, 512, 1024))
    assert Box.around((50, 500, 500), SIZE, (100, 1024, 1024)) == Box((46, 244, 244), (55, 756, 756))
    assert Box.around((2, 20, 30), SIZE, (3, 48, 64)) == Box.whole((3, 48, 64))


def test_without_a_stack_it_says_why_not(clicking):
    assert "Open a stack" in clicking.why_not and clicking.facts == ""


def test_the_button_stays_down_while_clicks_are_taken(qtbot, clicking, open_stack, stack):
    from napari_emcad.widgets.proofread.views.click_row import ClickRow

    row = ClickRow(clicking)
    qtbot.addWidget(row)
    assert not row.button.isEnabled() and "Open a stack" in row.button.toolTip()
    open_stack(stack)
    assert row.button.isEnabled()
    row.button.click()
    assert clicking.is_on
    clicking.leave()
    assert not row.button.isChecked()
