"""The way from a stack to neurons, in a real window."""

import numpy as np
import pytest
from qtpy.QtCore import QEvent

from napari_emcad.core.agglomeration import DEFAULT_THRESHOLDS, agglomerate_fragments
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.widgets.desk.region import BOX, SECTION
from napari_emcad.widgets.kit.labels_view import FragmentLabels
from napari_emcad.widgets.kit.layers import voxel_size_of

SCALE, NM = (40, 5, 6), ("nm",) * 3

pytestmark = pytest.mark.window


def test_two_clicks_to_neurons(window, stack):
    source = window.open(stack, translate=(400, 50, 60))
    window.dock.segment.run_button.click()
    assert window.dock.segment.run_button.text() == "Stop"
    window.idle()
    assert "Done: 3 sections" in window.message
    assert [layer.name for layer in window.viewer.layers] == [
        "stack",
        "stack affinities",
        "stack fragments",
        "stack neurons",
    ]
    assert window.dock.segment.run_button.text() == "Run"
    assert "neuron" in window.desk.threshold.read_out
    for layer in window.result.layers:
        np.testing.assert_allclose(layer.scale, SCALE)
        np.testing.assert_allclose(layer.translate, source.translate)
        assert [str(u) for u in layer.units] == ["nanometer"] * 3
        assert tuple(layer.axis_labels) == ("z", "y", "x")
    np.testing.assert_array_equal(window.viewer.layers["stack"].data, stack)


def test_a_stack_of_other_pixels_than_the_model_s_is_told_before_the_run(window, stack):
    window.open(stack)
    window.wait(lambda: window.desk.model.card is not None)
    assert window.message.startswith("Ready")
    window.desk.stack.voxel_size = VoxelSize(30, 20, 20)
    assert "trained on pixels of 6 nm and this stack has 20 nm" in window.message


def test_the_panel_shows_what_the_pipeline_computes(window, stack, model):
    from napari_emcad.pipeline import segment

    window.open(stack)
    window.run()
    expected = segment(stack, str(model))
    assert expected.threshold == window.desk.threshold.value == 0.45  # the card's
    np.testing.assert_array_equal(np.asarray(window.result.neuron_layer.data), expected.labels)
    np.testing.assert_array_equal(window.result.affinities, expected.affinities)


def test_threshold_moves_the_table_and_no_voxel(window, stack):
    window.open(stack)
    window.run()
    layer, fragments = window.result.neuron_layer, window.result.segmentation.fragments
    data = layer.data
    before = fragments.copy()
    for threshold in (0.0, 0.3, 1.0):
        window.desk.threshold.move(threshold)
        window.settle()
        assert layer.data is data and data.fragments is fragments
        table = window.result.segmentation.table(threshold, 100, "strongest")
        np.testing.assert_array_equal(np.asarray(layer.data), table[fragments])
        z = int(window.viewer.dims.current_step[0])
        np.testing.assert_array_equal(np.asarray(layer._slice.image.raw), table[fragments[z]])  # repainted
        assert f"{len(window.result.neurons.sizes)} neuron" in window.desk.threshold.read_out
    np.testing.assert_array_equal(fragments, before)


def test_slow_crumbs_wait_until_the_slider_rests(window, stack, monkeypatch):
    monkeypatch.setattr("napari_emcad.widgets.desk.results.AT_ONCE", 0.0)
    window.open(stack)
    window.run()
    window.desk.threshold.move(0.2)
    assert not window.desk.results.is_settled
    moving = window.result.view.table
    np.testing.assert_array_equal(moving, window.result.segmentation.tree.cut(0.2))
    window.settle()
    window.wait(lambda: window.result.neurons.cut.threshold == 0.2)
    np.testing.assert_array_equal(window.result.view.table, window.result.segmentation.table(0.2, 100, "strongest"))


def test_smallest_neuron_and_crumbs_act_at_once(window, stack):
    window.open(stack)
    window.run()
    window.dock.segment.settings_form.crumbs.setCurrentIndex(1)
    window.dock.segment.settings_form.min_size.setValue(10**6)
    window.settle()
    assert not np.asarray(window.result.neuron_layer.data).any()
    assert window.desk.threshold.read_out == "no neurons"


def test_seed_smoothing_agglomerates_again_without_predicting(window, stack, monkeypatch):
    window.open(stack)
    window.run()
    monkeypatch.setattr("napari_emcad.workers.segmentation.predict_beside", None)
    affinities, before = window.result.affinities, len(window.result.segmentation.sizes)
    window.dock.segment.settings_form.seed_sigma.setValue(0)
    window.wait(lambda: window.desk.jobs.running)
    window.idle()
    assert window.result.affinities is affinities
    assert len(window.result.segmentation.sizes) > before
    assert "nothing was predicted again" in window.message
    assert [layer.name for layer in window.viewer.layers].count("stack neurons") == 1


