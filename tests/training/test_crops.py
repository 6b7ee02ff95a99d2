import numpy as np
import pytest
import torch
from drawings import uneven

from napari_emcad.core.crop import Crop
from napari_emcad.training import crops
from napari_emcad.training.crops import MARGIN, Wanted, middle, random_batch

SHAPE = (3, 32, 32)


def neurons(shape=(4, 70, 90), seed=0, known=None, dtype=np.uint8):
    """Grey noise, and labels of 7 x 5 pixels that go on over two sections."""
    z, y, x = np.indices(shape)
    labels = 1 + x // 5 + 100 * (y // 7) + 10_000 * (z // 2)
    labels[uneven(shape, seed=seed + 1) < 10] = 0
    return Crop(uneven(shape, dtype, seed=seed), labels.astype(np.int32), known)


def numbered(shape=(4, 40, 50), known=None):
    """Every voxel of the image says where it lies."""
    numbers = np.arange(np.prod(shape)).reshape(shape)
    return Crop((numbers / numbers.size).astype(np.float32), numbers % 1000, known)


def places(batch, crop, shape=SHAPE):
    """The start of the part learnt, z y x of each block; the first voxel must lie in the crop."""
    numbers = np.rint(middle(batch.images, shape)[:, 0, 0, 0].numpy() * crop.raw.size).astype(int)
    return np.stack(np.unravel_index(numbers, crop.raw.shape), axis=1)


def batch(*of, n=2, seed=5, shape=SHAPE, shown=None):
    return random_batch(np.random.default_rng(seed), of, Wanted(n, shape, shown or shape))


@pytest.fixture
def untouched(monkeypatch):
    """No augmentation."""
    monkeypatch.setattr(crops, "augment", lambda rng, *arrays, **_: arrays)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("shown", [(3, 48, 48), (5, 61, 61)])
def test_a_batch_has_the_shapes_and_dtypes_promised(dtype, shown):
    made = batch(neurons(dtype=dtype), n=3, shape=(3, 48, 48), shown=shown)
    assert {tensor.shape for tensor in made} == {(3, *shown)}
    assert [tensor.dtype for tensor in made] == [torch.float32, torch.int64, torch.bool, torch.bool]
    assert made.images.min() >= 0
    assert 0.5 < made.images.max() <= 1
    assert made.labels.any((1, 2, 3)).all()
    assert all(tensor.is_contiguous() for tensor in made)


def test_the_same_generator_gives_the_same_batch():
    known = uneven((4, 70, 90), seed=7) < 50
    for crop in (neurons(), neurons(known=known)):
        one, same, other = batch(crop), batch(crop), batch(crop, seed=6)
        assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
        assert not torch.equal(one.images, other.images)


