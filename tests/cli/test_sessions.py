import subprocess
import sys

import numpy as np
import pytest
import tifffile
import zarr
from damage import spoil_edit
from drawings import lively_student, tissue
from graphs import LINE, segmentation
from pyramids import write_pyramid

from napari_emcad.cli import main as cli
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.palettes import BRIGHT, COLOUR_BLIND, PALETTES
from napari_emcad.io.labels.provenance import read_provenance
from napari_emcad.io.sessions.facts import SessionFacts, read_facts
from napari_emcad.io.sessions.new_session import create_session
from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.io.stacks.stack import open_stack
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.checkpoint import save_model


@pytest.fixture(scope="module")
def segmented(tmp_path_factory):
    """A stack segmented in a box, with labels, affinities and session."""
    folder = tmp_path_factory.mktemp("segmented")
    save_model(lively_student(), folder / "small.pt", ModelCard(title="small"))
    tifffile.imwrite(folder / "stack.tif", tissue((4, 32, 48), seed=1), photometric="minisblack")
    command = ["segment", str(folder / "stack.tif"), "-o", str(folder / "labels.tif"), "--box", "1:4,0:20,8:40"]
    command += ["--model", str(folder / "small.pt"), "--voxel-size", "40", "5", "6", "--threshold", "0.2"]
    command += ["--session", str(folder / "a.emcad"), "--affinities", str(folder / "affinities.zarr")]
    assert cli.main(command) == 0
    return folder


@pytest.fixture
def folder(tmp_path):
    """A session with edits: merge, detach, undo."""
    with create_session(tmp_path / "a.emcad", segmentation(LINE), None, SessionFacts(threshold=0.5)) as opened:
        opened.session.merge(1, 4, confirmed=True)
        opened.session.detach(2)
        opened.session.undo()
    return tmp_path / "a.emcad"


def test_segment_writes_a_session(segmented):
    with open_session(segmented / "a.emcad") as opened:
        facts, state = opened.facts, opened.session.state
        np.testing.assert_array_equal(state.table[state.base.fragments], tifffile.imread(segmented / "labels.tif"))
        assert opened.affinities.shape == (3, 3, 20, 32)
        assert opened.affinities[:].any()
    assert (facts.voxel_size, facts.box) == (VoxelSize(40, 5, 6), ((1, 0, 8), (4, 20, 40)))
    assert (facts.model, facts.threshold, facts.source) == ("small", 0.2, str(segmented / "stack.tif"))
    assert len(facts.model_sha256) == 64
    assert facts.fingerprint and facts.voxel_size_source == "given"
    assert read_provenance(segmented / "labels.tif")["voxel_size_source"] == "given"


def test_a_session_needs_no_labels(segmented, tmp_path, capsys):
    command = [
        "segment",
        str(segmented / "stack.tif"),
        "--box",
        "1:4,0:20,8:40",
        "--model",
        str(segmented / "small.pt"),
    ]
    assert cli.main([*command, "--session", str(tmp_path / "a.emcad")]) == 0
    assert capsys.readouterr().out.endswith(f"-> {tmp_path / 'a.emcad'}\n")
    assert [path.name for path in tmp_path.iterdir()] == ["a.emcad"]
    assert cli.main(command) == 1
    assert "add -o LABELS.tif, or --session OUT.emcad" in capsys.readouterr().err


def test_a_level_behind_a_url(segmented, memory, tmp_path):
    write_pyramid(f"{memory}/em.zarr", np.repeat(np.repeat(tissue((4, 32, 48), seed=1), 2, 1), 2, 2))
    command = ["segment", f"{memory}/em.zarr", "-o", str(tmp_path / "labels.tif"), "--dataset", "s1"]
    command += ["--box", "1:4,0:20,8:40", "--model", str(segmented / "small.pt"), "--threshold", "0.2"]
    assert cli.main([*command, "--session", str(tmp_path / "a.emcad")]) == 0
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "labels.tif"), tifffile.imread(segmented / "labels.tif"))
    told, facts = read_provenance(tmp_path / "labels.tif"), read_facts(tmp_path / "a.emcad")
    assert (told["source"], told["dataset"]) == (facts.source, facts.dataset) == (f"{memory}/em.zarr", "s1")
    assert (facts.voxel_size, facts.fingerprint) == ((40, 10, 8), open_stack(f"{memory}/em.zarr", "s1").fingerprint)


def test_a_secret_in_a_url_is_refused_and_not_repeated(tmp_path, capsys):
    command = ["segment", "https://me:secret@host/em.zarr", "-o", str(tmp_path / "labels.tif")]
    assert cli.main(command) == 1
    told = capsys.readouterr().err
    assert told.startswith(
        "napari-emcad: https://host/em.zarr: a URL without user, password, token or signature is needed"
    )
    assert "secret" not in told


def test_labels_of_a_session_are_those_of_segment(segmented, tmp_path):
    assert cli.main(["export", str(segmented / "a.emcad"), "-o", str(tmp_path / "again.tif")]) == 0
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "again.tif"), tifffile.imread(segmented / "labels.tif"))


