"""The column of panels in a real window: what happens in one opens another."""

import pytest
from qtpy.QtWidgets import QInputDialog

from napari_emcad.core.progress import Progress

pytestmark = pytest.mark.window


@pytest.fixture
def busy(window):
    """A window in which a job goes on until it is stopped."""

    def job():
        while True:
            yield Progress("counting", 1, 3)

    window.desk.jobs.start(job(), lambda _: None)
    yield window
    window.desk.jobs.stop()


def test_a_session_is_not_opened_while_a_job_runs(busy, tmp_path):
    busy.dock.blocks.session.open_wanted.emit(tmp_path / "a.emcad")
    assert "stop it first, then open the session" in busy.message
    assert not busy.dock.sections["proofread"].is_open


def test_the_bar_shows_the_job(busy):
    busy.wait(lambda: busy.dock.bar.format().startswith("counting"))
    assert busy.dock.bar.isVisibleTo(busy.dock) and (busy.dock.bar.value(), busy.dock.bar.maximum()) == (1, 3)
    busy.desk.jobs.stop()
    assert busy.dock.bar.format() == "stopping ..."
    busy.idle()
    assert not busy.dock.bar.isVisibleTo(busy.dock)


def test_a_url_is_opened_in_a_thread(window, monkeypatch):
    monkeypatch.setattr(QInputDialog, "getText", lambda *_: ("eels://pond/em.zarr", True))
    window.dock.stack.url.click()
    assert window.desk.jobs.running
    window.idle()
    assert "eels:// is not known" in window.message and not window.viewer.layers


def test_neurons_open_export(proofreading):
    assert proofreading.dock.sections["export"].is_open
