import weakref
from types import SimpleNamespace

import h5py
import numpy as np
import psutil
import pytest
import torch
import zarr
from drawings import STUDENTS, uneven

from napari_emcad.core import progress
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import drive
from napari_emcad.inference import predict_sections
from napari_emcad.inference import predict_student as module
from napari_emcad.inference.engines.torch import TorchEngine, folded
from napari_emcad.inference.normalisation import Normalisation
from napari_emcad.inference.predict_student import HALO, SMALLEST_TILE, network_memory, predict_affinities, usual_tile

STRIP = (3, 33, 609)
"""Long enough that the windows of its tiles end inside it; no side is a multiple of 16."""


class Spy:
    """A volume that is read by basic slices of one section only, and remembers how much."""

    def __init__(self, values):
        self.values, self.read = values, []
        self.shape, self.dtype = values.shape, values.dtype

    def __getitem__(self, key):
        z, *slices = key
        assert type(z) is int
        assert len(slices) == 2
        for part, length in zip(slices, self.shape[1:], strict=True):
            assert type(part) is slice
            assert part.step is None
            assert 0 <= part.start < part.stop <= length
        part = self.values[key]
        self.read.append((z, part.shape))
        return part


def close(found, expected):
    """At most one level of 255 apart, which rounding gives."""
    assert found.dtype == np.uint8
    np.testing.assert_allclose(found, expected, atol=1.01)


# ---- what is predicted -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("student", STUDENTS, indirect=True)
@pytest.mark.parametrize("shape", [(2, 16, 16), (3, 17, 31), (1, 40, 33), (2, 48, 18)])
def test_affinities_of_whole_sections(predicted, whole, shape):
    volume = uneven(shape)
    before = volume.copy()
    expected = whole(volume / np.float32(255))
    assert expected.std() > 0.2, "a dull student shows nothing"
    close(predicted(volume), expected * 255)
    np.testing.assert_array_equal(volume, before)


@pytest.mark.parametrize("student", STUDENTS, indirect=True)
@pytest.mark.parametrize(("tile", "turned"), [(61, False), (200, True)])
def test_tiled_equals_untiled(predicted, whole, tile, turned):
    volume = uneven(STRIP)
    volume = np.ascontiguousarray(volume.transpose(0, 2, 1)) if turned else volume
    close(predicted(volume, tile=tile), whole(volume / np.float32(255)) * 255)


@pytest.mark.parametrize("student", STUDENTS, indirect=True)
def test_tiled_on_both_axes(predicted, whole):
    volume = uneven((1, 301, 323))
    close(predicted(volume, tile=162), whole(volume / np.float32(255)) * 255)


def test_without_kept_features_nothing_changes(predicted, monkeypatch):
    volume = uneven(STRIP)
    expected = predicted(volume, tile=100)
    monkeypatch.setattr(module, "KEPT_PIXELS", 0)
    np.testing.assert_array_equal(predicted(volume, tile=100), expected)


@pytest.mark.parametrize(
    "box",
    [
        Box((0, 0, 0), (1, 1, 1)),
        Box((1, 0, 0), (3, 33, 609)),  # its first section has a predecessor
        Box((1, 5, 250), (2, 6, 251)),
        Box((2, 3, 301), (3, 33, 609)),
        Box((0, 0, 17), (3, 20, 400)),
    ],
)
@pytest.mark.parametrize("tile", [None, 90])
def test_a_box_equals_that_part_of_the_whole(predicted, box, tile):
    volume = uneven(STRIP)
    expected = predicted(volume)[(slice(None), *box.slices)]
    close(predicted(volume, box, tile), expected)


def test_grey_levels_are_normalised(predicted, whole):
    volume = uneven((2, 20, 24), np.uint16)
    normalisation = Normalisation(10_000, 50_000)
    expected = whole(np.clip((volume.astype(np.float64) - 10_000) / 40_000, 0, 1))
    close(predicted(volume, normalisation=normalisation), expected * 255)


def test_the_first_section_is_paired_with_itself(predicted):
    volume = uneven((1, 20, 24)).repeat(2, 0)
    first, second = predicted(volume).swapaxes(0, 1)
    np.testing.assert_array_equal(first, second)


# ---- what is read and written ----------------------------------------------------------------------------------


def test_a_volume_is_read_by_slices_of_one_section_and_no_more_than_a_window(predicted):
    spy, tile = Spy(uneven(STRIP)), 64
    predicted(spy, tile=tile)
    assert {z for z, _ in spy.read} == {0, 1, 2}
    most = tile + 2 * HALO + 2 * 16
    assert max(width for _, (_, width) in spy.read) <= most < STRIP[2]
    assert len(spy.read) == 3 * 10


def test_each_section_is_read_once_while_its_features_are_kept(predicted, monkeypatch):
    spy = Spy(uneven((4, 16, 20)))
    predicted(spy)
    assert [z for z, _ in spy.read] == [0, 1, 2, 3]
    monkeypatch.setattr(module, "KEPT_PIXELS", 0)
    spy = Spy(uneven((4, 16, 20)))
    predicted(spy, Box((1, 0, 0), (3, 16, 20)))
    assert [z for z, _ in spy.read] == [1, 0, 2, 1]