@pytest.mark.parametrize("name", ["again.zarr", "again.ome.zarr", "again.precomputed", "again/"])
def test_labels_by_the_end_of_the_name(segmented, tmp_path, name):
    assert cli.main(["export", str(segmented / "a.emcad"), "-o", f"{tmp_path}/{name}"]) == 0
    with open_stack(tmp_path / name) as found:
        np.testing.assert_array_equal(found.array[:], tifffile.imread(segmented / "labels.tif"))
        assert found.voxel_size == (40, 5, 6)


def test_a_name_that_is_no_format_of_labels(folder, capsys):
    assert cli.main(["export", str(folder), "-o", str(folder.parent / "labels.csv")]) == 1
    assert "labels.csv: a name that ends in" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("a.emcad", "this name is taken"), ("b", "ends in .emcad"), ("none/a.emcad", "does not exist")],
)
def test_a_wrong_name_is_told_before_the_work(folder, capsys, name, sentence):
    command = ["segment", str(folder / "no such stack.tif"), "-o", str(folder.parent / "labels.tif")]
    assert cli.main([*command, "--session", str(folder.parent / name)]) == 1
    assert sentence in capsys.readouterr().err


def test_export_at(folder, tmp_path, capsys):
    counts = []
    for at in ("0", "1", "2", "3"):
        assert cli.main(["export", str(folder), "-o", str(tmp_path / "labels.tif"), "--at", at, "--overwrite"]) == 0
        counts.append(len(np.unique(tifffile.imread(tmp_path / "labels.tif"))))
    assert counts == [2, 1, 3, 1]
    assert f"labels -> {tmp_path / 'labels.tif'}" in capsys.readouterr().out
    assert cli.main(["export", str(folder), "-o", str(tmp_path / "new.tif"), "--at", "4"]) == 1
    assert "an edit from 0 to 3 is needed, got 4" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("what", "name"),
    [("labels", "a.tif"), ("labels", "a.ome.zarr"), ("labels", "a"), ("table", "a.csv"), ("meshes", "a")],
)
def test_nothing_is_overwritten_unasked(segmented, tmp_path, capsys, what, name):
    command = ["export", str(segmented / "a.emcad"), "-o", str(tmp_path / name), "--what", what]
    assert cli.main(command) == 0
    before = sorted((f, f.read_bytes()) for f in tmp_path.rglob("*") if f.is_file())
    assert cli.main([*command, "--at", "0"]) == 1
    assert f"{name} exists; add --overwrite to replace it, or choose another name" in capsys.readouterr().err
    assert sorted((f, f.read_bytes()) for f in tmp_path.rglob("*") if f.is_file()) == before
    assert cli.main([*command, "--overwrite"]) == 0


@pytest.mark.parametrize(("given", "palette"), [([], BRIGHT), (["--colours", "colour-blind"], COLOUR_BLIND)])
def test_colours_of_neurons(folder, tmp_path, given, palette):
    command = ["export", str(folder), "-o", str(tmp_path / "a.csv"), "--what", "neurons", "--voxel-size", "9", "9", "9"]
    assert cli.main([*command, *given]) == 0
    lines = (tmp_path / "a.csv").read_text().splitlines()[1:]
    assert lines and {line.split(",")[-1] for line in lines} <= set(PALETTES[palette])


def test_what_is_not_ours_is_not_overwritten_even_when_asked(folder, tmp_path, capsys):
    (tmp_path / "mine.ome.zarr").mkdir()
    (tmp_path / "mine.ome.zarr" / "thesis.txt").write_text("years of work")
    assert cli.main(["export", str(folder), "-o", str(tmp_path / "mine.ome.zarr"), "--overwrite"]) == 1
    assert "this name is taken" in capsys.readouterr().err
    assert (tmp_path / "mine.ome.zarr" / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_the_version_of_ome_zarr(folder, tmp_path, version):
    where = tmp_path / "a.ome.zarr"
    assert cli.main(["export", str(folder), "-o", str(where), "--ome-version", version]) == 0
    attributes = dict(zarr.open_group(where, mode="r").attrs)
    found = attributes["ome"] if version == "0.5" else attributes["multiscales"][0]
    assert found["version"] == version


def test_a_format_is_chosen_whatever_the_name_is(folder, tmp_path):
    assert cli.main(["export", str(folder), "-o", str(tmp_path / "a.out"), "--format", "zarr"]) == 0
    with open_stack(tmp_path / "a.out") as found:
        assert found.array.ndim == 3


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--ome-version", "0.4"], "--ome-version: a name that ends in .ome.zarr is needed"),
        (["--no-meshes"], "--no-meshes: a name that ends in .precomputed is needed"),
        (["--format", "glb"], "glb"),
    ],
)
def test_options_of_another_format(folder, tmp_path, capsys, more, sentence):
    assert cli.main(["export", str(folder), "-o", str(tmp_path / "a.tif"), *more]) == 1
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "a.tif").exists()


