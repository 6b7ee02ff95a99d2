import weakref
from dataclasses import dataclass

import numpy as np
import pytest
import torch
import zarr
from drawings import lively_teacher, uneven

from napari_emcad.core import progress
from napari_emcad.core.blending import Raster
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import drive
from napari_emcad.inference import predict_by_tiles, predict_sections
from napari_emcad.inference import predict_teacher as module
from napari_emcad.inference.engines.device import Device
from napari_emcad.inference.normalisation import Normalisation
from napari_emcad.inference.predict_teacher import TIMES_A_STUDENT, predict_teacher, teacher_memory, teacher_work
from napari_emcad.inference.prediction import Prediction
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.checkpoint import save_model
from napari_emcad.networks.mala import MalaUNetConfig
from napari_emcad.networks.residual_unet import ResidualUNetConfig
from napari_emcad.networks.teacher import build_teacher
from napari_emcad.pipeline import memory_needed, segment

TWO_LEVELS = ResidualUNetConfig((3, 4), outputs=5)
STACK = (21, 34, 47)
"""More sections than a tile; no side is a multiple of what the networks pool by."""

RECEPTIVE = (7, 20)
"""Voxels on z, and on y and x, beyond which nothing reaches an affinity of a residual U-Net of two levels."""


@dataclass(frozen=True)
class WithWholeHalo(ResidualUNetConfig):
    """Two levels, and tiles whose rims hold all that the zeros round them reach."""

    maps: tuple[int, ...] = (3, 4)
    outputs: int = 5
    upsampling: str = "transposed"  # trilinear sampling points depend on the tile's size

    @property
    def rasters(self):
        section = Raster(2, rim=RECEPTIVE[1], overlap=2 * RECEPTIVE[1] + 6)
        return Raster(rim=RECEPTIVE[0], overlap=2 * RECEPTIVE[0]), section, section


class Spy:
    """A volume that is read by basic slices of one section only, and remembers which."""

    def __init__(self, values):
        self.values, self.read = values, []
        self.shape, self.dtype = values.shape, values.dtype

    def __getitem__(self, key):
        z, *slices = key
        assert type(z) is int
        for part, length in zip(slices, self.shape[1:], strict=True):
            assert type(part.start) is type(part.stop) is int
            assert 0 <= part.start < part.stop <= length
        self.read.append(z)
        return self.values[key]


CONFIGS = {
    "embeddings": TWO_LEVELS,
    "affinities": ResidualUNetConfig((2, 3), outputs=3, upsampling="transposed", merge="cat", affinities=True),
    "whole halo": WithWholeHalo(),
    "MALA": MalaUNetConfig((2, 2, 2, 2), outputs=4),
    "MALA affinities": MalaUNetConfig((2, 2, 2, 2), outputs=3, affinities=True),
}


@pytest.fixture(scope="module")
def teachers():
    return {name: lively_teacher(config) for name, config in CONFIGS.items()}


@pytest.fixture(scope="module")
def teacher(teachers):
    return teachers["embeddings"]


def predicted(teacher, volume, prediction):
    out = np.full((3, *prediction.box.shape), 7, np.uint8)
    drive(predict_teacher(teacher, volume, out, prediction))
    return out


def whole(teacher, volume: np.ndarray, rims: tuple[int, int, int]) -> np.ndarray:
    """Affinities x 255 from one run of the network over the whole volume and its mirror images round it."""
    margins = [m + rim for m, rim in zip(teacher.config.margin, rims, strict=True)]
    seen = np.pad(volume, [(m, m + more) for m, more in zip(margins, fitting(teacher, volume), strict=True)], "reflect")
    with torch.no_grad():
        outputs = teacher(torch.from_numpy(seen.astype(np.float32) / 255)[None, None])[0].numpy()
    if not teacher.config.affinities:
        unit = outputs / np.maximum(np.linalg.norm(outputs, axis=0), 1e-12)
        outputs = np.stack([(unit * np.roll(unit, 1, axis)).sum(0) for axis in (1, 2, 3)]).clip(0, 1)
    inner = tuple(slice(rim, rim + n) for rim, n in zip(rims, volume.shape, strict=True))
    return outputs[(slice(None), *inner)] * 255


