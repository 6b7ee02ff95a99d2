"""Runs of a model over a stack, without a window."""

import numpy as np
import pytest
from drawings import neuropil

import napari_emcad.workers.segmentation as segmenting
from napari_emcad.core.geometry import Box
from napari_emcad.pipeline import segment
from napari_emcad.widgets.desk.region import BOX, SECTION
from napari_emcad.widgets.desk.section_use import LEAVE_OUT

SCALE = (40, 5, 6)


@pytest.fixture
def run(desk, loop):
    """Run to the end."""

    def run():
        desk.runs.run()
        loop.settle()

    return run


def names(desk) -> list[str]:
    return [layer.name for layer in desk.viewer.layers]


def step_until(desk, done) -> None:
    """Drive the run until so many sections are done."""
    while desk.runs.sections_done < done:
        desk.jobs.step()


def test_from_a_stack_to_neurons_on_its_place(desk, open_stack, stack, run):
    source = open_stack(stack, translate=(400, 50, 60))
    run()
    assert desk.message.text.startswith("Done: 3 sections") and desk.message.kind == "result"
    assert names(desk) == ["stack", "stack affinities", "stack fragments", "stack neurons"]
    assert "neuron" in desk.threshold.read_out
    for layer in desk.results.current.layers:
        np.testing.assert_allclose(layer.scale, SCALE)
        np.testing.assert_allclose(layer.translate, source.translate)
        assert [str(unit) for unit in layer.units] == ["nanometer"] * 3
        assert tuple(layer.axis_labels) == ("z", "y", "x")
    np.testing.assert_array_equal(source.data, stack)


def test_the_desk_shows_what_the_pipeline_computes(desk, open_stack, stack, model, run):
    open_stack(stack)
    run()
    expected = segment(stack, str(model))
    assert expected.threshold == desk.threshold.value == 0.45  # the card's
    np.testing.assert_array_equal(np.asarray(desk.results.current.neuron_layer.data), expected.labels)
    np.testing.assert_array_equal(desk.results.current.affinities, expected.affinities)


def test_a_teacher_segments_as_in_the_pipeline(desk, loop, open_stack, stack, teacher, run):
    open_stack(stack)
    desk.model.open_file(teacher)
    loop.work()
    assert desk.choices.why_not == "" and "residual U-Net" in desk.model.line
    run()
    result = desk.results.current
    assert result.card.role == "teacher"
    expected = segment(stack, str(teacher))
    np.testing.assert_allclose(result.affinities.astype(int), expected.affinities, atol=1)


def test_a_box_on_another_scale_and_origin(desk, open_stack, stack, run):
    source = open_stack(stack, translate=(400, 50, 60))
    desk.region.kind = BOX
    desk.region.draw()
    corners = np.array([[1, 8.4, 10.4], [1, 8.4, 40.2], [1, 39.7, 40.2], [1, 39.7, 10.4]])
    desk.viewer.layers["box"].add_rectangles(corners)
    desk.region.sections = (1, 2)
    assert desk.region.box().slices == np.s_[1:3, 9:40, 11:41]
    run()
    assert desk.results.current.view.shape == (2, 31, 30)
    for layer in desk.results.current.layers:
        np.testing.assert_allclose(layer.translate, np.array([400, 50, 60]) + np.array([1, 9, 11]) * SCALE)
        np.testing.assert_allclose(layer.data_to_world((0, 0, 0)), source.data_to_world((1, 9, 11)))


def test_a_region_without_a_box_says_so(desk, open_stack, stack):
    open_stack(stack)
    desk.region.kind = BOX
    desk.runs.run()
    assert 'press "Draw"' in desk.message.text
    desk.region.draw()
    desk.runs.run()
    assert "nothing is drawn" in desk.message.text


def test_a_trial_takes_the_section_on_screen_and_gives_way_to_the_run(desk, loop, open_stack, stack, run):
    open_stack(stack)
    desk.viewer.dims.set_current_step(0, 2)
    desk.runs.try_section()
    loop.settle()
    trial = desk.results.current
    assert trial.box.start == (2, 0, 0) and trial.box.shape == (1, 48, 64) and trial.is_trial
    run()
    assert names(desk).count("stack neurons") == 1 and not desk.results.current.is_trial
    assert desk.region.kind != SECTION


def test_a_run_that_is_stopped_keeps_what_is_done(desk, loop, open_stack, stack):
    open_stack(np.concatenate([stack] * 4))
    desk.runs.run()
    step_until(desk, 1)
    desk.runs.stop()
    assert desk.jobs.stopping
    loop.settle()
    assert 'of 12 sections done, and kept; press "Run" to go on' in desk.message.text
    assert "stack affinities" in names(desk) and "stack neurons" not in names(desk)
    assert [layer.name for layer in desk.viewer.layers if layer.visible] == ["stack"], "as bright as before"


