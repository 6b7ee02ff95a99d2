import numpy as np
import pytest
from drawings import uneven

from napari_emcad.core import crop as module
from napari_emcad.core.crop import SMALLEST, Crop
from napari_emcad.core.errors import UserError

SHAPE = (3, 34, 41)


def crop(shape=SHAPE, known=None, dtype=np.uint8) -> Crop:
    return Crop(uneven(shape, dtype), uneven(shape, np.uint16, seed=1), known, "ac4")


def some_known(shape=SHAPE) -> np.ndarray:
    return uneven(shape, seed=2) < 40


@pytest.mark.parametrize("what", ["labels", "mask"])
def test_labels_and_mask_are_of_the_stacks_shape(what):
    other = (3, 41, 34)
    arrays = {"labels": np.zeros(SHAPE, np.uint16), "mask": np.ones(SHAPE, bool)}
    arrays[what] = arrays[what].reshape(other)
    with pytest.raises(UserError) as error:
        Crop(np.zeros(SHAPE, np.uint8), arrays["labels"], arrays["mask"], "ac4")
    assert str(error.value) == (
        f"ac4: {what} of the stack's shape (3, 34, 41) are needed, got (3, 41, 34); choose those that belong to it."
    )


@pytest.mark.parametrize("shape", [(1, 64, 64), (2, 31, 64), (2, 64, 31)])
def test_too_small_a_crop_is_told(shape):
    with pytest.raises(UserError) as error:
        crop(shape)
    assert str(error.value) == (
        "ac4: at least 2 sections of 32 x 32 pixels are needed, "
        f"got {' x '.join(map(str, shape))}; choose a larger one."
    )


def test_the_smallest_will_do():
    assert crop(SMALLEST).voxels_known == 2 * 32 * 32


def test_how_much_is_known():
    known = some_known()
    assert crop().voxels_known == 3 * 34 * 41
    assert crop(known=known).voxels_known == sum(known.ravel().tolist())
    assert crop(known=np.zeros(SHAPE, bool)).voxels_known == 0


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_part_is_a_view_of_the_same_name(dtype):
    whole, place = crop(known=some_known(), dtype=dtype), np.s_[1:3, :33, 5:40]
    part = whole.cut(place)
    assert part.name == "ac4" and part.raw.dtype == dtype
    for name in ("raw", "labels", "known"):
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[place])
        assert np.shares_memory(getattr(part, name), getattr(whole, name))
    assert crop().cut(place).known is None


def test_a_part_too_small_is_told():
    with pytest.raises(UserError, match=r"^ac4: at least 2 sections"):
        crop().cut(np.s_[:1, :, :])


def image(place: int, n: int) -> int:
    """The voxel of an axis that is seen at a place, the end voxels being the mirrors."""
    while not 0 <= place < n:
        place = -place if place < 0 else 2 * (n - 1) - place
    return place


@pytest.mark.parametrize("known", [None, some_known()], ids=["all known", "some known"])
@pytest.mark.parametrize(
    ("start", "shape"),
    [
        pytest.param((1, 2, 3), (2, 32, 33), id="inside"),
        pytest.param((-2, 5, 9), (2, 32, 32), id="before"),
        pytest.param((-4, -3, -40), (9, 40, 120), id="all around, several times"),
        pytest.param((1, 10, 20), (4, 33, 32), id="behind"),
        pytest.param((3, 0, 0), (2, 32, 32), id="outside"),
    ],
)
def test_a_block_is_mirrored_where_it_reaches_out_and_nothing_is_known_there(known, start, shape):
    whole = crop(known=known)
    block = whole.block(start, shape)
    assert block.raw.shape == block.labels.shape == block.known.shape == shape and block.name == "ac4"
    assert not np.shares_memory(block.raw, whole.raw)
    for place in np.ndindex(shape):
        at = tuple(a + p for a, p in zip(start, place, strict=True))
        source = tuple(map(image, at, SHAPE))
        assert block.raw[place] == whole.raw[source]
        assert block.labels[place] == whole.labels[source]
        assert block.known[place] == (source == at and (known is None or known[at]))


def test_anchors_are_the_known_voxels():
    known = some_known()
    np.testing.assert_array_equal(crop(known=known).anchors, np.argwhere(known))


def test_anchors_are_thinned_evenly(monkeypatch):
    monkeypatch.setattr(module, "ANCHORS", 50)
    known = some_known()
    anchors, there = crop(known=known).anchors, np.argwhere(known)
    every = next(k for k in range(1, len(there)) if len(there[::k]) <= 50)
    np.testing.assert_array_equal(anchors, there[::every])


@pytest.mark.parametrize(("known", "expected"), [(None, None), (np.ones(SHAPE, bool), None)])
def test_where_all_is_known_there_are_no_anchors(known, expected):
    assert crop(known=known).anchors is expected


def test_where_nothing_is_known_there_are_none_either():
    assert crop(known=np.zeros(SHAPE, bool)).anchors.shape == (0, 3)


def test_the_mask_is_true_where_labels_are_verified():
    raw = np.zeros((2, 32, 40), np.uint8)
    known = np.arange(raw.size).reshape(raw.shape) % 3 == 0
    assert Crop(raw, raw).mask.all() and Crop(raw, raw).mask.shape == raw.shape
    np.testing.assert_array_equal(Crop(raw, raw, known).mask, known)
