import pytest
import torch

from napari_emcad.networks.embedding import affinities_of_embeddings, normalised
from napari_emcad.training.align import rotation_towards, turned

EMBEDDINGS = torch.randn(2, 4, 3, 6, 7, generator=torch.Generator().manual_seed(0))


def random_rotation(seed):
    return torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(seed)))[0]


@pytest.mark.parametrize("seed", range(5))
def test_embeddings_that_were_turned_are_turned_back(seed):
    teacher = turned(EMBEDDINGS, random_rotation(seed)) * 3
    back = turned(teacher, rotation_towards(EMBEDDINGS, teacher))
    torch.testing.assert_close(normalised(back), normalised(EMBEDDINGS), atol=1e-5, rtol=0)


def test_no_other_rotation_brings_them_nearer():
    teacher = torch.randn(EMBEDDINGS.shape, generator=torch.Generator().manual_seed(1))

    def nearness(rotation):
        return float((normalised(EMBEDDINGS) * turned(normalised(teacher), rotation)).sum())

    best = rotation_towards(EMBEDDINGS, teacher)
    torch.testing.assert_close(best @ best.T, torch.eye(4), atol=1e-5, rtol=0)
    assert all(nearness(best) >= nearness(random_rotation(seed)) for seed in range(50))


def test_turning_changes_no_affinity():
    there = affinities_of_embeddings(turned(EMBEDDINGS, random_rotation(3)))
    torch.testing.assert_close(there, affinities_of_embeddings(EMBEDDINGS), atol=1e-6, rtol=0)