@pytest.fixture
def stopped(desk, loop, open_stack, stack):
    """A run over twelve sections that was stopped with two of them done."""
    source = open_stack(np.concatenate([stack] * 4))
    desk.runs.run()
    step_until(desk, 2)
    desk.runs.stop()
    loop.settle()
    return source


def test_a_stopped_run_goes_on_from_there(desk, loop, stopped, model):
    done = desk.viewer.layers["stack affinities"].data.affinities
    kept = done[:, :2].copy()
    done[:, :2] = 77  # shows that nothing is predicted twice
    desk.runs.run()
    assert desk.message.text.startswith("Going on: 2 of 12 sections are done.")
    step_until(desk, 3)
    assert (done[:, :2] == 77).all()
    done[:, :2] = kept
    loop.settle()
    np.testing.assert_array_equal(desk.results.current.affinities, segment(stopped.data, str(model)).affinities)
    assert names(desk) == ["stack", "stack affinities", "stack fragments", "stack neurons"]


@pytest.mark.parametrize("what", ["grey levels", "voxel size", "region", "voxels", "plan", "model"])
def test_a_run_of_something_else_begins_anew(desk, loop, stopped, what, tmp_path):
    if what == "grey levels":
        desk.settings.change_levels(3.0, 200.0)
    elif what == "voxel size":
        desk.stack.voxel_size = (40, 9, 9)
    elif what == "region":
        desk.region.kind = SECTION
    elif what == "voxels":
        stopped.data = stopped.data[::-1].copy()
    elif what == "plan":
        desk.inspection.choices.choose([1], LEAVE_OUT)
    else:
        (copy := tmp_path / "copy.pt").write_bytes(desk.model.path.read_bytes())
        desk.model.open_file(copy)
    loop.settle()
    desk.runs.run()
    desk.jobs.step()
    while desk.jobs.running and desk.runs.under_way.sections_done == 2:
        desk.jobs.step()
    assert desk.runs.sections_done < 2
    desk.runs.stop()
    loop.settle()


def test_a_run_that_is_stopped_at_once_keeps_nothing(desk, loop, open_stack, stack):
    open_stack(stack)
    desk.runs.run()
    desk.runs.stop()
    loop.settle()
    assert desk.message.text == "Stopped: 0 of 3 sections done, nothing is kept."
    assert names(desk) == ["stack"]


def test_the_stack_is_removed_in_mid_run(desk, loop, open_stack, stack):
    source = open_stack(np.concatenate([stack] * 4))
    desk.runs.run()
    step_until(desk, 1)
    desk.viewer.layers.remove(source)
    loop.settle()
    assert 'The layer "stack" was removed' in desk.message.text
    assert "stack neurons" not in names(desk)


def test_the_stack_changes_in_mid_run(desk, loop, open_stack, stack):
    source = open_stack(stack)
    desk.runs.run()
    source.data = stack[:, ::-1]
    loop.settle()
    assert "has changed" in desk.message.text and desk.results.current is None


def test_nan_found_in_mid_run(desk, open_stack, stack, run):
    volume = stack.astype(np.float32)
    volume[1, 1, 1] = np.nan  # not in the sample that the grey levels are taken from
    open_stack(volume)
    run()
    assert "section 1 holds NaN" in desk.message.text and desk.message.kind == "error"
    assert not desk.jobs.running and desk.choices.why_not == ""


def test_an_unforeseen_error_is_one_sentence_with_details(desk, open_stack, stack, run, monkeypatch):
    def broken(*_):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")
        yield

    monkeypatch.setattr("napari_emcad.workers.segmentation.predict_beside", broken)
    open_stack(stack)
    run()
    assert "RuntimeError: mat1 and mat2" in desk.message.text and "\n" not in desk.message.text
    assert "Traceback" in desk.message.details
    assert names(desk) == ["stack"]  # nothing was done


def test_too_little_memory_leads_to_blocks(desk, open_stack, stack, monkeypatch):
    class Memory:
        available = 1_000_000

    monkeypatch.setattr("napari_emcad.workers.estimates.psutil.virtual_memory", Memory)
    open_stack(stack)
    refused = []
    desk.runs.too_large.connect(lambda: refused.append(True))
    desk.runs.run()
    assert desk.message.text.startswith("memory: ") and refused == [True]
    assert 'free; close other programs, or press "Start" under "By blocks".' in desk.message.text
    assert names(desk) == ["stack"]


def test_without_a_stack(desk):
    desk.runs.run()
    assert "Open a stack" in desk.message.text and desk.message.kind == "error"


def test_a_second_run_waits_for_the_first(desk, loop, open_stack, stack):
    open_stack(stack)
    desk.runs.run()
    desk.runs.try_section()
    assert desk.message.text == "A job is running; stop it first."
    loop.settle()
    assert desk.results.current.box.shape == stack.shape