def test_crops_are_not_changed():
    crop = neurons(known=uneven((4, 70, 90), seed=7) < 200)
    arrays = crop.raw, crop.labels, crop.known
    copies = [array.copy() for array in arrays]
    for seed in range(10):
        batch(crop, seed=seed, shown=(6, 40, 40))
    for array, copy in zip(arrays, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("known", [None, uneven((4, 40, 50), seed=3) < 128], ids=["all known", "some known"])
def test_blocks_are_parts_of_their_crop(untouched, known):
    crop = numbered(known=known)
    made = batch(crop, n=20)
    for place, image, labels, verified, seen in zip(places(made, crop), *(t.numpy() for t in made), strict=True):
        part = tuple(slice(a, a + n) for a, n in zip(place, SHAPE, strict=True))
        np.testing.assert_array_equal(image, crop.raw[part])
        np.testing.assert_array_equal(labels, crop.labels[part])
        assert verified.all() if known is None else (verified == known[part]).all()
        assert seen.all()


def test_what_a_teacher_sees_around_is_what_lies_there(untouched):
    """Far outside it is mirrored, and nothing is known."""
    crop, shown = numbered(), (5, 57, 57)
    made = batch(crop, n=9, shown=shown)
    pads = [(60, 60)] * 3
    raw, labels = (np.pad(a, pads, mode="reflect") for a in (crop.raw, crop.labels))
    known = np.pad(np.ones(crop.raw.shape, bool), pads)
    for place, *block in zip(places(made, crop), *(t.numpy() for t in made), strict=True):
        start = place + 60 - np.array([1, 12, 12])
        part = tuple(slice(a, a + n) for a, n in zip(start, shown, strict=True))
        for found, expected in zip(block[:3], (raw, labels, known), strict=True):
            np.testing.assert_array_equal(found, expected[part])


def test_what_is_learnt_reaches_all_corners_of_a_crop(untouched):
    crop = numbered()
    found = np.concatenate([places(batch(crop, n=40, seed=s, shown=(9, 60, 60)), crop) for s in range(4)])
    assert found.min(0).tolist() == [0, 0, 0]
    assert found.max(0).tolist() == [1, 8, 18]


@pytest.mark.parametrize("shape", [(2, 32, 32), (2, 33, 90), (3, 90, 40), (7, 32, 64)])
def test_a_crop_smaller_than_a_block_lies_in_it_and_the_rest_is_not_known(untouched, shape):
    wanted = (5, 64, 64)
    seen = min(5, shape[0]) * min(64, shape[1]) * min(64, shape[2])
    made = batch(numbered(shape), n=6, shape=wanted)
    assert made.images.shape == (6, *wanted)
    assert made.known.sum((1, 2, 3)).tolist() == [seen] * 6


@pytest.mark.parametrize("corner", [(0, 0, 0), (3, 39, 49), (2, 0, 31)])
@pytest.mark.parametrize("shape", [SHAPE, (4, 48, 48)])
@pytest.mark.parametrize("margin", [0, 7, 40])
def test_blocks_hold_known_voxels_in_their_middle(untouched, corner, shape, margin):
    known = np.zeros((4, 40, 50), bool)
    known[corner] = True
    shown = tuple(n + m for n, m in zip(shape, (margin // 4, margin, margin), strict=True))
    made = batch(numbered(known=known), n=30, shape=shape, shown=shown)
    assert middle(made.known, shape).sum((1, 2, 3)).tolist() == [1] * 30


def test_a_known_voxel_is_seen_anywhere_in_the_middle(untouched):
    known = np.zeros((9, 100, 100), bool)
    known[4, 50, 50] = True
    made = batch(Crop(np.zeros(known.shape, np.uint8), known.astype(np.uint8), known), n=300)
    where = np.argwhere(made.known.numpy())[:, 1:]
    assert where.min(0).tolist() == [1, 0, 0], "never in the first section alone, which has no pair with one before"
    assert where.max(0).tolist() == [2, 31, 31]


def test_of_a_crop_of_which_nothing_is_known_blocks_lie_anywhere(untouched):
    crop = numbered(known=np.zeros((4, 40, 50), bool))
    made = batch(crop, n=40)
    assert not made.known.any()
    assert len({tuple(place) for place in places(made, crop).tolist()}) > 20


def test_image_labels_and_mask_are_augmented_together():
    known = np.zeros((4, 60, 60), bool)
    known[:, 10:45, 20:40] = True
    crop = Crop(np.where(known, 255, 0).astype(np.uint8), np.where(known, 7, 3), known)
    for seed in range(20):
        made = batch(crop, seed=seed, n=3)
        assert torch.equal(made.labels == 7, made.known)
        assert made.known.any()


def test_bending_brings_no_rim_into_the_block(monkeypatch):
    """Nor does shifting: the margin is as wide as both move a pixel together."""
    size = 32 + 2 * MARGIN
    start = np.array([1, MARGIN, MARGIN])
    monkeypatch.setattr(crops, "_start", lambda *told: start)
    for seed in range(30):
        assert batch(neurons((5, size, size)), seed=seed).known.all()


def levels(made):
    return np.rint(made.images[:, 0, 0, 0].numpy() * 255).tolist()


def flat(level, known=None, shape=(2, 32, 32)):
    return Crop(np.full(shape, level, np.uint8), np.ones(shape, np.int32), known)


def test_crops_are_drawn_by_what_is_known_of_them(untouched):
    third = np.zeros((2, 32, 32), bool)
    third.flat[::3] = True
    found = levels(batch(flat(1), flat(2, third), n=300, shape=(2, 32, 32)))
    assert 0.65 < found.count(1) / len(found) < 0.85


def test_crops_of_which_nothing_is_known_take_turns_with_the_others(untouched):
    none = np.zeros((2, 32, 32), bool)
    crops = flat(1), flat(2), flat(3, none)
    for n, of_blank in ((2, {1}), (4, {2}), (1, {0, 1}), (3, {1, 2})):
        found = [levels(batch(*crops, n=n, seed=seed, shape=(2, 32, 32))).count(3) for seed in range(20)]
        assert set(found) == of_blank


def test_where_nothing_is_known_at_all_crops_are_drawn_by_size(untouched):
    one, large = (flat(level, np.zeros(shape, bool), shape) for level, shape in ((1, (2, 32, 32)), (2, (6, 32, 32))))
    found = levels(batch(one, large, n=300, shape=(2, 32, 32)))
    assert 0.15 < found.count(1) / len(found) < 0.35


@pytest.mark.parametrize(("have", "first"), [(32, 0), (33, 0), (34, 1), (45, 6)])
def test_the_middle_of_arrays_and_tensors(have, first):
    values = np.arange(2 * 3 * have * have).reshape(2, 3, have, have)
    part = np.s_[:, 1:2, first : first + 32, first : first + 32]
    np.testing.assert_array_equal(middle(values, (1, 32, 32)), values[part])
    assert torch.equal(middle(torch.from_numpy(values), (1, 32, 32)), torch.from_numpy(values[part]))


def test_a_batch_goes_to_a_device():
    moved = batch(neurons()).to("meta")
    assert {tensor.device.type for tensor in moved} == {"meta"}
