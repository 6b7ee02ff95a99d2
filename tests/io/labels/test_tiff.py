import errno
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.progress import drive
from napari_emcad.io.labels import tiff as label_files
from napari_emcad.io.labels.label_volume import LabelVolume
from napari_emcad.io.labels.provenance import read_provenance
from napari_emcad.io.labels.tiff import write_labels, write_sections, write_tiff
from napari_emcad.io.metadata.tiff_description import read_record
from napari_emcad.io.stacks.stack import open_stack

SIZE = VoxelSize(40, 5.5, 4.1)
PROVENANCE = {"model": "bundled", "threshold": 0.3, "source": "C:\\data\\Gehirn \N{GREEK SMALL LETTER MU}.tif"}


class BySection:
    """Labels that can be had by rows of a section only, and note which sections were asked for."""

    def __init__(self, values):
        self.values, self.shape, self.dtype, self.asked = values, values.shape, values.dtype, []

    def __getitem__(self, rows):
        z, y = rows
        assert z.stop == z.start + 1 and y.stop > y.start
        self.asked.append(z.start)
        return self.values[rows]


def neurons(largest=400, shape=(5, 24, 37), dtype=np.uint32):
    values = np.random.default_rng(2).integers(0, largest, shape).astype(dtype)
    values[-1, -1, -1] = largest
    return values


@pytest.mark.parametrize(
    ("largest", "dtype"), [(400, np.uint16), (65_535, np.uint16), (65_536, np.uint32), (2**32 - 1, np.uint32)]
)
@pytest.mark.parametrize("source", [np.uint32, np.int64, np.uint64])
def test_round_trip(tmp_path, largest, dtype, source):
    values = neurons(largest, dtype=source)
    assert write_labels(tmp_path / "a.tif", BySection(values), SIZE, PROVENANCE) == tmp_path / "a.tif"
    with open_stack(tmp_path / "a.tif") as volume:
        assert (volume.array.dtype, volume.voxel_size) == (dtype, SIZE)
        np.testing.assert_array_equal(volume.array[:], values)
    assert read_provenance(tmp_path / "a.tif") == PROVENANCE
    assert [f.name for f in tmp_path.iterdir()] == ["a.tif"]


@settings(max_examples=30, deadline=None)
@given(st.tuples(*[st.floats(0.01, 1e5)] * 3))
def test_any_voxel_size_comes_back_to_the_last_digit(tmp_path_factory, size):
    path = tmp_path_factory.mktemp("sizes") / "a.tif"
    write_labels(path, neurons(shape=(1, 2, 3)), VoxelSize(*size), {})
    assert open_stack(path).voxel_size == size


def test_unknown_voxel_size(tmp_path):
    write_labels(tmp_path / "a.tif", neurons(), None, {})
    assert open_stack(tmp_path / "a.tif").voxel_size is None
    assert read_provenance(tmp_path / "a.tif") == {}


@pytest.mark.parametrize("shape", [(1, 24, 37), (2, 1, 1), (1, 1, 1), (3, 1, 37)])
def test_thin_volumes_keep_their_shape(tmp_path, shape):
    values = neurons(shape=shape)
    write_labels(tmp_path / "a.tif", values, SIZE, {})
    np.testing.assert_array_equal(open_stack(tmp_path / "a.tif").array[:], values)


def test_what_other_programs_see(tmp_path):
    """Not our reader: tifffile's series and the lines and tags that Fiji takes the voxel size from."""
    values = neurons(70_000)
    write_labels(tmp_path / "a.tif", values, SIZE, PROVENANCE)
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert (tiff.is_imagej, tiff.is_bigtiff, len(tiff.pages)) == (True, False, 5)
        assert (tiff.imagej_metadata["slices"], tiff.imagej_metadata["unit"]) == (5, "um")
        assert tiff.imagej_metadata["spacing"] == 0.04
        assert "images" not in tiff.imagej_metadata
        assert tiff.pages[0].resolution == pytest.approx((1000 / 4.1, 1000 / 5.5))
        assert {page.compression.name for page in tiff.pages} == {"ADOBE_DEFLATE"}
        assert (tiff.series[0].axes, tiff.series[0].shape) == ("ZYX", values.shape)
        assert tiff.pages[0].description.isascii()
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), values)


def test_one_section_at_a_time_and_the_largest_id_by_sections(tmp_path):
    labels = BySection(neurons())
    write_labels(tmp_path / "a.tif", labels, SIZE, {})
    assert sorted(labels.asked) == sorted([0, 1, 2, 3, 4] * 2)
    labels.asked.clear()
    write_labels(tmp_path / "a.tif", labels, SIZE, {}, max_id=70_000)
    assert sorted(labels.asked) == [0, 1, 2, 3, 4]
    assert open_stack(tmp_path / "a.tif").array.dtype == np.uint32


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16])
def test_small_types_need_no_look_at_the_ids(tmp_path, dtype):
    labels = BySection(neurons(1, dtype=dtype))
    write_labels(tmp_path / "a.tif", labels, SIZE, {})
    assert sorted(labels.asked) == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(open_stack(tmp_path / "a.tif").array[:], labels.values)


def test_labels_are_not_changed(tmp_path):
    values = neurons()
    before = values.copy()
    write_labels(tmp_path / "a.tif", values, SIZE, {})
    np.testing.assert_array_equal(values, before)


def test_progress_counts_sections(tmp_path):
    steps = [(p.stage, p.done, p.total) for p in write_tiff(tmp_path / "a.tif", LabelVolume(neurons(), SIZE, {}))]
    assert steps == [(stage, n, 5) for stage in ("largest id", "export") for n in (1, 2, 3, 4, 5)]


