"""The way from a stack to neurons, in a real window."""

import numpy as np
import pytest
from qtpy.QtCore import QEvent

from napari_emcad.core.agglomeration import DEFAULT_THRESHOLDS, agglomerate_fragments
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.widgets.kit.labels_view import FragmentLabels
from napari_emcad.widgets.kit.layers import voxel_size_of
from napari_emcad.widgets.kit.region_choice import BOX, SECTION

SCALE, NM = (40, 5, 6), ("nm",) * 3

pytestmark = pytest.mark.window


def test_two_clicks_to_neurons(desk, stack):
    source = desk.open(stack, translate=(400, 50, 60))
    desk.dock.segment.run_button.click()
    assert desk.dock.segment.run_button.text() == "Stop"
    desk.idle()
    assert "Done: 3 sections" in desk.message
    assert [layer.name for layer in desk.viewer.layers] == [
        "stack",
        "stack affinities",
        "stack fragments",
        "stack neurons",
    ]
    assert desk.dock.segment.run_button.text() == "Run"
    assert "neuron" in desk.dock.segment.threshold.read_out
    for layer in desk.result.layers:
        np.testing.assert_allclose(layer.scale, SCALE)
        np.testing.assert_allclose(layer.translate, source.translate)
        assert [str(u) for u in layer.units] == ["nanometer"] * 3
        assert tuple(layer.axis_labels) == ("z", "y", "x")
    np.testing.assert_array_equal(desk.viewer.layers["stack"].data, stack)


def test_a_stack_of_other_pixels_than_the_model_s_is_told_before_the_run(desk, stack):
    desk.open(stack)
    desk.wait(lambda: desk.dock.segment.model.card is not None)
    assert desk.message.startswith("Ready")
    desk.dock.stack.apply_voxel_size(VoxelSize(30, 20, 20))
    assert "trained on pixels of 6 nm and this stack has 20 nm" in desk.message


def test_the_panel_shows_what_the_pipeline_computes(desk, stack, model):
    from napari_emcad.pipeline import segment

    desk.open(stack)
    desk.run()
    expected = segment(stack, str(model))
    assert expected.threshold == desk.dock.segment.threshold.value == 0.45  # the card's
    np.testing.assert_array_equal(np.asarray(desk.result.neuron_layer.data), expected.labels)
    np.testing.assert_array_equal(desk.result.affinities, expected.affinities)


def test_threshold_moves_the_table_and_no_voxel(desk, stack):
    desk.open(stack)
    desk.run()
    layer, data, fragments = desk.result.neuron_layer, desk.result.neuron_layer.data, desk.result.segmentation.fragments
    before = fragments.copy()
    for threshold in (0.0, 0.3, 1.0):
        desk.dock.segment.threshold.value = threshold
        desk.settle()
        assert layer.data is data and data.fragments is fragments
        table = desk.result.segmentation.table(threshold, 100, "strongest")
        np.testing.assert_array_equal(np.asarray(layer.data), table[fragments])
        z = int(desk.viewer.dims.current_step[0])
        np.testing.assert_array_equal(np.asarray(layer._slice.image.raw), table[fragments[z]])  # repainted
        assert f"{len(desk.result.neurons.sizes)} neuron" in desk.dock.segment.threshold.read_out
    np.testing.assert_array_equal(fragments, before)


def test_slow_crumbs_wait_until_the_slider_rests(desk, stack, monkeypatch):
    monkeypatch.setattr("napari_emcad.widgets.desk.results.AT_ONCE", 0.0)
    desk.open(stack)
    desk.run()
    desk.dock.segment.threshold.value = 0.2
    assert not desk.dock.segment.results.is_settled
    moving = desk.result.view.table
    np.testing.assert_array_equal(moving, desk.result.segmentation.tree.cut(0.2))
    desk.settle()
    desk.wait(lambda: desk.result.neurons.cut.threshold == 0.2)
    np.testing.assert_array_equal(desk.result.view.table, desk.result.segmentation.table(0.2, 100, "strongest"))


def test_smallest_neuron_and_crumbs_act_at_once(desk, stack):
    desk.open(stack)
    desk.run()
    desk.dock.segment.advanced.crumbs.setCurrentIndex(1)
    desk.dock.segment.advanced.min_size.setValue(10**6)
    desk.settle()
    assert not np.asarray(desk.result.neuron_layer.data).any()
    assert desk.dock.segment.threshold.read_out == "no neurons"


