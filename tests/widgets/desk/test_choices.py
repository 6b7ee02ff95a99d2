"""All choices together, without a window: may a run start, with which parameters, and for how long?"""

import numpy as np
import pytest

from napari_emcad.core.geometry import Box


@pytest.fixture
def run(desk, loop):
    """Run to the end."""

    def run():
        desk.runs.run()
        loop.settle()

    return run


def test_a_run_needs_a_stack_and_a_model(desk, loop, open_stack, stack, tmp_path):
    assert "Open a stack" in desk.choices.why_not
    open_stack(stack)
    assert desk.choices.why_not == desk.choices.why_no_affinities == ""
    (tmp_path / "wrong.pt").write_text("no weights")
    desk.model.open_file(tmp_path / "wrong.pt")
    loop.work()
    assert "no model" in desk.choices.why_not


def test_a_network_for_optical_volumes_gives_no_affinities(desk, loop, sdasn):
    desk.model.open_file(sdasn)
    loop.work()
    assert "choose a student or a teacher" in desk.choices.why_no_affinities


def test_the_parameters_of_a_run(desk):
    assert desk.choices.parameters().threshold is None, "the card's, until a person moves it"
    desk.threshold.move(0.31)
    desk.settings.change(min_size=7)
    desk.device.wish = "cpu"
    parameters = desk.choices.parameters()
    assert (parameters.threshold, parameters.min_size, parameters.device) == (0.31, 7, "cpu")


def test_a_run_of_a_box(desk, open_stack, stack):
    open_stack(stack)
    box = Box((0, 0, 0), (1, 20, 30))
    planned = desk.choices.planned(box)
    assert (planned.box, planned.shape, planned.device_kind) == (box, stack.shape, "cpu")
    assert planned.card is desk.model.card and desk.choices.planned(box, (5, 60, 70)).shape == (5, 60, 70)


def test_nothing_is_estimated_until_the_devices_are_known(desk, open_stack, stack, monkeypatch):
    open_stack(stack)
    monkeypatch.setattr(desk.device, "_found", {})
    assert desk.choices.estimate(Box.whole(stack.shape)) is None


def test_the_time_a_run_takes_is_known_from_the_last_one(desk, open_stack, stack, run):
    open_stack(stack)
    assert desk.choices.estimate(Box.whole(stack.shape)).seconds is None
    run()
    assert desk.choices.estimate(Box.whole(stack.shape)).seconds > 0


def test_the_time_of_teachers_says_nothing_of_students(desk, loop, open_stack, stack, teacher, model, run):
    open_stack(stack)
    desk.model.open_file(teacher)
    loop.work()
    run()
    box = Box.whole(stack.shape)
    assert desk.choices.estimate(box).text().startswith("~ ")
    desk.model.open_file(model)
    loop.work()
    assert desk.choices.estimate(box).seconds is None


def test_another_stack_is_the_region_s(desk, open_stack, stack):
    open_stack(stack)
    other = open_stack(np.concatenate([stack, stack]), name="other")
    desk.stack.layer = other
    assert desk.region.last_section == 5


def test_whoever_hears_of_another_stack_finds_its_region(desk, open_stack, stack):
    first, seen = open_stack(stack), []
    desk.stack.layer = desk.viewer.add_image(stack[0], name="2d")
    desk.inspection.changed.connect(lambda: seen.append(desk.region.box().shape))
    desk.stack.layer = first
    assert seen[0] == stack.shape
