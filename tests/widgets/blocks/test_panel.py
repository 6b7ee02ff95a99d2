"""Segmenting by blocks from the dock: started, stopped, gone on with and opened, in a real window."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import tifffile
from drawings import uneven

from napari_emcad.io.sessions.lock import SessionLock
from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.widgets.blocks.panel import Stage
from napari_emcad.widgets.desk.region import BOX

pytestmark = pytest.mark.window

SHAPE = (18, 48, 64)
"""Two blocks."""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "large.tif"
    tifffile.imwrite(path, uneven(SHAPE, seed=2), photometric="minisblack")
    return path


@pytest.fixture
def blocks(window, file):
    """The panel, with a stack of a file open and its session named beside it."""
    layer = window.open(tifffile.imread(file), name="large", metadata={"source": str(file), "dataset": None})
    assert window.desk.stack.layer is layer
    window.dock.sections["blocks"].open()
    window.wait(lambda: not window.dock.blocks._why_not_begin())
    panel = window.dock.blocks
    assert panel.session.folder == file.with_suffix(".emcad")
    return panel


def ended(window, panel):
    window.wait(lambda: not panel.running)


def test_too_small_a_disk_is_told_before(blocks, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=10_000))
    blocks._update()
    assert "but only" in blocks._plan.text() and blocks.button.isEnabled()


def test_from_a_stack_to_neurons(window, blocks):
    assert blocks.button.text() == "Start"
    assert "on the disk" in blocks._plan.text()
    blocks.button.click()
    assert blocks.button.text() == "Stop"
    window.wait(lambda: blocks.view.map.counts == (2, 1, 1))
    assert blocks._plan.text() == "large.tif, 18 x 48 x 64 voxels in 2 blocks, with tiny.pt"
    ended(window, blocks)
    assert window.message == 'large.emcad is finished: press "Open".'
    assert blocks.button.text() == "Open"
    blocks.button.click()
    window.idle()
    session = window.desk.sessions.current.session
    assert session.state.base.fragments.shape == SHAPE
    assert session.state.base.fragments.max() > 1


def test_stop_keeps_what_is_finished_and_resume_goes_on(window, blocks, file, model, tmp_path):
    blocks.button.click()
    tables = blocks.session.folder / "blocks"
    window.wait(lambda: any(tables.glob("*.npz")))
    blocks.button.click()
    ended(window, blocks)
    if blocks.stage is Stage.UNFINISHED:  # it was stopped before its end
        assert window.message.startswith("Stopped: finished blocks are kept")
        assert blocks.button.text() == "Resume"
        assert not blocks.view.isHidden()
        assert blocks.view.bar.isHidden()
        blocks.button.click()
        ended(window, blocks)
    assert blocks.stage is Stage.FINISHED
    assert not _children()
    whole = tmp_path / "whole.emcad"
    made = (*("--model", str(model)), *("--session", str(whole)), "--memory", "8", "--voxel-size", "40", "5", "6")
    subprocess.run([sys.executable, "-m", "napari_emcad.cli.main", "segment", str(file), *made], check=True)
    with open_session(blocks.session.folder, to_read=True) as one, open_session(whole, to_read=True) as other:
        assert one.facts == other.facts
        np.testing.assert_array_equal(one.session.state.base.fragments, other.session.state.base.fragments)


def test_a_session_from_another_day_is_shown_and_gone_on_with(new_window, window, blocks):
    blocks.button.click()
    window.wait(lambda: (blocks.session.folder / "run.json").exists())
    window.dock.release()
    other = new_window()
    panel = other.dock.blocks
    panel.session.folder = blocks.session.folder
    assert panel.button.text() == "Resume"
    assert panel.button.isEnabled()  # though no stack is open
    assert panel.view.map.counts == (2, 1, 1)
    panel.button.click()
    ended(other, panel)
    assert panel.stage is Stage.FINISHED


def test_what_another_program_is_doing_is_watched(window, blocks):
    blocks.button.click()
    window.wait(lambda: (blocks.session.folder / "blocks").exists())
    blocks.button.click()
    ended(window, blocks)
    if blocks.stage is not Stage.UNFINISHED:
        pytest.skip("it was too fast to be stopped")
    lock = SessionLock(blocks.session.folder)
    assert not lock.why_not
    blocks.button.click()
    assert "has the session open" in window.message
    window.wait(lambda: not blocks.view.bar.isHidden())
    assert blocks.running
    lock.release()
    window.wait(lambda: not blocks.running)
    assert blocks.stage is Stage.UNFINISHED


def test_why_a_run_cannot_begin_is_said(window, blocks):
    blocks.session.folder.mkdir()
    blocks.button.click()
    ended(window, blocks)
    assert "this name is taken; choose another name for the new session." in window.message


def test_a_budget_that_does_not_suffice_is_told_before(window, blocks):
    blocks.means.memory.setValue(0.5)
    blocks.button.click()
    ended(window, blocks)
    assert window.message.startswith("memory: ")
    assert "take fewer workers" in window.message
    assert not blocks.session.folder.exists()


def test_a_file_that_is_another_one_now_is_told(window, blocks, file):
    tifffile.imwrite(file, np.zeros((2, 64, 64), np.uint8), photometric="minisblack")
    blocks.button.click()
    ended(window, blocks)
    assert "the file has changed since it was opened" in window.message


def test_a_stack_in_memory_has_to_be_saved_first(window, stack):
    window.open(stack)
    window.wait(lambda: not window.desk.choices.why_not)
    panel = window.dock.blocks
    assert not panel.button.isEnabled()
    assert "save it (File > Save Selected Layers)" in panel.button.toolTip()


def test_only_the_region_is_segmented(window, blocks):
    region = window.desk.region
    region.kind = BOX
    region.draw()
    region.shapes.layer.add_rectangles([[0, 8, 8], [0, 8, 56], [0, 40, 56], [0, 40, 8]])
    region.sections = (3, 5)
    box = region.box()
    assert box.start == (3, 8, 8)
    blocks.button.click()
    ended(window, blocks)
    with open_session(blocks.session.folder, to_read=True) as opened:
        assert opened.facts.box == (box.start, box.stop)


def test_a_run_that_does_not_fit_memory_leads_here(window, blocks, monkeypatch):
    monkeypatch.setattr("napari_emcad.workers.estimates.Planned.memory", property(lambda _: 10**15))
    window.dock.sections["blocks"]._heading.setChecked(False)
    window.dock.segment.run_button.click()
    assert 'or press "Start" under "By blocks".' in window.message
    assert window.dock.sections["blocks"].is_open


def test_a_click_on_the_map_goes_there(window, blocks):
    blocks.button.click()
    window.wait(lambda: blocks.view.map.counts == (2, 1, 1))
    if blocks.running:
        blocks.view.map.chosen.emit((1, 0, 0))
        assert window.viewer.dims.current_step[0] == 17
    ended(window, blocks)


def test_closing_the_window_ends_the_processes(window, blocks, wait):
    blocks.button.click()
    wait(lambda: bool(_children()))
    window.dock.release()
    wait(lambda: not _children())


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
