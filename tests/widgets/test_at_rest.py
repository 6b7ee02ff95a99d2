import time

import pytest

from napari_emcad.widgets.at_rest import AT_ONCE, AtRest

pytestmark = pytest.mark.window


def test_what_is_fast_is_done_at_once(qapp):
    done = []
    follow = AtRest(lambda: done.append(1))
    follow.ask()
    follow.ask()
    assert len(done) == 2


def test_what_is_slow_is_done_once_after_many_wishes(qtbot):
    done = []
    follow = AtRest(lambda: (done.append(1), time.sleep(3 * AT_ONCE)))
    follow.ask()  # nobody knows yet that it is slow
    for _ in range(5):
        follow.ask()
    assert len(done) == 1
    qtbot.waitUntil(lambda: len(done) == 2)
    qtbot.wait(400)
    assert len(done) == 2


def test_a_wish_is_forgotten(qtbot):
    done = []
    follow = AtRest(lambda: (done.append(1), time.sleep(3 * AT_ONCE)))
    follow.ask()
    follow.ask()
    follow.stop()
    qtbot.wait(400)
    assert len(done) == 1
