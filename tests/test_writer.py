import numpy as np
import pytest
from napari.layers import Labels

from napari_emcad.core.errors import UserError
from napari_emcad.io.labels.place import stated_start
from napari_emcad.io.labels.provenance import read_provenance
from napari_emcad.io.stacks.stack import open_stack
from napari_emcad.writer import write_labels_layer

VALUES = np.random.default_rng(4).integers(0, 70_000, (5, 24, 37)).astype(np.uint32)


def save(path, **meta):
    data, state, kind = Labels(VALUES, **meta).as_layer_data_tuple()
    assert kind == "labels"
    return write_labels_layer(str(path), data, state)


@pytest.mark.parametrize(
    ("meta", "size"),
    [
        ({"scale": (40, 5, 4), "units": ("nm", "nm", "nm")}, (40, 5, 4)),
        ({"scale": (0.04, 0.005, 0.004), "units": ("um", "um", "um")}, (40, 5, 4)),
        ({"scale": (0.04, 5, 4), "units": ("um", "nm", "nm")}, (40, 5, 4)),
        ({"scale": (40, 5, 4), "units": "nm"}, (40, 5, 4)),
        ({"scale": (40, 5, 4)}, None),
        ({}, None),
        ({"metadata": {"voxel_size_nm": (40, 5, 4)}}, (40, 5, 4)),
        ({"scale": (30, 6, 5), "units": "nm", "metadata": {"voxel_size_nm": (40, 5, 4)}}, (30, 6, 5)),
    ],
)
def test_the_voxel_size_of_a_layer(tmp_path, meta, size):
    assert save(tmp_path / "a.tif", **meta) == [str(tmp_path / "a.tif")]
    with open_stack(tmp_path / "a.tif") as volume:
        assert volume.voxel_size == size
        np.testing.assert_array_equal(volume.array[:], VALUES)


@pytest.mark.parametrize(
    ("meta", "place"),
    [
        ({"scale": (40, 5, 4), "units": "nm", "translate": (80, 50, 400)}, (80, 50, 400)),
        ({"scale": (0.04, 0.005, 0.004), "units": "um", "translate": (0.08, 0.05, 0.4)}, (80, 50, 400)),
        ({"scale": (40, 5, 4), "units": "nm", "translate": (-40, 0, 4)}, (-40, 0, 4)),
        ({"scale": (40, 5, 4), "units": "nm", "translate": (20, 2.5, 1)}, (20, 2.5, 1)),
        ({"translate": (2, 10, 100), "metadata": {"voxel_size_nm": (40, 5, 4)}}, (80, 50, 400)),
        ({"scale": (40, 5, 4), "units": "nm"}, (0, 0, 0)),
    ],
)
def test_the_place_of_a_layer(tmp_path, meta, place):
    save(tmp_path / "a.tif", **meta)
    with open_stack(tmp_path / "a.tif") as volume:
        assert volume.offset == pytest.approx(place)


def test_the_place_of_a_layer_in_pixels(tmp_path):
    save(tmp_path / "a.tif", translate=(2, 10, 100))
    with open_stack(tmp_path / "a.tif") as volume:
        assert (volume.voxel_size, stated_start(volume)) == (None, (2, 10, 100))


def test_the_provenance_of_a_layer(tmp_path):
    save(tmp_path / "a.tiff", name="neurons", metadata={"source": "raw.tif", "provenance": {"threshold": 0.3}})
    assert read_provenance(tmp_path / "a.tiff") == {"layer": "neurons", "source": "raw.tif", "threshold": 0.3}


@pytest.mark.parametrize("name", ["a.png", "a", "a.zarr"])
def test_only_tiff(tmp_path, name):
    with pytest.raises(UserError, match=rf"{name}: labels are saved as TIFF; choose a name that ends in \.tif\.$"):
        save(tmp_path / name)


def test_a_layer_that_is_no_stack(tmp_path):
    with pytest.raises(UserError, match=r"whole-number labels \(z, y, x\) are needed, got shape \(24, 37\)"):
        write_labels_layer(str(tmp_path / "a.tif"), VALUES[0], {})
