"""Every format that labels are exported in opens again as labels, at its place, with its voxel size."""

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from drawings import tissue
from napari.layers import Labels

from napari_emcad.cli import main as cli
from napari_emcad.core.geometry import Box, VoxelSize
from napari_emcad.core.label_pieces import build_segmentation, find_label_fragments
from napari_emcad.core.progress import drive
from napari_emcad.io.labels import precomputed, zarr_array
from napari_emcad.io.labels.formats import FORMATS, write_label_volume
from napari_emcad.io.labels.label_volume import LabelVolume
from napari_emcad.io.labels.tiff import write_labels
from napari_emcad.io.sessions.export import export_session
from napari_emcad.io.sessions.facts import SessionFacts, read_facts
from napari_emcad.io.sessions.new_session import create_session
from napari_emcad.io.sessions.open_session import OpenSession, open_session
from napari_emcad.reader import get_reader

STACK = tissue((7, 44, 52), seed=4)
BOX = Box((2, 8, 12), (5, 32, 44))
SIZE = VoxelSize(40, 5, 6)

KINDS = [*FORMATS, "precomputed in shards"]
"""Formats of labels; large precomputed volumes are sharded."""


def neurons() -> np.ndarray:
    """Four neurons (z, y, x) of eight columns in the box, in two rows; a line of background between."""
    labels = np.repeat(np.array([7, 2, 5, 9], np.uint16), 8)[None, None].repeat(3, 0).repeat(24, 1)
    labels[:, 12:] += 10
    labels[:, 11] = 0
    labels[2, :, 16:24] = 0
    return labels


def quarters() -> np.ndarray:
    """Three neurons and background, all over the stack."""
    return np.kron(np.arange(4).reshape(1, 2, 2), np.ones((7, 22, 26), int))


@pytest.fixture(params=KINDS)
def kind(request, monkeypatch):
    """The format's name; shards are small, so that there are some."""
    monkeypatch.setattr(zarr_array, "CHUNK", (1, 16, 16))
    monkeypatch.setattr(zarr_array, "SHARD", (2, 32, 32))
    monkeypatch.setattr(precomputed, "CHUNK", (2, 16, 16))
    monkeypatch.setattr(precomputed, "BLOCK", (2, 32, 32))
    if request.param == "precomputed in shards":
        monkeypatch.setattr(precomputed, "MOST_FILES", 1)
        return "precomputed"
    return request.param


def file_of(kind: str, folder: Path) -> Path:
    """Return a name for an export, of which nothing says that it holds labels."""
    return folder / f"mine{(FORMATS[kind].endings or ('.zarr' if 'zarr' in kind else '.precomputed',))[0]}"


def session_at(folder: Path, size: VoxelSize | None) -> OpenSession:
    """Make a session of the neurons, whose box does not begin at 0."""
    facts = SessionFacts(
        source=str(folder / "raw.tif"), voxel_size_nm=size, box=(BOX.start, BOX.stop), threshold=0.5, model="small"
    )
    pieces = drive(find_label_fragments(neurons()))
    return create_session(folder / "first.emcad", drive(build_segmentation(pieces)), None, facts)


def exported(kind: str, folder: Path, size: VoxelSize | None = SIZE) -> Path:
    """Write the stack, a session of a box of it, and its labels; return these."""
    place = {"resolution": (1e3 / SIZE.x, 1e3 / SIZE.y), "metadata": {"axes": "ZYX", "spacing": 0.04, "unit": "um"}}
    tifffile.imwrite(folder / "raw.tif", STACK, photometric="minisblack", **(place if size else {}))
    with session_at(folder, size) as opened:
        return drive(export_session("labels", file_of(kind, folder), opened, name=kind))


def opened_layer(path: Path) -> Labels:
    """Open a path as napari does."""
    reader = get_reader(str(path))
    assert reader is not None
    ((data, fields, layer_kind),) = reader(str(path))
    assert layer_kind == "labels"
    return Labels(data, **fields)


def test_the_window_shows_labels_at_their_place(kind, tmp_path):
    layer = opened_layer(exported(kind, tmp_path))
    np.testing.assert_array_equal(np.asarray(layer.data), neurons())
    assert tuple(layer.scale) == SIZE and [str(unit) for unit in layer.units] == ["nanometer"] * 3
    np.testing.assert_allclose(layer.translate, np.array(BOX.start) * SIZE)