def memory_mapped(values, folder):
    path = folder / "volume.npy"
    np.save(path, values)
    return np.load(path, mmap_mode="r")


def in_zarr(values, folder):
    array = zarr.create_array(folder / "volume.zarr", shape=values.shape, chunks=(1, 16, 16), dtype=values.dtype)
    array[:] = values
    return array


def in_hdf5(values, folder):
    with h5py.File(folder / "volume.h5", "w") as file:
        file["raw"] = values
    return h5py.File(folder / "volume.h5")["raw"]


def in_dask(values, _):
    return pytest.importorskip("dask.array").from_array(values, chunks=(1, 16, 16))


@pytest.mark.parametrize("kept_in", [memory_mapped, in_zarr, in_hdf5, in_dask])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_volumes_of_any_kind(predicted, tmp_path, kept_in, dtype):
    values = uneven((2, 18, 35), dtype)
    volume = kept_in(values, tmp_path)
    np.testing.assert_array_equal(predicted(volume), predicted(values))


def test_affinities_are_written_into_zarr(student, predicted, prediction, tmp_path):
    volume = uneven((2, 18, 35))
    out = zarr.create_array(tmp_path / "out.zarr", shape=(3, *volume.shape), chunks=(1, 1, 16, 16), dtype=np.uint8)
    drive(predict_affinities(student, volume, out, prediction(volume)))
    np.testing.assert_array_equal(out[:], predicted(volume))


def test_finished_sections_stand_in_the_output(student, predicted, prediction):
    volume = uneven((3, 16, 20))
    out = np.zeros((3, *volume.shape), np.uint8)
    expected = predicted(volume)
    for step in predict_affinities(student, volume, out, prediction(volume)):
        np.testing.assert_array_equal(out[:, : step.done], expected[:, : step.done])
        assert not out[:, step.done :].any()


# ---- progress, cancel, errors ----------------------------------------------------------------------------------


def test_progress_goes_by_sections_and_its_time_left_falls(student, prediction, monkeypatch):
    volume = uneven((3, 16, 300))
    ticks = iter(range(10**6))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(ticks))
    job = predict_affinities(student, volume, np.zeros((3, *volume.shape), np.uint8), prediction(volume, tile=64))
    steps = list(job)
    tiles = 5
    assert [s.done for s in steps] == [0] * tiles + [1] * tiles + [2] * tiles + [3]
    assert {(s.stage, s.total) for s in steps} == {("affinities", 3)}
    left = [s.seconds_left for s in steps]
    assert left[0] is None
    assert left[1:] == sorted(left[1:], reverse=True)
    assert left[-1] == 0


def test_closing_the_job_stops_within_one_tile(student, prediction):
    spy = Spy(uneven(STRIP))
    out = np.zeros((3, *STRIP), np.uint8)
    job = predict_affinities(student, spy, out, prediction(spy, tile=64))
    next(job)
    assert spy.read == []
    next(job), next(job)
    assert len(spy.read) == 2
    job.close()
    assert len(spy.read) == 2
    assert not out.any()


@pytest.mark.parametrize("end", ["finished", "closed"])
def test_the_network_is_gone_when_memory_is_released(student, prediction, monkeypatch, end):
    """Else torch's cache on a GPU could not give its blocks back."""
    prepared, alive = [], []
    make = module.engine_for

    def remembered(*arguments):
        network = make(*arguments)
        prepared.append(weakref.ref(network))
        return network

    def released(device):
        alive.append(prepared[0]() is not None)

    monkeypatch.setattr(module, "engine_for", remembered)
    monkeypatch.setattr(predict_sections, "release_memory", released)
    volume = uneven((2, 16, 300))
    job = predict_affinities(student, volume, np.zeros((3, *volume.shape), np.uint8), prediction(volume, tile=64))
    if end == "closed":
        next(job), next(job)
        job.close()
    else:
        drive(job)
    assert alive[-1] is False


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_in_a_later_section_is_named(student, prediction, value):
    volume = uneven((4, 16, 20), np.float32)
    normalisation = Normalisation.of(volume)
    volume[2, 7, 8] = value
    out = np.zeros((3, *volume.shape), np.uint8)
    sentence = r"^grey levels: section 2 holds NaN or infinite values; replace them \(numpy.nan_to_num\) and open it"
    with pytest.raises(UserError, match=sentence):
        drive(predict_affinities(student, volume, out, prediction(volume, normalisation=normalisation)))
    assert out[:, 1].any()
    assert not out[:, 2:].any()


SAID = {
    "CPU, Linux": "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried",
    "CPU, Windows": "[enforce fail at alloc_cpu.cpp:80] data. DefaultCPUAllocator: not enough memory: you tried",
    "CUDA": "CUDA out of memory. Tried to allocate 2.00 GiB",
    "cuBLAS": "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    "ONNX Runtime": "BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size 9",
    "numpy": None,
}


