import json

import numpy as np
import pytest

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.metadata.array_attributes import read_offset, read_voxel_size


def axistags(*lengths, unit=""):
    """Tags of axes as ilastik writes them."""
    axes = zip("zyx", lengths, strict=True)
    return json.dumps({"axes": [{"key": key, "resolution": n, "description": unit} for key, n in axes]})


@pytest.mark.parametrize(
    "attributes",
    [
        {"resolution": np.array([40.0, 5, 4])},
        {"voxel_size": [40, 5, 4], "units": ["nm", "nm", "nm"]},
        {"voxel_size": (0.04, 0.005, 0.004), "unit": "um"},
        {"voxel_size": (1, 0.04, 0.005, 0.004), "units": ["", "um", "um", "um"]},
        {"element_size_um": (0.04, 0.005, 0.004)},
        {"voxel_size_nm": [40, 5, 4], "resolution": [1, 2, 3]},
        {"voxel_size_nm": None, "resolution": [40, 5, 4]},
        {"dimension_units": ["40 nm", ".005 um", "4 nm"]},
        {"axistags": axistags(40, 5, 4, unit="nm")},
        {"axistags": axistags(40, 5, 4), "axis_units": '{"z": "nm", "y": "nm", "x": "nm"}'},
    ],
)
def test_attributes(attributes):
    assert read_voxel_size(attributes) == VoxelSize(40, 5, 4)


@pytest.mark.parametrize(
    "attributes",
    [
        {"dimension_units": ["40 nm", "4 nm", None]},
        {"dimension_units": ["40", "4", "6"]},
        {"dimension_units": 4},
        {"axistags": axistags(0, 0, 0, unit="nm")},
        {"axistags": axistags(40, 5, 4, unit="from the microscope")},
        {"axistags": "[1, 2]"},
        {"axistags": '{"axes": 3}'},
        {"axistags": "{"},
    ],
)
def test_no_size_of_what_is_not_stated_in_full(attributes):
    assert read_voxel_size(attributes) is None


def test_no_attributes_no_size():
    assert read_voxel_size({"offset": [1, 2, 3]}) is None


@pytest.mark.parametrize(
    ("attributes", "offset"),
    [
        ({"resolution": [40, 5, 4], "offset": np.array([80.0, 0, -4])}, (80, 0, -4)),
        ({"voxel_size": (0.5, 2, 4), "units": "um", "offset": [2, 0.5, 1]}, (2000, 500, 1000)),
        ({"resolution": [40, 5, 4]}, None),
        ({"offset": [80, 0, 4]}, None),
        ({"resolution": [40, 5, 4], "offset": [80, 0]}, None),
        ({"resolution": [40, 5, 4], "offset": [80, 0, np.nan]}, None),
        ({"resolution": [40, 5, 4], "unit": "pixel", "offset": [80, 0, 4]}, None),
    ],
)
def test_offsets(attributes, offset):
    assert read_offset(attributes) == offset
