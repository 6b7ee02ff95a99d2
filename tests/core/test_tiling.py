import numpy as np
import pytest
from drawings import patient
from hypothesis import given
from hypothesis import strategies as st

from napari_emcad.core.geometry import Box
from napari_emcad.core.tiling import section_tiles


@st.composite
def boxes(draw):
    """A section, a multiple of the stride, and a box in it."""
    stride = draw(st.sampled_from([1, 4, 16]))
    section = tuple(stride * draw(st.integers(1, 12)) for _ in range(2))
    starts = [draw(st.integers(0, n - 1)) for n in section]
    stops = [draw(st.integers(a + 1, n)) for a, n in zip(starts, section, strict=True)]
    return Box((2, *starts), (5, *stops)), section, stride


@patient
@given(boxes(), st.integers(1, 80), st.integers(0, 40))
def test_cores_make_up_the_box_and_windows_hold_the_halo(case, size, halo):
    box, section, stride = case
    answered = np.zeros(section, int)
    for tile in section_tiles(box, section, size, halo, stride):
        (top, bottom), (left, right) = tile.core
        answered[top:bottom, left:right] += 1
        for core, window, most in zip(tile.core, tile.window, section, strict=True):
            assert 0 < core[1] - core[0] <= size
            assert window[0] <= max(0, core[0] - halo) < window[0] + stride
            assert window[1] - stride < min(most, core[1] + halo) <= window[1] <= most
            assert window[0] % stride == window[1] % stride == 0
    expected = np.zeros(section, int)
    expected[box.slices[1:]] = 1
    np.testing.assert_array_equal(answered, expected)


@patient
@given(boxes(), st.integers(1, 80), st.integers(0, 40))
def test_a_core_is_cut_out_of_its_window(case, size, halo):
    box, section, stride = case
    places = np.arange(np.prod(section)).reshape(section)
    for tile in section_tiles(box, section, size, halo, stride):
        core, window = (tuple(slice(*ends) for ends in part) for part in (tile.core, tile.window))
        np.testing.assert_array_equal(places[window][tile.core_in_window], places[core])


@pytest.mark.parametrize(("length", "size", "sides"), [(100, 100, [100]), (101, 100, [50, 51]), (7, 3, [2, 2, 3])])
def test_tiles_are_of_nearly_equal_size(length, size, sides):
    tiles = section_tiles(Box((0, 0, 5), (1, 1, 5 + length)), (16, 160), size, 0, 16)
    assert [right - left for _, (left, right) in [t.core for t in tiles]] == sides
