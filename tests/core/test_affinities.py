import itertools

import numpy as np
import pytest
from drawings import drawn, patient, uneven
from hypothesis import given
from hypothesis import strategies as st

from napari_emcad.core.affinities import NEAREST, Affinities, affinities_of_labels, shifted, without_borders

TEACHER = tuple(
    tuple(-n if c == axis else 0 for c in range(3)) for zyx in ((1, 1, 1), (2, 3, 3)) for axis, n in enumerate(zyx)
)
ODD = ((1, 0, 0), (0, 2, -1), (-1, 3, 2), (0, 0, 0), (-4, 0, 0), (0, 9, 0))
SHAPES = ((5,), (3, 4), (2, 3, 4), (2, 3, 1, 4))


@st.composite
def shapes_and_offsets(draw):
    shape = draw(st.sampled_from(SHAPES))
    return shape, tuple(draw(st.integers(-6, 6)) for _ in shape)


@patient
@given(shapes_and_offsets())
def test_shifted_pairs_every_voxel_with_its_partner(case):
    shape, offset = case
    places = np.arange(np.prod(shape)).reshape(shape)
    here, there = shifted(offset)
    pairs = set(zip(places[here].ravel().tolist(), places[there].ravel().tolist(), strict=True))
    assert pairs == set(partners(shape, offset))


def partners(shape, offset):
    for at in itertools.product(*map(range, shape)):
        partner = [a + o for a, o in zip(at, offset, strict=True)]
        if all(0 <= p < n for p, n in zip(partner, shape, strict=True)):
            yield int(np.ravel_multi_index(at, shape)), int(np.ravel_multi_index(partner, shape))


@pytest.mark.parametrize("offsets", [NEAREST, TEACHER, ODD])
@pytest.mark.parametrize("dtype", [np.uint16, np.uint32, np.int64])
def test_affinities_are_those_of_equal_labels(offsets, dtype):
    labels = uneven((4, 5, 6), np.uint8).astype(dtype) % 3
    before = labels.copy()
    affinities = affinities_of_labels(labels, offsets)
    assert (affinities.shape, affinities.dtype) == ((len(offsets), 4, 5, 6), np.bool_)
    expected = np.zeros_like(affinities)
    for c, offset in enumerate(offsets):
        for a, b in partners(labels.shape, offset):
            expected[c].flat[a] = labels.flat[a] == labels.flat[b] != 0
    np.testing.assert_array_equal(affinities, expected)
    np.testing.assert_array_equal(labels, before)


def test_labels_far_apart_in_number_stay_apart():
    labels = np.array([[[2**60, 2**60 + 1, 2**60 + 1]]])
    assert affinities_of_labels(labels)[2].tolist() == [[[False, False, True]]]


def test_borders_are_drawn():
    labels = drawn("""
        1112222
        111222.
        1113333
        .......

        7777777
        7777777
        7777777
        7777777
    """)
    inner = drawn("""
        11..222
        11.....
        11.....
        .......

        7777777
        7777777
        7777777
        7777777
    """)
    np.testing.assert_array_equal(without_borders(labels), inner)


BIG = {np.uint8: 253, np.uint16: 65_533, np.int32: 2**31 - 3, np.uint32: 2**32 - 3, np.int64: 2**63 - 3}
BIG |= {np.uint64: 2**64 - 3}


@pytest.mark.parametrize("dtype", BIG)
@pytest.mark.parametrize("shape", [(2, 5, 6), (1, 1, 7), (3, 6, 1), (2, 1, 1)])
def test_borders_are_where_two_neurons_meet(dtype, shape):
    """It holds with ids at the end of the dtype's range, which a float would round together."""
    labels = np.array([0, 1, BIG[dtype], BIG[dtype] + 1, BIG[dtype] + 2], dtype)[uneven(shape, np.uint8, 3) % 5]
    labels[0, : shape[1] // 2] = BIG[dtype]
    before = labels.copy()
    found = without_borders(labels)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, borders_one_by_one(labels))
    np.testing.assert_array_equal(labels, before)


def borders_one_by_one(labels):
    found = labels.copy()
    for z, y, x in np.ndindex(labels.shape):
        around = {int(n) for n in labels[z, max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].flat} - {0}
        if len(around) > 1:
            found[z, y, x] = 0
    return found


def test_affinities_travel_with_their_offsets():
    assert Affinities(np.zeros((3, 1, 2, 3))).offsets == NEAREST
    sentence = r"got 3 for affinities of shape \(12, 4, 5, 6\); pass affinities"
    with pytest.raises(ValueError, match=sentence):
        Affinities(np.zeros((12, 4, 5, 6)))
    with pytest.raises(ValueError, match="one per affinity channel is needed"):
        Affinities(np.zeros((3, 4, 5)))
