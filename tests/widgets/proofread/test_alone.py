"""A session on a disk without file locks, in a real window."""

import errno
import fcntl
import os

import pytest

from napari_emcad.widgets.proofread.views.body import ALONE

pytestmark = pytest.mark.window


@pytest.fixture
def lockless(proofreading, beside, monkeypatch):
    """A window with a session that is for reading only as its disk has no locks."""

    def no_locks(*_, **__):
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    monkeypatch.setattr("napari_emcad.io.sessions.lock._alone", set())
    proofreading.desk.sessions.end()
    monkeypatch.setattr(fcntl, "flock", no_locks)
    proofreading.desk.sessions.open(beside)
    proofreading.idle()
    assert "has no file locks" in proofreading.message and '"Edit it alone" in the dock' in proofreading.message
    return proofreading


def test_the_dock_offers_to_edit_it_alone(lockless, beside):
    question, layers = lockless.dock.proofread.body.alone, len(lockless.viewer.layers)
    assert question.words == ALONE and not question.isHidden()
    question.yes_button.click()
    lockless.idle()
    at = lockless.desk.sessions.current
    assert not at.opened.why_read_only and lockless.dock.proofread.body.alone.isHidden()
    assert lockless.message == (f"Every edit is saved at once in {beside}, by you alone, as its disk has no file locks")
    assert len(lockless.viewer.layers) == layers
    lockless.dock.proofread.editor.edits.toggle_done()
    lockless.desk.sessions.end()
    lockless.desk.sessions.open(beside)
    lockless.idle()
    assert not lockless.desk.sessions.current.opened.why_read_only, "it holds as long as the program lasts"


def test_it_stays_for_reading_only_unless_a_person_says_so(lockless):
    at = lockless.desk.sessions.current
    lockless.dock.proofread.body.alone.no_button.click()
    assert lockless.dock.proofread.body.alone.isHidden()
    assert lockless.desk.sessions.current is at and at.opened.has_no_locks
