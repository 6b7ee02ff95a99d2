"""The command that scores labels: which datasets, what is refused, what is left out."""

import json

import h5py
import numpy as np
import pytest
import tifffile
from drawings import uneven

from napari_emcad.cli.main import main

SHAPE = (3, 24, 36)
TRUTH = np.kron(np.arange(1, 13).reshape(1, 3, 4), np.ones((3, 8, 9))).astype(np.uint16)
OTHER = np.kron(np.arange(1, 7).reshape(1, 3, 2), np.ones((3, 8, 18))).astype(np.uint16)
GREY = uneven(SHAPE)


@pytest.fixture
def files(tmp_path):
    tifffile.imwrite(tmp_path / "truth.tif", TRUTH, photometric="minisblack")
    tifffile.imwrite(tmp_path / "grey.tif", GREY, photometric="minisblack")
    tifffile.imwrite(tmp_path / "float.tif", GREY.astype(np.float32) / 255, photometric="minisblack")
    hdf5(tmp_path / "both.h5", raw=GREY, ids=TRUTH)
    hdf5(tmp_path / "two.h5", first=OTHER, second=TRUTH)
    return tmp_path


def hdf5(path, **datasets):
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            file[name] = values


def voi(files, capsys, *words):
    assert main(["evaluate", *(str(files / word) if "." in word else word for word in words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)["voi"]


def refused(files, capsys, *words):
    assert main(["evaluate", *(str(files / word) if "." in word else word for word in words)]) == 1
    return capsys.readouterr().err


def test_the_labels_beside_an_image_are_scored(files, capsys):
    assert voi(files, capsys, "both.h5", "truth.tif") == 0
    assert voi(files, capsys, "truth.tif", "both.h5") == 0
    assert main(["evaluate", str(files / "both.h5"), str(files / "truth.tif")]) == 0
    assert "both.h5, ids: 3 x 24 x 36 voxels, uint16" in capsys.readouterr().err


def test_several_labellings_are_asked_for_and_named(files, capsys):
    assert "first, second; name it with --dataset." in refused(files, capsys, "two.h5", "truth.tif")
    assert "first, second; name it with --truth-dataset." in refused(files, capsys, "truth.tif", "two.h5")
    assert voi(files, capsys, "two.h5", "truth.tif", "--dataset", "second") == 0
    assert voi(files, capsys, "two.h5", "truth.tif", "--dataset", "first") > 0.5
    assert voi(files, capsys, "truth.tif", "two.h5", "--dataset", "second") == 0
    assert voi(files, capsys, "truth.tif", "two.h5", "--truth-dataset", "second") == 0
    assert voi(files, capsys, "two.h5", "two.h5", "--dataset", "first") == 0
    assert voi(files, capsys, "two.h5", "two.h5", "--dataset", "first", "--truth-dataset", "second") > 0.5


@pytest.mark.parametrize("words", [("grey.tif", "truth.tif"), ("truth.tif", "grey.tif"), ("float.tif", "truth.tif")])
def test_grey_values_are_no_labels(files, capsys, words):
    assert "labels are needed, these look like grey values" in refused(files, capsys, *words)


def test_channels_and_axes_of_each_file(files, capsys):
    hdf5(files / "c.h5", main=np.stack([OTHER, TRUTH], -1))
    hdf5(files / "t.h5", main=np.stack([TRUTH.T, OTHER.T]))
    named = ("c.h5", "t.h5", "--axes", "zyxc", "--truth-axes", "txyz")
    assert voi(files, capsys, *named, "--channel", "1", "--truth-time", "0") == 0
    assert "choose one with --truth-time 0 to 1." in refused(files, capsys, *named, "--channel", "1")
    assert "choose one with --channel 0 to 1." in refused(files, capsys, *named)


@pytest.mark.parametrize(
    ("dtype", "mark"), [(np.int64, -1), (np.int16, -1), (np.uint64, 2**64 - 1), (np.uint32, 2**32 - 1)]
)
def test_marks_of_what_nobody_labelled_are_left_out_and_told(files, capsys, dtype, mark):
    marked = TRUTH.astype(dtype)
    marked[TRUTH > 6] = mark
    hdf5(files / "marked.h5", ids=marked)
    hdf5(files / "zero.h5", ids=np.where(TRUTH > 6, 0, TRUTH))
    assert voi(files, capsys, "two.h5", "marked.h5", "--dataset", "first", "--truth-dataset", "ids") == voi(
        files, capsys, "two.h5", "zero.h5", "--dataset", "first", "--truth-dataset", "ids"
    )
    assert main(["evaluate", str(files / "truth.tif"), str(files / "marked.h5")]) == 0
    assert f"marked.h5: {mark} in the labels counts as unlabelled, as 0 does." in capsys.readouterr().err


def test_ids_are_left_out_where_that_is_asked_for(files, capsys):
    marked = np.where(TRUTH > 6, 65535, TRUTH).astype(np.uint16)
    hdf5(files / "marked.h5", ids=marked)
    words = ("truth.tif", "marked.h5")
    assert voi(files, capsys, *words) > 0.5
    assert voi(files, capsys, *words, "--ignore", "max") == 0
    assert voi(files, capsys, *words, "--ignore", "65535", "--ignore", "-1") == 0
    assert main(["evaluate", str(files / "truth.tif"), str(files / "truth.tif"), "--ignore", "max"]) == 0
    assert "truth.tif: 65535 is not in it, --ignore max leaves nothing out." in capsys.readouterr().err


def test_a_box_beyond_the_truth_is_refused(files, capsys):
    assert "reaches beyond the volume, which has 3 voxels on z" in refused(
        files, capsys, "truth.tif", "truth.tif", "--box=0:9,:,:"
    )