@pytest.mark.parametrize("steps", [1, 5, 6, 9, 10])
@pytest.mark.parametrize("existing", [True, False])
def test_cancelling_leaves_nothing(tmp_path, steps, existing):
    if existing:
        (tmp_path / "a.tif").write_text("older")
    job = write_tiff(tmp_path / "a.tif", LabelVolume(neurons(), SIZE, {}))
    for _ in range(steps):
        next(job)
    job.close()
    assert [f.read_text() for f in tmp_path.iterdir()] == ["older"] * existing


def test_beyond_4_gb_it_is_a_bigtiff(tmp_path, monkeypatch):
    monkeypatch.setattr(label_files, "_CLASSIC_BYTES", neurons(dtype=np.uint16).nbytes - 1)
    write_labels(tmp_path / "a.tif", neurons(), SIZE, PROVENANCE)
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert tiff.is_bigtiff
    with open_stack(tmp_path / "a.tif") as volume:
        np.testing.assert_array_equal(volume.array[:], neurons())
        assert volume.voxel_size == SIZE


@pytest.mark.parametrize(
    ("values", "max_id", "sentence"),
    [
        (neurons(2**32, dtype=np.uint64), None, r"ids up to 4,294,967,295 can be written as TIFF, got 4,294,967,296;"),
        (-neurons(dtype=np.int32), None, r"ids from 0 to 65,535 are needed, got -\d+ in section 0; renumber"),
        (neurons(70_000), 400, r"ids from 0 to 65,535 are needed, got [\d,]+ in section 0; renumber"),
        (neurons().astype(float), None, r"whole-number labels .* are needed, got shape \(5, 24, 37\) of float64"),
        (neurons()[0], None, r"whole-number labels \(z, y, x\) are needed, got shape \(24, 37\) of uint32"),
        (neurons()[:0], None, r"are needed, got shape \(0, 24, 37\)"),
    ],
)
def test_what_cannot_be_written(tmp_path, values, max_id, sentence):
    with pytest.raises(UserError, match=rf"a\.tif: .*{sentence}"):
        write_labels(tmp_path / "a.tif", values, SIZE, {}, max_id)
    assert not list(tmp_path.iterdir())


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(UserError, match=r"a file is needed for the labels, this is a folder; add a name"):
        write_labels(tmp_path, neurons(), SIZE, {})


def test_a_missing_folder(tmp_path):
    with pytest.raises(UserError, match=r"the folder .*none does not exist; create it or choose another"):
        write_labels(tmp_path / "none" / "a.tif", neurons(), SIZE, {})


def test_no_permission(tmp_path, monkeypatch):
    def refused(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(tifffile, "TiffWriter", refused)
    with pytest.raises(UserError, match="there is no permission to write in"):
        write_labels(tmp_path / "a.tif", neurons(), SIZE, {})


def test_a_full_disk(small_disk):
    """Noise of 2.9 MB does not fit on 1 MB; the older file there does."""
    write_labels(small_disk / "a.tif", neurons(), SIZE, {"run": 1})
    before = (small_disk / "a.tif").read_bytes()
    with pytest.raises(UserError, match=r"a\.tif: disk full, about [34] MB are needed; nothing was written, make room"):
        write_labels(small_disk / "a.tif", neurons(2**32 - 1, (8, 300, 300)), SIZE, {"run": 2})
    assert [f.name for f in small_disk.iterdir()] == ["a.tif"]
    assert (small_disk / "a.tif").read_bytes() == before


def test_a_disk_that_is_full_from_the_start(tmp_path, monkeypatch):
    (tmp_path / "a.tif").write_text("older")

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tifffile.TiffWriter, "write", full)
    with pytest.raises(UserError, match="disk full, about 1 MB are needed"):
        write_labels(tmp_path / "a.tif", neurons(), SIZE, {})
    assert [f.read_text() for f in tmp_path.iterdir()] == ["older"]


def test_provenance_of_any_values(tmp_path):
    run = {"path": Path("a"), "sizes": np.array([1, 2]), "threshold": np.float32(0.5), "nested": {"n": np.int64(3)}}
    write_labels(tmp_path / "a.tif", neurons(), SIZE, run)
    expected = {"path": "a", "sizes": [1, 2], "threshold": 0.5, "nested": {"n": 3}}
    assert read_provenance(tmp_path / "a.tif") == expected


def test_other_files_carry_no_provenance(tmp_path, stack):
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, metadata={"Info": json.dumps({"provenance": 1})})
    (tmp_path / "b.txt").write_text("text")
    assert [read_provenance(tmp_path / name) for name in ("a.tif", "b.txt", "none.tif")] == [{}, {}, {}]
    assert open_stack(tmp_path / "a.tif").holds is None


def test_marked_as_labels(tmp_path):
    assert open_stack(drive(write_tiff(tmp_path / "a.tif", LabelVolume(neurons(), SIZE, {})))).holds == "labels"


def test_the_place_of_a_box_comes_back(tmp_path):
    labels = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)
    volume = LabelVolume(labels, VoxelSize(30, 6, 5), {}, start=(7, 8, 9))
    drive(write_tiff(tmp_path / "a.tif", volume))
    drive(write_sections(tmp_path / "sections", volume))
    for path in (tmp_path / "a.tif", tmp_path / "sections"):
        with open_stack(path) as stack:
            assert stack.offset == (210, 48, 45)
    assert read_record(tmp_path / "sections" / "section_00008.tif").get("offset_nm") == [240, 48, 45]


def test_no_place_without_a_voxel_size(tmp_path):
    drive(write_tiff(tmp_path / "a.tif", LabelVolume(np.ones((2, 3, 4), np.uint16), None, {}, start=(7, 8, 9))))
    with open_stack(tmp_path / "a.tif") as stack:
        assert (stack.offset, stack.voxel_size) == (None, None)