def test_another_agglomeration_takes_its_own_threshold(window, stack):
    window.open(stack)
    window.desk.threshold.move(0.11)
    window.run()
    advanced, threshold = window.dock.segment.settings_form, window.desk.threshold
    advanced.agglomeration.setCurrentIndex(advanced.agglomeration.findData("multicut"))
    window.wait(lambda: window.desk.jobs.running)
    window.idle()
    assert not advanced.scoring.isEnabled()
    assert (threshold.value, threshold.touched) == (DEFAULT_THRESHOLDS["multicut"], None)
    assert window.result.parameters.agglomeration == "multicut"
    assert window.result.neurons.cut.threshold == DEFAULT_THRESHOLDS["multicut"]
    expected = agglomerate_fragments(window.result.segmentation.graph, window.result.segmentation.sizes, "multicut")
    np.testing.assert_array_equal(window.result.segmentation.tree.leaves, expected.leaves)
    np.testing.assert_array_equal(window.result.segmentation.tree.gaps, expected.gaps)


def test_neurons_that_are_proofread_keep_their_agglomeration_and_threshold(window, stack):
    window.open(stack)
    window.run()
    window.result.is_edited = True
    before, advanced = window.desk.threshold.value, window.dock.segment.settings_form
    advanced.agglomeration.setCurrentIndex(advanced.agglomeration.findData("mutex watershed"))
    window.wait(lambda: "lose the edits" in window.message)
    assert advanced.agglomeration.currentData() == "waterz" and advanced.scoring.isEnabled()
    assert window.desk.threshold.value == before


def test_box_on_another_scale_and_origin(window, stack):
    source = window.open(stack, translate=(400, 50, 60))
    window.desk.region.kind = BOX
    window.desk.region.draw()
    corners = np.array([[1, 8.4, 10.4], [1, 8.4, 40.2], [1, 39.7, 40.2], [1, 39.7, 10.4]])
    window.viewer.layers["box"].add_rectangles(corners)
    window.desk.region.sections = (1, 2)
    assert window.desk.region.box().slices == np.s_[1:3, 9:40, 11:41]
    window.run()
    assert window.result.view.shape == (2, 31, 30)
    for layer in window.result.layers:
        np.testing.assert_allclose(layer.translate, np.array([400, 50, 60]) + np.array([1, 9, 11]) * SCALE)
        np.testing.assert_allclose(layer.data_to_world((0, 0, 0)), source.data_to_world((1, 9, 11)))


def test_a_region_without_a_box_says_so(window, stack):
    window.open(stack)
    window.desk.region.kind = BOX
    window.desk.runs.run()
    assert 'press "Draw"' in window.message
    window.desk.region.draw()
    window.desk.runs.run()
    assert "nothing is drawn" in window.message


def test_try_takes_the_section_on_screen_and_gives_way_to_the_run(window, stack):
    window.open(stack)
    window.viewer.dims.set_current_step(0, 2)
    window.dock.segment.try_button.click()
    window.idle()
    assert window.result.box.start == (2, 0, 0) and window.result.box.shape == (1, 48, 64)
    window.run()
    names = [layer.name for layer in window.viewer.layers]
    assert names.count("stack neurons") == 1 and not window.result.is_trial
    assert window.desk.region.kind != SECTION


def test_stop_keeps_what_is_done(window, stack, monkeypatch):
    _pause_after(monkeypatch, sections=1)
    window.open(np.concatenate([stack] * 4))
    window.desk.runs.run()
    window.wait(lambda: window.desk.runs.sections_done >= 1)
    window.dock.segment.run_button.click()
    assert not window.dock.segment.run_button.isEnabled() and "tile" in window.dock.segment.run_button.toolTip()
    window.idle()
    assert "Stopped: " in window.message and "of 12 sections done, their affinities stay" in window.message
    assert "stack affinities" in window.viewer.layers and "stack neurons" not in window.viewer.layers
    assert window.dock.segment.run_button.text() == "Run"


def test_layer_removed_in_mid_run(window, stack, monkeypatch):
    _pause_after(monkeypatch, sections=1)
    source = window.open(np.concatenate([stack] * 4))
    window.desk.runs.run()
    window.wait(lambda: window.desk.runs.sections_done >= 1)
    window.viewer.layers.remove(source)
    window.idle()
    assert 'The layer "stack" was removed' in window.message
    assert "stack neurons" not in window.viewer.layers


