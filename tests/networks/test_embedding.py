import itertools

import numpy as np
import pytest
import torch

from napari_emcad.core.affinities import NEAREST
from napari_emcad.networks.embedding import affinities_of_embeddings, pair_affinities

TEACHER = tuple(
    tuple(-n if c == axis else 0 for c in range(3)) for zyx in ((1, 1, 1), (2, 3, 3)) for axis, n in enumerate(zyx)
)
ODD = ((1, 0, 0), (0, 2, -1), (-1, 3, 2), (0, 0, 0), (-4, 0, 0))


def distinct(*shape: int) -> torch.Tensor:
    """Values all different, of both signs."""
    values = np.random.default_rng(0).permutation(int(np.prod(shape))) - 0.4 * np.prod(shape) + 0.1
    return torch.tensor(values.reshape(shape), dtype=torch.float64)


def brute_force(embeddings: np.ndarray, offsets) -> np.ndarray:
    n, _, *size = embeddings.shape
    result = np.zeros((n, len(offsets), *size))
    for sample, c, *here in itertools.product(range(n), range(len(offsets)), *(range(s) for s in size)):
        there = [a + b for a, b in zip(here, offsets[c], strict=True)]
        if all(0 <= a < s for a, s in zip(there, size, strict=True)):
            one, other = embeddings[(sample, slice(None), *here)], embeddings[(sample, slice(None), *there)]
            result[(sample, c, *here)] = one @ other / np.sqrt((one @ one) * (other @ other))
    return result


@pytest.mark.parametrize("offsets", [NEAREST, TEACHER, ODD])
def test_affinities_are_cosines_of_partners(offsets):
    embeddings = distinct(2, 3, 4, 6, 5)
    before = embeddings.clone()
    affinities = affinities_of_embeddings(embeddings, offsets)
    np.testing.assert_allclose(affinities.numpy(), brute_force(embeddings.numpy(), offsets), atol=1e-12)
    assert torch.equal(embeddings, before)


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