def fitting(teacher, volume) -> list[int]:
    """Voxels to add at the far ends so that the network takes it: 2 x 27 + 2, or even."""
    step, rest = (27, 2) if isinstance(teacher.config, MalaUNetConfig) else (2, 0)
    rims = (1, 1, 1) if step == 27 else (0, RECEPTIVE[1], RECEPTIVE[1])
    return [0, *((rest - n - 2 * rim) % step for n, rim in zip(volume.shape[1:], rims[1:], strict=True))]


def close(found, expected):
    """At most one level of 255 apart, which rounding gives."""
    assert found.dtype == np.uint8
    np.testing.assert_allclose(found, expected, atol=1.01)


# ---- what is predicted -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("tile", [None, 74])
def test_tiled_equals_whole_where_a_tile_sees_enough(teachers, prediction, tile):
    teacher, volume = teachers["whole halo"], uneven((21, 58, 75))
    expected = whole(teacher, volume, (RECEPTIVE[0], RECEPTIVE[1], RECEPTIVE[1]))
    assert expected.std() > 40, "a dull teacher shows nothing"
    close(predicted(teacher, volume, prediction(volume, tile=tile)), expected)


@pytest.mark.parametrize("name", ["MALA", "MALA affinities"])
@pytest.mark.parametrize("shape", [(4, 30, 50), (1, 20, 17)])
def test_tiled_equals_whole_without_padding(teachers, prediction, name, shape):
    teacher, volume = teachers[name], uneven(shape)
    before = volume.copy()
    expected = whole(teacher, volume, (1, 1, 1))
    assert expected.std() > 5
    close(predicted(teacher, volume, prediction(volume, tile=29)), expected)
    np.testing.assert_array_equal(volume, before)


def test_layers_of_a_network_without_padding_agree(teachers, prediction):
    teacher, volume = teachers["MALA"], uneven((30, 9, 8))
    close(predicted(teacher, volume, prediction(volume)), whole(teacher, volume, (1, 1, 1)))


@pytest.mark.parametrize("name", ["embeddings", "affinities"])
def test_tiles_that_see_little_come_close(teachers, prediction, name):
    """Values far from the rims weigh most; trilinear sampling points still differ from tile to tile."""
    teacher, volume = teachers[name], uneven(STACK)
    tiled = predicted(teacher, volume, prediction(volume, tile=16)).astype(float)
    untiled = predicted(teacher, volume, prediction(volume)).astype(float)
    assert untiled.std() > 40
    assert np.corrcoef(tiled.ravel(), untiled.ravel())[0, 1] > 0.8
    assert np.abs(tiled - untiled).max() > 10, "tiles that see everything show nothing"


@pytest.mark.parametrize("shape", [(1, 16, 20), (2, 17, 16), (40, 16, 18)])
def test_volumes_of_any_size(teacher, prediction, shape):
    volume = uneven(shape)
    found = predicted(teacher, volume, prediction(volume))
    assert found.shape == (3, *shape)
    assert (found != 7).mean() > 0.9
    assert found.std() > 40


@pytest.mark.parametrize(
    "box",
    [
        Box((0, 0, 0), (1, 1, 1)),
        Box((20, 33, 46), (21, 34, 47)),
        Box((5, 3, 11), (17, 30, 12)),
        Box((9, 0, 0), (11, 34, 47)),
        Box((0, 12, 20), (21, 13, 44)),
    ],
)
@pytest.mark.parametrize(("name", "tile"), [("embeddings", None), ("embeddings", 16), ("affinities", 20)])
def test_a_box_equals_that_part_of_the_whole(teachers, prediction, box, name, tile):
    volume = uneven(STACK)
    expected = predicted(teachers[name], volume, prediction(volume, tile=tile))[(slice(None), *box.slices)]
    close(predicted(teachers[name], volume, prediction(volume, box, tile)), expected)


def test_a_box_equals_that_part_of_the_whole_without_padding(teachers, prediction):
    volume, box = uneven((3, 30, 33)), Box((1, 25, 2), (3, 29, 30))
    expected = predicted(teachers["MALA"], volume, prediction(volume))[(slice(None), *box.slices)]
    close(predicted(teachers["MALA"], volume, prediction(volume, box, 29)), expected)


