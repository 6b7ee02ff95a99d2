from datetime import date
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.metadata.tiff_description import (
    description_text,
    read_record,
    record_of,
    resolution_tags,
)
from napari_emcad.io.metadata.tiff_place import TiffPlace, read_tiff_place

SIZE = VoxelSize(30.123456789, 6, 5)


def save(path, description, size=None):
    tifffile.imwrite(
        path, np.zeros((2, 3, 4), np.uint8), description=description, metadata=None, **resolution_tags(size)
    )


def test_the_record_comes_back_to_the_last_digit(tmp_path):
    provenance = {"day": date(2026, 1, 2), "path": Path("a.tif"), "threshold": np.float32(0.5), "ids": np.arange(2)}
    save(tmp_path / "a.tif", description_text((2, 3, 4), SIZE, "labels", provenance, (90.5, 0, 1), 70_000), SIZE)
    assert read_record(tmp_path / "a.tif") == {
        "shape": [2, 3, 4],
        "voxel_size_nm": list(SIZE),
        "offset_nm": [90.5, 0, 1],
        "kind": "labels",
        "largest_id": 70_000,
        "provenance": {"day": "2026-01-02", "path": "a.tif", "threshold": 0.5, "ids": [0, 1]},
    }
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert read_tiff_place(tiff) == TiffPlace(SIZE, "TIFF of napari-emcad", (90.5, 0.0, 1.0))


def test_other_programs_read_the_voxel_size(tmp_path):
    save(tmp_path / "a.tif", description_text((2, 3, 4), SIZE, "labels", {}), SIZE)
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert tiff.is_imagej
        assert (tiff.imagej_metadata["spacing"], tiff.imagej_metadata["unit"]) == (0.030123456789, "um")
        numerator, denominator = tiff.pages.first.tags["XResolution"].value
    assert numerator / denominator == pytest.approx(200)


@pytest.mark.parametrize("line", ["", "napari-emcad={damaged", "napari-emcad=[1, 2]", "somebody=else"])
def test_other_descriptions_hold_no_record(tmp_path, line):
    save(tmp_path / "a.tif", f"ImageJ=1.54f\n{line}\n")
    assert read_record(tmp_path / "a.tif") == {}
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert (record_of(tiff), read_tiff_place(tiff)) == ({}, TiffPlace())


def test_no_tiff_holds_no_record(tmp_path):
    (tmp_path / "a.txt").write_text("words")
    assert read_record(tmp_path / "a.txt") == read_record(tmp_path / "none.tif") == {}
