from itertools import islice

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from napari_emcad.core.errors import UserError
from napari_emcad.networks.student import Student, StudentConfig
from napari_emcad.training.crops import LabelledVolume
from napari_emcad.training.loop import TrainingState, learning_rate, train
from napari_emcad.training.params import TrainingParameters

TINY = TrainingParameters(steps=24, batch=2, size=32, learning_rate=1e-2, warm_up=5, ema=0.8, seed=3)


def toy():
    """Squares of 12 pixels, bright inside and dark on their rims."""
    z, y, x = np.indices((3, 72, 84))
    labels = (1 + x // 12 + 10 * (y // 12)).astype(np.int32)
    rim = (x % 12 < 2) | (y % 12 < 2)
    return LabelledVolume(np.where(rim, 40, 200).astype(np.uint8) + z.astype(np.uint8), np.where(rim, 0, labels))


def fresh(parameters=TINY):
    torch.manual_seed(0)
    return TrainingState(Student(StudentConfig(maps=4, embedding_channels=4)), parameters)


def weights(state):
    return {name: values.clone() for name, values in state.student.state_dict().items()}


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def run(state, steps, parameters=TINY):
    return list(islice(train(state, [toy()], parameters), steps))


def test_training_lowers_the_loss():
    losses = [step.loss for step in train(fresh(), [toy()], TINY)]
    assert len(losses) == 24
    assert np.mean(losses[-6:]) < 0.5 * np.mean(losses[:3])


def test_steps_are_reported_and_counted():
    state = fresh()
    steps = run(state, 3)
    assert [s.step for s in steps] == [1, 2, 3]
    assert [s.learning_rate for s in steps] == pytest.approx([learning_rate(n, TINY) for n in range(3)])
    assert state.student.training


def test_a_run_is_reproducible():
    one, other = fresh(), fresh()
    assert run(one, 3) == run(other, 3)
    assert equal(weights(one), weights(other))


def test_a_saved_state_goes_on_where_it_stopped(tmp_path):
    state, path = fresh(), tmp_path / "state.pt"
    run(state, 3)
    state.save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["state.pt"]
    first, second = (TrainingState(Student(state.student.config), TINY) for _ in range(2))
    first.load(path), second.load(path)
    assert first.step == 3
    assert equal(weights(first), weights(state))
    assert equal(first.mean.state_dict(), state.mean.state_dict())
    steps = run(first, 2)
    assert steps == run(second, 2)
    assert [s.step for s in steps] == [4, 5]
    assert not equal(weights(first), weights(state))


def test_the_optimiser_goes_on_too(tmp_path):
    """The same batches after a pause as without: only the optimiser's memory could make a difference."""
    state, path = fresh(), tmp_path / "state.pt"
    run(state, 3)
    state.save(path)
    again = TrainingState(Student(state.student.config), TINY)
    again.load(path)
    assert run(again, 1) == run(state, 1)
    assert equal(weights(again), weights(state))


def test_a_finished_run_makes_no_step():
    state = fresh(TINY.model_copy(update={"steps": 2}))
    assert len(run(state, 9, TINY.model_copy(update={"steps": 2}))) == 2
    assert run(state, 9, TINY.model_copy(update={"steps": 2})) == []


def test_a_save_that_is_killed_leaves_the_previous_state(tmp_path, monkeypatch):
    state, path = fresh(), tmp_path / "state.pt"
    state.step = 7
    state.save(path)

    def killed(content, file):
        file.write_bytes(b"half of it")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", killed)
    state.step = 8
    with pytest.raises(KeyboardInterrupt):
        state.save(path)
    monkeypatch.undo()
    kept = fresh()
    kept.load(path)
    assert kept.step == 7
    state.save(path)
    kept.load(path)
    assert kept.step == 8


def test_the_average_follows_the_student_and_is_a_copy():
    state = fresh()
    before = weights(state)
    run(state, 4)
    average = state.averaged()
    assert not average.training
    name = "inc.conv.conv.0.weight"
    start, now, mean = before[name], weights(state)[name], average.state_dict()[name]
    assert (mean - now).abs().sum() < (start - now).abs().sum()
    assert not torch.equal(mean, now)
    kept = mean.clone()
    run(state, 1)
    assert torch.equal(average.state_dict()[name], kept)


def test_too_small_a_volume_is_told():
    small = LabelledVolume(np.zeros((2, 16, 16), np.uint8), np.zeros((2, 16, 16), np.int32))
    with pytest.raises(UserError, match="at least 2 sections of 32 x 32 pixels are needed"):
        next(train(fresh(), [small], TINY))


@pytest.mark.parametrize("warm_up", [0, 1, 5])
def test_the_learning_rate_rises_then_falls_to_a_hundredth(warm_up):
    parameters = TrainingParameters(steps=45, warm_up=warm_up, learning_rate=0.2)
    rates = [learning_rate(step, parameters) for step in range(46)]
    peak = int(np.argmax(rates))
    assert peak == max(0, warm_up - 1)
    assert rates[peak] == pytest.approx(0.2)
    assert rates[:peak] == pytest.approx([0.2 * (n + 1) / warm_up for n in range(peak)])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[45] == pytest.approx(0.002)
    middle = warm_up + (45 - warm_up) / 2
    assert learning_rate(middle, parameters) == pytest.approx(0.2 * 0.505)


def test_the_warm_up_may_be_longer_than_the_run():
    parameters = TrainingParameters(steps=3, warm_up=10, learning_rate=1.0)
    assert [learning_rate(n, parameters) for n in range(3)] == pytest.approx([0.1, 0.2, 0.3])


@pytest.mark.parametrize(
    "wrong",
    [
        *({"steps": 0}, {"batch": 0}, {"size": 33}, {"size": 16}, {"learning_rate": 0}, {"ema": 1}, {"clip": 0}),
        *({"seed": -1}, {"warm_up": -1}, {"weight_decay": -0.1}, {"momentum": 0.9}),
    ],
    ids=str,
)
def test_parameters_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValidationError):
        TrainingParameters(**wrong)


def test_a_file_that_is_no_state_is_told(tmp_path):
    state = TrainingState(Student(), TrainingParameters())
    for i, content in enumerate([b"", b"no state", b"PK\x03\x04"]):
        (tmp_path / f"{i}.pt").write_bytes(content)
    torch.save({"step": 3}, tmp_path / "3.pt")
    for i in range(4):
        with pytest.raises(UserError, match=r"this is no state of such a run; move it away to start anew\.$"):
            state.load(tmp_path / f"{i}.pt")
    assert state.step == 0