def test_seed_smoothing_agglomerates_again_without_predicting(desk, stack, monkeypatch):
    desk.open(stack)
    desk.run()
    monkeypatch.setattr("napari_emcad.workers.segmentation.predict_beside", None)
    affinities, before = desk.result.affinities, len(desk.result.segmentation.sizes)
    desk.dock.segment.advanced.seed_sigma.setValue(0)
    desk.wait(lambda: desk.dock.jobs.running)
    desk.idle()
    assert desk.result.affinities is affinities
    assert len(desk.result.segmentation.sizes) > before
    assert "nothing was predicted again" in desk.message
    assert [layer.name for layer in desk.viewer.layers].count("stack neurons") == 1


def test_another_agglomeration_takes_its_own_threshold(desk, stack):
    desk.open(stack)
    desk.dock.segment.threshold.value = 0.11
    desk.run()
    advanced, threshold = desk.dock.segment.advanced, desk.dock.segment.threshold
    advanced.agglomeration.setCurrentIndex(advanced.agglomeration.findData("multicut"))
    desk.wait(lambda: desk.dock.jobs.running)
    desk.idle()
    assert not advanced.scoring.isEnabled()
    assert (threshold.value, threshold.touched) == (DEFAULT_THRESHOLDS["multicut"], None)
    assert desk.result.parameters.agglomeration == "multicut"
    assert desk.result.neurons.cut.threshold == DEFAULT_THRESHOLDS["multicut"]
    expected = agglomerate_fragments(desk.result.segmentation.graph, desk.result.segmentation.sizes, "multicut")
    np.testing.assert_array_equal(desk.result.segmentation.tree.leaves, expected.leaves)
    np.testing.assert_array_equal(desk.result.segmentation.tree.gaps, expected.gaps)


def test_neurons_that_are_proofread_keep_their_agglomeration_and_threshold(desk, stack):
    desk.open(stack)
    desk.run()
    desk.result.is_edited = True
    before, advanced = desk.dock.segment.threshold.value, desk.dock.segment.advanced
    advanced.agglomeration.setCurrentIndex(advanced.agglomeration.findData("mutex watershed"))
    desk.wait(lambda: "lose the edits" in desk.message)
    assert advanced.agglomeration.currentData() == "waterz" and advanced.scoring.isEnabled()
    assert desk.dock.segment.threshold.value == before


def test_box_on_another_scale_and_origin(desk, stack):
    source = desk.open(stack, translate=(400, 50, 60))
    desk.dock.segment.region.kind = BOX
    desk.dock.segment.region.draw()
    corners = np.array([[1, 8.4, 10.4], [1, 8.4, 40.2], [1, 39.7, 40.2], [1, 39.7, 10.4]])
    desk.viewer.layers["box"].add_rectangles(corners)
    desk.dock.segment.region.sections = (1, 2)
    assert desk.dock.segment.region.box().slices == np.s_[1:3, 9:40, 11:41]
    desk.run()
    assert desk.result.view.shape == (2, 31, 30)
    for layer in desk.result.layers:
        np.testing.assert_allclose(layer.translate, np.array([400, 50, 60]) + np.array([1, 9, 11]) * SCALE)
        np.testing.assert_allclose(layer.data_to_world((0, 0, 0)), source.data_to_world((1, 9, 11)))


def test_a_region_without_a_box_says_so(desk, stack):
    desk.open(stack)
    desk.dock.segment.region.kind = BOX
    desk.dock.segment.run()
    assert 'press "Draw"' in desk.message
    desk.dock.segment.region.draw()
    desk.dock.segment.run()
    assert "nothing is drawn" in desk.message


def test_try_takes_the_section_on_screen_and_gives_way_to_the_run(desk, stack):
    desk.open(stack)
    desk.viewer.dims.set_current_step(0, 2)
    desk.dock.segment.try_button.click()
    desk.idle()
    assert desk.result.box.start == (2, 0, 0) and desk.result.box.shape == (1, 48, 64)
    desk.run()
    names = [layer.name for layer in desk.viewer.layers]
    assert names.count("stack neurons") == 1 and not desk.result.is_trial
    assert desk.dock.segment.region.kind != SECTION


def test_stop_keeps_what_is_done(desk, stack, monkeypatch):
    _pause_after(monkeypatch, sections=1)
    desk.open(np.concatenate([stack] * 4))
    desk.dock.segment.run()
    desk.wait(lambda: desk.dock.segment.sections_done >= 1)
    desk.dock.segment.run_button.click()
    assert not desk.dock.segment.run_button.isEnabled() and "tile" in desk.dock.segment.run_button.toolTip()
    desk.idle()
    assert "Stopped: " in desk.message and "of 12 sections done, their affinities stay" in desk.message
    assert "stack affinities" in desk.viewer.layers and "stack neurons" not in desk.viewer.layers
    assert desk.dock.segment.run_button.text() == "Run"


