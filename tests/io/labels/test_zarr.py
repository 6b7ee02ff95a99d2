import importlib

import numpy as np
import pytest
import zarr

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.progress import drive
from napari_emcad.io.labels.formats import write_label_volume
from napari_emcad.io.labels.label_volume import LabelVolume
from napari_emcad.io.labels.levels import COARSEST
from napari_emcad.io.labels.zarr import write_ome_zarr
from napari_emcad.io.stacks.stack import open_levels, open_stack

LABELS = np.random.default_rng(0).integers(0, 70_000, (2, 30, 2 * COARSEST + 3), np.uint32)


@pytest.fixture
def path(tmp_path):
    volume = LabelVolume(LABELS, VoxelSize(40, 6, 5), {"model": "small"})
    return drive(write_ome_zarr(tmp_path / "a.ome.zarr", volume))


def test_each_level_has_every_second_pixel_of_the_one_before(path):
    found = open_levels(path)
    assert [source.dataset for source in found] == ["0", "1", "2"]
    for k, source in enumerate(found):
        np.testing.assert_array_equal(source.array[:], LABELS[:, :: 2**k, :: 2**k])
        assert source.voxel_size == (40, 6 * 2**k, 5 * 2**k)
    with open_stack(path) as finest:
        np.testing.assert_array_equal(finest.array[:], LABELS)


def test_version_0_4_is_written_by_choice(tmp_path):
    volume = LabelVolume(LABELS, VoxelSize(40, 6, 5), {"model": "small"}, (1, 2, 3))
    path = drive(write_label_volume(tmp_path / "a.ome.zarr", volume, "ome-zarr-0.4"))
    group = zarr.open_group(path, mode="r")
    assert group.metadata.zarr_format == 2
    (image,) = group.attrs["multiscales"]
    assert image["version"] == group.attrs["image-label"]["version"] == "0.4"
    assert image["datasets"][1]["coordinateTransformations"] == [
        {"type": "scale", "scale": [40, 12, 10]},
        {"type": "translation", "translation": [40, 12, 15]},
    ]
    assert open_stack(path).offset == (40, 12, 15)
    with open_stack(path) as found:
        np.testing.assert_array_equal(found.array[:], LABELS)


@pytest.mark.parametrize(("name", "models"), [("ome-zarr", "v05"), ("ome-zarr-0.4", "v04")])
@pytest.mark.parametrize("size", [VoxelSize(40, 6, 5), None])
def test_the_models_of_the_standard_accept_it(tmp_path, name, models, size):
    volume = LabelVolume(LABELS, size, {"model": "small"}, (1, 2, 3))
    path = drive(write_label_volume(tmp_path / "a.ome.zarr", volume, name))
    pytest.importorskip("ome_zarr_models")
    kind = importlib.import_module(f"ome_zarr_models.{models}.image_label")
    found = kind.ImageLabel.from_zarr(zarr.open_group(path, mode="r"))
    assert len((found.ome_attributes if models == "v05" else found.attributes).multiscales[0].datasets) == 3


def test_chunks_are_small_and_files_few(tmp_path):
    labels = np.random.default_rng(1).integers(0, 9, (20, 600, 700), np.uint16)
    path = drive(write_label_volume(tmp_path / "a.ome.zarr", LabelVolume(labels, VoxelSize(40, 6, 5), {})))
    array = zarr.open_array(path / "0", mode="r")
    assert (array.chunks, array.shards) == ((8, 256, 256), (16, 768, 768))
    assert array.metadata.dimension_names == ("z", "y", "x")
    assert len([f for f in (path / "0" / "c").rglob("*") if f.is_file()]) == 2
    np.testing.assert_array_equal(array[:], labels)


@pytest.mark.parametrize("name", ["ome-zarr", "ome-zarr-0.4"])
def test_a_voxel_of_every_level_lies_on_the_label_that_it_shows(tmp_path, name):
    volume = LabelVolume(LABELS, VoxelSize(40, 6, 5), {}, (3, 20, 10))
    levels = open_levels(drive(write_label_volume(tmp_path / "a.ome.zarr", volume, name)))
    assert len(levels) == 3
    for level in levels:
        step = np.array(level.voxel_size)
        at = np.argwhere(np.ones(level.array.shape, bool))[:: level.array[:].size // 97]
        fine = np.rint((at * step + level.offset) / (40, 6, 5)).astype(int) - (3, 20, 10)
        np.testing.assert_array_equal(level.array[:][tuple(at.T)], LABELS[tuple(fine.T)])


def test_the_metadata_are_those_of_the_standard(path):
    attributes = dict(zarr.open_group(path, mode="r").attrs)
    assert attributes["ome"]["version"] == "0.5" and "image-label" in attributes["ome"]
    (image,) = attributes["ome"]["multiscales"]
    assert attributes["provenance"] == {"model": "small"}
    assert image["axes"] == [{"name": a, "type": "space", "unit": "nanometer"} for a in "zyx"]
    assert image["datasets"][1]["coordinateTransformations"] == [{"type": "scale", "scale": [40, 12, 10]}]


def test_small_sections_are_one_level_and_the_voxel_size_may_be_unknown(tmp_path):
    small = LABELS[:, :, :COARSEST].astype(np.uint16)
    path = drive(write_ome_zarr(tmp_path / "a.ome.zarr", LabelVolume(small, None, {})))
    group = zarr.open_group(path, mode="r")
    assert sorted(group.array_keys()) == ["0"]
    assert group["0"].dtype == np.uint16
    assert "unit" not in group.attrs["ome"]["multiscales"][0]["axes"][0]
    with open_stack(path) as found:
        np.testing.assert_array_equal(found.array[:], small)


def test_what_was_there_stays_until_the_end(path):
    other = write_ome_zarr(path, LabelVolume(LABELS[:, :9, :9], None, {}))
    assert next(other).done == 1
    other.close()
    with open_stack(path) as found:
        assert found.array.shape == LABELS.shape
    drive(write_ome_zarr(path, LabelVolume(LABELS[:, :9, :9], None, {})))
    with open_stack(path) as found:
        assert found.array.shape == (2, 9, 9)


def test_no_folder_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match=r"the folder .* does not exist"):
        drive(write_ome_zarr(tmp_path / "gone" / "a.ome.zarr", LabelVolume(LABELS, None, {})))