def test_a_uniform_answer_stays_uniform_when_blended(prediction):
    """Shares sum to one."""
    teacher = build_teacher(ResidualUNetConfig((2, 3), outputs=3, affinities=True)).eval()
    with torch.no_grad():
        teacher.out_put[0].weight.zero_()
        teacher.out_put[0].bias.copy_(torch.tensor([0.2, 0.47, 0.91]).logit())
    volume = uneven(STACK)
    found = predicted(teacher, volume, prediction(volume, tile=16))
    assert [np.unique(channel).tolist() for channel in found] == [[51], [120], [232]]


def test_grey_levels_are_normalised(teacher, prediction):
    volume = uneven((3, 20, 24))
    larger = volume.astype(np.uint16) * 100 + 7
    found = predicted(teacher, larger, prediction(larger, normalisation=Normalisation(7, 25_507)))
    close(found, predicted(teacher, volume, prediction(volume)))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", ["embeddings", "MALA affinities"])
def test_cuda_gives_what_the_cpu_gives(teachers, prediction, name):
    volume = uneven((5, 30, 40))
    there = Prediction(Box.whole(volume.shape), Normalisation.of(volume), Device("cuda", ""))
    found = predicted(teachers[name], volume, there).astype(float)
    assert np.abs(found - predicted(teachers[name], volume, prediction(volume))).max() < 6


# ---- what is read and written ----------------------------------------------------------------------------------


def test_each_section_is_read_once_while_its_layers_last(teacher, prediction):
    spy = Spy(uneven(STACK))
    predicted(teacher, spy, prediction(spy, tile=16))
    assert sorted(spy.read) == list(range(21))
    spy = Spy(uneven((60, 16, 18)))
    predicted(teacher, spy, prediction(spy, Box((30, 0, 0), (31, 16, 18))))
    assert set(spy.read) < set(range(12, 50))


def test_affinities_are_written_into_zarr(teacher, prediction, tmp_path):
    volume = uneven((4, 18, 35), np.uint16)
    out = zarr.create_array(tmp_path / "out.zarr", shape=(3, *volume.shape), chunks=(1, 1, 16, 16), dtype=np.uint8)
    drive(predict_teacher(teacher, volume, out, prediction(volume)))
    np.testing.assert_array_equal(out[:], predicted(teacher, volume, prediction(volume)))


def test_finished_sections_stand_in_the_output(teacher, prediction):
    volume = uneven(STACK)
    expected = predicted(teacher, volume, prediction(volume))
    out, found = np.zeros((3, *STACK), np.uint8), set()
    for step in predict_teacher(teacher, volume, out, prediction(volume)):
        np.testing.assert_array_equal(out[:, : step.done], expected[:, : step.done])
        assert not out[:, step.done :].any()
        found.add(step.done)
    assert found == set(range(22))


def test_the_teacher_is_left_as_it_was(prediction):
    teacher = build_teacher(TWO_LEVELS).train()
    before = {name: values.clone() for name, values in teacher.state_dict().items()}
    volume = uneven((2, 16, 18))
    predicted(teacher, volume, prediction(volume))
    assert teacher.training
    assert all(torch.equal(values, before[name]) for name, values in teacher.state_dict().items())
    assert all(parameter.requires_grad for parameter in teacher.parameters())


# ---- progress, cancel, errors ----------------------------------------------------------------------------------


def test_progress_goes_by_sections_and_its_time_left_falls(teacher, prediction, monkeypatch):
    volume, calls = uneven(STACK), []
    monkeypatch.setattr(module, "nearest_affinities", counted(module.nearest_affinities, calls))
    monkeypatch.setattr(progress.time, "monotonic", lambda: len(calls))  # a tile takes a second, all else nothing
    out = np.zeros((3, *STACK), np.uint8)
    steps = list(predict_teacher(teacher, volume, out, prediction(volume, tile=24)))
    assert [s.done for s in steps] == sorted(s.done for s in steps)
    assert {(s.stage, s.total) for s in steps} == {("affinities", 21)}
    left = [s.seconds_left for s in steps]
    assert left[0] is None
    assert len(calls) > 10
    np.testing.assert_allclose(np.unique(left[1:]), range(len(calls)), atol=1e-9)
    assert (np.diff(left[1:]) <= 1e-9).all()


