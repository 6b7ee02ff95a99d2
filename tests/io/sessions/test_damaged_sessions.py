"""Random damage in any file of a session is told, or changes nothing; benchmarks/damaged_sessions.py does more."""

import os

import pytest

pytest.importorskip("fcntl", reason="children are forked")
from damaged_sessions import BAD, make_victims, remove, trials

SEED, OF_LOG, OF_OTHERS = 25, 4, 5


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged")


@pytest.fixture(scope="module")
def victims(place):
    return {victim.name: victim for victim in make_victims(place, runs=False)}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="children are forked")
@pytest.mark.parametrize("log_only", [True, False])
@pytest.mark.parametrize("name", ["closed", "killed", "chunked"])
def test_nothing_is_silent(victims, place, name, log_only):
    made = list(trials(victims[name], OF_LOG if log_only else OF_OTHERS, SEED, place, log_only))
    assert not [trial for trial in made if trial.outcome in BAD]


def test_a_removed_wal_is_silent_where_nobody_counts(victims, place, monkeypatch):
    """The harness sees what is lost without a word: of a log whose acknowledged edits are not counted."""
    monkeypatch.setattr("napari_emcad.proofreading.acknowledged.Acknowledged.read", lambda _path: None)
    monkeypatch.setattr("napari_emcad.proofreading.log.COUNTED", 99)
    monkeypatch.setattr("damaged_sessions.DAMAGES", (remove,))
    made = list(trials(victims["killed"], 8, SEED, place, log_only=True))
    assert {trial.outcome for trial in made if trial.file == "edits.db-wal"} == {"SILENT"}