@pytest.fixture
def small_memory(monkeypatch):
    """Memory for so many columns of a window; also counts the attempts that did not fit."""

    def small_memory(most, says=SAID["CPU, Linux"]):
        encode, refused = TorchEngine.encode, []

        def tight(self, section):
            if section.shape[1] > most:
                refused.append(section.shape[1])
                raise RuntimeError(says) if says else MemoryError
            return encode(self, section)

        monkeypatch.setattr(TorchEngine, "encode", tight)
        return refused

    return small_memory


def test_out_of_memory_halves_the_tile_and_goes_on(predicted, small_memory):
    volume = uneven(STRIP)
    untroubled = predicted(volume)
    refused = small_memory(430)
    close(predicted(volume, tile=4 * SMALLEST_TILE), untroubled)
    assert len(refused) == 2  # tiles of 512 and 256


@pytest.mark.parametrize("says", SAID.values(), ids=SAID)
def test_out_of_memory_is_understood_from_every_allocator(predicted, small_memory, says):
    refused = small_memory(400, says)
    predicted(uneven((1, 16, 500)), tile=4 * SMALLEST_TILE)
    assert refused


def test_out_of_memory_later_keeps_what_is_done(student, prediction, predicted, monkeypatch):
    spy = Spy(uneven(STRIP))
    untroubled = predicted(spy.values)
    encode, calls = TorchEngine.encode, []

    def troubled(self, section):
        calls.append(section.shape[1])
        if len(calls) == 5:  # in the second section
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return encode(self, section)

    monkeypatch.setattr(TorchEngine, "encode", troubled)
    out = np.zeros((3, *STRIP), np.uint8)
    done = [s.done for s in predict_affinities(student, spy, out, prediction(spy, tile=256))]
    assert done == sorted(done)
    close(out, untroubled)
    again = [1, 0] * 5  # with its predecessor, whose features are gone
    assert [z for z, _ in spy.read] == [0] * 3 + [1] * 2 + again + [2] * 5


def test_too_little_memory_for_the_smallest_tile_is_told(predicted, small_memory):
    refused = small_memory(100)
    sentence = f"^memory: it does not suffice even for tiles of {SMALLEST_TILE} pixels; close other programs or"
    with pytest.raises(UserError, match=sentence):
        predicted(uneven(STRIP), tile=2 * SMALLEST_TILE)
    assert len(refused) == 2


def test_too_little_memory_for_the_network_is_told(predicted, monkeypatch):
    def too_large(*_):
        raise RuntimeError(SAID["CUDA"])

    monkeypatch.setattr(module, "engine_for", too_large)
    with pytest.raises(UserError, match=r"^memory: it does not suffice for the network; close other programs or"):
        predicted(uneven((1, 16, 16)))


def test_other_errors_come_out_as_they_are(predicted, monkeypatch):
    def broken(*_):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(TorchEngine, "encode", broken)
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        predicted(uneven((1, 16, 16)))


# ---- the network -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("student", STUDENTS, indirect=True)
def test_a_folded_student_gives_the_same_and_leaves_its_original_alone(student):
    before = {name: values.clone() for name, values in student.state_dict().items()}
    pair = torch.rand(1, 2, 32, 48)
    twin = folded(student)
    assert not [m for m in twin.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    with torch.no_grad():
        for one, other in zip(twin(pair), student(pair), strict=True):
            torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)
    assert not student.training
    assert any(p.requires_grad for p in student.parameters())
    for name, values in student.state_dict().items():
        assert torch.equal(values, before[name])


def test_a_student_in_training_mode_is_folded_as_if_in_eval_mode(student):
    expected = folded(student).state_dict()
    student.train()
    try:
        found = folded(student).state_dict()
    finally:
        student.eval()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def needed(height: int, width: int, tile: int = 1024) -> int:
    return network_memory(Box.whole((1, height, width)), (height, width), tile)


def test_memory_needed_by_the_network_rises_to_that_of_a_tile():
    sizes = [needed(n, n, 256) for n in (16, 100, 256, 257, 502, 503, 3000, 9000)]
    assert sizes == sorted(sizes)
    assert sizes[-1] == sizes[-2] < needed(9000, 9000, 512)
    assert needed(100, 300) == needed(300, 100)
    assert needed(100, 100) < network_memory(Box((0, 9, 9), (1, 109, 109)), (400, 400))  # context is read, too


@pytest.mark.parametrize(
    ("free", "tile"), [(1 << 40, 2048), (12 << 30, 2048), (8 << 30, 1024), (2 << 30, 512), (1 << 20, SMALLEST_TILE)]
)
def test_tiles_are_as_large_as_memory_allows(monkeypatch, free, tile):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=free))
    box, section = Box.whole((3, 5000, 4000)), (5000, 4000)
    assert usual_tile(box, section, "cpu") == tile
    assert network_memory(box, section) == network_memory(box, section, tile)
    assert usual_tile(box, section, "cuda") == 2048


@pytest.mark.parametrize(("side", "measured"), [(512, 250), (1024, 1392), (2048, 2095)])
def test_memory_needed_is_that_measured(side, measured):
    """Megabytes at the peak over many sections on two cores; too much is told rather than too little."""
    assert measured <= needed(side, side) / 1e6 <= 1.5 * measured
