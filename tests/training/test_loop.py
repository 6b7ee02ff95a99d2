from dataclasses import replace
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from toy_crops import squares
from training_runs import (
    AFFINITIES,
    EMBEDDINGS,
    MALA,
    MODES,
    TINY,
    chosen,
    equal,
    fresh,
    half_known,
    run,
    timeless,
    uncorrected,
    weights,
)

from napari_emcad.core.crop import Crop, unlabelled_crop
from napari_emcad.core.errors import UserError
from napari_emcad.networks.residual_unet import ResidualUNetConfig
from napari_emcad.training import loop
from napari_emcad.training.crops import middle
from napari_emcad.training.descent import learning_rate
from napari_emcad.training.loop import shown_shape, student_embeddings, teacher_outputs, train


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_lowers_its_losses(mode):
    state, parameters = fresh(chosen(mode)), chosen(mode)
    steps = run(state, 99, parameters)
    assert len(steps) == 24
    assert steps[0].parts.keys() == state.objective.weights(0).keys()
    for name in steps[0].parts:
        first, last = (np.mean([s.parts[name] for s in some]) for some in (steps[:3], steps[-6:]))
        assert last < 0.85 * first, name
    assert steps[-1].loss == pytest.approx(sum(steps[-1].parts.values()), rel=1e-5)


@pytest.mark.parametrize("mode", ["frozen-teacher", "distil"])
@pytest.mark.parametrize("teacher", [EMBEDDINGS, AFFINITIES], ids=["embeddings", "affinities"])
def test_a_frozen_teacher_does_not_change_by_a_bit(mode, teacher):
    state = fresh(chosen(mode), teacher)
    before = weights(state, "teacher"), weights(state)
    run(state, 3, chosen(mode))
    assert equal(weights(state, "teacher"), before[0])
    assert not equal(weights(state), before[1])
    assert all(p.grad is None for p in state.networks["teacher"].parameters())
    assert not teacher_outputs(state, torch.rand(1, 3, 32, 32), (3, 32, 32)).requires_grad
    assert equal(state.averaged("teacher").state_dict(), before[0])


@pytest.mark.parametrize("mode", ["joint", "teacher"])
@pytest.mark.parametrize("teacher", [EMBEDDINGS, AFFINITIES], ids=["embeddings", "affinities"])
def test_a_teacher_that_learns_changes(mode, teacher):
    state = fresh(chosen(mode), teacher)
    before = weights(state, "teacher")
    steps = run(state, 2, chosen(mode))
    after = weights(state, "teacher")
    assert all(np.isfinite(list(step.parts.values())).all() for step in steps)
    assert all(not torch.equal(before[key], after[key]) for key in before if key.endswith(("weight", "running_mean")))


@pytest.mark.parametrize("mode", ["student", "teacher", "distil", "frozen-teacher", "joint"])
def test_the_teacher_is_turned_towards_the_student_where_they_are_grafted(mode):
    state = fresh(chosen(mode))
    run(state, 1, chosen(mode))
    rotation = state.rotation
    assert (rotation is not None) == (mode in ("frozen-teacher", "joint"))
    run(state, 1, chosen(mode))
    assert state.rotation is rotation


def test_in_distillation_labels_do_not_matter():
    crop = squares()
    blank, noise = (replace(crop, labels=f(crop.labels)) for f in (np.zeros_like, np.random.default_rng(0).permuted))
    unknown = replace(crop, known=np.zeros(crop.raw.shape, bool))
    runs = []
    for given in (crop, blank, noise, unknown):
        state = fresh(chosen("distil"))
        steps = run(state, 2, chosen("distil"), [given])
        runs.append((timeless(steps), weights(state)))
        assert all(step.loss > 0 for step in steps)
    for steps, learnt in runs[1:]:
        assert steps == runs[0][0]
        assert equal(learnt, runs[0][1])


@pytest.mark.parametrize("mode", ["student", "joint"])
def test_what_is_not_known_teaches_nothing(mode):
    one, other = half_known()
    states = fresh(chosen(mode)), fresh(chosen(mode))
    steps, same = (run(state, 4, chosen(mode), [crop]) for state, crop in zip(states, (one, other), strict=True))
    assert timeless(steps) == timeless(same)
    assert all(step.parts["student"] > 0 for step in steps)
    assert equal(*map(weights, states))
    everywhere = run(fresh(chosen(mode)), 4, chosen(mode), [replace(other, known=None)])
    assert [s.loss for s in everywhere] != [s.loss for s in steps]


