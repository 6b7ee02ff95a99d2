import numpy as np
import pytest

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


def test_decimal_lengths_stay_decimal():
    assert voxel_size_in_nm([0.041, 0.006, 0.0041], ["um"] * 3) == (41, 6, 4.1)


@pytest.mark.parametrize("lengths", [[], [30, 6], [30, 6, 0], [30, -6, 6], [30, 6, np.inf], [30, 6, np.nan], "abc"])
def test_no_size_where_a_length_is_missing_or_not_positive(lengths):
    assert voxel_size_in_nm(lengths, ["nm"] * 3) is None


def test_no_size_where_a_unit_is_no_length():
    assert voxel_size_in_nm([30, 6, 5], ["nm", "nm", "pixel"]) is None
