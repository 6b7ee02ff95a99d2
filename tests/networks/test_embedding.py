import itertools

import numpy as np
import pytest
import torch

from napari_emcad.core.affinities import NEAREST
from napari_emcad.networks.embedding import affinities_of_embeddings, normalised, pair_affinities, products

TEACHER = tuple(
    tuple(-n if c == axis else 0 for c in range(3)) for zyx in ((1, 1, 1), (2, 3, 3)) for axis, n in enumerate(zyx)
)
ODD = ((1, 0, 0), (0, 2, -1), (-1, 3, 2), (0, 0, 0), (-4, 0, 0), (3, -5, 4))
LONG = ((0, -27, 0), (-1, 0, 0), (9, -9, 9), (0, 0, 5), (-4, 0, 0))


def distinct(*shape: int) -> torch.Tensor:
    """Values all different, of both signs."""
    values = np.random.default_rng(0).permutation(int(np.prod(shape))) - 0.4 * np.prod(shape) + 0.1
    return torch.tensor(values.reshape(shape), dtype=torch.float64)


def brute_force(embeddings: np.ndarray, offsets, partners: np.ndarray | None = None) -> np.ndarray:
    n, _, *size = embeddings.shape
    partners = embeddings if partners is None else partners
    result = np.zeros((n, len(offsets), *size))
    for sample, c, *here in itertools.product(range(n), range(len(offsets)), *(range(s) for s in size)):
        there = [a + b for a, b in zip(here, offsets[c], strict=True)]
        if all(0 <= a < s for a, s in zip(there, size, strict=True)):
            one, other = embeddings[(sample, slice(None), *here)], partners[(sample, slice(None), *there)]
            result[(sample, c, *here)] = one @ other / np.sqrt((one @ one) * (other @ other))
    return result


@pytest.mark.parametrize("offsets", [NEAREST, TEACHER, ODD, LONG, ()])
def test_affinities_are_cosines_of_partners(offsets):
    embeddings = distinct(2, 3, 4, 6, 5)
    before = embeddings.clone()
    affinities = affinities_of_embeddings(embeddings, offsets)
    np.testing.assert_allclose(affinities.numpy(), brute_force(embeddings.numpy(), offsets), atol=1e-12)
    assert torch.equal(embeddings, before)


@pytest.mark.parametrize("offsets", [NEAREST, ODD, LONG])
def test_partners_may_lie_in_another_map(offsets):
    one, other = distinct(2, 3, 4, 6, 5), distinct(2, 3, 4, 6, 5).flip(2).sin()
    found = products(normalised(one), normalised(other), offsets)
    np.testing.assert_allclose(found.numpy(), brute_force(one.numpy(), offsets, other.numpy()), atol=1e-12)


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("offsets", [NEAREST, ODD, LONG, ()], ids=len)
def test_gradients_are_those_of_finite_differences(offsets, channels_last):
    layout = torch.channels_last_3d if channels_last else torch.contiguous_format
    one, other = (torch.randn(2, 2, 2, 4, 3).double().contiguous(memory_format=layout) for _ in range(2))
    one.requires_grad_(), other.requires_grad_()
    assert torch.autograd.gradcheck(lambda a: affinities_of_embeddings(a, offsets), (one,))
    assert torch.autograd.gradcheck(lambda a, b: products(a, b, offsets), (one, other))
    assert torch.autograd.gradcheck(lambda a: products(a, other.detach(), offsets), (one,))
    assert torch.autograd.gradcheck(lambda b: products(one.detach(), b, offsets), (other,))


def test_gradients_of_pair_affinities_are_those_of_finite_differences():
    previous, current = (torch.randn(2, 3, 4, 3).double().requires_grad_() for _ in range(2))
    assert torch.autograd.gradcheck(pair_affinities, (previous, current))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_affinities_are_as_precise_as_embeddings(dtype):
    embeddings = torch.randn(2, 4, 3, 5, 6).to(dtype)
    pair = pair_affinities(embeddings[:, :, 0], embeddings[:, :, 1])
    assert affinities_of_embeddings(embeddings).dtype == pair.dtype == dtype
    precise = affinities_of_embeddings(embeddings.double())[:, :, 1].float()
    torch.testing.assert_close(pair.float(), precise, atol=0.03 if dtype == torch.bfloat16 else 1e-6, rtol=0)


def test_pair_affinities_are_those_of_two_sections():
    previous, current = distinct(2, 2, 3, 4, 5)
    volume = np.stack([previous.numpy(), current.numpy()], axis=2)  # (n, e, 2, y, x)
    expected = brute_force(volume, NEAREST)[:, :, 1]
    np.testing.assert_allclose(pair_affinities(previous, current).numpy(), expected, atol=1e-12)


def test_an_embedding_of_zeros_has_affinity_zero_and_a_finite_gradient():
    embeddings = torch.zeros(1, 3, 2, 2, 2, requires_grad=True)
    affinities = affinities_of_embeddings(embeddings)
    affinities.sum().backward()
    assert not affinities.any()
    assert embeddings.grad.isfinite().all()
