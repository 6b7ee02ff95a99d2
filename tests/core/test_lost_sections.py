import numpy as np
import pytest

from napari_emcad.core.geometry import Box
from napari_emcad.core.lost_sections import MOST, WithoutLost, lacks_picture, lost_note
from napari_emcad.core.synthetic import synthetic_stack

NOISE = np.random.default_rng(3).integers(0, 256, (120, 130)).astype(np.uint8)


@pytest.fixture(scope="module")
def stack():
    return synthetic_stack((8, 120, 130), seed=2).raw


def damaged(stack, *lost, by=0):
    found = stack.copy()
    found[list(lost)] = by
    return found


def read(volume):
    return [int(volume.stand_in(z)) for z in range(volume.shape[0])]


@pytest.mark.parametrize("by", [0, 128, 255, NOISE], ids=["black", "grey", "white", "noise"])
def test_a_lost_section_reads_as_the_one_before(stack, by):
    volume = WithoutLost(damaged(stack, 4, by=by))
    assert read(volume) == [0, 1, 2, 3, 3, 5, 6, 7]
    np.testing.assert_array_equal(volume[4, 3:90, 5:77], stack[3, 3:90, 5:77])
    np.testing.assert_array_equal(volume[5, :, :], stack[5])


def test_lost_sections_at_the_ends(stack):
    assert read(WithoutLost(damaged(stack, 0, 7))) == [1, 1, 2, 3, 4, 5, 6, 6]
    assert read(WithoutLost(damaged(stack, 0, 1, 2))) == [3, 3, 3, 3, 4, 5, 6, 7]


def test_they_are_named(stack):
    whole = Box.whole(stack.shape)
    assert lost_note(stack, whole) == ""
    assert lost_note(damaged(stack, 4), whole).startswith(
        "section 4 has no picture and takes the labels of the nearest"
    )
    assert lost_note(damaged(stack, 0, 7), whole).startswith("sections 0, 7 have no picture and take")
    assert lost_note(damaged(stack, 4), Box((5, 0, 0), stack.shape)) == ""
    assert lost_note(damaged(stack, 2, 3, 4, 5), whole) == ""  # nothing stands in for these


def test_gaps_that_are_too_long_stay(stack):
    assert MOST == 3
    assert read(WithoutLost(damaged(stack, 2, 3, 4))) == [0, 1, 1, 1, 1, 5, 6, 7]
    assert read(WithoutLost(damaged(stack, 2, 3, 4, 5))) == list(range(8))
    assert read(WithoutLost(damaged(stack, 0, 1, 2, 3))) == list(range(8))
    assert read(WithoutLost(damaged(stack, 4, 5, 6, 7))) == list(range(8))


def test_a_clean_stack_is_read_once_and_as_it_is(stack):
    class Counted:
        shape, dtype, keys = stack.shape, stack.dtype, []

        def __getitem__(self, key):
            self.keys.append(key)
            return stack[key]

    counted = Counted()
    volume = WithoutLost(counted)
    for z in range(8):
        np.testing.assert_array_equal(volume[z, 0:120, 0:130], stack[z])
    assert len(counted.keys) == 8


def test_a_black_part_of_a_section_stays(stack):
    """Resin and padding are in many sections, and the rest of the section has a picture."""
    part = damaged(stack)
    part[4, :, :60] = 0
    volume = WithoutLost(part)
    assert volume.stand_in(4) == 4
    np.testing.assert_array_equal(volume[4, 0:50, 0:50], 0)


def test_what_has_no_picture_anywhere_stays():
    assert read(WithoutLost(np.zeros((3, 20, 30), np.uint8))) == [0, 1, 2]
    assert read(WithoutLost(np.zeros((1, 16, 16), np.uint8))) == [0]


def test_what_lacks_a_picture(stack):
    assert not any(lacks_picture(section) for section in stack)
    hot = np.full((120, 130), 7, np.uint16)
    hot[5, 5:40] = 60_000
    assert lacks_picture(hot) and lacks_picture(NOISE)
    assert not lacks_picture(NOISE[:40, :60]), "too small to tell"
    assert not lacks_picture(np.full((120, 130), np.nan))
