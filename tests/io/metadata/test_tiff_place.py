import json

import numpy as np
import pytest
import tifffile

from napari_emcad.io.metadata.tiff_place import read_tiff_place

VOXELS = np.zeros((5, 6, 7), np.uint8)


def place_of(path, **how):
    tifffile.imwrite(path, VOXELS, **{"photometric": "minisblack", **how})
    with tifffile.TiffFile(path) as tiff:
        return read_tiff_place(tiff)


def imagej(*lines):
    return {"description": "\n".join(["ImageJ=1.54f", "images=5", "slices=5", *lines, ""]), "metadata": None}


@pytest.mark.parametrize(
    ("lines", "resolution", "unit_of_tag", "size"),
    [
        (["unit=nm", "spacing=0.04", "zunit=micron"], (0.25, 0.125), "NONE", (40, 8, 4)),
        (["unit=micron", "spacing=40", "zunit=nm", "yunit=nm"], (250, 0.125), "NONE", (40, 8, 4)),
        (["unit=\\u00B5m", "spacing=0.04"], (250, 125), "NONE", (40, 8, 4)),
        (["unit=um", "spacing=-0.04"], (250, 125), "NONE", (40, 8, 4)),
        (["unit=um", "spacing=0.04"], (250, 125), "CENTIMETER", (40, 8, 4)),  # as ImageJ has it
        (["unit=cm", "spacing=0.000004"], (2.5e6, 1.25e6), "CENTIMETER", (40, 8, 4)),
        (["spacing=0.000004"], (2.5e6, 1.25e6), "CENTIMETER", (40, 8, 4)),
        (["unit=inch", "spacing=0.001"], (2000, 1000), "INCH", (25400, 25400, 12700)),
        (["spacing=0.001"], (2000, 1000), "INCH", (25400, 25400, 12700)),
        (["spacing=3"], (72, 72), "INCH", None),
        (["unit=nm", "spacing=abc"], (1, 2), "NONE", None),
        (["unit=nm", "spacing=40"], (1, 1), "NONE", None),
    ],
)
def test_imagej(tmp_path, lines, resolution, unit_of_tag, size):
    how = {"resolution": resolution, "resolutionunit": unit_of_tag}
    place = place_of(tmp_path / "a.tif", **imagej(*lines), **how)
    assert place.voxel_size == (pytest.approx(size) if size else None)
    assert place.source == ("ImageJ metadata" if size else "")


@pytest.mark.parametrize(
    ("lines", "resolution", "note"),
    [
        (["unit=parsnip", "spacing=3"], (0.5, 1), 'its unit "parsnip" of z, y and x is not known'),
        (["unit=nm", "zunit=parsnip", "spacing=3"], (0.5, 1), 'its unit "parsnip" of z is not known'),
        (["unit=nm"], (0.5, 1), "no size of a voxel on z: that on y and x is left out"),
        (["unit=nm", "spacing=3"], None, "no size of a voxel on y and x: that on z is left out"),
    ],
)
def test_imagej_that_cannot_be_used_is_told(tmp_path, lines, resolution, note):
    place = place_of(tmp_path / "a.tif", **imagej(*lines), resolution=resolution, resolutionunit="NONE")
    assert place.voxel_size is None
    assert [note in sentence for sentence in place.notes] == [True]


def test_imagej_keeps_the_place_of_a_crop(tmp_path):
    lines = ["unit=nm", "spacing=40", "xorigin=-100", "yorigin=-20", "zorigin=-3"]
    place = place_of(tmp_path / "a.tif", **imagej(*lines), resolution=(0.25, 0.125), resolutionunit="NONE")
    assert (place.voxel_size, place.offset) == ((40, 8, 4), (120, 160, 400))


@pytest.mark.parametrize(("unit_of_tag", "across"), [("INCH", 5), ("NONE", 5), ("CENTIMETER", 5e4), ("MICROMETER", 5)])
def test_json_of_tifffile_beside_the_resolution_tags(tmp_path, unit_of_tag, across):
    metadata = {"spacing": 0.03, "unit": "um"}
    place = place_of(tmp_path / "a.tif", metadata=metadata, resolution=(200, 200), resolutionunit=unit_of_tag)
    assert (place.voxel_size, place.source) == (pytest.approx((30, across, across)), "metadata of tifffile")


OME = {"axes": "ZYX", "PhysicalSizeZ": 30, "PhysicalSizeY": 8, "PhysicalSizeX": 4}


def test_ome_has_a_unit_for_each_axis(tmp_path):
    metadata = {**OME, "PhysicalSizeZ": 0.03, "PhysicalSizeYUnit": "nm", "PhysicalSizeX": 40, "PhysicalSizeXUnit": "Å"}
    place = place_of(tmp_path / "a.tif", ome=True, metadata=metadata)
    assert (place.voxel_size, place.source) == ((30, 8, 4), "OME-XML")


def test_ome_of_one_axis_less_is_told(tmp_path):
    metadata = {key: value for key, value in OME.items() if key != "PhysicalSizeZ"}
    place = place_of(tmp_path / "a.tif", ome=True, metadata=metadata)
    assert (place.voxel_size, len(place.notes)) == (None, 1)


@pytest.mark.parametrize(("unit", "offset"), [("nm", (90, 80, 70)), ("reference frame", None), ("mm", (9e7, 8e7, 7e7))])
def test_ome_with_the_place_of_its_first_plane(tmp_path, unit, offset):
    plane = {f"Position{axis}": [n] * 5 for axis, n in zip("ZYX", (90, 80, 70), strict=True)}
    plane["PositionZ"] = list(range(90, 95))
    plane |= {f"Position{axis}Unit": [unit] * 5 for axis in "ZYX"}
    place = place_of(tmp_path / "a.tif", ome=True, metadata={**OME, "Plane": plane})
    assert place.offset == offset


def test_the_first_that_states_all_axes_counts(tmp_path):
    description = json.dumps({"shape": list(VOXELS.shape), "unit": "nm"})  # no spacing
    place = place_of(tmp_path / "a.tif", description=description, metadata=None, resolution=(1, 1))
    assert (place.voxel_size, place.offset) == (None, None)
