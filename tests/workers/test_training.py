"""The child that trains, whatever becomes of it: a job like any other, that only pretends to learn."""

import json
import os
import sys
from pathlib import Path

import fake_trainer
import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.finetuning.folder import read_events
from napari_emcad.workers import training
from napari_emcad.workers.child_job import StopRequest
from napari_emcad.workers.training import TrainingProgress, train_beside


@pytest.fixture
def folder(tmp_path, monkeypatch, model):
    """The folder of a run."""
    monkeypatch.setattr(training, "train_in_child", fake_trainer.train_in_child)
    monkeypatch.setenv("PYTHONPATH", str(Path(fake_trainer.__file__).parent), prepend=os.pathsep)
    (tmp_path / "order.json").write_text(json.dumps({"student": str(model)}))
    (tmp_path / "held_out").mkdir()
    return tmp_path


def events(job):
    """What a job tells, as long as something is asked for."""
    return (step.event for step in job if isinstance(step, TrainingProgress))


def kinds(found):
    return [event["event"] for event in found]


def test_events_come_across_and_what_others_print_does_not(folder):
    found = list(events(train_beside(folder, StopRequest())))
    assert kinds(found)[:3] == ["stage", "started", "score"]
    assert kinds(found).count("step") == 20
    assert kinds(found)[-1] == "finished"
    assert found == read_events(folder)


def test_stopped_in_good_order(folder, monkeypatch):
    monkeypatch.setenv("FAKE_TRAINER", "slow")
    stop, found = StopRequest(), []
    for event in events(train_beside(folder, stop)):
        found.append(event)
        if event.get("step") == 3:
            stop.ask()
    assert (found[-1]["event"], found[-1]["why"]) == ("finished", "stopped")


def test_closed_it_ends_in_good_order(folder, monkeypatch, started):
    monkeypatch.setenv("FAKE_TRAINER", "slow")
    job = train_beside(folder, StopRequest())
    next(event for event in events(job) if event.get("step") == 3)
    job.close()
    assert started[0].returncode == 0
    assert read_events(folder)[-1]["why"] == "stopped"


def test_ended_at_once(folder, monkeypatch, started):
    monkeypatch.setenv("FAKE_TRAINER", "slow")
    stop = StopRequest()
    job = train_beside(folder, stop)
    next(event for event in events(job) if event.get("step") == 3)
    stop.insist()
    job.close()
    assert started[0].returncode != 0
    assert "finished" not in kinds(read_events(folder))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_killed(folder, monkeypatch):
    monkeypatch.setenv("FAKE_TRAINER", "killed")
    sentence = "training: the system ended it, most likely for want of memory; what was best until then is kept"
    with pytest.raises(UserError, match=f"^{sentence}"):
        list(train_beside(folder, StopRequest()))
    last = read_events(folder)[-1]
    assert last["event"] == "failed" and last["sentence"].startswith(sentence)
    assert (folder / "best.pt").exists()


def test_a_sentence_is_noted_in_the_folder(folder, monkeypatch):
    monkeypatch.setenv("FAKE_TRAINER", "fails")
    with pytest.raises(UserError, match=r"^student: this file is a teacher; choose a student\.$") as error:
        list(train_beside(folder, StopRequest()))
    assert read_events(folder) == [{"event": "failed", "sentence": str(error.value)}]


def test_an_unforeseen_end_tells_its_details(folder, monkeypatch):
    monkeypatch.setenv("FAKE_TRAINER", "raises")
    with pytest.raises(RuntimeError, match="training: ValueError: what nobody foresaw\nTraceback"):
        list(train_beside(folder, StopRequest()))
