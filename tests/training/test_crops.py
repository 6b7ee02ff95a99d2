from itertools import islice

import numpy as np
import pytest
import torch
from drawings import uneven

from napari_emcad.core.errors import UserError
from napari_emcad.training import crops
from napari_emcad.training.crops import LabelledVolume, pair_batches


def volume(shape=(4, 70, 90), seed=0, weight=1.0):
    """Grey noise, and labels of 7 x 5 pixels that go on over two sections."""
    z, y, x = np.indices(shape)
    labels = 1 + x // 5 + 100 * (y // 7) + 10_000 * (z // 2)
    labels[uneven(shape, seed=seed + 1) < 10] = 0
    return LabelledVolume(uneven(shape, seed=seed), labels.astype(np.int32), weight)


def batches(*volumes, n=3, seed=5, batch=2, size=32):
    return list(islice(pair_batches(np.random.default_rng(seed), volumes, batch, size), n))


@pytest.fixture
def untouched(monkeypatch):
    """No augmentation."""
    monkeypatch.setattr(crops, "augment", lambda rng, sections, labels: (sections, labels))


def test_a_batch_has_the_shapes_and_dtypes_promised():
    for batch in batches(volume(), batch=3, size=48):
        assert (batch.sections.shape, batch.sections.dtype) == ((3, 2, 48, 48), torch.float32)
        assert (batch.target.shape, batch.target.dtype) == ((3, 3, 48, 48), torch.bool)
        assert (batch.known.shape, batch.known.dtype) == ((3, 3, 48, 48), torch.bool)
        assert batch.sections.min() >= 0
        assert batch.sections.max() <= 1
        assert batch.target[:, 1:].any((2, 3)).all()


def test_the_same_generator_gives_the_same_batches():
    one, same, other = batches(volume()), batches(volume()), batches(volume(), seed=6)
    for first, second, third in zip(one, same, other, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
        assert not torch.equal(first.sections, third.sections)
    assert not torch.equal(one[0].sections, one[1].sections)


def test_volumes_are_not_changed():
    stack = volume()
    before = [array.copy() for array in stack[:2]]
    batches(stack, n=10)
    for array, copy in zip(stack[:2], before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_the_first_row_and_column_are_not_known():
    known = batches(volume(), n=1)[0].known
    expected = torch.ones_like(known)
    expected[:, 1, 0] = expected[:, 2, :, 0] = False
    assert torch.equal(known, expected)


def one_by_one(labels):
    """Affinities z, y, x of the second section, a voxel between two neurons being none."""
    inner = labels.copy()
    for z, y, x in np.ndindex(labels.shape):
        around = set(labels[z, max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].flat) - {0}
        if len(around) > 1:
            inner[z, y, x] = 0
    target = np.zeros((3, *labels.shape[1:]), bool)
    for y, x in np.ndindex(labels.shape[1:]):
        here = inner[1, y, x]
        partners = (inner[0, y, x], inner[1, y - 1, x] if y else 0, inner[1, y, x - 1] if x else 0)
        target[:, y, x] = [here != 0 and here == partner for partner in partners]
    return target


def test_crops_are_pairs_of_neighbours_with_their_affinities(untouched):
    stack = volume((3, 64, 80))
    grey = stack.raw.astype(np.float32) / 255
    found = set()
    for batch in batches(stack, n=4):
        for sections, target in zip(batch.sections.numpy(), batch.target.numpy(), strict=True):
            z, y, x = next(
                (z, y, x)
                for z, y, x in np.ndindex(2, 64 - 31, 80 - 31)
                if (grey[z, y, x : x + 32] == sections[0, 0]).all()
            )
            place = slice(z, z + 2), slice(y, y + 32), slice(x, x + 32)
            np.testing.assert_array_equal(sections, grey[place])
            np.testing.assert_array_equal(target, one_by_one(stack.labels[place]))
            found.add(z)
    assert found == {0, 1}


@pytest.mark.parametrize("shape", [(2, 32, 32), (2, 32, 200), (5, 33, 32), (2, 63, 65)])
def test_small_volumes_will_do(shape):
    assert batches(volume(shape), n=6)[0].sections.shape == (2, 2, 32, 32)


@pytest.mark.parametrize("shape", [(1, 64, 64), (4, 31, 64), (4, 64, 31)])
def test_too_small_a_volume_is_told(shape):
    with pytest.raises(UserError) as error:
        batches(volume(shape))
    assert str(error.value) == (
        f"training volume: at least 2 sections of 32 x 32 pixels are needed, got {shape}; "
        "choose a larger volume or a smaller crop."
    )


def test_volumes_are_drawn_by_weight(untouched):
    dark, bright, never = (
        LabelledVolume(np.full((2, 32, 32), level, np.uint8), np.ones((2, 32, 32), np.int32), weight)
        for level, weight in ((0, 3.0), (255, 1.0), (51, 0.0))
    )
    levels = torch.cat([b.sections[:, 0, 0, 0] for b in batches(dark, bright, never, n=100)]).tolist()
    assert set(levels) == {0, 1}
    assert 0.6 < levels.count(0) / len(levels) < 0.9
