from itertools import combinations

import numpy as np
import pytest
from drawings import patient
from hypothesis import given
from hypothesis import strategies as st

from napari_emcad.core.crop import SMALLEST, Crop
from napari_emcad.core.errors import UserError
from napari_emcad.core.hold_out import hold_out


def crop(shape=(4, 40, 50), known=None, name="ac4") -> Crop:
    """Raw that tells every voxel from its neighbours; labels that tell sections apart."""
    raw = (np.arange(np.prod(shape)).reshape(shape) % 251).astype(np.uint8)
    labels = np.broadcast_to(np.arange(1, shape[0] + 1, dtype=np.uint32)[:, None, None], shape).copy()
    return Crop(raw, labels, known, name)


def with_known(voxels: int, name: str) -> Crop:
    """A crop of which so many voxels are known."""
    known = np.zeros((2, 32, 32), bool)
    known.ravel()[:voxels] = True
    return crop((2, 32, 32), known, name)


def only(shape, *place) -> np.ndarray:
    """Known there and nowhere else."""
    known = np.zeros(shape, bool)
    known[tuple(slice(*ends) for ends in place)] = True
    return known


def names(crops) -> list[str]:
    return [c.name for c in crops]


# ---- several crops ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("voxels", "held_out"),
    [
        pytest.param((80, 20), [1], id="the smaller of two"),
        pytest.param((20, 80), [0], id="wherever it is"),
        pytest.param((50, 50), [0], id="one of two alike"),
        pytest.param((10, 40, 10, 40), [0, 2], id="two small ones"),
        pytest.param((10, 10, 60, 20), [3], id="one rather than two"),
        pytest.param((300, 1, 2, 3), [1, 2, 3], id="hardly anything rather than nearly all"),
        pytest.param((10, 12, 78), [0, 1], id="beyond a fifth where that is nearer"),
        pytest.param((0, 30, 0, 70), [1], id="none without known voxels"),
    ],
)
def test_of_several_those_with_nearest_to_a_fifth_are_held_out(voxels, held_out):
    crops = [with_known(n, f"crop {i}") for i, n in enumerate(voxels)]
    train, held = hold_out(crops)
    assert held == [crops[i] for i in held_out]
    assert train == [c for c in crops if c not in held]


@given(st.lists(st.integers(1, 90), min_size=2, max_size=9))
@patient
def test_no_set_of_crops_is_nearer_to_a_fifth(voxels):
    crops = [with_known(n, str(i)) for i, n in enumerate(voxels)]
    train, held = hold_out(crops)
    total, n = sum(voxels), len(voxels)
    sets = [c for k in range(1, n) for c in combinations(range(n), k)]
    best = min(sets, key=lambda c: (abs(sum(voxels[i] for i in c) / total - 0.2), len(c)))
    found = [int(c.name) for c in held]
    assert 5 * sum(voxels[i] for i in found) in (
        5 * sum(voxels[i] for i in best),
        2 * total - 5 * sum(voxels[i] for i in best),  # as far on the other side
    )
    assert len(found) <= len(best)
    assert sorted(found + [int(c.name) for c in train]) == list(range(n)) and train


def test_many_large_crops_are_parted_soon_and_well():
    rng = np.random.default_rng(4)
    crops = [with_known(int(n), str(i)) for i, n in enumerate(rng.integers(1, 2048, 60))]
    train, held = hold_out(crops)
    share = sum(c.voxels_known for c in held) / sum(c.voxels_known for c in crops)
    assert share == pytest.approx(0.2, abs=0.001)
    assert names(hold_out(crops)[1]) == names(held)
    assert len(train) + len(held) == 60


@pytest.mark.parametrize("crops", [[], [with_known(0, "a")], [with_known(0, "a"), with_known(0, "b")]])
def test_where_nothing_is_known_nothing_is_held_out(crops):
    assert hold_out(crops) == (crops, [])


def test_the_only_one_with_known_voxels_is_cut():
    without, labelled = with_known(0, "raw"), crop((2, 40, 100))
    train, held = hold_out([without, labelled])
    assert train[0] is without
    assert names(train) == ["raw", "ac4, training"]
    assert names(held) == ["ac4, held out"]