def test_closing_the_job_stops_within_one_tile(teacher, prediction, monkeypatch):
    spy, calls = Spy(uneven(STACK)), []
    monkeypatch.setattr(module, "nearest_affinities", counted(module.nearest_affinities, calls))
    out = np.zeros((3, *STACK), np.uint8)
    job = predict_teacher(teacher, spy, out, prediction(spy, tile=16))
    next(job)
    assert (spy.read, calls) == ([], [])
    next(job), next(job)
    assert len(calls) == 2
    job.close()
    assert len(calls) == 2
    assert not out.any()


def counted(function, calls):
    def counting(*arguments):
        calls.append(arguments)
        return function(*arguments)

    return counting


@pytest.mark.parametrize("end", ["finished", "closed"])
def test_the_network_is_gone_when_memory_is_released(teacher, prediction, monkeypatch, end):
    """Else torch's cache on a GPU could not give its blocks back."""
    copied, alive = [], []

    def remembered(network):
        copied.append(copy := type(network)(network.config))
        copied[:] = [weakref.ref(copy)]
        return copy

    monkeypatch.setattr(predict_by_tiles.copy, "deepcopy", remembered)
    monkeypatch.setattr(predict_sections, "release_memory", lambda _: alive.append(copied[0]() is not None))
    volume = uneven((2, 16, 60))
    job = predict_teacher(teacher, volume, np.zeros((3, *volume.shape), np.uint8), prediction(volume, tile=16))
    if end == "closed":
        next(job), next(job)
        job.close()
    else:
        drive(job)
    assert alive[-1] is False


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_in_a_section_is_named(teacher, prediction, value):
    volume = uneven((4, 16, 20), np.float32)
    normalisation = Normalisation.of(volume)
    volume[2, 7, 8] = value
    with pytest.raises(UserError, match=r"^grey levels: section 2 holds NaN or infinite values; replace them"):
        predicted(teacher, volume, prediction(volume, normalisation=normalisation))


OUT_OF_MEMORY = "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried"


@pytest.fixture
def small_memory(monkeypatch):
    """Memory for so many columns of a crop; also tells the sizes that did not fit."""

    def small_memory(most, after=0):
        affinities, refused, calls = module.nearest_affinities, [], []

        def tight(teacher, crops):
            calls.append(crops.shape[-1])
            if crops.shape[-1] > most and len(calls) > after:
                refused.append(crops.shape[-1])
                raise torch.OutOfMemoryError("CUDA out of memory.") if after else RuntimeError(OUT_OF_MEMORY)
            return affinities(teacher, crops)

        monkeypatch.setattr(module, "nearest_affinities", tight)
        return refused

    return small_memory


def test_out_of_memory_halves_the_tile_and_goes_on(teachers, prediction, small_memory):
    teacher, volume = teachers["MALA"], uneven((2, 20, 90))
    untroubled = predicted(teacher, volume, prediction(volume, tile=29))
    refused = small_memory(250)
    close(predicted(teacher, volume, prediction(volume, tile=90)), untroubled)
    assert refused == [212 + 83]


def test_out_of_memory_later_keeps_what_is_done(teachers, prediction, small_memory):
    teacher, volume = teachers["MALA"], uneven((26, 9, 40))
    untroubled = predicted(teacher, volume, prediction(volume, tile=29))
    small_memory(250, after=1)
    out = np.zeros((3, *volume.shape), np.uint8)
    done = [s.done for s in predict_teacher(teacher, volume, out, prediction(volume, tile=60))]
    assert done == sorted(done)
    close(out, untroubled)


def test_too_little_memory_for_the_smallest_tile_is_told(teacher, prediction, small_memory):
    refused = small_memory(0)
    with pytest.raises(UserError, match=r"^memory: it does not suffice even for tiles of 12 pixels; close other"):
        predicted(teacher, uneven(STACK), prediction(uneven(STACK)))
    assert refused[-1] == 12


