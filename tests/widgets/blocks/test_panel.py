"""Segmenting by blocks from the dock, in a real window."""

import psutil
import pytest
import tifffile
from qtpy.QtWidgets import QFileDialog

from napari_emcad.io.sessions.file_names import RUN_FILE

pytestmark = pytest.mark.window

SHAPE = (18, 48, 64)
"""Two blocks, see the file of conftest."""


@pytest.fixture
def panel(window, file):
    """The panel, with a stack of a file open and its session named beside it."""
    window.open(tifffile.imread(file), name="large", metadata={"source": str(file), "dataset": None})
    window.dock.sections["blocks"].open()
    panel = window.dock.blocks
    window.wait(lambda: panel.button.isEnabled())
    assert panel.session.folder == file.with_suffix(".emcad")
    return panel


def test_from_a_stack_to_neurons(window, panel):
    panel.button.click()
    assert panel.button.text() == "Stop"
    window.wait(lambda: panel.view.map.counts == (2, 1, 1))
    window.wait(lambda: not panel.session.is_running)
    assert panel.button.text() == "Open", window.message
    panel.button.click()
    window.idle()
    session = window.desk.sessions.current.session
    assert session.state.base.fragments.shape == SHAPE
    assert session.state.base.fragments.max() > 1


def test_a_run_that_does_not_fit_memory_leads_here(window, panel, monkeypatch):
    monkeypatch.setattr("napari_emcad.workers.estimates.Planned.memory", property(lambda _: 10**15))
    window.dock.sections["blocks"]._heading.setChecked(False)
    window.dock.segment.run_button.click()
    assert 'or press "Start" under "By blocks".' in window.message
    assert window.dock.sections["blocks"].is_open


def test_a_stack_that_moved_is_asked_for(window, panel, file, tmp_path_factory, monkeypatch):
    panel.button.click()
    window.wait(lambda: (panel.session.folder / RUN_FILE).exists())
    panel.button.click()
    window.wait(lambda: not panel.session.is_running)
    place = tmp_path_factory.mktemp("far") / "deep"
    place.mkdir()
    moved = file.rename(place / "mine.tif")
    assert panel.find_button.isHidden()
    panel.button.click()
    window.wait(lambda: not panel.session.is_running)
    assert not panel.find_button.isHidden() and panel.find_button.text() in window.message
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(moved), ""))
    panel.find_button.click()
    window.wait(lambda: bool(_children()))
    assert panel.find_button.isHidden()


def test_closing_the_window_ends_the_processes(window, panel):
    panel.button.click()
    window.wait(lambda: bool(_children()))
    window.dock.release()
    window.wait(lambda: not _children())


def _children() -> list[psutil.Process]:
    """The processes that do blocks."""
    found = []
    for one in psutil.Process().children(recursive=True):
        try:
            if "napari_emcad.workers" in one.cmdline() and one.status() != psutil.STATUS_ZOMBIE:
                found.append(one)
        except psutil.Error:
            continue
    return found
