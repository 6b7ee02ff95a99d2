import numpy as np
import pytest

from napari_emcad.io.metadata.lengths import nanometres, voxel_size_in_nm, voxel_size_notes


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
        ("in", 25.4e6),
        ("cm", 1e7),
        ("m", 1e9),
        ("pm", 1e-3),
        ("Foot", 304.8e6),
        ("angstrom", 0.1),
        ("\N{LATIN CAPITAL LETTER A WITH RING ABOVE}", 0.1),
        ("A", 0.1),
        ("second", None),
        ("foo", None),
        ("9**9**9", None),
        ("10 nm", None),
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


@pytest.mark.parametrize(
    ("lengths", "units", "notes"),
    [
        ([30, 6, 6], ["nm"] * 3, []),
        ([None, None, None], ["nm"] * 3, []),
        ([30, 6, 6], ["pixel"] * 3, []),
        ([1, 1, 1], [None] * 3, []),
        ([30, 6, 6], [None] * 3, ["its voxel size of 30 x 6 x 6 has no unit: it is left out."]),
        ([30, 6, None], [""] * 3, []),
        ([30, 6, 6], ["foo"] * 3, ['its unit "foo" of z, y and x is not known: the voxel size is left out.']),
        ([30, 6, 6], ["foo", "nm", "nm"], ['its unit "foo" of z is not known: the voxel size is left out.']),
        (
            [30, 6, 6],
            ["foo", "bar", "nm"],
            [
                'its unit "foo" of z is not known: the voxel size is left out.',
                'its unit "bar" of y is not known: the voxel size is left out.',
            ],
        ),
        ([None, 6, 6], ["nm"] * 3, ["it states no size of a voxel on z: that on y and x is left out."]),
        ([30, 0, 6], ["nm"] * 3, ["it states no size of a voxel on y: that on z and x is left out."]),
        ([1, 6, 6], ["pixel", "nm", "nm"], ["it states no size of a voxel on z: that on y and x is left out."]),
    ],
)
def test_what_is_left_out_is_told(lengths, units, notes):
    assert list(voxel_size_notes(lengths, units)) == notes