def test_other_errors_come_out_as_they_are(teacher, prediction, monkeypatch):
    def broken(*_):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(module, "nearest_affinities", broken)
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        predicted(teacher, uneven((1, 16, 16)), prediction(uneven((1, 16, 16))))


# ---- memory, and the whole method ------------------------------------------------------------------------------

RESIDUAL = ModelCard(role="teacher", architecture="residual U-Net with 16 embedding channels", maps=28)
MALA = ModelCard(role="teacher", architecture="MALA U-Net with 16 embedding channels", maps=12, parameters=84_000_000)


@pytest.mark.parametrize(
    ("card", "side", "depth", "tile", "measured"), [(RESIDUAL, 128, 14, 128, 392), (MALA, 27, 4, 29, 881)]
)
def test_memory_needed_is_that_measured(card, side, depth, tile, measured):
    """Megabytes at the peak on one core; a shallow stack is told too much."""
    needed = teacher_memory(card, Box.whole((depth, side, side)), (side, side), tile) / 1e6
    assert measured <= needed <= 2 * measured


def test_memory_needed_rises_to_that_of_a_tile_and_of_the_sections_in_work():
    box = Box.whole((30, 1000, 1000))
    deep, wide = Box.whole((300, 1000, 1000)), Box.whole((30, 2000, 1000))
    assert teacher_memory(RESIDUAL, box, (1000, 1000)) == teacher_memory(RESIDUAL, deep, (1000, 1000))
    more = teacher_memory(RESIDUAL, wide, (2000, 1000)) - teacher_memory(RESIDUAL, box, (1000, 1000))
    assert more == (12 + 2) * 18 * 1000 * 1000
    section, card = (1000, 1000), ModelCard(role="student")
    assert memory_needed(box, section) == memory_needed(box, section, card=card)
    assert memory_needed(Box.whole((1, 99, 99)), (99, 99), card=RESIDUAL) > memory_needed(
        Box.whole((1, 99, 99)), (99, 99)
    )


@pytest.mark.parametrize("box", [Box.whole((21, 34, 47)), Box((11, 3, 5), (12, 30, 40)), Box((0, 0, 0), (4, 9, 9))])
@pytest.mark.parametrize("config", [ResidualUNetConfig((1,) * 5, 3), MalaUNetConfig((1, 1, 1, 1), 3)])
def test_work_is_that_of_the_tiles_that_are_gone_through(config, box, prediction, monkeypatch):
    """With maps as few as these the same tiles are gone through as with those published."""
    seen = []

    def blind(teacher, crop):
        seen.append(crop[0, 0].numel())
        inside = [size - 2 * margin for size, margin in zip(crop.shape[2:], teacher.config.margin, strict=True)]
        return torch.zeros(1, 3, *inside)

    monkeypatch.setattr(module, "nearest_affinities", blind)
    volume = uneven(STACK)
    predicted(build_teacher(config), volume, prediction(volume, box))
    card = RESIDUAL if isinstance(config, ResidualUNetConfig) else MALA
    times = TIMES_A_STUDENT[next(family for family in TIMES_A_STUDENT if card.architecture.startswith(family))]
    assert teacher_work(card, box, STACK) == pytest.approx(times * sum(seen))


def test_work_rises_with_the_square_of_the_maps():
    box = Box.whole(STACK)
    half = RESIDUAL.changed(maps=14)
    assert teacher_work(RESIDUAL, box, STACK) == pytest.approx(4 * teacher_work(half, box, STACK))


def test_a_teacher_segments(teacher, prediction, tmp_path):
    save_model(teacher, tmp_path / "teacher.pt", ModelCard(title="Teacher", threshold=0.4))
    volume, box = uneven((4, 30, 35)), Box((1, 2, 3), (4, 30, 33))
    found = segment(volume, str(tmp_path / "teacher.pt"), box, sections="as-is", device="cpu")
    assert found.labels.shape == box.shape
    assert found.threshold == 0.4
    assert found.provenance["model"] == "Teacher"
    close(found.affinities, predicted(teacher, volume, prediction(volume, box)))