def test_window_closed_in_mid_run(window, stack, monkeypatch):
    _pause_after(monkeypatch, sections=1)
    window.open(np.concatenate([stack] * 4))
    window.desk.runs.run()
    window.wait(lambda: window.desk.runs.sections_done >= 1)
    (run,) = window.desk.jobs._alive
    window.viewer.close()
    assert run.over.is_set()


def test_closing_asks_only_if_a_job_is_running(window, stack, monkeypatch):
    from napari_emcad.widgets import dock as module

    asked = []
    no = module.QMessageBox.StandardButton.No
    monkeypatch.setattr(module.QMessageBox, "question", lambda *words: asked.append(words[-1]) or no)
    _pause_after(monkeypatch, sections=1)
    window.open(np.concatenate([stack] * 4))
    window.desk.runs.run()
    window.wait(lambda: window.desk.runs.sections_done >= 1)
    assert window.dock.eventFilter(window.dock._window, _ClosedByAPerson())  # kept open
    assert "affinities" in asked[0] and window.desk.jobs.running
    window.desk.runs.stop()
    window.idle()
    assert not window.dock.eventFilter(window.dock._window, _ClosedByAPerson())
    assert len(asked) == 1 and window.dock.is_released


def test_data_changed_in_mid_run_is_stale(window, stack, monkeypatch):
    source = window.open(stack)
    window.desk.runs.run()
    source.data = stack[:, ::-1]
    window.idle()
    assert "has changed" in window.message and window.result is None


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (np.zeros((48, 64), np.uint8), "2D image"),
        (np.zeros((2, 3, 48, 64), np.uint8), "4 axes"),
        (np.zeros((3, 48, 64, 3), np.uint8), "colour"),
        (np.zeros((3, 48, 8), np.uint8), "48 x 8"),
        (np.full((3, 48, 64), np.nan, np.float32), "NaN"),
        (np.full((3, 48, 64), 7, np.uint16), "nothing but 7"),
    ],
    ids=["2d", "4d", "rgb", "small", "nan", "flat"],
)
def test_bad_layers_are_told_at_once(window, data, sentence):
    rgb = data.ndim == 4 and data.shape[-1] == 3
    window.viewer.add_image(data, rgb=rgb)
    window.wait(lambda: sentence in window.message)
    assert window.message.count(". ") == 0
    if sentence not in ("NaN", "nothing but 7"):
        assert not window.dock.segment.run_button.isEnabled()
        assert sentence in window.dock.segment.run_button.toolTip()


def test_nan_found_in_mid_run(window, stack):
    volume = stack.astype(np.float32)
    volume[1, 1, 1] = np.nan  # not in the sample that the grey levels are taken from
    window.open(volume)
    window.run()
    assert "section 1 holds NaN" in window.message
    assert window.dock.segment.run_button.isEnabled()
    assert window.dock.segment.run_button.text() == "Run"


def test_an_unforeseen_error_is_one_sentence_with_details_to_copy(window, stack, monkeypatch, qapp):
    def broken(*_):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")
        yield

    monkeypatch.setattr("napari_emcad.workers.segmentation.predict_beside", broken)
    window.open(stack)
    window.run()
    assert "RuntimeError: mat1 and mat2" in window.message and "\n" not in window.message
    window.dock.message.copy()
    assert "Traceback" in qapp.clipboard().text()
    assert "stack affinities" not in window.viewer.layers  # nothing was done


def test_a_file_that_is_no_model(window, stack, tmp_path):
    window.open(stack)
    (tmp_path / "wrong.pt").write_text("no weights")
    window.desk.model.open_file(tmp_path / "wrong.pt")
    window.wait(lambda: "wrong.pt" in window.message)
    assert not window.dock.segment.run_button.isEnabled()
    assert "no model" in window.dock.segment.run_button.toolTip()


def test_too_little_memory_proposes_a_box(window, stack, monkeypatch):
    monkeypatch.setattr("napari_emcad.workers.estimates.psutil.virtual_memory", lambda: _Memory(1_000_000))
    window.open(stack)
    window.desk.runs.run()
    assert window.message.startswith("memory: ")
    assert 'free; close other programs, or press "Start" under "By blocks".' in window.message
    assert "stack affinities" not in window.viewer.layers