@pytest.mark.parametrize("mode", ["student", "frozen-teacher", "joint"])
def test_a_run_is_reproducible(mode):
    one, other = fresh(chosen(mode)), fresh(chosen(mode))
    steps = timeless(run(one, 2, chosen(mode)))
    assert timeless(run(other, 2, chosen(mode))) == steps
    assert all(equal(weights(one, name), weights(other, name)) for name in one.networks)
    other_seed = chosen(mode, seed=4)
    assert timeless(run(fresh(other_seed), 1, other_seed)) != steps[:1]


@pytest.mark.parametrize("mode", ["student", "frozen-teacher", "joint"])
def test_a_run_goes_on_as_if_there_had_been_no_pause(mode, tmp_path):
    whole, path = fresh(chosen(mode)), tmp_path / "state.pt"
    steps = run(whole, 4, chosen(mode))
    state = fresh(chosen(mode))
    run(state, 3, chosen(mode))  # of the second block, a frozen teacher has taught one pair
    state.save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["state.pt"]
    again = fresh(chosen(mode))
    for name in again.learning:
        nn.init.constant_(next(again.networks[name].parameters()), 7)
    again.load(path)
    assert again.step == 3
    assert again.seconds == state.seconds
    assert equal(weights(again), weights(state))
    assert timeless(run(again, 1, chosen(mode))) == timeless(steps[3:])
    for name in again.networks:
        assert equal(weights(again, name), weights(whole, name))
        assert equal(again.averaged(name).state_dict(), whole.averaged(name).state_dict())


def test_steps_are_reported_and_counted():
    state = fresh()
    steps = run(state, 3)
    assert [s.step for s in steps] == [1, 2, 3]
    assert [s.done for s in steps] == [1 / 24, 2 / 24, 3 / 24]
    assert [s.learning_rate for s in steps] == pytest.approx([learning_rate(TINY, n, n / 24) for n in range(3)])
    assert 0 < steps[0].seconds < steps[1].seconds < steps[2].seconds == state.seconds
    assert all(s.parts == {"student": pytest.approx(s.loss)} for s in steps)


def test_scoring_between_steps_changes_nothing():
    one, other = fresh(chosen("joint")), fresh(chosen("joint"))
    for step in islice(train(one, [squares()], chosen("joint")), 3):
        one.averaged("student")
        for network in one.networks.values():
            network.eval()
        assert step.loss > 0
    run(other, 3, chosen("joint"))
    assert equal(weights(one), weights(other))
    assert equal(weights(one, "teacher"), weights(other, "teacher"))


def test_a_finished_run_makes_no_step():
    state, two = fresh(), chosen(steps=2)
    assert [step.done for step in run(state, 9, two)] == [0.5, 1]
    assert run(state, 9, two) == []


@pytest.fixture
def clock(monkeypatch):
    """A clock that only goes when told."""
    now = SimpleNamespace(seconds=1000.0)
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: now.seconds))
    return now


def test_the_time_budget_ends_a_run_and_counts_what_happens_between_steps(clock):
    state, minute, steps = fresh(), chosen(steps=None, minutes=1), []
    for step in train(state, [squares()], minute):
        steps.append(step)
        clock.seconds += 13
    assert [s.seconds for s in steps] == [0, 13, 26, 39, 52]
    assert [s.done for s in steps] == [s.seconds / 60 for s in steps]
    falling = [s.learning_rate / min(1, s.step / 5) for s in steps]
    assert falling == sorted(falling, reverse=True)


def test_a_pause_is_not_counted(clock, tmp_path):
    state, minute = fresh(), chosen(steps=None, minutes=1)
    for _ in islice(train(state, [squares()], minute), 3):
        clock.seconds += 13
    state.save(tmp_path / "state.pt")
    clock.seconds += 9999
    again = fresh()
    again.load(tmp_path / "state.pt")
    seconds = []
    for step in train(again, [squares()], minute):
        seconds.append(step.seconds)
        clock.seconds += 13
    assert seconds == [26, 39, 52]