def test_without_a_voxel_size_the_place_is_in_voxels(kind, tmp_path):
    if FORMATS[kind].needs_size:
        pytest.skip("states a voxel size in any case")
    layer = opened_layer(exported(kind, tmp_path, None))
    np.testing.assert_array_equal(np.asarray(layer.data), neurons())
    assert tuple(layer.scale) == (1, 1, 1) and [str(unit) for unit in layer.units] == ["pixel"] * 3
    assert tuple(layer.translate) == BOX.start


@pytest.mark.parametrize("largest", [2**31 + 9, 2**32 - 9, 2**60 + 1])
def test_large_ids_are_exact(kind, tmp_path, largest):
    if largest >= 2**32 and "tiff" in kind:
        pytest.skip("TIFF holds 32 bits")
    ids = np.where(neurons() > 0, neurons() + np.uint64(largest - 19), np.uint64(0))
    path = file_of(kind, tmp_path)
    volume = LabelVolume(ids, SIZE, {}, BOX.start)
    written = replace(volume, values=ids.astype(np.uint32)) if largest < 2**32 else volume
    layer = opened_layer(drive(write_label_volume(path, written, kind)))
    np.testing.assert_array_equal(np.asarray(layer.data), ids)


@pytest.mark.parametrize("size", [SIZE, None])
def test_a_session_of_them_lies_in_the_stack(kind, tmp_path, size, capsys):
    if size is None and FORMATS[kind].needs_size:
        pytest.skip("states a voxel size in any case")
    labels, made = exported(kind, tmp_path, size), tmp_path / "second.emcad"
    command = ["session", str(labels), "--stack", str(tmp_path / "raw.tif"), "--model", "none", "-o", str(made)]
    assert cli.main(command) == 0, capsys.readouterr().err
    with open_session(made) as opened:
        facts, base = opened.facts, opened.session.state
        np.testing.assert_array_equal(base.table[base.base.fragments], neurons())
    assert (Box(*facts.box), facts.voxel_size, facts.source) == (BOX, size, str(tmp_path / "raw.tif"))
    assert cli.main(["export", str(made), "-o", str(tmp_path / "back.tif")]) == 0
    back = opened_layer(tmp_path / "back.tif")
    np.testing.assert_allclose(back.translate, opened_layer(labels).translate)


def test_they_are_evaluated_against_another_format(kind, tmp_path, capsys):
    labels = exported(kind, tmp_path)
    with open_session(tmp_path / "first.emcad", to_read=True) as opened:
        drive(export_session("labels", tmp_path / "other.tif", opened))
    for pair in ([labels, tmp_path / "other.tif"], [tmp_path / "other.tif", labels]):
        assert cli.main(["evaluate", *map(str, pair)]) == 0, capsys.readouterr().err
        said = capsys.readouterr()
        assert "VOI       0.0000 bits" in said.out


def test_they_are_scored_where_they_lie_in_a_truth_of_the_whole_stack(kind, tmp_path, capsys):
    labels, truth = exported(kind, tmp_path), np.ones(STACK.shape, np.uint16)
    truth[BOX.slices] = neurons()
    write_labels(tmp_path / "truth.tif", truth, SIZE, {})
    assert cli.main(["evaluate", str(labels), str(tmp_path / "truth.tif")]) == 0, capsys.readouterr().err
    said = capsys.readouterr()
    assert "lies in the truth from voxel (2, 8, 12) on" in said.err and "VOI       0.0000 bits" in said.out


def test_labels_that_begin_where_the_stack_does_are_known_to(tmp_path):
    write_labels(tmp_path / "mine.tif", neurons(), SIZE, {})
    tifffile.imwrite(tmp_path / "other.tif", neurons(), photometric="minisblack")
    assert opened_layer(tmp_path / "mine.tif").metadata["is_placed"]
    assert "is_placed" not in opened_layer(tmp_path / "other.tif").metadata


