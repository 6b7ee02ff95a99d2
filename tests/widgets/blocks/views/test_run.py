"""The sight of a run, and the fields of the panel, over a desk that the test drives by hand."""

import numpy as np
import pytest

from napari_emcad.blocks.progress import BlockProgress
from napari_emcad.core.progress import Progress
from napari_emcad.io.sessions.file_names import FACTS_FILE, RUN_FILE
from napari_emcad.widgets.blocks.block_session import BlockSession, RunSeen
from napari_emcad.widgets.blocks.panel import BlocksPanel
from napari_emcad.widgets.blocks.views.run import BlockView, speed_text

REACHED = np.array([4, 1, 0], np.uint8).reshape(3, 1, 1)


def progress(done, seconds_left=None, speed=None):
    return BlockProgress("fragments", done, 3, seconds_left, reached=REACHED, seconds_per_megavoxel=speed)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (progress(3), "The session is being put together."),
        (progress(1), "The time left is known after the first block."),
        (progress(1, 720, 0.789), "0.79 s per megavoxel, ~ 12 min left in all"),
    ],
)
def test_speed(seen, expected):
    assert speed_text(seen) == expected


@pytest.fixture
def view(qtbot):
    view = BlockView()
    qtbot.addWidget(view)
    return view


def shown(view):
    parts = {"bar": view.bar, "words": view.words, "map": view.map, "link": view.link}
    return {name for name, part in parts.items() if not part.isHidden()}


def test_a_run_at_work(view):
    view.show_run(RunSeen(progress(1), "http://host:8787"))
    assert shown(view) == {"bar", "words", "map", "link"}
    assert (view.bar.format(), view.bar.value(), view.bar.maximum()) == ("fragments 1/3", 1, 3)
    assert view.map.counts == (3, 1, 1) and "http://host:8787" in view.link.text()


def test_a_run_that_nobody_is_at(view):
    view.show_run(RunSeen(progress(1), is_at_work=False))
    assert shown(view) == {"map"}


def test_a_run_that_begins(view):
    view.show_run(RunSeen(Progress("looking at the stack", 0, 1)))
    assert shown(view) == {"bar"} and view.bar.format() == "looking at the stack ..."


def test_no_run(view):
    view.show_run(None)
    assert view.isHidden()


@pytest.fixture
def panel(desk, open_file, qtbot):
    panel = BlocksPanel(desk)
    qtbot.addWidget(panel)
    open_file()
    yield panel
    panel.close_panel()


def test_the_panel_follows_its_session(panel, loop, tmp_path):
    assert (panel.button.text(), panel.button.isEnabled(), panel.view.isHidden()) == ("Start", True, True)
    assert "on the disk" in panel._plan.text()
    panel._folder._path.setText("")
    assert panel.session.folder is None and not panel.button.isEnabled()
    assert "Name a session" in panel.button.toolTip()
    panel._folder._path.setText(str(tmp_path / "typed.emcad"))
    assert panel.session.folder == tmp_path / "typed.emcad"
    panel.session.folder = tmp_path / "set.emcad"
    assert panel._folder._path.text() == str(tmp_path / "set.emcad")
    panel.button.click()
    assert panel.button.text() == "Stop" and not panel._folder.isEnabled()
    panel.session._jobs.step()
    assert not panel.view.isHidden() and panel.view.bar.format() == "looking at the stack ..."


@pytest.mark.parametrize(("present", "words"), [(RUN_FILE, "Resume"), (FACTS_FILE, "Open")])
def test_a_session_that_is_there_is_resumed_or_opened(panel, tmp_path, present, words):
    (tmp_path / "there.emcad").mkdir()
    (tmp_path / "there.emcad" / present).write_text("{}")
    panel._folder._path.setText(str(tmp_path / "there.emcad"))
    assert panel.button.text() == words and panel.button.isEnabled() and panel.view.isHidden()


def test_what_is_typed_stays_as_it_is(panel, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    panel._folder._path.setText("~/mine.emcad ")
    assert panel.session.folder == tmp_path / "mine.emcad"
    panel.session.changed.emit()
    assert panel._folder._path.text() == "~/mine.emcad "


def test_fields_for_the_means(panel):
    panel.means.memory.setValue(0.7)
    panel.means.scheduler.setText(" tcp://a:1")
    assert (panel.session.means.memory, panel.session.means.scheduler) == (0.7, "tcp://a:1")
    assert panel.means.scheduler.text() == " tcp://a:1"
    assert not panel.means.workers.isEnabled() and "workers of its own" in panel.means.workers.toolTip()
    panel.session.means.scheduler = ""
    assert panel.means.scheduler.text() == "" and panel.means.workers.isEnabled()


def test_a_click_on_the_map_goes_there(desk, qtbot, monkeypatch):
    heard = []
    monkeypatch.setattr(BlockSession, "centre_block", lambda _, block: heard.append(block))
    panel = BlocksPanel(desk)
    qtbot.addWidget(panel)
    panel.view.map.chosen.emit((1, 0, 0))
    assert heard == [(1, 0, 0)]
