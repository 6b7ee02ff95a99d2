"""The jobs under way, in words, without a window."""

from types import SimpleNamespace

import pytest
from hearing import heard
from psygnal import Signal

from napari_emcad.core.progress import Progress
from napari_emcad.widgets.at_work import AtWork, Work


class Other:
    """A run by blocks or a fine-tuning, as far as it is looked at here."""

    changed, seen_changed = Signal(), Signal()
    is_running = running = False
    seen, words, start_words, start_tip = None, "fragments 3/12", "End at once", "Without a last score."
    progress = SimpleNamespace(running=True, words="step 41, 1:12 left")

    def __init__(self):
        self.stopped = 0

    def stop(self):
        self.stopped += 1


@pytest.fixture
def others():
    return Other(), Other()


@pytest.fixture
def at_work(desk, others) -> AtWork:
    return AtWork(desk, *others)


def test_the_desks_job_is_seen_and_stopped(desk, loop, at_work):
    assert at_work.work("desk") is None
    changes = heard(at_work.changed)

    def job():
        while True:
            yield Progress("counting", 1, 3)

    desk.jobs.start(job(), lambda _: None)
    assert at_work.work("desk") == Work("starting ...", 0, 0)
    desk.jobs.step()
    assert at_work.work("desk") == Work("counting 1/3", 1, 3)
    at_work.stops["desk"]()
    assert at_work.work("desk").why_no_stop and changes
    loop.settle()
    assert at_work.work("desk") is None


def test_runs_in_processes_of_their_own_are_seen_and_stopped(at_work, others):
    blocks, fine_tuning = others
    assert at_work.work("blocks") is None and at_work.work("finetune") is None
    blocks.is_running = fine_tuning.running = True
    blocks.changed.emit()
    assert at_work.work("blocks").words == "by blocks: fragments 3/12"
    found = at_work.work("finetune")
    assert (found.words, found.stop_words) == ("fine-tuning: step 41, 1:12 left", "End at once")
    for kind in ("blocks", "finetune"):
        at_work.stops[kind]()
    assert blocks.stopped == fine_tuning.stopped == 1
