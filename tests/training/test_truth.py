import numpy as np
import pytest
import torch
from drawings import drawn, uneven

from napari_emcad.core import affinities as core
from napari_emcad.training.losses import TEACHER_OFFSETS
from napari_emcad.training.truth import Truth, affinities_of_labels, known_pairs, without_borders

SHAPE = (5, 6, 7)
ODD = ((1, 0, 0), (0, 2, -1), (-1, 3, 2), (0, 0, 0), (-4, 0, 0), (0, 6, 0), (0, 0, -50), (9, -9, 9))
DTYPES = [np.uint8, np.int16, np.int32, np.int64]


def stacks(dtype=np.int64, top=4, n=3):
    """n crops of few labels, 0 among them."""
    return np.stack([uneven(SHAPE, seed=seed) % top for seed in range(n)]).astype(dtype)


@pytest.mark.parametrize("offsets", [core.NEAREST, TEACHER_OFFSETS, ODD, ()], ids=len)
@pytest.mark.parametrize("dtype", DTYPES)
def test_affinities_are_those_of_the_core(offsets, dtype):
    labels = stacks(dtype)
    expected = np.zeros((len(labels), len(offsets), *SHAPE), bool)
    for sample, of_crop in zip(expected, labels, strict=True):
        sample[:] = core.affinities_of_labels(of_crop, offsets)
    result = affinities_of_labels(torch.from_numpy(labels), offsets)
    assert result.dtype == torch.bool
    np.testing.assert_array_equal(result.numpy(), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("density", [1, 8])
def test_borders_are_those_of_the_core(dtype, density):
    labels = np.kron(stacks(dtype), np.ones((1, 1, density, density), dtype))
    before = labels.copy()
    result = without_borders(torch.from_numpy(labels))
    np.testing.assert_array_equal(result.numpy(), np.stack([core.without_borders(crop) for crop in labels]))
    np.testing.assert_array_equal(labels, before)


def test_ids_far_apart_in_number_stay_apart():
    labels = torch.tensor([[[[2**60, 2**60 + 1, 2**60 + 1, 2**60 + 1]]]])
    assert without_borders(labels).flatten().tolist() == [0, 0, 2**60 + 1, 2**60 + 1]
    assert affinities_of_labels(labels, core.NEAREST)[0, 2].flatten().tolist() == [False, False, True, True]


@pytest.mark.parametrize("offsets", [core.NEAREST, TEACHER_OFFSETS, ODD], ids=len)
def test_a_pair_is_known_where_both_of_its_voxels_are(offsets):
    known = np.stack([uneven(SHAPE, seed=seed) > 60 for seed in range(2)])
    result = known_pairs(torch.from_numpy(known), offsets).numpy()
    for n, c, *v in np.ndindex(result.shape):
        partner = tuple(a + o for a, o in zip(v, offsets[c], strict=True))
        inside = all(0 <= p < size for p, size in zip(partner, SHAPE, strict=True))
        assert result[(n, c, *v)] == (inside and known[(n, *v)] and known[(n, *partner)])


def test_the_truth_removes_borders_and_knows_everything_unless_told():
    labels = drawn("""
        11112222
        11112222
    """).astype(np.int32)
    truth = Truth.of(torch.from_numpy(labels)[None])
    target = truth.target(core.NEAREST)
    assert target.affinities[0, 2, 0, 0].tolist() == [False, True, True, False, False, False, True, True]
    assert target.known[0, 2, 0, 0].tolist() == [False] + [True] * 7
    assert not target.known[0, 0].any()


def test_unverified_neurons_draw_the_borders_of_verified_ones():
    labels = torch.tensor([[[[1, 1, 1, 2, 2, 2]]]])
    target = Truth.of(labels, labels == 1).target(core.NEAREST)
    assert target.affinities[0, 2, 0, 0, :3].tolist() == [False, True, False]
    assert target.known[0, 2, 0, 0].tolist() == [False, True, True, False, False, False]


def test_sections_from_one_on_have_no_others():
    labels, known = (torch.from_numpy(a) for a in (stacks(top=2), stacks() > 0))
    truth = Truth.of(labels, known)
    later = truth.sections(2)
    expected = Truth(truth.labels[:, 2:], known[:, 2:])
    for one, other in zip(later.target(TEACHER_OFFSETS), expected.target(TEACHER_OFFSETS), strict=True):
        assert torch.equal(one, other)
    assert not later.target(core.NEAREST).known[:, 0, 0].any()
