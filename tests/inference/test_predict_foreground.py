from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import pytest
import torch
import zarr
from drawings import lively_sdasn, uneven

from napari_emcad.core.blending import Raster
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import drive
from napari_emcad.inference.normalisation import Normalisation
from napari_emcad.inference.predict_foreground import foreground_memory, predict_foreground
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.sdasn import SdasnConfig, foreground

LEVELS = Normalisation(60, 200, clips=False)
STACK = (21, 34, 47)
REACH = 32
"""Voxels beyond which nothing reaches a probability, rounded up to a multiple of 4."""


@pytest.fixture(scope="module")
def network():
    return lively_sdasn()


@pytest.fixture
def predicted(network, prediction):
    def predicted(volume, box=None, tile=None, normalisation=LEVELS):
        box = box or Box.whole(volume.shape)
        out = np.full(box.shape, 7, np.uint8)
        drive(predict_foreground(network, volume, out, prediction(volume, box, tile, normalisation)))
        return out

    return predicted


def whole(network, volume):
    """Probability x 255 from one run over the volume and its mirror images round it."""
    pads = [(REACH, REACH + -n % 4) for n in volume.shape]
    seen = (np.pad(volume, pads, "reflect").astype(np.float32) - 60) / 140
    with torch.no_grad():
        probability = foreground(network, torch.from_numpy(seen)[None, None])[0, 0].numpy()
    return probability[tuple(slice(REACH, REACH + n) for n in volume.shape)] * 255


@dataclass(frozen=True)
class WithWholeHalo(SdasnConfig):
    """Tiles whose rims hold all that the zeros round them reach."""

    @property
    def rasters(self):
        return (Raster(4, rim=REACH, overlap=2 * REACH + 4),) * 3


@pytest.mark.parametrize("tile", [None, 84])
def test_tiled_equals_whole_where_a_tile_sees_enough(network, prediction, tile):
    seeing, volume = deepcopy(network), uneven((21, 34, 37))
    seeing.config = WithWholeHalo(network.config.maps)
    before, expected, out = volume.copy(), whole(network, volume), np.zeros(volume.shape, np.uint8)
    assert expected.std() > 30, "a dull network shows nothing"
    drive(predict_foreground(seeing, volume, out, prediction(volume, tile=tile, normalisation=LEVELS)))
    np.testing.assert_allclose(out, expected, atol=1.01)
    np.testing.assert_array_equal(volume, before)


def test_tiles_that_see_less_come_close(network, predicted):
    volume = uneven((50, 30, 46))
    tiled, expected = predicted(volume, tile=48), whole(network, volume)
    assert np.abs(tiled - expected).max() > 10, "tiles that see everything show nothing"
    assert np.corrcoef(tiled.ravel(), expected.ravel())[0, 1] > 0.95


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 16, 20), (3, 5, 2), (40, 9, 18)])
def test_volumes_of_any_size(predicted, shape):
    found = predicted(uneven(shape))
    assert found.shape == shape
    assert shape == (1, 1, 1) or found.std() > 0


@pytest.mark.parametrize(
    "box", [Box((0, 0, 0), (1, 1, 1)), Box((5, 3, 11), (17, 30, 12)), Box((9, 0, 0), (11, 34, 47))]
)
@pytest.mark.parametrize("tile", [None, 40])
def test_a_box_equals_that_part_of_the_whole(predicted, box, tile):
    volume = uneven(STACK)
    found, expected = predicted(volume, box, tile), predicted(volume, tile=tile)[box.slices]
    np.testing.assert_allclose(found, expected, atol=1.01)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_other_dtypes_and_grey_levels(predicted, dtype):
    volume = uneven((6, 20, 24))
    other = volume.astype(dtype) * 7 + 1000
    found = predicted(other, normalisation=Normalisation(60 * 7 + 1000, 200 * 7 + 1000, clips=False))
    np.testing.assert_allclose(found, predicted(volume), atol=1.01)


def test_it_goes_into_zarr_by_sections_and_tells_its_progress(network, prediction, predicted):
    volume = uneven(STACK)
    out = zarr.create_array({}, shape=STACK, chunks=(1, 16, 16), dtype=np.uint8)
    steps = list(predict_foreground(network, volume, out, prediction(volume, tile=40, normalisation=LEVELS)))
    np.testing.assert_array_equal(out[:], predicted(volume, tile=40))
    assert [s.done for s in steps] == sorted(s.done for s in steps)
    assert {(s.stage, s.total) for s in steps} == {("foreground", 21)}
    assert (steps[0].done, steps[-1].done) == (0, 21)


def test_closing_the_job_stops_after_a_tile(network, prediction):
    volume, out = uneven(STACK), np.zeros(STACK, np.uint8)
    job = predict_foreground(network, volume, out, prediction(volume, tile=40, normalisation=LEVELS))
    next(job), next(job)
    job.close()
    assert not out.any()


def test_nan_in_a_section_is_named(predicted):
    volume = uneven((4, 16, 20), np.float32)
    volume[2, 7, 8] = np.nan
    with pytest.raises(UserError, match=r"^grey levels: section 2 holds NaN"):
        predicted(volume)


CARD = ModelCard(role="foreground", maps=8, parameters=89_482)


def test_memory_rises_to_that_of_a_tile_and_of_the_sections_in_work():
    box = Box.whole((100, 600, 600))
    deep, wide = Box.whole((1000, 600, 600)), Box.whole((100, 1200, 600))
    needed = foreground_memory(CARD, box, box.shape)
    assert foreground_memory(CARD, deep, deep.shape) < 1.5 * needed
    assert needed < foreground_memory(CARD, wide, wide.shape) < 2 * needed
    assert foreground_memory(CARD, box, box.shape, tile=64) < needed / 4


def test_memory_needed_is_that_measured():
    """Megabytes at the peak on one core for a tile of 96."""
    box = Box.whole((72, 72, 72))  # 96 with its rims
    assert 395 <= foreground_memory(CARD, box, box.shape) / 1e6 <= 1.5 * 395
