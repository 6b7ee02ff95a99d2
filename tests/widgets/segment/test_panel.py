"""The way from a stack to neurons, in a real window."""

import numpy as np
import pytest
from qtpy.QtCore import QEvent

from napari_emcad.widgets.segment.panel import SegmentPanel

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


def test_buttons_and_estimate_over_a_desk(desk, loop, open_stack, stack, qtbot):
    panel = SegmentPanel(desk)
    qtbot.addWidget(panel)
    run, estimate = panel.run_button, panel._estimate
    assert not run.isEnabled() and "Open a stack" in run.toolTip() and not panel.try_button.isEnabled()
    open_stack(stack)
    assert run.isEnabled() and estimate.text().endswith("MB of memory") and "~" not in estimate.text()
    panel.try_button.click()
    assert run.text() == "Stop"
    loop.settle()
    assert desk.results.current.is_trial and estimate.text().startswith("~ ")
    run.click()
    run.click()
    assert run.text() == "Stop" and not run.isEnabled() and "tile" in run.toolTip()
    loop.settle()
    assert run.text() == "Run" and run.isEnabled()


def test_a_model_for_other_volumes_is_warned_about(desk, loop, open_stack, stack, sdasn, qtbot):
    panel = SegmentPanel(desk)
    qtbot.addWidget(panel)
    open_stack(stack)
    assert panel.warning.isHidden()
    desk.model.open_file(sdasn)
    loop.settle()
    assert not panel.warning.isHidden() and "made for optical volumes" in panel.warning.text()
    assert panel.run_button.isEnabled()


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
    assert window.dock._watch.eventFilter(window.dock._watch._window, _ClosedByAPerson())  # kept open
    assert "affinities" in asked[0] and window.desk.jobs.running
    window.desk.runs.stop()
    window.idle()
    assert not window.dock._watch.eventFilter(window.dock._watch._window, _ClosedByAPerson())
    assert len(asked) == 1 and not window.dock.is_released, "napari may ask, too, and be told to stay"
    window.dock._watch.eventFilter(window.dock._watch._window, QEvent(QEvent.Type.Hide))
    assert window.dock.is_released


@pytest.fixture
def teachers_desk(window, teacher):
    """A window with the teacher chosen, of which the devices are known."""
    desk = window.desk
    desk.prepare()
    desk.model.open_file(teacher)
    window.wait(lambda: desk.device.device is not None and desk.model.card is not None)
    return window


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
    bar = window.dock.work.rows["desk"].bar
    assert "48" in bar.format() and "left" in bar.format()
    window.dock.segment.run_button.click()
    window.idle()
    assert "of 48 sections done, and kept" in window.message
    assert {progress.stage for progress in told} == {"loading the model", "affinities"}
    assert any(progress.done == 0 and progress.seconds_left for progress in told)  # before the first layer is finished
    assert window.dock.segment.run_button.text() == "Run" and window.dock.segment.run_button.isEnabled()


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


def test_a_dock_taken_out_of_the_window_lets_go(window, stack, monkeypatch):
    _pause_after(monkeypatch, sections=1)
    window.open(stack)
    window.desk.runs.run()
    (run,) = window.desk.jobs._alive
    window.viewer.window.remove_dock_widget(window.dock)
    assert run.over.is_set()
    window.open(stack, name="later")  # nobody listens any more


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