@pytest.mark.parametrize("given", [None, VoxelSize(30, 4, 4)])
def test_they_lie_in_a_stack_that_has_a_place_of_its_own(kind, tmp_path, given, capsys):
    """A box of a cut-out: the stack's own place is kept, too, and goes with the voxel size."""
    with h5py.File(tmp_path / "raw.h5", "w") as file:
        file["main"] = STACK
        file["main"].attrs.update({"resolution": SIZE, "offset": np.array((10, 20, 30)) * SIZE})
    drive(write_label_volume(tmp_path / "mine.tif", LabelVolume(neurons(), SIZE, {}, (12, 28, 42))))
    made, size = tmp_path / "made.emcad", [] if given is None else ["--voxel-size", *map(str, given)]
    command = ["session", str(tmp_path / "mine.tif"), "--stack", str(tmp_path / "raw.h5"), "--model", "none"]
    assert cli.main([*command, "-o", str(made), *size]) == 0, capsys.readouterr().err
    assert Box(*read_facts(made).box) == BOX
    (tmp_path / "out").mkdir()
    with open_session(made) as opened:
        back = opened_layer(drive(export_session("labels", file_of(kind, tmp_path / "out"), opened, name=kind)))
        drive(export_session("neurons", tmp_path / "neurons.csv", opened))
    np.testing.assert_allclose(back.translate, np.array((12, 28, 42)) * (given or SIZE))
    np.testing.assert_array_equal(np.asarray(back.data), neurons())
    rows = (tmp_path / "neurons.csv").read_text().splitlines()
    first = dict(zip(rows[0].split(","), rows[1].split(","), strict=True))
    assert float(first["z0_nm"]) == 12 * (given or SIZE).z


class TestCarelessHands:
    """Files that do not fit, told in one sentence each."""

    @pytest.fixture
    def files(self, tmp_path):
        """A stack, labels of a box of it, and of others."""
        exported("tiff", tmp_path)
        write_labels(tmp_path / "coarse.tif", neurons(), VoxelSize(40, 10, 12), {})
        tifffile.imwrite(tmp_path / "lost.tif", neurons(), photometric="minisblack")
        far = LabelVolume(neurons(), SIZE, {}, (5, 8, 12))
        drive(write_label_volume(tmp_path / "far.tif", far))
        write_labels(
            tmp_path / "whole.tif", np.kron(np.arange(4).reshape(1, 2, 2), np.ones((7, 22, 26), int)), SIZE, {}
        )
        return tmp_path

    @pytest.mark.parametrize(
        ("labels", "stack", "sentence"),
        [
            ("lost.tif", "raw.tif", "stack: the shape of the labels (3, 24, 32) is needed, got (7, 44, 52)"),
            ("far.tif", "raw.tif", "got 3 x 24 x 32 voxels from (5, 8, 12) on (z, y, x); choose the stack that was"),
            ("coarse.tif", "raw.tif", "voxels as large as those of the stack (40 x 5 x 6 nm) are needed, got 40 x 10"),
            ("raw.tif", "mine.tif", "raw.tif: labels are needed, these look like grey values"),
            ("mine.tif", "mine.tif", "mine.tif: the grey values that were labelled are needed for the stack, and this"),
            (
                "mine.tif",
                "whole.tif",
                "whole.tif: the grey values that were labelled are needed for the stack, and thi",
            ),
            ("mine.tif", "none.tif", "none.tif: there is no such file"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, files, capsys, labels, stack, sentence):
        command = ["session", str(files / labels), "--stack", str(files / stack), "--model", "none"]
        assert cli.main([*command, "-o", str(files / "made.emcad")]) == 1
        told = capsys.readouterr().err
        assert sentence in told and told.count("\n") == 1 and not (files / "made.emcad").exists()

    def test_another_voxel_size_of_labels_all_over_the_stack_is_told(self, files, capsys):
        write_labels(files / "all.tif", quarters(), VoxelSize(30, 4, 4), {})
        command = ["session", str(files / "all.tif"), "--stack", str(files / "raw.tif"), "--model", "none"]
        assert cli.main([*command, "-o", str(files / "made.emcad")]) == 0
        told = capsys.readouterr().err
        assert "all.tif: its voxels of 30 x 4 x 4 nm count, raw.tif says 40 x 5 x 6 nm; give --voxel-size" in told
        assert cli.main([*command, "-o", str(files / "given.emcad"), "--voxel-size", "40", "5", "6"]) == 0
        assert "count" not in capsys.readouterr().err

    def test_a_given_voxel_size_leaves_labels_in_place(self, files):
        command = ["session", str(files / "mine.tif"), "--stack", str(files / "raw.tif"), "--model", "none"]
        assert cli.main([*command, "-o", str(files / "made.emcad"), "--voxel-size", "30", "4", "4"]) == 0
        facts = read_facts(files / "made.emcad")
        assert (Box(*facts.box), facts.voxel_size) == (BOX, VoxelSize(30, 4, 4))
