"""The buttons of the panel Segment, without a window."""

import numpy as np
import pytest
from hearing import heard

from napari_emcad.widgets.desk.region import BOX
from napari_emcad.widgets.segment.run_controls import RunControls


@pytest.fixture
def controls(desk) -> RunControls:
    return RunControls(desk)


def test_without_a_stack_nothing_can_be_run(desk, controls):
    assert "Open a stack" in controls.why_not_run and controls.why_not_try == controls.why_not_run
    assert controls.estimate == "Open a stack to see time and memory."
    controls.run_or_stop()
    assert "Open a stack" in desk.message.text and not desk.jobs.running


def test_a_layer_that_is_no_stack(desk, loop, controls):
    desk.viewer.add_image(np.zeros((48, 64), np.uint8))
    loop.work()
    assert "2D image" in controls.why_not_run and controls.estimate == "This layer cannot be segmented."


def test_a_run_is_started_and_stopped_by_one_button(desk, loop, open_stack, stack, controls):
    open_stack(stack)
    changes = heard(controls.changed)
    assert (controls.run_words, controls.why_not_run, controls.run_tip) == ("Run", "", "Segment the region.")
    controls.run_or_stop()
    assert (controls.run_words, controls.why_not_run) == ("Stop", "") and "one tile" in controls.run_tip
    assert controls.why_not_try == "A job is running." and changes
    controls.run_or_stop()
    assert controls.run_words == "Stop" and controls.why_not_run == "Stopping: it ends with the tile under way."
    loop.settle()
    assert (controls.run_words, controls.why_not_run, controls.why_not_try) == ("Run", "", "")
    assert desk.message.text.startswith("Stopped")


def test_a_section_is_tried(desk, loop, open_stack, stack, controls):
    open_stack(stack)
    assert controls.try_tip == "The section on screen only: seconds."
    controls.try_section()
    loop.settle()
    assert desk.results.current.is_trial


def test_the_estimate_says_memory_at_once_and_time_after_a_run(desk, loop, open_stack, stack, controls):
    open_stack(stack)
    assert controls.estimate.endswith("MB of memory") and "~" not in controls.estimate
    controls.run_or_stop()
    loop.settle()
    assert controls.estimate.startswith("~ ") and controls.estimate.endswith(" of memory")


def test_a_box_that_is_not_drawn_has_no_estimate(desk, open_stack, stack, controls):
    open_stack(stack)
    desk.region.kind = BOX
    assert controls.estimate == "Draw a box to see time and memory."


def test_a_teacher_goes_through_more_than_the_section(desk, loop, open_stack, stack, teacher, controls):
    open_stack(stack)
    desk.model.open_file(teacher)
    loop.work()
    assert "the sections around it, too" in controls.try_tip and controls.estimate.endswith("MB of memory")


def test_devices_that_are_not_known_yet(desk, open_stack, stack, controls, monkeypatch):
    open_stack(stack)
    monkeypatch.setattr(desk.device, "_found", {})
    assert controls.estimate == "Looking at the devices ..."
