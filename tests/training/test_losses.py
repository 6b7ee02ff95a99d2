import numpy as np
import pytest
import torch

from napari_emcad.training.losses import GRAFT_OFFSETS, TEACHER_OFFSETS, balanced_mse, consistency_loss

SHAPE = (2, 3, 4, 5)


def one_by_one(predicted, target, known, shares=(1, 1, 1)):
    """Sum over all known voxels of weight x squared error / known voxels; positives and negatives weigh half each."""
    total = 0.0
    counted = sum(share * known[:, c].sum() for c, share in enumerate(shares))
    for sample, channel in np.ndindex(predicted.shape[:2]):
        voxels = list(np.ndindex(predicted.shape[2:]))
        place = [(sample, channel, *v) for v in voxels if known[(sample, channel, *v)]]
        positive = [p for p in place if target[p] > 0.5]
        negative = [p for p in place if not target[p] > 0.5]
        for group in (positive, negative):
            errors = [len(place) / 2 / len(group) * (predicted[p] - target[p]) ** 2 for p in group]
            total += shares[channel] * sum(errors)
    return total / counted if counted else 0.0


def drawn_case(positives=0.3, unknown=0.2, dtype=np.float32):
    rng = np.random.default_rng(0)
    predicted = rng.uniform(-1, 1, SHAPE)
    return predicted, (rng.random(SHAPE) < positives).astype(dtype), rng.random(SHAPE) >= unknown


def tensors(*arrays):
    return [torch.from_numpy(a) for a in arrays]


@pytest.mark.parametrize("positives", [0.0, 0.1, 0.5, 1.0], ids=lambda p: f"{p:.0%} positive")
@pytest.mark.parametrize("unknown", [0.0, 0.3, 0.97])
@pytest.mark.parametrize("dtype", [np.bool_, np.float32])
def test_loss_is_the_weighted_mean(positives, unknown, dtype):
    case = drawn_case(positives, unknown, dtype)
    expected = one_by_one(case[0], case[1].astype(float), case[2])
    assert float(balanced_mse(*tensors(*case))) == pytest.approx(expected)


def test_soft_targets_are_positive_above_one_half():
    predicted, _, known = drawn_case()
    target = np.random.default_rng(1).choice([0.0, 0.2, 0.5, 0.51, 0.9, 1.0], SHAPE)
    assert float(balanced_mse(*tensors(predicted, target, known))) == pytest.approx(
        one_by_one(predicted, target, known)
    )


def test_a_channel_without_a_known_voxel_adds_nothing():
    predicted, target, known = drawn_case()
    known[1, 2] = False
    assert float(balanced_mse(*tensors(predicted, target, known))) == pytest.approx(
        one_by_one(predicted, target, known)
    )


def test_positives_and_negatives_weigh_the_same():
    target = torch.zeros(1, 1, 10, 10, dtype=torch.bool)
    target[0, 0, 0, 0] = True
    all_negative, all_positive = torch.zeros(1, 1, 10, 10), torch.ones(1, 1, 10, 10)
    assert float(balanced_mse(all_negative, target)) == pytest.approx(0.5)
    assert float(balanced_mse(all_positive, target)) == pytest.approx(0.5)


def test_without_a_mask_everything_is_known():
    predicted, target, _ = drawn_case()
    everywhere = np.ones(SHAPE, bool)
    assert float(balanced_mse(*tensors(predicted, target))) == pytest.approx(one_by_one(predicted, target, everywhere))


def test_where_nothing_is_known_the_loss_is_zero_and_so_is_its_gradient():
    predicted = torch.rand(SHAPE, requires_grad=True)
    loss = balanced_mse(predicted, torch.ones(SHAPE, dtype=torch.bool), torch.zeros(SHAPE, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0
    assert not predicted.grad.any()


def test_unknown_voxels_get_no_gradient_and_inputs_are_left_alone():
    predicted, target, known = tensors(*drawn_case())
    before = predicted.clone(), target.clone(), known.clone()
    predicted.requires_grad_()
    balanced_mse(predicted, target, known).backward()
    assert not predicted.grad[~known].any()
    assert predicted.grad[known].all()
    for tensor, copy in zip((predicted, target, known), before, strict=True):
        assert torch.equal(tensor, copy)


@pytest.mark.parametrize("shares", [(10, 1, 1), (0.5, 0, 3), (0, 0, 0), (1e-3, 2e-3, 1e-3)])
def test_channels_count_as_told(shares):
    case = drawn_case()
    expected = one_by_one(case[0], case[1], case[2], shares)
    assert float(balanced_mse(*tensors(*case), torch.tensor(shares))) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_full(dtype):
    """More voxels than the 65,504 that float16 reaches."""
    predicted = torch.rand(1, 1, 300, 300).to(dtype).requires_grad_()
    target = torch.rand(1, 1, 300, 300) < 0.01
    loss = balanced_mse(predicted, target)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(balanced_mse(predicted.double(), target).item(), rel=1e-5)
    loss.backward()
    assert predicted.grad.isfinite().all()


@pytest.mark.parametrize("shape", [(2, 0, 4, 5), (0, 3, 4, 5), (2, 3, 0, 5)])
def test_nothing_at_all_is_zero(shape):
    predicted = torch.rand(shape, requires_grad=True)
    loss = balanced_mse(predicted, torch.ones(shape))
    loss.backward()
    assert loss.item() == 0


def test_the_teacher_has_twelve_channels():
    lengths = [tuple(-n for n in offset) for offset in TEACHER_OFFSETS]
    assert lengths[:4] == [(1, 0, 0), (0, 1, 0), (0, 0, 1), (2, 0, 0)]
    assert [max(v) for v in lengths] == [1, 1, 1, 2, 3, 3, 3, 9, 9, 4, 27, 27]
    assert tuple(lengths[::3]) == GRAFT_OFFSETS


def test_consistency_is_the_mean_over_what_both_views_show():
    first, second = torch.rand(2, 3, 2, 4, 4), torch.rand(2, 3, 2, 4, 4)
    shown = torch.rand(2, 3, 2, 4, 4) < 0.5
    expected = ((first - second) ** 2)[shown].mean()
    torch.testing.assert_close(consistency_loss(first, second, shown), expected)
    assert consistency_loss(first, second, torch.zeros_like(shown)) == 0
    assert consistency_loss(first, first, shown) == 0
