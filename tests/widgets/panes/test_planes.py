"""Planes of a volume that lies in a file: read some at a time, from coarser levels first, and never twice."""

import numpy as np
import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks.lazy_array import LazyArray
from napari_emcad.widgets.panes import planes as planes_module
from napari_emcad.widgets.panes.loader import Loader
from napari_emcad.widgets.panes.plane_array import PlaneArray
from napari_emcad.widgets.panes.planes import Planes

SHAPE = (20, 30, 40)
VOXELS = np.arange(np.prod(SHAPE), dtype=np.uint16).reshape(SHAPE)


class File:
    """A volume of which each read is noted."""

    def __init__(self, voxels=VOXELS):
        self.read, self.voxels, self.is_damaged = [], voxels, False
        self.array = LazyArray("file", voxels.shape, voxels.dtype, self._read)

    def _read(self, slices):
        if self.is_damaged:
            raise UserError("file: it cannot be read; copy it again.")
        self.read.append(slices)
        return self.voxels[slices]


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Four planes in a slab, five sections in a step."""
    monkeypatch.setattr(planes_module, "MOST", 4)
    monkeypatch.setattr(planes_module, "PIECE", 5)


@pytest.fixture
def loader(loop):
    return Loader(loop)


def opened(loader, *levels, axis=1):
    planes = Planes(levels, axis, loader.ask)
    shown = []
    loader.add(planes, lambda: shown.append(1))
    return planes, PlaneArray(planes, 0, levels[0].dtype), shown


@pytest.mark.parametrize("axis", [1, 2])
def test_what_lies_in_memory_is_there_at_once(loader, axis):
    planes, array, _ = opened(loader, VOXELS, axis=axis)
    key = [slice(None)] * 3
    key[axis] = 7
    assert np.array_equal(array[tuple(key)], VOXELS[tuple(key)])
    key[axis] = slice(7, 8)
    assert np.array_equal(array[tuple(key)], VOXELS[tuple(key)])
    assert planes.wanted == () and planes.nbytes == 0


@pytest.mark.parametrize("axis", [1, 2])
def test_a_plane_of_a_file_comes_later_with_its_neighbours(loader, loop, axis):
    file = File()
    planes, array, shown = opened(loader, file.array, axis=axis)
    at = [(slice(None), n, slice(None)) if axis == 1 else (slice(None), slice(None), n) for n in (6, 7, 8)]
    assert not array[at[0]].any() and not file.read
    loop.settle()
    assert shown and loader.is_settled and planes.wanted == ()
    reads = len(file.read)
    assert np.array_equal(array[at[0]], VOXELS[at[0]]) and np.array_equal(array[at[1]], VOXELS[at[1]])
    loop.settle()
    assert len(file.read) == reads  # 4..7 are one slab
    assert not array[at[2]].any()
    loop.settle()
    assert np.array_equal(array[at[2]], VOXELS[at[2]])


def test_sections_are_shown_as_they_come_and_are_not_read_again(loader, loop):
    file = File()
    _, array, _ = opened(loader, file.array)
    assert not array[:, 6].any()
    loop.rest()
    loop.step()
    assert np.array_equal(array[:5, 6], VOXELS[:5, 6]) and not array[5:, 6].any()
    loop.work()
    assert [one[0].start for one in file.read] == [0, 5, 10, 15]


def test_another_place_is_read_instead_and_the_first_goes_on_where_it_was(loader, loop):
    file = File()
    _, array, _ = opened(loader, file.array)
    array[:, 6]
    loop.rest()
    loop.step()
    array[:, 20]
    loop.rest()
    loop.work()
    assert np.array_equal(array[:, 20], VOXELS[:, 20])
    array[:, 6]
    loop.settle()
    assert [one[0].start for one in file.read if one[1].start == 4] == [0, 5, 10, 15]


def test_coarser_levels_come_first_and_stand_in(loader, loop):
    fine, coarse = File(), File(VOXELS[:, ::2, ::2].copy())
    _, array, _ = opened(loader, fine.array, coarse.array)
    array[:, 6]
    loop.rest()
    for _ in range(4):
        loop.step()
    assert not fine.read and np.array_equal(array[:, 6], VOXELS[:, 6, ::2].repeat(2, 1))
    loop.settle()
    assert np.array_equal(array[:, 6], VOXELS[:, 6])


def test_few_slabs_are_kept(loader, loop):
    planes, array, _ = opened(loader, File().array)
    for y in range(30):
        array[:, y]
        loop.settle()
    assert planes.nbytes <= planes_module.KEPT * 4 * VOXELS[:, 0].nbytes


def test_what_cannot_be_read_is_told_and_not_tried_again_and_again(loader, loop):
    file = File()
    file.is_damaged = True
    _, array, _ = opened(loader, file.array)
    array[:, 6]
    loop.settle()
    array[:, 7]
    loop.settle()
    assert "cannot be read" in loader.words


def test_parts_are_those_of_the_volume(loader):
    _, array, _ = opened(loader, VOXELS, axis=2)
    part = array[2:9, 10:20]
    assert part.shape == (7, 10, 40) and np.array_equal(part[:, :, 5], VOXELS[2:9, 10:20, 5])
    with pytest.raises(UserError, match="one plane"):
        np.asarray(part)
    with pytest.raises(IndexError):
        array[:, :, 40]
