"""The way from a stack to neurons, in a real window."""

import numpy as np
import pytest
from qtpy.QtCore import QEvent

from napari_emcad.core.agglomeration import agglomerate_fragments
from napari_emcad.core.choices import DEFAULT_THRESHOLDS

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


def test_the_panel_shows_what_the_pipeline_computes(window, stack, model):
    from napari_emcad.pipeline import segment

    window.open(stack)
    window.run()
    expected = segment(stack, str(model))
    assert expected.threshold == window.desk.threshold.value == 0.45  # the card's
    np.testing.assert_array_equal(np.asarray(window.result.neuron_layer.data), expected.labels)
    np.testing.assert_array_equal(window.result.affinities, expected.affinities)


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


def test_an_unforeseen_error_is_one_sentence_with_details_to_copy(window, stack, monkeypatch, qapp):
    def broken(*_):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")
        yield

    monkeypatch.setattr("napari_emcad.workers.segmentation.predict_beside", broken)
    window.open(stack)
    window.run()
    assert "RuntimeError: mat1 and mat2" in window.message and "\n" not in window.message
    window.dock.message_line.copy()
    assert "Traceback" in qapp.clipboard().text()
    assert "stack affinities" not in window.viewer.layers  # nothing was done


@pytest.fixture
def teachers_desk(window, teacher):
    """A window with the teacher chosen, of which the devices are known."""
    desk = window.desk
    desk.prepare()
    desk.model.open_file(teacher)
    window.wait(lambda: desk.device.device is not None and desk.model.card is not None)
    return window


def test_a_teacher_s_time_and_memory_are_told(teachers_desk, stack):
    window = teachers_desk
    window.open(stack)
    panel = window.dock.segment
    assert panel._estimate.text().endswith("MB of memory")
    assert "the sections around it, too" in panel.try_button.toolTip()
    window.run()
    assert panel._estimate.text().startswith("~ ")


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
    window.wait(lambda: window.desk.settings.levels_of_data is not None)
    assert advanced.white.value() == window.desk.settings.levels_of_data[1]
    assert window.desk.choices.parameters().black is None
    advanced.white.setValue(20_000)
    assert window.desk.choices.parameters().white == 20_000
    advanced.from_data.click()
    assert window.desk.choices.parameters().white is None


def test_in_3d(window, stack):
    window.open(stack)
    window.run()
    window.viewer.dims.ndisplay = 3
    window.desk.threshold.move(0.1)
    window.settle()
    raw = np.asarray(window.result.neuron_layer._slice.image.raw)
    np.testing.assert_array_equal(raw, window.result.view.table[window.result.segmentation.fragments])


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
