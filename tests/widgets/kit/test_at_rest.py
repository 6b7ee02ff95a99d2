import threading
import time

import pytest

from napari_emcad.widgets.kit.at_rest import AT_ONCE, IN_A_THREAD, AtRest

pytestmark = pytest.mark.window


def test_what_is_fast_is_done_at_once(qapp):
    done = []
    follow = AtRest(lambda: 1, done.append)
    follow.ask()
    follow.ask()
    assert len(done) == 2


def test_what_is_slow_is_done_once_after_many_wishes(qtbot):
    done = []
    follow = AtRest(lambda: time.sleep(3 * AT_ONCE), done.append)
    follow.ask()  # nobody knows yet that it is slow
    for _ in range(5):
        follow.ask()
    assert len(done) == 1
    qtbot.waitUntil(lambda: len(done) == 2)
    qtbot.wait(400)
    assert len(done) == 2


def test_a_wish_is_forgotten(qtbot):
    done = []
    follow = AtRest(lambda: time.sleep(3 * AT_ONCE), done.append)
    follow.ask()
    follow.ask()
    follow.stop()
    qtbot.wait(400)
    assert len(done) == 1


def test_what_takes_long_is_found_in_a_thread_and_shown_in_this_one(qtbot):
    found_in, shown = [], []

    def find():
        found_in.append(threading.current_thread())
        time.sleep(2 * IN_A_THREAD)
        return len(found_in)

    follow = AtRest(find, lambda found: shown.append((found, threading.current_thread())))
    follow.ask()  # nobody knows yet
    follow.ask()
    qtbot.waitUntil(lambda: len(shown) == 2)
    here = threading.current_thread()
    assert shown == [(1, here), (2, here)]
    assert found_in[0] is here is not found_in[1]
    follow.stop()


def test_what_fails_in_a_thread_is_tried_again(qtbot):
    here, shown = threading.current_thread(), []

    def find():
        time.sleep(2 * IN_A_THREAD)
        if threading.current_thread() is not here:
            raise IndexError("an edit came in between")
        return 5

    follow = AtRest(find, shown.append)
    follow.ask()
    follow.ask()
    qtbot.waitUntil(lambda: shown == [5, 5])
    follow.stop()


def test_what_takes_long_waits_as_long_for_the_next_wish(qtbot):
    """So that it does not slow down people who go on."""
    follow = AtRest(lambda: time.sleep(0.4), lambda _: None)
    follow.do()
    follow.ask()
    assert follow._timer.interval() >= 400
    follow.stop()
