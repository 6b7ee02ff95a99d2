"""Small pictures of sections."""

import numpy as np
import pytest
from hearing import heard

from napari_emcad.widgets.desk.section_pictures import WAITING, SectionPictures, grey_picture, small_picture


class Counted:
    """A volume that counts what is read of it."""

    def __init__(self, data):
        self._data, self.shape, self.dtype, self.read = data, data.shape, data.dtype, []

    def __getitem__(self, key):
        self.read.append(key[0])
        return self._data[key]


@pytest.fixture
def volume():
    return Counted(np.arange(60, dtype=np.uint16)[:, None, None] + np.zeros((60, 40, 300), np.uint16))


@pytest.fixture
def pictures(loop):
    return SectionPictures(loop)


@pytest.mark.parametrize("shape", [(1, 16, 16), (2, 40, 300), (1, 700, 50)])
def test_a_picture_keeps_the_shape_of_its_section(shape):
    picture = small_picture(np.full(shape, 7, np.uint8), 0)
    assert (picture == 7).all() and max(picture.shape) <= 60
    assert picture.shape[0] / picture.shape[1] == pytest.approx(shape[1] / shape[2], rel=0.15)


def test_a_section_may_be_a_thread():
    assert min(small_picture(np.full((1, 57, 3), 7, np.uint8), 0).shape) == 1


def test_a_picture_is_of_means_and_without_nan():
    section = np.zeros((1, 112, 112), np.float32)
    section[0, ::2], section[0, :2, :2] = 10, np.nan
    picture = small_picture(section, 0)
    assert picture.shape == (56, 56) and picture[0, 0] == 0 and (picture[1:] == 5).all()


def test_grey_levels_stretch_it_also_if_exchanged():
    picture = np.array([[100, 150, 200]], np.float32)
    assert grey_picture(picture, 100, 200).tolist() == [[0, 127, 255]]
    assert grey_picture(picture, 200, 100).tolist() == [[255, 127, 0]]
    assert grey_picture(picture, 7, 7).max() == 255


def test_pictures_come_when_they_are_looked_at_and_are_read_once(pictures, loop, volume):
    came = heard(pictures.came)
    pictures.follow(volume)
    assert pictures.find(3) is None and pictures.find(5) is None and pictures.find(3) is None and volume.read == []
    loop.work()
    assert came == [(3,), (5,)] and pictures.find(3).max() == 3 and volume.read == [3, 5]


def test_what_was_looked_at_last_comes_first_and_what_was_scrolled_past_never(pictures, loop, volume):
    pictures.follow(volume)
    for z in range(60):
        pictures.find(z)
    loop.work()
    assert volume.read == [0, *range(59, 59 - WAITING, -1)]


def test_pictures_of_another_stack_are_others(pictures, loop, volume):
    pictures.follow(volume)
    pictures.find(3)
    pictures.follow(np.zeros((4, 20, 20), np.uint8))
    loop.work()
    assert volume.read == [] and pictures.find(3) is None
    loop.work()
    assert pictures.find(3).max() == 0


def test_a_section_that_cannot_be_read_has_an_empty_picture(pictures, loop):
    pictures.follow(np.zeros((4, 20, 20), np.uint8))
    pictures.find(7)
    loop.work()
    assert pictures.find(7).shape == (1, 1)
