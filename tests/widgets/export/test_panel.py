"""The fields and the dialogs of Export, over a desk that the test drives by hand."""

import pytest
from qtpy.QtWidgets import QFileDialog, QMessageBox

from napari_emcad.io.affinities import new_affinities
from napari_emcad.widgets.export.export_request import ALL, BOX, DONE, SELECTED, WHOLE, ExportRequest
from napari_emcad.widgets.export.file_formats import LAYER, MADE_UP, SESSION_FORMATS, TIFF_AND_ZARR
from napari_emcad.widgets.export.panel import ExportPanel


@pytest.fixture
def panel(desk, qtbot):
    panel = ExportPanel(desk)
    qtbot.addWidget(panel)
    yield panel
    panel.close_panel()


@pytest.fixture
def name_file(monkeypatch):
    """Let the file dialog answer with a name; "" is Cancel."""

    def name_file(name):
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(name), ""))

    return name_file


def formats(panel):
    return [panel.format.itemText(i) for i in range(panel.format.count())]


def test_before_a_run(panel):
    assert not panel.save_button.isEnabled() and 'press "Run" first' in panel.save_button.toolTip()


def test_choices_become_a_request(panel, drawn_result):
    panel.format.setCurrentText(TIFF_AND_ZARR)
    panel.buttons[SELECTED].setChecked(True)
    panel.part.setCurrentText(BOX)
    assert panel.exporter.request == ExportRequest(TIFF_AND_ZARR, SELECTED, BOX)
    panel.exporter.request = ExportRequest(LAYER)
    assert (panel.format.currentText(), panel.part.currentText()) == (LAYER, WHOLE)
    assert panel.buttons[ALL].isChecked() and panel.save_button.text() == "Add layer"


def test_the_dialog(panel, drawn_result, desk, loop, name_file, tmp_path):
    name_file(tmp_path / "named")
    panel.save_button.click()
    assert panel.save_button.text() == "Stop" and panel.save_button.isEnabled()
    loop.work()
    assert (tmp_path / "named.tif").exists() and panel.save_button.text() == "Save..."
    name_file("")
    panel.save_button.click()
    assert not desk.jobs.running


def test_cancel(panel, drawn_result, desk, loop, name_file, tmp_path):
    name_file(tmp_path / "named")
    panel.save_button.click()
    panel.save_button.click()
    loop.work()
    assert not list(tmp_path.iterdir()) and "stopped" in desk.message.text


@pytest.mark.parametrize("answer", [QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No])
def test_affinities_are_replaced_only_after_a_yes(
    panel, drawn_result, desk, loop, name_file, tmp_path, monkeypatch, answer
):
    with new_affinities(tmp_path / "named_affinities.zarr", (3, 48, 64), None, {}):
        pass
    asked = []
    monkeypatch.setattr(QMessageBox, "question", lambda *words: asked.append(words[-1]) or answer)
    panel.exporter.request = ExportRequest(TIFF_AND_ZARR)
    name_file(tmp_path / "named.tif")
    panel.save_button.click()
    loop.work()
    assert asked == [f"{tmp_path / 'named_affinities.zarr'} exists already. Replace it?"]
    assert (tmp_path / "named.tif").exists() == (answer == QMessageBox.StandardButton.Yes)


def test_a_layer_needs_no_dialog(panel, drawn_result, desk):
    panel.exporter.request = ExportRequest(LAYER)
    panel.save_button.click()
    assert "stack exported" in desk.viewer.layers


def test_a_session_brings_its_formats(panel, session, loop):
    assert {*SESSION_FORMATS} - {MADE_UP} <= {*formats(panel)}
    panel.format.setCurrentText("edit log")
    for choice in (panel.part, *panel.buttons.values()):
        assert not choice.isEnabled() and "whole session" in choice.toolTip()
    panel.format.setCurrentText(LAYER)
    assert panel.part.isEnabled() and "Proofread" in panel.buttons[DONE].toolTip()


def test_neurites_are_not_ticked(panel, drawn_neurites):
    assert TIFF_AND_ZARR not in formats(panel)
    assert not panel.buttons[DONE].isEnabled() and panel.buttons[ALL].isEnabled()
    assert "neurites in" in panel._facts.text()
