import numpy as np
import pytest

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.metadata.array_attributes import read_offset, read_voxel_size


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
    ],
)
def test_attributes(attributes):
    assert read_voxel_size(attributes) == VoxelSize(40, 5, 4)


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
