"""The process that trains, whatever becomes of it."""

import json
from pathlib import Path

import pytest

from napari_emcad.workers import training as module
from napari_emcad.workers.training import Trainer

FAKE = Path(__file__).parents[1] / "widgets" / "fake_trainer.py"

pytestmark = pytest.mark.window


class Heard:
    """A trainer and what it has said."""

    def __init__(self, folder, wait):
        self.folder, self.wait = folder, wait
        self.events, self.ends = [], []
        self.trainer = Trainer()
        self.trainer.said.connect(self.events.append)
        self.trainer.ended.connect(self.ends.append)

    def start(self) -> None:
        self.trainer.start(self.folder)

    def until_step(self, n: int) -> None:
        self.wait(lambda: any(e.get("step", 0) >= n for e in self.events))

    def end(self):
        self.wait(lambda: bool(self.ends))
        return self.ends[-1]

    @property
    def kinds(self) -> list[str]:
        return [event["event"] for event in self.events]


@pytest.fixture
def heard(tmp_path, monkeypatch, model, qtbot, wait):
    monkeypatch.setattr(module, "WORKER", (str(FAKE),))
    (tmp_path / "order.json").write_text(json.dumps({"student": str(model)}))
    (tmp_path / "held_out").mkdir()
    made = Heard(tmp_path, wait)
    yield made
    made.trainer.close()


def test_what_it_says_is_heard_and_what_others_print_is_not(heard):
    heard.start()
    assert heard.trainer.running
    end = heard.end()
    assert (end.code, end.was_killed) == (0, False)
    assert heard.kinds[:3] == ["stage", "started", "score"]
    assert heard.kinds.count("step") == 20
    assert heard.kinds[-1] == "finished"
    assert not heard.trainer.running


def test_stop_ends_it_in_good_order(heard, monkeypatch):
    monkeypatch.setenv("FAKE_TRAINER", "slow")
    heard.start()
    heard.until_step(3)
    heard.trainer.stop()
    assert heard.trainer.stopping
    assert heard.end().code == 0
    assert heard.events[-1]["why"] == "stopped"
    assert not heard.trainer.stopping


@pytest.mark.parametrize("by", ["a person", "the system"])
def test_killed(heard, monkeypatch, by):
    monkeypatch.setenv("FAKE_TRAINER", "slow" if by == "a person" else "killed")
    heard.start()
    heard.until_step(3)
    if by == "a person":
        heard.trainer.kill()
    assert heard.end().was_killed
    assert "finished" not in heard.kinds
    assert (heard.folder / "best.pt").exists() or by == "a person"


def test_a_crash_tells_its_details(heard, monkeypatch):
    monkeypatch.setenv("FAKE_TRAINER", "raises")
    heard.start()
    end = heard.end()
    assert end.code == 1
    assert not end.was_killed
    assert end.details.endswith("ValueError: what nobody foresaw")


def test_python_that_cannot_be_started(heard, monkeypatch):
    monkeypatch.setattr(module.sys, "executable", "/no/such/python")
    heard.start()
    assert heard.end().code == 1
    assert heard.ends[-1].details
    assert not heard.trainer.running


def test_closing_ends_the_process_and_silences_it(heard, monkeypatch):
    monkeypatch.setenv("FAKE_TRAINER", "slow")
    heard.start()
    heard.until_step(3)
    process = heard.trainer._process
    heard.trainer.close()
    assert process.state() == process.ProcessState.NotRunning
    assert not heard.ends
    assert not heard.trainer.running