def test_export_of_a_table(folder, tmp_path):
    assert cli.main(["export", str(folder), "-o", str(tmp_path / "table.csv"), "--what", "table"]) == 0
    assert (tmp_path / "table.csv").read_text().split() == ["fragment,segment", "1,1", "2,1", "3,1", "4,1"]


def test_export_while_it_is_open(folder, tmp_path):
    with open_session(folder):
        assert cli.main(["export", str(folder), "-o", str(tmp_path / "labels.tif")]) == 0
    assert (tmp_path / "labels.tif").is_file()


def test_log(folder, capsys):
    assert cli.main(["log", str(folder)]) == 0
    merge, detach, undo = capsys.readouterr().out.splitlines()
    assert merge.startswith("1  20")
    assert merge.endswith("merge  anchor 1, other 4")
    assert detach.endswith("detach  fragment 2  (undone)")
    assert undo.endswith("undo  seq 2")


def test_a_damaged_log_is_told(folder, tmp_path, capsys):
    spoil_edit(folder)
    assert cli.main(["log", str(folder)]) == 0
    told = capsys.readouterr()
    assert len(told.out.splitlines()) == 1
    assert "damaged after edit 1" in told.err
    assert cli.main(["export", str(folder), "-o", str(tmp_path / "labels.tif")]) == 0
    assert "damaged after edit 1" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["log", "proofread", "export"])
def test_a_folder_that_is_no_session(tmp_path, capsys, command):
    more = ["-o", str(tmp_path / "labels.tif")] if command == "export" else []
    assert cli.main([command, str(tmp_path), *more]) == 1
    assert "a session folder" in capsys.readouterr().err


def test_proofread_opens_a_program_of_its_own(folder, monkeypatch):
    seen = []
    monkeypatch.setattr(
        subprocess, "run", lambda command, **_: seen.append(command) or subprocess.CompletedProcess(command, 3)
    )
    assert cli.main(["proofread", str(folder)]) == 3
    assert seen == [[sys.executable, "-m", "napari_emcad.widgets.proofread_window", str(folder)]]
    monkeypatch.setattr("napari_emcad.io.sessions.lock._alone", set())
    assert cli.main(["proofread", str(folder), "--alone"]) == 3
    assert seen[-1][-2:] == [str(folder), "--alone"]


SIZE = ("--voxel-size", "40", "5", "6")


def test_the_voxel_size_of_a_session_is_set_afterwards(folder, tmp_path, capsys):
    assert cli.main(["set", str(folder), *SIZE]) == 0
    assert capsys.readouterr().out == f"40 x 5 x 6 nm -> {folder}\n"
    facts = read_facts(folder)
    assert (facts.voxel_size, facts.voxel_size_source) == (VoxelSize(40, 5, 6), "given")
    with open_stack(folder / "fragments.zarr") as fragments:
        assert fragments.voxel_size == VoxelSize(40, 5, 6)
    assert cli.main(["set", str(folder), "--voxel-size", "40", "5", "7"]) == 0
    assert capsys.readouterr().out == f"40 x 5 x 7 nm, before 40 x 5 x 6 nm -> {folder}\n"
    with open_session(folder) as opened:
        assert [row.kind for row in opened.session.log.rows] == ["merge", "detach", "undo"]
        assert cli.main(["set", str(folder), *SIZE]) == 1
    assert "open for reading only" in capsys.readouterr().err
    assert cli.main(["set", str(tmp_path), *SIZE]) == 1
    assert "a session folder" in capsys.readouterr().err


def test_affinities_and_levels_state_the_voxel_size_too(segmented, tmp_path):
    assert (
        cli.main(["copy", str(segmented / "a.emcad"), str(tmp_path / "b.emcad"), "--voxel-size", "30", "3", "4"]) == 0
    )
    assert read_facts(segmented / "a.emcad").voxel_size == VoxelSize(40, 5, 6)
    assert read_facts(tmp_path / "b.emcad").voxel_size == VoxelSize(30, 3, 4)
    assert zarr.open_array(tmp_path / "b.emcad" / "affinities.zarr").attrs["voxel_size_nm"] == [30, 3, 4]


def test_an_export_takes_a_voxel_size_and_asks_for_one(folder, tmp_path, capsys):
    assert cli.main(["export", str(folder), "-o", str(tmp_path / "a.tif")]) == 0
    assert "voxel size unknown: lengths are in voxels; give it with --voxel-size" in capsys.readouterr().err
    assert cli.main(["export", str(folder), "-o", str(tmp_path / "b.tif"), *SIZE]) == 0
    assert not capsys.readouterr().err and read_facts(folder).voxel_size is None
    sizes = [open_stack(tmp_path / name).voxel_size for name in ("a.tif", "b.tif")]
    assert sizes == [None, VoxelSize(40, 5, 6)]


def test_proofread_keeps_a_voxel_size_first(folder, monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 0))
    assert cli.main(["proofread", str(folder), *SIZE]) == 0
    assert read_facts(folder).voxel_size == VoxelSize(40, 5, 6)