def test_layer_removed_in_mid_run(desk, stack, monkeypatch):
    _pause_after(monkeypatch, sections=1)
    source = desk.open(np.concatenate([stack] * 4))
    desk.dock.segment.run()
    desk.wait(lambda: desk.dock.segment.sections_done >= 1)
    desk.viewer.layers.remove(source)
    desk.idle()
    assert 'The layer "stack" was removed' in desk.message
    assert "stack neurons" not in desk.viewer.layers


def test_window_closed_in_mid_run(desk, stack, monkeypatch):
    _pause_after(monkeypatch, sections=1)
    desk.open(np.concatenate([stack] * 4))
    desk.dock.segment.run()
    desk.wait(lambda: desk.dock.segment.sections_done >= 1)
    (run,) = desk.dock.jobs._alive
    desk.viewer.close()
    assert run.over.is_set()


def test_closing_asks_only_if_a_job_is_running(desk, stack, monkeypatch):
    from napari_emcad.widgets import dock as module

    asked = []
    no = module.QMessageBox.StandardButton.No
    monkeypatch.setattr(module.QMessageBox, "question", lambda *words: asked.append(words[-1]) or no)
    _pause_after(monkeypatch, sections=1)
    desk.open(np.concatenate([stack] * 4))
    desk.dock.segment.run()
    desk.wait(lambda: desk.dock.segment.sections_done >= 1)
    assert desk.dock.eventFilter(desk.dock._window, _ClosedByAPerson())  # kept open
    assert "affinities" in asked[0] and desk.dock.jobs.running
    desk.dock.segment.stop()
    desk.idle()
    assert not desk.dock.eventFilter(desk.dock._window, _ClosedByAPerson())
    assert len(asked) == 1 and desk.dock.is_released


def test_data_changed_in_mid_run_is_stale(desk, stack, monkeypatch):
    source = desk.open(stack)
    desk.dock.segment.run()
    source.data = stack[:, ::-1]
    desk.idle()
    assert "has changed" in desk.message and desk.result is None


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
def test_bad_layers_are_told_at_once(desk, data, sentence):
    rgb = data.ndim == 4 and data.shape[-1] == 3
    desk.viewer.add_image(data, rgb=rgb)
    desk.wait(lambda: sentence in desk.message)
    assert desk.message.count(". ") == 0
    if sentence not in ("NaN", "nothing but 7"):
        assert not desk.dock.segment.run_button.isEnabled()
        assert sentence in desk.dock.segment.run_button.toolTip()


def test_nan_found_in_mid_run(desk, stack):
    volume = stack.astype(np.float32)
    volume[1, 1, 1] = np.nan  # not in the sample that the grey levels are taken from
    desk.open(volume)
    desk.run()
    assert "section 1 holds NaN" in desk.message
    assert desk.dock.segment.run_button.isEnabled()
    assert desk.dock.segment.run_button.text() == "Run"


def test_an_unforeseen_error_is_one_sentence_with_details_to_copy(desk, stack, monkeypatch, qapp):
    def broken(*_):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")
        yield

    monkeypatch.setattr("napari_emcad.workers.segmentation.predict_beside", broken)
    desk.open(stack)
    desk.run()
    assert "RuntimeError: mat1 and mat2" in desk.message and "\n" not in desk.message
    desk.dock.message.copy()
    assert "Traceback" in qapp.clipboard().text()
    assert "stack affinities" not in desk.viewer.layers  # nothing was done


def test_a_file_that_is_no_model(desk, stack, tmp_path):
    desk.open(stack)
    (tmp_path / "wrong.pt").write_text("no weights")
    desk.dock.segment.model.open_file(tmp_path / "wrong.pt")
    desk.wait(lambda: "wrong.pt" in desk.message)
    assert not desk.dock.segment.run_button.isEnabled()
    assert "no model" in desk.dock.segment.run_button.toolTip()


def test_too_little_memory_proposes_a_box(desk, stack, monkeypatch):
    monkeypatch.setattr("napari_emcad.workers.estimates.psutil.virtual_memory", lambda: _Memory(1_000_000))
    desk.open(stack)
    desk.dock.segment.run()
    assert desk.message.startswith("memory: ")
    assert 'free; close other programs, or press "Start" under "By blocks".' in desk.message
    assert "stack affinities" not in desk.viewer.layers


