from itertools import pairwise

import numpy as np
import pytest
from drawings import patient
from hypothesis import given
from hypothesis import strategies as st

from napari_emcad.core.blending import Raster, Span, even_size, mirrored_places, spans

SECTIONS, PIXELS, VALID = Raster(rim=2, overlap=8), Raster(16, rim=16, overlap=80), Raster(27, rest=2, rim=1)


@st.composite
def rasters(draw):
    stride = draw(st.integers(1, 30))
    return Raster(stride, draw(st.integers(0, stride - 1)), draw(st.integers(0, 20)), draw(st.integers(0, 60)))


def summed(tiles: list[Span], length: int) -> np.ndarray:
    """Shares of every voxel, tile by tile and voxel by voxel."""
    total = np.zeros(length)
    for tile in tiles:
        for voxel, share in enumerate(tile.shares, tile.start):
            assert share >= 0
            assert share == 0 or 0 <= voxel < length
            if share:
                total[voxel] += share
    return total


@patient
@given(st.integers(1, 400), st.integers(1, 200), rasters())
def test_shares_of_a_voxel_sum_to_one(length, most, raster):
    np.testing.assert_allclose(summed(spans(length, most, raster), length), 1, atol=1e-6)


@patient
@given(st.integers(1, 400), st.integers(1, 200), rasters())
def test_tiles_are_such_as_the_network_gives(length, most, raster):
    tiles = spans(length, most, raster)
    sizes = {tile.stop - tile.start for tile in tiles}
    assert len(sizes) == 1
    (size,) = sizes
    assert size % raster.stride == raster.rest % raster.stride
    assert size <= max(most, raster.smallest)
    assert len(tiles) == 1 or size >= raster.smallest
    assert tiles[0].start == -raster.rim
    assert tiles[-1].stop >= length + raster.rim
    for tile, after in pairwise(tiles):
        assert 0 < after.start - tile.start <= size - max(raster.overlap, 2 * raster.rim)
        assert (after.start - tile.start) % raster.stride == 0
    for tile in tiles:
        assert not tile.shares[: raster.rim].any()
        assert not tile.shares[size - raster.rim :].any()


@pytest.mark.parametrize(
    ("length", "most", "raster", "starts", "size"),
    [
        (100, 18, SECTIONS, [-2, 7, 17, 26, 36, 45, 55, 64, 74, 84], 18),
        (5, 18, SECTIONS, [-2], 9),
        (100, 256, PIXELS, [-16], 144),
        (300, 160, PIXELS, [-16, 32, 96, 160], 160),
        (300, 20, PIXELS, [-16 + 16 * n for n in range(16)], 96),  # no smaller tiles go on
        (100, 56, VALID, [-1, 53], 56),
        (109, 56, VALID, [-1, 26, 80], 56),
    ],
)
def test_where_tiles_lie(length, most, raster, starts, size):
    tiles = spans(length, most, raster)
    assert [tile.start for tile in tiles] == starts
    assert {tile.stop - tile.start for tile in tiles} == {size}


def test_shares_fall_towards_the_rim():
    first, middle, *_ = spans(400, 160, PIXELS)
    rising = middle.shares[16:80]
    assert (np.diff(rising) >= 0).all()
    assert rising[0] < 0.01
    assert middle.shares[79] > 0.5
    assert first.shares[16] == 1  # at the volume's border there is no other tile


def test_an_overlap_of_nothing_but_rims_is_not_blended():
    for tile in spans(300, 56, VALID):
        assert set(tile.shares.tolist()) == {0, 1}


def test_the_part_of_a_tile_that_has_a_share():
    first, second, *_ = spans(400, 160, PIXELS)
    assert (first.first, first.end) == (0, 128)
    assert second.overlap(0, 70) == range(second.start + 16, 70)
    assert not second.overlap(300, 400)


@pytest.mark.parametrize("length", [1, 2, 3, 7])
def test_mirrored_is_what_padding_by_reflection_reads(length):
    expected = np.pad(np.arange(length), (9, 12), mode="reflect")
    np.testing.assert_array_equal(mirrored_places(-9, length + 12, length), expected)


@pytest.mark.parametrize("raster", [Raster(4, rim=12, overlap=24), Raster(4, overlap=8), Raster(1, rim=2, overlap=8)])
@pytest.mark.parametrize("length", [1, 7, 100, 137, 300, 1001])
def test_even_tiles_are_as_many_and_hardly_larger_than_they_must_be(raster, length):
    most = 64
    size = even_size(length, most, raster)
    tiles, largest = spans(length, size, raster), spans(length, most, raster)
    assert len(tiles) == len(largest)
    assert tiles[0].stop - tiles[0].start == size <= largest[0].stop - largest[0].start
    smaller = size - raster.stride
    assert smaller < raster.smallest or len(tiles) * (smaller - raster.shared) < length + 2 * raster.rim - raster.shared
