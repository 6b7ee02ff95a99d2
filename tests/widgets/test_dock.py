"""The column of panels in a real window: what happens in one opens another."""

import pytest
from napari.settings import get_settings
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QApplication, QDialog, QInputDialog, QPushButton

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


def test_a_job_is_seen_and_stopped_with_its_section_folded(busy):
    row = busy.dock.work.rows["desk"]
    busy.wait(lambda: row.bar.format().startswith("counting"))
    busy.dock.sections["segment"].fold()
    assert row.isVisibleTo(busy.dock) and (row.bar.value(), row.bar.maximum()) == (1, 3)
    row.stop_button.click()
    assert row.bar.format() == "stopping ..." and not row.stop_button.isEnabled()
    busy.idle()
    assert not row.isVisibleTo(busy.dock)


def test_a_url_is_opened_in_a_thread(window, monkeypatch):
    monkeypatch.setattr(QInputDialog, "getText", lambda *_: ("eels://pond/em.zarr", True))
    window.dock.stack.url.click()
    assert window.desk.jobs.running
    window.idle()
    assert "eels:// is not known" in window.message and not window.viewer.layers


def lit(window) -> list[str]:
    """The words of the buttons that are lit."""
    return [button.text() for button in window.dock.findChildren(QPushButton) if button.property("next")]


def test_the_step_that_comes_next_is_lit_and_opens_by_itself(proofreading):
    dock = proofreading.dock
    proofreading.wait(lambda: lit(proofreading) == ["Review  R"])
    at = proofreading.desk.sessions.current
    at.edit(lambda: at.session.lock(int(at.session.state.table[1])))
    proofreading.wait(lambda: lit(proofreading) == ["Save..."])
    assert not dock.sections["export"].is_open


class ByHand(QCloseEvent):
    """The event of a window's cross, which Qt calls spontaneous."""

    def spontaneous(self):
        return True


def close_by_hand(window):
    """Close a window as its cross does: it is hidden unless it refuses."""
    window, event = window.viewer.window._qt_window, ByHand()
    QApplication.sendEvent(window, event)
    if event.isAccepted():
        window.hide()


@pytest.fixture
def answers(monkeypatch):
    """What a person answers napari's question whether to close the window."""
    given = [QDialog.DialogCode.Rejected]
    monkeypatch.setattr(get_settings().application, "confirm_close_window", True)
    monkeypatch.setattr("napari._qt.qt_main_window.ConfirmCloseDialog.exec_", lambda _: given[-1])
    return given


def test_a_window_that_is_not_closed_after_all_goes_on(proofreading, answers):
    """Cancel leaves the session as it was; it is let go of when the window goes."""
    dock, at = proofreading.dock, proofreading.desk.sessions.current
    proofreading.viewer.window._qt_window.show()
    for _ in range(2):
        close_by_hand(proofreading)
        assert proofreading.viewer.window._qt_window.isVisible()
        assert not dock.is_released and proofreading.desk.sessions.current is at
    neuron = int(at.session.state.table[1])
    at.edit(lambda: at.session.lock(neuron))
    assert at.opened.lock.why_not == "" and at.session.log.rows
    answers.append(QDialog.DialogCode.Accepted)
    close_by_hand(proofreading)
    assert dock.is_released and not (at.opened.folder / "holder.json").exists()