@pytest.fixture
def teachers_desk(desk, teacher):
    """A desk with the teacher chosen, of which the devices are known."""
    segment = desk.dock.segment
    segment.prepare()
    segment.model.open_file(teacher)
    desk.wait(lambda: segment.device.device is not None and segment.model.card is not None)
    return desk


def test_a_teacher_segments_as_in_the_pipeline(teachers_desk, stack, teacher):
    from napari_emcad.pipeline import segment

    desk = teachers_desk
    desk.open(stack)
    assert desk.dock.segment.why_not == ""
    assert "residual U-Net" in desk.dock.segment.model._line.text()
    desk.dock.segment.run_button.click()
    desk.idle()
    assert "Done: 3 sections" in desk.message
    assert desk.result.card.role == "teacher"
    expected = segment(stack, str(teacher))
    np.testing.assert_allclose(desk.result.affinities.astype(int), expected.affinities, atol=1)
    desk.dock.segment.try_button.click()
    desk.idle()
    assert desk.result.box.shape == (1, 48, 64) and desk.result.is_trial


def test_a_teacher_s_time_and_memory_are_told(teachers_desk, stack):
    desk = teachers_desk
    desk.open(stack)
    panel = desk.dock.segment
    assert panel._estimate.text().endswith("MB of memory")
    assert "the sections around it, too" in panel.try_button.toolTip()
    desk.run()
    assert panel._estimate.text().startswith("~ ")
    device, card = panel.device.device.name, panel.model.card
    assert panel._remembered.seconds_per_megavoxel(device) is None  # nothing is said of students
    assert panel._remembered.seconds_per_megavoxel(device, card) > 0


def test_progress_and_stop_in_the_middle_of_a_teacher_s_run(teachers_desk, stack, monkeypatch):
    desk = teachers_desk
    monkeypatch.setattr("napari_emcad.workers.prediction.SMALL", 0)  # in a process beside the window
    monkeypatch.setattr("napari_emcad.inference.predict_teacher.TILE", {"cpu": 40, "cuda": 40, "mps": 40})
    _pause_after(monkeypatch, sections=1)
    desk.open(np.concatenate([stack] * 16))
    desk.dock.segment.run_button.click()
    told = []
    desk.dock.jobs.progressed.connect(told.append)
    desk.wait(lambda: desk.dock.segment.sections_done >= 1)
    assert "48" in desk.dock.bar.format() and "left" in desk.dock.bar.format()
    desk.dock.segment.run_button.click()
    desk.idle()
    assert "of 48 sections done, their affinities stay" in desk.message
    assert {progress.stage for progress in told} == {"loading the model", "affinities"}
    assert any(progress.done == 0 and progress.seconds_left for progress in told)  # before the first layer is finished
    assert desk.dock.segment.run_button.text() == "Run" and desk.dock.segment.run_button.isEnabled()


def test_a_damaged_network_for_optical_volumes_is_told(desk, stack, tmp_path):
    import torch

    names = {"inc.conv.0": 8, "x20.conv.1.conv.0": 14, "x02.conv_up.conv.0": 14, "clc1.conv": 1}
    torch.save({f"{name}.weight": torch.zeros(n, 1, 1, 1, 1) for name, n in names.items()}, tmp_path / "sdasn.ckpt")
    desk.open(stack)
    desk.dock.segment.model.open_file(tmp_path / "sdasn.ckpt")
    desk.wait(lambda: desk.dock.segment.model.card is not None)
    assert "optical volumes; choose a student or a teacher" in desk.dock.segment.why_no_affinities
    desk.run()
    assert "keys " in desk.message and " are missing in " in desk.message
    assert not desk.dock.segment.neurites.current


def test_device_and_estimate_are_told(desk, stack):
    desk.open(stack)
    desk.dock.segment.prepare()
    desk.wait(lambda: desk.dock.segment.device.device is not None)
    assert desk.dock.segment.device.itemText(0).startswith("auto: ")
    assert desk.dock.segment._estimate.text().endswith("MB of memory")
    assert "~" not in desk.dock.segment._estimate.text()
    desk.run()
    assert desk.dock.segment._estimate.text().startswith("~ ")