@pytest.fixture
def teachers_desk(window, teacher):
    """A window with the teacher chosen, of which the devices are known."""
    segment = window.dock.segment
    segment.prepare()
    segment.model.open_file(teacher)
    window.wait(lambda: segment.device.device is not None and segment.model.card is not None)
    return window


def test_a_teacher_segments_as_in_the_pipeline(teachers_desk, stack, teacher):
    from napari_emcad.pipeline import segment

    window = teachers_desk
    window.open(stack)
    assert window.desk.choices.why_not == ""
    assert "residual U-Net" in window.dock.segment.model._line.text()
    window.dock.segment.run_button.click()
    window.idle()
    assert "Done: 3 sections" in window.message
    assert window.result.card.role == "teacher"
    expected = segment(stack, str(teacher))
    np.testing.assert_allclose(window.result.affinities.astype(int), expected.affinities, atol=1)
    window.dock.segment.try_button.click()
    window.idle()
    assert window.result.box.shape == (1, 48, 64) and window.result.is_trial


def test_a_teacher_s_time_and_memory_are_told(teachers_desk, stack):
    window = teachers_desk
    window.open(stack)
    panel = window.dock.segment
    assert panel._estimate.text().endswith("MB of memory")
    assert "the sections around it, too" in panel.try_button.toolTip()
    window.run()
    assert panel._estimate.text().startswith("~ ")
    device, card = panel.device.device.name, panel.model.card
    assert panel._remembered.seconds_per_megavoxel(device) is None  # nothing is said of students
    assert panel._remembered.seconds_per_megavoxel(device, card) > 0


def test_progress_and_stop_in_the_middle_of_a_teacher_s_run(teachers_desk, stack, monkeypatch):
    window = teachers_desk
    monkeypatch.setattr("napari_emcad.workers.prediction.SMALL", 0)  # in a process beside the window
    monkeypatch.setattr("napari_emcad.inference.predict_teacher.TILE", {"cpu": 40, "cuda": 40, "mps": 40})
    _pause_after(monkeypatch, sections=1)
    window.open(np.concatenate([stack] * 16))
    window.dock.segment.run_button.click()
    told = []
    window.desk.jobs.progressed.connect(told.append)
    window.wait(lambda: window.desk.runs.sections_done >= 1)
    assert "48" in window.dock.bar.format() and "left" in window.dock.bar.format()
    window.dock.segment.run_button.click()
    window.idle()
    assert "of 48 sections done, their affinities stay" in window.message
    assert {progress.stage for progress in told} == {"loading the model", "affinities"}
    assert any(progress.done == 0 and progress.seconds_left for progress in told)  # before the first layer is finished
    assert window.dock.segment.run_button.text() == "Run" and window.dock.segment.run_button.isEnabled()


def test_a_damaged_network_for_optical_volumes_is_told(window, stack, tmp_path):
    import torch

    names = {"inc.conv.0": 8, "x20.conv.1.conv.0": 14, "x02.conv_up.conv.0": 14, "clc1.conv": 1}
    torch.save({f"{name}.weight": torch.zeros(n, 1, 1, 1, 1) for name, n in names.items()}, tmp_path / "sdasn.ckpt")
    window.open(stack)
    window.desk.model.open_file(tmp_path / "sdasn.ckpt")
    window.wait(lambda: window.desk.model.card is not None)
    assert "optical volumes; choose a student or a teacher" in window.desk.choices.why_no_affinities
    window.run()
    assert "keys " in window.message and " are missing in " in window.message
    assert not window.desk.neurites.current


def test_device_and_estimate_are_told(window, stack):
    window.open(stack)
    window.desk.prepare()
    window.wait(lambda: window.desk.device.device is not None)
    assert window.dock.segment.device.itemText(0).startswith("auto: ")
    assert window.dock.segment._estimate.text().endswith("MB of memory")
    assert "~" not in window.dock.segment._estimate.text()
    window.run()
    assert window.dock.segment._estimate.text().startswith("~ ")


def test_grey_levels_come_from_the_data_and_can_be_changed(window, stack):
    window.open(stack.astype(np.uint16) * 100)
    advanced = window.dock.segment.settings_form
    window.wait(lambda: advanced.levels_of_data is not None)
    low, high = advanced.levels_of_data
    assert 0 < low < high < 25_500
    assert window.desk.choices.parameters().black is None
    advanced.white.setValue(20_000)
    assert window.desk.choices.parameters().white == 20_000
    advanced.from_data.click()
    assert window.desk.choices.parameters().white is None


