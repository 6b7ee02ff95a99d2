"""Label files become sessions, through the command line and back to labels."""

import json
import shutil

import h5py
import numpy as np
import pytest
import tifffile
import torch
from drawings import lively_student, tissue, uneven

from napari_emcad.cli import main as cli
from napari_emcad.core.geometry import Box, VoxelSize
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.progress import drive
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.io.affinities import new_affinities
from napari_emcad.io.labels.formats import write_label_volume
from napari_emcad.io.labels.label_volume import LabelVolume
from napari_emcad.io.labels.tiff import write_labels
from napari_emcad.io.section_plans import plan_facts, write_plan
from napari_emcad.io.sessions.facts import read_facts
from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.checkpoint import save_model
from napari_emcad.networks.residual_unet import ResidualUNet, ResidualUNetConfig
from napari_emcad.networks.zoo import keep_model

SHAPE = (3, 20, 32)


def neurons() -> np.ndarray:
    """Four neurons in rows of eight columns, of which the third ends early; a line of background between two."""
    labels = np.repeat(np.array([7, 2, 5, 9], np.uint16), 8)[None, None].repeat(3, 0).repeat(20, 1)
    labels[:, 10] = 0
    labels[2, :, 16:24] = 0
    return labels


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Labels, their stack, and a student."""
    folder = tmp_path_factory.mktemp("labelled")
    save_model(lively_student(), folder / "small.pt", ModelCard(title="small", threshold=0.4))
    write_labels(folder / "labels.tif", neurons(), VoxelSize(40, 5, 6), {})
    tifffile.imwrite(folder / "raw.tif", uneven(SHAPE, seed=1), photometric="minisblack")
    with new_affinities(folder / "a.zarr", SHAPE, None, {}) as affinities:
        affinities[:] = np.broadcast_to(np.uint8([40, 41, 42])[:, None, None, None], (3, *SHAPE))
    return folder


def made(files, tmp_path, *options: str) -> int:
    return cli.main(["session", str(files / "labels.tif"), "-o", str(tmp_path / "made.emcad"), *options])


def refused(files, tmp_path, capsys, *options: str) -> str:
    assert made(files, tmp_path, *options) == 1
    assert not (tmp_path / "made.emcad").exists()
    return capsys.readouterr().err


def test_there_and_back(files, tmp_path, capsys):
    before = (files / "labels.tif").read_bytes()
    assert made(files, tmp_path) == 0
    said = capsys.readouterr().out
    read, said = said.split("\n", 1)
    assert read == "labels.tif: 3 x 20 x 32 voxels, uint16, 40 x 5 x 6 nm (TIFF of napari-emcad)"
    assert said == f"4 neurons, 22 fragments, 28 edges; all ids are kept -> {tmp_path / 'made.emcad'}\n"
    assert cli.main(["export", str(tmp_path / "made.emcad"), "-o", str(tmp_path / "back.tif")]) == 0
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "back.tif"), neurons())
    assert (files / "labels.tif").read_bytes() == before
    with open_session(tmp_path / "made.emcad") as opened:
        facts = opened.facts
        assert opened.affinities is None
        assert (opened.session.state.graph.mean == np.float32(128 / 255)).all()
    assert (facts.voxel_size, facts.model, facts.min_size) == (VoxelSize(40, 5, 6), "labels labels.tif", 0)
    assert facts.source == str(files / "labels.tif")
    SegmentParameters(**facts.parameters)


def test_edits_of_labels(files, tmp_path):
    assert made(files, tmp_path) == 0
    with open_session(tmp_path / "made.emcad") as opened:
        session, fragments = opened.session, opened.session.state.base.fragments
        anchor, other = int(fragments[0, 0, 0]), int(fragments[0, 0, 8])
        session.merge(anchor, other)
        session.set_threshold(0.9)  # changes nothing that is a label
        assert np.unique(session.state.table[1:]).tolist() == [5, 7, 9]
        session.undo()
        session.undo()
        np.testing.assert_array_equal(session.state.table[fragments], neurons())


def test_affinities_of_the_student(files, tmp_path):
    assert made(files, tmp_path, "--stack", str(files / "raw.tif"), "--model", str(files / "small.pt")) == 0
    with open_session(tmp_path / "made.emcad") as opened:
        assert opened.affinities[:].any()
        assert len(np.unique(opened.session.state.graph.mean)) > 10
        facts = opened.facts
    assert (facts.source, facts.model) == (str(files / "raw.tif"), "labels labels.tif, affinities of small")
    assert (facts.threshold, len(facts.model_sha256), facts.voxel_size) == (0.4, 64, VoxelSize(40, 5, 6))
    assert cli.main(["export", str(tmp_path / "made.emcad"), "-o", str(tmp_path / "back.tif")]) == 0
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "back.tif"), neurons())


@pytest.fixture(scope="module")
def defective(tmp_path_factory):
    """Labels of eight sections of tissue, of which section 4 is blank, their stack, and a student."""
    folder = tmp_path_factory.mktemp("defective")
    made, labels = tissue((8, 72, 80), seed=2), np.zeros((8, 72, 80), np.uint16)
    made[4] = 9
    labels[:, :36], labels[:, 36:] = 1, 2
    save_model(lively_student(), folder / "small.pt", ModelCard(title="small", threshold=0.4))
    write_labels(folder / "labels.tif", labels, VoxelSize(40, 5, 6), {})
    tifffile.imwrite(folder / "raw.tif", made, photometric="minisblack")
    return folder


def session_of(folder, tmp_path, *options: str):
    assert made(folder, tmp_path, *options) == 0
    return open_session(tmp_path / "made.emcad")


def test_affinities_follow_the_plan_and_labels_stay(defective, tmp_path, capsys):
    options = ["--stack", str(defective / "raw.tif"), "--model", str(defective / "small.pt")]
    with session_of(defective, tmp_path, *options) as opened:
        assert np.flatnonzero(opened.facts.plan.left_out).tolist() == [4]
        assert not opened.affinities[:, 4].any() and opened.affinities[0, 5].any()
        graph, fragments = opened.session.state.graph, opened.session.state.base.fragments
        pairs = set(zip(graph.u.tolist(), graph.v.tolist(), strict=True))
        assert tuple(sorted(fragments[[3, 5], 0, 0].tolist())) in pairs
    assert "by plan: section 4 is left out and bridged.\n" in capsys.readouterr().out
    assert cli.main(["export", str(tmp_path / "made.emcad"), "-o", str(tmp_path / "back.tif")]) == 0
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "back.tif"), tifffile.imread(defective / "labels.tif"))


def test_labels_of_a_box_get_affinities_there(defective, tmp_path):
    box, labels = Box((2, 8, 16), (7, 64, 72)), np.zeros((5, 56, 56), np.uint16)
    labels[:, :28], labels[:, 28:] = 1, 2
    drive(write_label_volume(tmp_path / "labels.tif", LabelVolume(labels, VoxelSize(40, 5, 6), {}, box.start)))
    options = ["--stack", str(defective / "raw.tif"), "--model", str(defective / "small.pt")]
    with session_of(tmp_path, tmp_path, *options) as opened:
        facts, affinities = opened.facts, opened.affinities[:]
        planned = opened.session.state.planned
        np.testing.assert_array_equal(opened.session.state.table[opened.session.state.base.fragments], labels)
    assert Box(*facts.box) == planned.box == box
    assert facts.plan.shape == (8, 72, 80) and np.flatnonzero(facts.plan.left_out).tolist() == [4]
    assert not affinities[:, 2].any() and affinities[0, 3].any() and affinities.shape == (3, 5, 56, 56)


def test_sections_may_be_used_as_they_are_or_by_another_plan(defective, tmp_path):
    options = ["--stack", str(defective / "raw.tif"), "--model", str(defective / "small.pt")]
    with session_of(defective, tmp_path, *options, "--sections", "as-is") as opened:
        assert opened.facts.plan is None and opened.affinities[:, 4].any()
    write_plan(tmp_path / "plan.json", SectionPlan.as_is((8, 72, 80)).leaving_out(2))
    shutil.rmtree(tmp_path / "made.emcad")
    with session_of(defective, tmp_path, *options, "--sections", str(tmp_path / "plan.json")) as opened:
        assert np.flatnonzero(opened.facts.plan.left_out).tolist() == [2] and not opened.affinities[:, 2].any()


def test_affinities_bring_the_plan_that_they_follow(defective, tmp_path, capsys):
    plan = SectionPlan.as_is((8, 72, 80)).leaving_out(3)
    for name, of in (("a.zarr", plan), ("box.zarr", SectionPlan.as_is((9, 72, 80)).leaving_out(3))):
        with new_affinities(tmp_path / name, (8, 72, 80), None, plan_facts(of)) as affinities:
            affinities[:] = np.uint8(77)
    with session_of(defective, tmp_path, "--affinities", str(tmp_path / "a.zarr")) as opened:
        assert np.flatnonzero(opened.facts.plan.left_out).tolist() == [3]
        assert set((255 * opened.session.state.graph.mean).round().tolist()) == {77, 128}
    shutil.rmtree(tmp_path / "made.emcad")
    told = refused(defective, tmp_path, capsys, "--affinities", str(tmp_path / "box.zarr"))
    assert "is not one for the labels' stack (8, 72, 80); name one with --sections" in told
    with session_of(defective, tmp_path, "--affinities", str(tmp_path / "box.zarr"), "--sections", "as-is") as opened:
        assert opened.facts.plan is None


def test_sections_without_affinities_are_refused(defective, tmp_path, capsys):
    told = refused(defective, tmp_path, capsys, "--sections", "as-is")
    assert "sections: a stack and a model are needed, or affinities" in told


def test_affinities_of_a_teacher_by_its_name(files, tmp_path):
    torch.manual_seed(1)
    save_model(ResidualUNet(ResidualUNetConfig((3, 4), outputs=5)), tmp_path / "deep.ckpt", ModelCard(title="deep"))
    keep_model(tmp_path / "deep.ckpt", "my teacher")
    assert made(files, tmp_path, "--stack", str(files / "raw.tif"), "--model", "my teacher") == 0
    with open_session(tmp_path / "made.emcad") as opened:
        assert opened.affinities[:].any()
        assert opened.facts.model == "labels labels.tif, affinities of deep"


def test_a_stack_that_is_only_shown(files, tmp_path):
    more = ["--model", "none", "--voxel-size", "30", "4", "4"]
    assert made(files, tmp_path, "--stack", str(files / "raw.tif"), *more) == 0
    with open_session(tmp_path / "made.emcad") as opened:
        assert opened.affinities is None
        assert (opened.facts.source, opened.facts.voxel_size) == (str(files / "raw.tif"), VoxelSize(30, 4, 4))


def test_affinities_that_are_there(files, tmp_path):
    assert made(files, tmp_path, "--affinities", str(files / "a.zarr")) == 0
    with open_session(tmp_path / "made.emcad") as opened:
        assert opened.facts.model == "labels labels.tif, affinities in a.zarr"
        graph, fragments = opened.session.state.graph, opened.session.state.base.fragments
    section = np.zeros(int(fragments.max()) + 1, int)
    for z in range(len(fragments)):
        section[fragments[z]] = z
    inside = section[graph.u] == section[graph.v]
    assert inside.any() and not inside.all()
    np.testing.assert_array_equal(graph.mean, np.where(inside, np.float32(42 / 255), np.float32(40 / 255)))


def test_the_dataset_with_labels_is_found_and_named_where_there_are_several(files, tmp_path, capsys):
    with h5py.File(tmp_path / "both.h5", "w") as file:
        file["grey"] = uneven(SHAPE, seed=1)
        file["ids"] = neurons().astype(np.uint64)
    command = ["session", str(tmp_path / "both.h5"), "-o"]
    assert cli.main([*command, str(tmp_path / "found.emcad")]) == 0
    assert "both.h5, ids: 3 x 20 x 32 voxels, uint64" in capsys.readouterr().out
    assert cli.main([*command, str(tmp_path / "grey.emcad"), "--dataset", "grey"]) == 1
    assert "both.h5, grey: labels are needed, these look like grey values (uint8" in capsys.readouterr().err
    with h5py.File(tmp_path / "both.h5", "a") as file:
        file["others"] = neurons()
    assert cli.main([*command, str(tmp_path / "made.emcad")]) == 1
    assert "2 datasets with labels, ids, others; name it with --dataset." in capsys.readouterr().err
    assert cli.main([*command, str(tmp_path / "made.emcad"), "--dataset", "others"]) == 0


@pytest.mark.parametrize(("dtype", "mark"), [(np.int64, -1), (np.uint64, 2**64 - 1), (np.uint32, 2**32 - 1)])
def test_what_nobody_labelled_is_no_neuron(files, tmp_path, capsys, dtype, mark):
    labels = neurons().astype(dtype)
    labels[labels == 9] = mark
    with h5py.File(tmp_path / "marked.h5", "w") as file:
        file["ids"] = labels
    assert cli.main(["session", str(tmp_path / "marked.h5"), "-o", str(tmp_path / "made.emcad")]) == 0
    said = capsys.readouterr()
    assert said.err == f"napari-emcad: marked.h5: {mark} in the labels counts as unlabelled, as 0 does.\n"
    assert "3 neurons" in said.out


def test_ids_that_cannot_be_kept_are_counted(tmp_path, capsys):
    tifffile.imwrite(tmp_path / "labels.tif", neurons().astype(np.uint32) * 1_000_003, photometric="minisblack")
    assert cli.main(["session", str(tmp_path / "labels.tif"), "-o", str(tmp_path / "a.emcad")]) == 0
    assert "4 of 4 ids renumbered, as they are above 22" in capsys.readouterr().out


def test_what_does_not_fit_is_refused(files, tmp_path, capsys):
    tifffile.imwrite(tmp_path / "other.tif", uneven((3, 20, 30), seed=1), photometric="minisblack")
    with new_affinities(tmp_path / "other.zarr", (3, 20, 30), None, {}):
        pass
    told = refused(files, tmp_path, capsys, "--stack", str(tmp_path / "other.tif"))
    assert "stack: the shape of the labels (3, 20, 32) is needed, got (3, 20, 30), and the labels state no" in told
    told = refused(files, tmp_path, capsys, "--affinities", str(tmp_path / "other.zarr"))
    assert "affinities: the shape of the labels (3, 20, 32) is needed, got (3, 20, 30)" in told
    assert "a stack is needed to predict" in refused(files, tmp_path, capsys, "--model", "bundled")
    assert "there are none" in refused(files, tmp_path, capsys, "--affinities", str(tmp_path))
    with pytest.raises(SystemExit):
        made(files, tmp_path, "--model", "bundled", "--affinities", str(files / "a.zarr"))


def test_affinities_of_another_kind_are_refused(files, tmp_path, capsys):
    shutil.copytree(files / "a.zarr", tmp_path / "far.zarr")
    attributes = json.loads((tmp_path / "far.zarr" / ".zattrs").read_text())
    attributes["offsets"][0] = [-2, 0, 0]
    (tmp_path / "far.zarr" / ".zattrs").write_text(json.dumps(attributes))
    told = refused(files, tmp_path, capsys, "--affinities", str(tmp_path / "far.zarr"))
    assert "channels z, y, x to the previous voxel as uint8 are needed, got uint8 to the offsets ((-2, 0, 0)," in told


def test_grey_values_are_no_labels(files, tmp_path, capsys):
    assert cli.main(["session", str(files / "raw.tif"), "-o", str(tmp_path / "made.emcad")]) == 1
    assert "these look like grey values" in capsys.readouterr().err
    assert not (tmp_path / "made.emcad").exists()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("made", "ends in .emcad"), ("none/made.emcad", "does not exist"), ("taken.emcad", "this name is taken")],
)
def test_a_wrong_name_is_told_before_the_work(files, tmp_path, capsys, name, sentence):
    (tmp_path / "taken.emcad").mkdir()
    assert cli.main(["session", str(files / "no such labels.tif"), "-o", str(tmp_path / name)]) == 1
    assert sentence in capsys.readouterr().err


def test_a_file_that_is_not_there(tmp_path, capsys):
    assert cli.main(["session", str(tmp_path / "none.h5"), "-o", str(tmp_path / "made.emcad")]) == 1
    assert "there is no such file" in capsys.readouterr().err


def test_facts_name_what_they_are_of(files, tmp_path):
    assert made(files, tmp_path, "--stack", str(files / "raw.tif"), "--affinities", str(files / "a.zarr")) == 0
    facts = read_facts(tmp_path / "made.emcad")
    assert facts.fingerprint.endswith("raw.tif") and facts.source.endswith("raw.tif")
    assert facts.box_of(SHAPE).shape == SHAPE