def test_grey_levels_come_from_the_data_and_can_be_changed(desk, stack):
    desk.open(stack.astype(np.uint16) * 100)
    advanced = desk.dock.segment.advanced
    desk.wait(lambda: advanced.levels_of_data is not None)
    low, high = advanced.levels_of_data
    assert 0 < low < high < 25_500
    assert desk.dock.segment.parameters().black is None
    advanced.white.setValue(20_000)
    assert desk.dock.segment.parameters().white == 20_000
    advanced.from_data.click()
    assert desk.dock.segment.parameters().white is None


def test_affinities_as_channels(desk, stack):
    desk.open(stack)
    desk.dock.segment.advanced.shown.setCurrentIndex(1)
    desk.run()
    assert [layer.name for layer in desk.result.affinity_layers] == [f"stack affinities {a}" for a in "zyx"]
    desk.dock.segment.advanced.shown.setCurrentIndex(0)
    (layer,) = desk.result.affinity_layers
    np.testing.assert_array_equal(layer.data[1], np.moveaxis(desk.result.affinities[:, 1], 0, -1))
    assert np.shares_memory(layer.data[1], desk.result.affinities)


def test_in_3d(desk, stack):
    desk.open(stack)
    desk.run()
    desk.viewer.dims.ndisplay = 3
    desk.dock.segment.threshold.value = 0.1
    desk.settle()
    raw = np.asarray(desk.result.neuron_layer._slice.image.raw)
    np.testing.assert_array_equal(raw, desk.result.view.table[desk.result.segmentation.fragments])


def test_voxel_size_is_edited_for_all_layers_on_the_grid(desk, stack):
    source = desk.open(stack, translate=(400, 50, 60))
    desk.run()
    desk.dock.stack.apply_voxel_size(VoxelSize(30, 4, 4))
    assert voxel_size_of(source) == (30, 4, 4)
    for layer in desk.viewer.layers:
        np.testing.assert_allclose(layer.translate, (300, 40, 40))
    assert "30 x 4 x 4 nm" in desk.dock.stack._facts.text()


def test_neurons_are_not_painted_on(desk, stack):
    desk.open(stack)
    desk.run()
    assert not desk.result.neuron_layer.editable
    assert isinstance(desk.result.neuron_layer.data, FragmentLabels)


def test_a_removed_result_is_forgotten(desk, stack):
    desk.open(stack)
    desk.run()
    desk.viewer.layers.remove(desk.result.neuron_layer)
    assert desk.result is None
    assert "after a run" in desk.dock.segment.threshold.read_out
    desk.dock.segment.threshold.value = 0.2  # moves nothing, breaks nothing


def test_two_viewers_two_docks(new_desk, stack):
    one, two = new_desk(), new_desk()
    one.open(stack, name="first")
    two.open(stack[:2], name="second")
    one.dock.segment.run()
    two.dock.segment.run()
    one.idle()
    two.idle()
    assert "first neurons" in one.viewer.layers and "first neurons" not in two.viewer.layers
    assert two.result.view.shape == (2, 48, 64)
    one.viewer.close()
    two.dock.segment.threshold.value = 0.2
    two.settle()
    assert two.result.neurons.cut.threshold == 0.2


def test_a_renamed_layer_is_renamed_in_the_dock(desk, stack):
    layer = desk.open(stack)
    layer.name = "other"
    assert desk.dock.stack.combo.currentText() == "other"
    desk.dock.release()
    layer.name = "third"
    assert desk.dock.stack.combo.currentText() == "other"


def test_a_dock_taken_out_of_the_window_lets_go(desk, stack, monkeypatch):
    _pause_after(monkeypatch, sections=1)
    desk.open(stack)
    desk.dock.segment.run()
    (run,) = desk.dock.jobs._alive
    desk.viewer.window.remove_dock_widget(desk.dock)
    assert run.over.is_set()
    desk.open(stack, name="later")  # nobody listens any more


def test_without_a_stack_the_sample_is_offered(desk):
    assert desk.dock.stack.sample.isVisibleTo(desk.dock)
    assert not desk.dock.segment.run_button.isEnabled()
    assert "Open a stack" in desk.dock.segment.run_button.toolTip()
    desk.dock.segment.run()
    assert "Open a stack" in desk.message


def test_the_sample_is_made_in_a_thread(desk, stack, monkeypatch):
    meta = {"name": "synthetic EM", "scale": SCALE, "units": NM}
    monkeypatch.setattr("napari_emcad.sample_data.small", lambda: [(stack, meta, "image")])
    desk.dock.stack.sample.menu().actions()[0].trigger()
    desk.idle()
    assert desk.dock.stack.layer.name == "synthetic EM"
    assert not desk.dock.stack.sample.isVisibleTo(desk.dock)


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