def test_a_network_for_optical_volumes_gives_no_affinities(desk, loop, open_stack, stack, tmp_path, run):
    import torch

    shapes = {"inc.conv.0": 8, "x20.conv.1.conv.0": 14, "x02.conv_up.conv.0": 14, "clc1.conv": 1}
    torch.save({f"{name}.weight": torch.zeros(n, 1, 1, 1, 1) for name, n in shapes.items()}, tmp_path / "sdasn.ckpt")
    open_stack(stack)
    desk.model.open_file(tmp_path / "sdasn.ckpt")
    loop.work()
    assert "optical volumes; choose a student or a teacher" in desk.choices.why_no_affinities
    desk.runs.segment_box(Box.whole(stack.shape))
    assert desk.message.text == desk.choices.why_no_affinities
    run()
    assert "keys " in desk.message.text and " are missing in " in desk.message.text
    assert desk.neurites.current is None


def test_a_removed_result_is_forgotten(desk, loop, open_stack, stack, run):
    open_stack(stack)
    run()
    desk.viewer.layers.remove(desk.results.current.neuron_layer)
    assert desk.results.current is None
    assert "after a run" in desk.threshold.read_out
    desk.threshold.move(0.2)  # moves nothing, breaks nothing
    loop.settle()


@pytest.fixture
def holed():
    """Eight sections of drawn tissue, of which section 4 is blank."""
    data = neuropil((8, 96, 100), seed=3)
    data[4] = 0
    return data


def asked_plan(monkeypatch):
    """Return a list that gets the plan of each prediction."""
    plans, original = [], segmenting.predict_beside

    def noted(*arguments):
        plans.append(arguments[5])
        return (yield from original(*arguments))

    monkeypatch.setattr(segmenting, "predict_beside", noted)
    return plans


def test_a_run_goes_by_the_plan_and_says_so(desk, open_stack, holed, run, monkeypatch):
    plans = asked_plan(monkeypatch)
    open_stack(holed)
    run()
    assert plans[0].left_out.tolist() == [False] * 4 + [True] + [False] * 3
    assert "Section 4 is left out and bridged. Move the threshold" in desk.message.text
    assert desk.results.current.plan is plans[0]


def test_a_run_that_comes_before_the_look_is_over_waits_for_it(desk, loop, holed, monkeypatch):
    plans, stages = asked_plan(monkeypatch), []
    desk.jobs.progressed.connect(lambda progress: stages.append(progress.stage))
    desk.viewer.add_image(holed, name="stack", scale=SCALE, units=("nm",) * 3)
    desk.runs.run()
    loop.settle()
    assert plans[0].left_out[4] and stages[0] == "sections" and "affinities" in stages
    assert desk.inspection.line == "8 sections: 4 blank."


def test_what_a_person_decided_is_done(desk, open_stack, holed, run, monkeypatch):
    plans = asked_plan(monkeypatch)
    open_stack(holed)
    desk.inspection.choices.choose([2], LEAVE_OUT)
    run()
    assert plans[-1].left_out[2]
    desk.inspection.choices.all_as_is = True
    run()
    assert plans[-1].is_as_is and "left out" not in desk.message.text
    assert np.asarray(desk.results.current.neuron_layer.data).shape == holed.shape


def test_a_trial_says_only_what_it_is_about(desk, loop, open_stack, holed):
    open_stack(holed)
    desk.viewer.dims.set_current_step(0, 2)
    desk.runs.try_section()
    loop.settle()
    assert "section 2" in desk.message.text and "left out" not in desk.message.text
    desk.viewer.dims.set_current_step(0, 4)
    desk.runs.try_section()
    loop.settle()
    assert "nothing in 4:5,0:96,0:100 shows tissue" in desk.message.text and desk.message.kind == "error"


def test_a_stack_without_tissue_is_one_sentence(desk, loop, open_stack, run):
    open_stack(np.zeros((5, 96, 100), np.uint8))
    run()
    assert "sections: nothing in 0:5,0:96,0:100 shows tissue" in desk.message.text
    assert names(desk) == ["stack"] and not desk.jobs.running


def test_sections_nobody_looked_at_are_used_and_that_is_said(desk, loop, open_stack, stack, run):
    open_stack(stack, metadata={"source": "https://host/em.zarr"})
    run()
    assert "used as they are: nobody has looked at them" in desk.message.text


def test_a_run_stopped_in_the_look_keeps_nothing(desk, loop, holed):
    desk.viewer.add_image(holed, name="stack")
    desk.runs.run()
    desk.jobs.step()
    desk.runs.stop()
    loop.settle()
    assert desk.message.text == "Stopped: 0 of 8 sections done, nothing is kept." and names(desk) == ["stack"]
    assert desk.inspection.line == "8 sections: 4 blank.", "the look goes on"
