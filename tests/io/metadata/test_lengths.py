import numpy as np
import pytest

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.metadata.array_attributes import read_offset, read_voxel_size
from napari_emcad.io.metadata.lengths import nanometres, voxel_size_in_nm


@pytest.mark.parametrize(
    ("unit", "nm"),
    [
        ("nm", 1),
        ("nanometers", 1),
        (b"nanometer", 1),
        ("um", 1e3),
        ("\N{MICRO SIGN}m", 1e3),
        ("\N{GREEK SMALL LETTER MU}m", 1e3),
        (r"\u00B5m", 1e3),
        ("Microns", 1e3),
        ("micrometre", 1e3),
        ("mm", 1e6),
        ("inch", 25.4e6),
        ("angstrom", 0.1),
        ("pixel", None),
        ("", None),
        (None, None),
    ],
)
def test_units(unit, nm):
    assert nanometres(unit) == nm


def test_decimal_lengths_come_out_as_they_were_meant():
    assert voxel_size_in_nm([0.041, 0.006, 0.0041], ["um"] * 3) == (41, 6, 4.1)


@pytest.mark.parametrize("lengths", [[], [30, 6], [30, 6, 0], [30, -6, 6], [30, 6, np.inf], [30, 6, np.nan], "abc"])
def test_no_size_where_a_length_is_missing_or_not_positive(lengths):
    assert voxel_size_in_nm(lengths, ["nm"] * 3) is None


def test_no_size_where_a_unit_is_no_length():
    assert voxel_size_in_nm([30, 6, 5], ["nm", "nm", "pixel"]) is None


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