# ---- one crop --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "axis", "held_out"),
    [
        pytest.param((10, 40, 90), 0, (8, 10), id="the last sections"),
        pytest.param((23, 40, 90), 0, (18, 23), id="more of more sections"),
        pytest.param((100, 32, 32), 0, (80, 100), id="of a pillar too"),
        pytest.param((9, 40, 500), 2, (400, 500), id="along x"),
        pytest.param((9, 500, 40), 1, (400, 500), id="along y"),
        pytest.param((9, 100, 100), 1, (36, 100), id="64 pixels at least"),
        pytest.param((3, 50, 96), 2, (32, 96), id="as soon as there are so many"),
        pytest.param((3, 50, 95), 2, (63, 95), id="or 32"),
        pytest.param((8, 40, 50), 0, (6, 8), id="of a small one sections"),
        pytest.param((4, 50, 50), 0, (2, 4), id="down to two"),
        pytest.param((4, 64, 64), 0, (2, 4), id="rather than a narrow strip"),
    ],
)
def test_of_one_crop_a_strip_is_held_out(shape, axis, held_out):
    whole = crop(shape)
    (train,), (held,) = hold_out([whole])
    place = [slice(None)] * 3
    for part, ends in ((train, (0, held_out[0])), (held, held_out)):
        place[axis] = slice(*ends)
        for what in ("raw", "labels"):
            np.testing.assert_array_equal(getattr(part, what), getattr(whole, what)[tuple(place)])
            assert np.shares_memory(getattr(part, what), getattr(whole, what))
        assert part.known is None
    assert (train.name, held.name) == ("ac4, training", "ac4, held out")


@pytest.mark.parametrize(
    ("shape", "place", "axis", "train", "held_out"),
    [
        pytest.param((20, 40, 40), [(0, 10)], 0, (0, 8), (8, 10), id="a fifth of what is known"),
        pytest.param((20, 40, 40), [(0, 3)], 0, (0, 2), (2, 4), id="two sections at least"),
        pytest.param(
            (20, 40, 40), [(17, 20)], 0, (18, 20), (16, 18), id="the first end where that is nearer to a fifth"
        ),
        pytest.param((20, 40, 200), [(18, 20)], 2, (0, 136), (136, 200), id="a strip of two sections"),
        pytest.param((4, 40, 200), [(0, 4), (0, 40), (150, 200)], 2, (160, 200), (96, 160), id="the first end of x"),
        pytest.param((4, 40, 200), [(0, 4), (0, 40), (0, 50)], 2, (0, 40), (40, 104), id="no more than 64 pixels"),
    ],
)
def test_both_parts_hold_known_voxels(shape, place, axis, train, held_out):
    whole = crop(shape, only(shape, *place))
    (rest,), (held,) = hold_out([whole])
    assert rest.voxels_known and held.voxels_known
    assert rest.voxels_known + held.voxels_known == whole.voxels_known
    for part, ends in ((rest, train), (held, held_out)):
        cut = [slice(None)] * 3
        cut[axis] = slice(*ends)
        np.testing.assert_array_equal(part.raw, whole.raw[tuple(cut)])
        np.testing.assert_array_equal(part.known, whole.known[tuple(cut)])


shapes = st.tuples(st.integers(2, 14), st.integers(32, 110), st.integers(32, 110))
boxes = st.lists(st.tuples(*(st.tuples(st.integers(0, 110), st.integers(1, 60)) for _ in range(3))), max_size=3)


@given(shapes, boxes)
@patient
def test_a_strip_is_a_crop_or_there_is_a_sentence(shape, places):
    known = np.zeros(shape, bool)
    for place in places:
        known[tuple(slice(a % n, a % n + size) for (a, size), n in zip(place, shape, strict=True))] = True
    whole = crop(shape, known)
    if not known.any():
        assert hold_out([whole]) == ([whole], [])
        return
    try:
        (train,), (held,) = hold_out([whole])
    except UserError:
        assert not can_be_cut(known)
        return
    assert train.voxels_known + held.voxels_known == known.sum()
    assert min(train.voxels_known, held.voxels_known) > 0
    assert not np.shares_memory(train.raw, held.raw)


def can_be_cut(known: np.ndarray) -> bool:
    """True if any plane leaves two crops with known voxels."""
    for axis, least in enumerate(SMALLEST):
        along = np.moveaxis(known, axis, 0)
        if any(along[:at].any() and along[at:].any() for at in range(least, len(along) - least + 1)):
            return True
    return False


@pytest.mark.parametrize(
    ("whole", "sentence"),
    [
        pytest.param(
            crop((3, 63, 50)),
            "ac4: nothing of 3 x 63 x 50 voxels, 9,450 of them known, can be held out to score with; "
            "choose a larger crop or a second one.",
            id="small",
        ),
        pytest.param(
            crop((3, 90, 90), only((3, 90, 90), (0, 3), (0, 9), (0, 9)), "neuron 77"),
            "neuron 77: nothing of 3 x 90 x 90 voxels, 243 of them known, can be held out to score with; "
            "choose a larger crop or a second one.",
            id="known in a corner",
        ),
    ],
)
def test_what_cannot_be_cut_is_told(whole, sentence):
    with pytest.raises(UserError) as error:
        hold_out([whole])
    assert str(error.value) == sentence
