"""The child that trains, with a tiny student that really learns."""

import os

import pytest
import torch
from toy_crops import squares

from napari_emcad.core.errors import UserError
from napari_emcad.finetuning.folder import EVENTS, TrainingOrder, best_model, read_events, write_run
from napari_emcad.finetuning.run import fine_tune
from napari_emcad.networks.cad_student import CadStudent, CadStudentConfig
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.checkpoint import inspect, save_model
from napari_emcad.training.params import TrainingParameters
from napari_emcad.workers.child_job import StopRequest
from napari_emcad.workers.training import TrainingProgress, train_beside

LEARN = {"batch": 2, "sections": 2, "size": 32, "augmentation": "full", "learning_rate": 1e-2, "ema": 0.8, "warm_up": 3}

pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.slow]


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes the folder of a run of so many steps."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    torch.manual_seed(0)
    save_model(CadStudent(CadStudentConfig(maps=4, embedding_channels=4)), tmp_path / "student.pt", ModelCard())

    def written(steps):
        order = TrainingOrder(
            student=tmp_path / "student.pt", parameters=TrainingParameters(mode="student", steps=steps, **LEARN)
        )
        write_run(tmp_path / "run", order, [squares()], [squares((3, 60, 60), "aside")])
        return tmp_path / "run"

    return written


def events(job):
    return (step.event for step in job if isinstance(step, TrainingProgress))


def test_stopped_in_good_order(write):
    folder, stop = write(steps=100_000), StopRequest()
    for event in events(train_beside(folder, stop)):
        if event["event"] == "step":
            stop.ask()
    assert (event["event"], event["why"]) == ("finished", "stopped")
    assert read_events(folder)[-1] == event


def test_killed_and_gone_on_with(write, started):
    folder = write(steps=200)
    job = train_beside(folder, StopRequest())
    next(event for event in events(job) if event["event"] == "score" and event["best"])
    kept = inspect(best_model(folder))
    os.kill(started[0].pid, 9)
    with pytest.raises(UserError, match="the system ended it"):
        list(job)
    with (folder / EVENTS).open("a") as notes:
        notes.write('{"event": "ste')
    first = next(event for event in fine_tune(folder) if event["event"] == "step")
    assert first["step"] >= 1
    assert inspect(best_model(folder)).parent_sha256 == kept.parent_sha256


def test_what_is_wrong_is_one_sentence(write):
    folder = write(steps=2)
    (folder / "train" / "000.npz").write_bytes(b"")
    with pytest.raises(UserError, match=r"start the run anew\.$"):
        list(train_beside(folder, StopRequest()))
