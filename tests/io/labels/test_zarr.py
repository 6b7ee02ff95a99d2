import numpy as np
import pytest
import zarr

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.progress import drive
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


def test_the_metadata_are_those_of_the_standard(path):
    attributes = dict(zarr.open_group(path, mode="r").attrs)
    (image,) = attributes["multiscales"]
    assert image["version"] == attributes["image-label"]["version"] == "0.4"
    assert attributes["provenance"] == {"model": "small"}
    assert image["axes"] == [{"name": a, "type": "space", "unit": "nanometer"} for a in "zyx"]
    assert image["datasets"][1]["coordinateTransformations"] == [{"type": "scale", "scale": [40, 12, 10]}]


def test_small_sections_are_one_level_and_the_voxel_size_may_be_unknown(tmp_path):
    small = LABELS[:, :, :COARSEST].astype(np.uint16)
    path = drive(write_ome_zarr(tmp_path / "a.ome.zarr", LabelVolume(small, None, {})))
    group = zarr.open_group(path, mode="r")
    assert sorted(group.array_keys()) == ["0"]
    assert group["0"].dtype == np.uint16
    assert "unit" not in group.attrs["multiscales"][0]["axes"][0]
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
