import numpy as np
import pytest
import torch
from toy_crops import squares

from napari_emcad.core.affinities import NEAREST
from napari_emcad.core.malis import count_pairs
from napari_emcad.training.losses import balanced_mse
from napari_emcad.training.malis import malis_loss, student_malis
from napari_emcad.training.truth import Truth

N, Z, Y, X = 2, 3, 10, 12


def truth(known=0.9, seed=0):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 4, (N, Z, Y // 2, X // 3), generator=generator)
    labels = labels.repeat_interleave(2, 2).repeat_interleave(3, 3)
    return Truth(labels, torch.rand(labels.shape, generator=generator) < known)


def affinities(depth=Z, seed=1):
    values = torch.rand(N, 3, depth, Y, X, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return values.requires_grad_()


def by_hand(predicted, truth, known):
    """Both passes of all samples, edge by edge."""
    total = 0.0
    for values, labels, edges in zip(predicted.detach().numpy(), truth.labels.numpy(), known.numpy(), strict=True):
        passes = {False: [], True: []}
        for place, count in np.ndenumerate(count_pairs(values, labels, edges)):
            here = tuple(place[1:])
            there = tuple(np.add(here, NEAREST[place[0]]))
            same = min(there) >= 0 and labels[here] == labels[there] != 0
            passes[bool(same)].append((count, (values[place] - same) ** 2))
        for pairs in passes.values():
            total += sum(n * error for n, error in pairs) / max(1, sum(n for n, _ in pairs)) / 2
    return total / len(predicted)


@pytest.mark.parametrize("known", [1.0, 0.9, 0.5, 0.0])
def test_the_loss_is_that_of_a_loop_over_edges(known):
    goal, predicted = truth(known), affinities()
    expected = by_hand(predicted, goal, goal.target(NEAREST).known)
    assert malis_loss(predicted, goal).item() == pytest.approx(expected, rel=1e-9)
    assert bool(expected) == bool(known)


@pytest.mark.parametrize("pairs", [1, 2])
def test_the_students_loss_is_that_of_its_pairs_of_sections(pairs):
    goal, student = truth(), affinities(pairs)
    seen = goal.sections(0, pairs + 1)
    known = seen.target(NEAREST).known
    known[:, 1:, 0] = False  # it gives none within the first section
    whole = torch.cat([torch.zeros(N, 3, 1, Y, X), student], 2)
    assert student_malis(student, goal).item() == pytest.approx(by_hand(whole, seen, known), rel=1e-9)


def test_gradients_are_those_of_finite_differences():
    corner = ..., slice(4), slice(6)
    goal = Truth(*(t[corner] for t in (truth().labels, truth().known)))
    for loss, depth in ((malis_loss, Z), (student_malis, Z - 1)):
        assert torch.autograd.gradcheck(lambda a, loss=loss: loss(a, goal), affinities(depth)[corner])


def test_what_is_not_known_teaches_nothing():
    goal, predicted = truth(0.7), affinities()
    malis_loss(predicted, goal).backward()
    known = goal.target(NEAREST).known
    assert predicted.grad[known].any()
    assert not predicted.grad[~known].any()


def test_no_neuron_is_no_loss():
    goal, predicted = truth(), affinities()
    loss = malis_loss(predicted, Truth(torch.zeros_like(goal.labels), goal.known))
    loss.backward()
    assert loss.item() == 0
    assert not predicted.grad.any()


@pytest.mark.parametrize("size", [32, 64])
@pytest.mark.parametrize("depth", [2, 5])
def test_losses_of_crops_of_any_size_are_as_large_as_the_balanced_mse(depth, size):
    goal = Truth.of(torch.from_numpy(squares((depth, size, size)).labels.astype(np.int64))[None])
    target, known = goal.target(NEAREST)
    predicted = (target.double() - 0.3).abs()
    assert malis_loss(predicted, goal).item() == pytest.approx(0.09)
    assert balanced_mse(predicted, target, known).item() == pytest.approx(0.09)
    assert malis_loss(target.double(), goal).item() == 0


def test_a_hole_in_a_membrane_counts_more_than_all_the_rest_of_it():
    labels = torch.tensor([[[[1] * 5 + [2] * 5] * 9]])  # (1, 1, 9, 10)
    predicted = torch.full((1, 3, 1, 9, 10), 0.9)
    predicted[0, 2, 0, :, 5] = torch.linspace(0.1, 0.2, 9)
    predicted[0, 2, 0, 4, 5] = 0.8
    predicted.requires_grad_()
    malis_loss(predicted, Truth(labels, torch.ones_like(labels, dtype=torch.bool))).backward()
    membrane = predicted.grad[0, 2, 0, :, 5]
    assert membrane.nonzero().ravel().tolist() == [4]
    assert membrane[4].item() == pytest.approx(0.8)  # half the squared error, all the negative pass


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_sixteen_bits_become_thirty_two(dtype):
    goal, predicted = truth(), affinities().detach().to(dtype)
    loss = malis_loss(predicted, goal)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(malis_loss(predicted.double(), goal).item(), rel=1e-5)
