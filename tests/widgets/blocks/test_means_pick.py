import pytest

from napari_emcad.blocks.run import Means
from napari_emcad.widgets.blocks.means_pick import LEAST, MeansPick


@pytest.fixture
def pick(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 6)
    pick = MeansPick()
    pick.memory = LEAST
    return pick


def test_one_process_is_this_program(pick):
    assert pick.means == Means(500_000_000)


def test_several_processes(pick):
    pick.workers = 4
    assert pick.means == Means(500_000_000, workers=4)
    pick.workers = 100
    assert pick.workers == 6


def test_a_cluster_has_workers_of_its_own(pick):
    pick.workers, pick.scheduler = 4, " tcp://host:8786 "
    assert pick.means == Means(500_000_000, scheduler="tcp://host:8786")
    assert pick.why_no_workers == "The cluster has workers of its own."
    pick.scheduler = " "
    assert not pick.why_no_workers and pick.means.workers == 4


def test_memory_stays_within_what_there_is(pick):
    pick.memory = 1e6
    assert pick.memory == pytest.approx(pick.most_memory, abs=0.1)
    pick.memory = 0
    assert pick.memory == LEAST


def test_half_of_the_free_memory_at_first(monkeypatch):
    monkeypatch.setattr("napari_emcad.widgets.blocks.means_pick.free_budget", lambda: 1_240_000_000)
    assert MeansPick().memory == 1.2


def test_changes_are_heard(pick):
    heard = []
    pick.changed.connect(lambda: heard.append(pick.means))
    pick.memory, pick.workers = 0.6, 2
    assert heard == [Means(600_000_000), Means(600_000_000, 2)]