def test_a_budget_of_no_time_is_over_soon():
    assert len(run(fresh(), 99, chosen(steps=None, minutes=1e-6))) <= 1


def test_a_loss_that_is_no_number_ends_the_run_before_it_is_learnt():
    raw = squares().raw.astype(np.float32)
    raw[:] = np.nan
    state = fresh()
    with pytest.raises(UserError) as error:
        run(state, 2, crops=[replace(squares(), raw=raw)])
    assert str(error.value) == "training: the loss is nan at step 1; start again with a lower rate."
    assert state.step == 0
    assert all(p.isfinite().all() for p in state.networks["student"].parameters())
    assert all(values.isfinite().all() for values in state.averaged("student").state_dict().values())


@pytest.mark.parametrize("mode", ["student", "joint"])
def test_bf16_learns_as_fp32_does(mode):
    full, half = (chosen(mode, half=half, sections=3) for half in (False, True))
    expected = run(fresh(full), 3, full)
    state = fresh(half)
    for step, precise in zip(run(state, 3, half), expected, strict=True):
        assert step.loss == pytest.approx(precise.loss, rel=0.1)
        assert all(np.isfinite(part) and part > 0 for part in step.parts.values())
    for network in state.networks.values():
        assert all(p.dtype == torch.float32 and p.isfinite().all() for p in network.parameters())
        assert all(p.grad.isfinite().all() for p in network.parameters() if p.grad is not None)
        assert any(p.grad.any() for p in network.parameters())


@pytest.mark.parametrize(
    ("mode", "sections", "is_same"), [("joint", 2, True), ("joint", 3, False), ("student", 2, False)]
)
def test_a_teacher_learns_from_two_sections_in_fp32(mode, sections, is_same):
    """There bf16 gives wrong gradients."""
    losses = [
        [step.loss for step in run(fresh(parameters), 1, parameters)]
        for parameters in (chosen(mode, half=half, sections=sections) for half in (False, True))
    ]
    assert (losses[0] == losses[1]) == is_same


class MiddleOf(nn.Module):
    """In place of a teacher: it gives what it is shown, without its margin."""

    def __init__(self, config):
        super().__init__()
        self.config = config

    def forward(self, crops):
        z, y, x = self.config.margin
        return crops[:, :, z : crops.shape[2] - z, y : crops.shape[3] - y, x : crops.shape[4] - x]