def test_affinities_as_channels(window, stack):
    window.open(stack)
    window.dock.segment.settings_form.look.setCurrentIndex(1)
    window.run()
    assert [layer.name for layer in window.result.affinity_layers] == [f"stack affinities {a}" for a in "zyx"]
    window.dock.segment.settings_form.look.setCurrentIndex(0)
    (layer,) = window.result.affinity_layers
    np.testing.assert_array_equal(layer.data[1], np.moveaxis(window.result.affinities[:, 1], 0, -1))
    assert np.shares_memory(layer.data[1], window.result.affinities)


def test_in_3d(window, stack):
    window.open(stack)
    window.run()
    window.viewer.dims.ndisplay = 3
    window.desk.threshold.move(0.1)
    window.settle()
    raw = np.asarray(window.result.neuron_layer._slice.image.raw)
    np.testing.assert_array_equal(raw, window.result.view.table[window.result.segmentation.fragments])


def test_voxel_size_is_edited_for_all_layers_on_the_grid(window, stack):
    source = window.open(stack, translate=(400, 50, 60))
    window.run()
    window.desk.stack.voxel_size = VoxelSize(30, 4, 4)
    assert voxel_size_of(source) == (30, 4, 4)
    for layer in window.viewer.layers:
        np.testing.assert_allclose(layer.translate, (300, 40, 40))
    assert "30 x 4 x 4 nm" in window.dock.stack._facts.text()


def test_neurons_are_not_painted_on(window, stack):
    window.open(stack)
    window.run()
    assert not window.result.neuron_layer.editable
    assert isinstance(window.result.neuron_layer.data, FragmentLabels)


def test_a_removed_result_is_forgotten(window, stack):
    window.open(stack)
    window.run()
    window.viewer.layers.remove(window.result.neuron_layer)
    assert window.result is None
    assert "after a run" in window.desk.threshold.read_out
    window.desk.threshold.move(0.2)  # moves nothing, breaks nothing


def test_two_viewers_two_docks(new_window, stack):
    one, two = new_window(), new_window()
    one.open(stack, name="first")
    two.open(stack[:2], name="second")
    one.dock.desk.runs.run()
    two.dock.desk.runs.run()
    one.idle()
    two.idle()
    assert "first neurons" in one.viewer.layers and "first neurons" not in two.viewer.layers
    assert two.result.view.shape == (2, 48, 64)
    one.viewer.close()
    two.dock.desk.threshold.move(0.2)
    two.settle()
    assert two.result.neurons.cut.threshold == 0.2


def test_a_renamed_layer_is_renamed_in_the_dock(window, stack):
    layer = window.open(stack)
    layer.name = "other"
    assert window.dock.stack.combo.currentText() == "other"
    window.dock.release()
    layer.name = "third"
    assert window.dock.stack.combo.currentText() == "other"


def test_a_dock_taken_out_of_the_window_lets_go(window, stack, monkeypatch):
    _pause_after(monkeypatch, sections=1)
    window.open(stack)
    window.desk.runs.run()
    (run,) = window.desk.jobs._alive
    window.viewer.window.remove_dock_widget(window.dock)
    assert run.over.is_set()
    window.open(stack, name="later")  # nobody listens any more


def test_without_a_stack_the_sample_is_offered(window):
    assert window.dock.stack.sample.isVisibleTo(window.dock)
    assert not window.dock.segment.run_button.isEnabled()
    assert "Open a stack" in window.dock.segment.run_button.toolTip()
    window.desk.runs.run()
    assert "Open a stack" in window.message


def test_the_sample_is_made_in_a_thread(window, stack, monkeypatch):
    meta = {"name": "synthetic EM", "scale": SCALE, "units": NM}
    monkeypatch.setattr("napari_emcad.sample_data.small", lambda: [(stack, meta, "image")])
    window.dock.stack.sample.menu().actions()[0].trigger()
    window.idle()
    assert window.desk.stack.layer.name == "synthetic EM"
    assert not window.dock.stack.sample.isVisibleTo(window.dock)


class _ClosedByAPerson:
    def type(self):
        return QEvent.Type.Close

    def spontaneous(self):
        return True

    def ignore(self):
        pass


class _Memory:
    def __init__(self, available):
        self.available = available


def _pause_after(monkeypatch, sections):
    """Let the job wait for a while once so many sections are done: time to press Stop."""
    import time

    from napari_emcad.workers import segmentation as segmenting

    original = segmenting.predict_beside

    def slow(*arguments):
        job = original(*arguments)
        for progress in job:
            yield progress
            if progress.done >= sections:
                time.sleep(0.1)

    monkeypatch.setattr(segmenting, "predict_beside", slow)