@pytest.mark.parametrize(
    ("config", "shown"),
    [
        (EMBEDDINGS, (3, 48, 48)),
        (MALA, (31, 268, 268)),
        (ResidualUNetConfig(maps=(2,) * 6), (3, 64, 64)),
    ],
    ids=["no margin", "MALA", "other sizes"],
)
def test_teacher_and_student_are_of_the_same_voxels(config, shown):
    state, shape = fresh(chosen("frozen-teacher")), (3, 48, 48)
    state.networks["teacher"] = MiddleOf(config)
    student = state.networks["student"].eval()
    assert shown_shape(state, shape) == shown
    images = torch.rand(2, *shown)
    expected = middle(images, shape)
    assert torch.equal(teacher_outputs(state, images, shape)[:, 0], expected)
    both = student_embeddings(state, expected)
    for n, z in np.ndindex(2, 2):
        of_pair = student(expected[n : n + 1, z : z + 2])
        for found, alone in zip(both, of_pair, strict=True):
            torch.testing.assert_close(found[n, :, z], alone[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("mode", "steps"), [("student", 1), ("frozen-teacher", 2), ("joint", 1), ("distil", 2)])
def test_a_frozen_teacher_is_asked_once_for_all_pairs_of_a_block(mode, steps, monkeypatch):
    """The student makes a step of each pair, with the same teacher's sections that a step of all pairs has."""
    state, parameters = fresh(chosen(mode)), chosen(mode)
    seen = []
    if "teacher" in state.networks:
        state.networks["teacher"].register_forward_hook(lambda _, __, out: seen.append(("teacher", out.shape[2])))
    student = state.networks["student"]
    encode = student.encode
    monkeypatch.setattr(student, "encode", lambda s: seen.append(("student", len(s))) or encode(s))
    state.rotation = torch.eye(EMBEDDINGS.outputs)
    run(state, 2 * steps, parameters)
    n, sections = parameters.crop.batch, parameters.crop.sections
    of_student = [("student", n * (2 if steps > 1 else sections))] * steps
    assert seen == 2 * ([("teacher", sections)] * ("teacher" in state.networks) + of_student)


def test_a_teacher_with_a_margin_teaches_in_crops_smaller_than_what_it_sees():
    """29 x 214 x 214 at least; the toy is known in one corner only."""
    known = np.zeros(squares().raw.shape, bool)
    known[:2, :10, :10] = True
    state, parameters = fresh(chosen("joint", batch=1, sections=2), MALA), chosen("joint", batch=1, sections=2)
    assert shown_shape(state, (2, 32, 32)) == (30, 268, 268)
    (step,) = run(state, 1, parameters, [replace(squares(), known=known)])
    assert step.parts.keys() == {"student", "teacher", "cross", "interaction"}
    assert all(part > 0 for part in step.parts.values())


def test_crops_smaller_than_a_block_will_do():
    raw = squares((2, 32, 40)).raw
    state = fresh(chosen(size=64))
    (step,) = run(state, 1, chosen(size=64), [Crop(raw, squares((2, 32, 40)).labels)])
    assert step.loss > 0


@pytest.mark.parametrize("consistency", ["plain", "ema"])
@pytest.mark.parametrize(
    ("mode", "teacher"), [("student", None), ("teacher", EMBEDDINGS), ("teacher", AFFINITIES), ("teacher", MALA)]
)
def test_uncorrected_sections_teach_a_network_that_learns_alone(mode, teacher, consistency):
    parameters = chosen(mode, consistency=consistency, steps=2, batch=1)
    state = fresh(parameters, teacher)
    before = weights(state, mode)
    steps = run(state, 2, parameters, uncorrected())
    assert len(steps) == 2
    assert all(set(step.parts) == {mode, "consistency"} for step in steps)
    assert all(0 < step.parts["consistency"] < 1 for step in steps)
    assert not equal(before, weights(state, mode))


@pytest.mark.parametrize("consistency", ["plain", "ema"])
def test_of_uncorrected_sections_alone_a_network_learns_to_say_the_same(consistency):
    parameters = chosen(consistency=consistency, steps=40)
    state = fresh(parameters)
    state.objective = state.objective.model_copy(update={"student": 0.0})
    parts = [step.parts["consistency"] for step in run(state, 40, parameters, uncorrected())]
    assert np.mean(parts[-8:]) < 0.6 * np.mean(parts[:8])


def test_with_uncorrected_sections_a_run_goes_on_as_if_there_had_been_no_pause(tmp_path):
    parameters = chosen(consistency="ema")
    whole = timeless(run(fresh(parameters), 6, parameters, uncorrected()))
    state = fresh(parameters)
    run(state, 3, parameters, uncorrected())
    state.save(tmp_path / "state.pt")
    resumed = fresh(parameters)
    resumed.load(tmp_path / "state.pt")
    assert timeless(run(resumed, 3, parameters, uncorrected())) == whole[3:]


@pytest.mark.parametrize(("mode", "teacher"), [("restore", None), ("restore-teacher", AFFINITIES)])
def test_to_restore_sections_needs_no_labels_and_changes_the_network(mode, teacher, tmp_path):
    parameters, blank = chosen(mode, steps=30), [unlabelled_crop(squares().raw, "blank")]
    state = fresh(parameters, teacher)
    name = "student" if mode == "restore" else "teacher"
    before = weights(state, name)
    steps = run(state, 30, parameters, blank)
    assert all(set(step.parts) == {"restore"} for step in steps)
    assert np.mean([s.loss for s in steps[-5:]]) < 0.6 * np.mean([s.loss for s in steps[:5]])
    assert not equal(before, weights(state, name))
    assert type(state.averaged(name)) is type(fresh(parameters, teacher).networks[name])
    state.save(tmp_path / "state.pt")
    again = fresh(parameters, teacher)
    again.load(tmp_path / "state.pt")
    assert equal(weights(state, "head"), weights(again, "head"))
