from dataclasses import replace

import numpy as np
import pytest
import tifffile
from pyramids import write_pyramid
from toy_crops import squares

from napari_emcad.cli import main as cli
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.finetuning.crops import MOSTLY_0, CropFiles, CropPlaces, read_crops, read_session_crops
from napari_emcad.inference.normalisation import Normalisation
from napari_emcad.io.sessions.facts import read_facts, write_facts
from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.io.stacks.locations import parse_location
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.checkpoint import inspect
from napari_emcad.pipeline import SegmentParameters, resolve_parameters

SHAPE = (4, 72, 84)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A stack of squares with labels, and a session of these."""
    folder, crop = tmp_path_factory.mktemp("files"), squares(SHAPE)
    tifffile.imwrite(folder / "raw.tif", crop.raw, photometric="minisblack")
    tifffile.imwrite(folder / "deep.tif", crop.raw.astype(np.uint16) * 100, photometric="minisblack")
    tifffile.imwrite(folder / "labels.tif", crop.labels.astype(np.uint16), photometric="minisblack")
    command = ["session", str(folder / "labels.tif"), "--stack", str(folder / "raw.tif"), "--model", "none"]
    assert cli.main([*command, "-o", str(folder / "squares.emcad")]) == 0
    return folder


@pytest.fixture
def session(files, tmp_path):
    assert cli.main(["copy", str(files / "squares.emcad"), str(tmp_path / "mine.emcad")]) == 0
    return tmp_path / "mine.emcad"


def test_painted_labels_know_whole_profiles_and_nothing_else(files, tmp_path):
    labels = np.zeros(tifffile.imread(files / "labels.tif").shape, np.uint16)
    labels[1, 10:20, 12:30] = 5
    tifffile.imwrite(tmp_path / "painted.tif", labels)
    said = []
    dense, painted = (
        read_crops(
            CropFiles(files / "raw.tif", labels=tmp_path / "painted.tif", painted=p), CropPlaces(), say=said.append
        )
        for p in (False, True)
    )
    assert dense[0][0].known is None
    assert [line for line in said if "--painted" in line] == [MOSTLY_0]
    known = painted[0][0].known
    assert known[1, 9:21, 11:31].all() and known.sum() == 12 * 20


def test_what_is_not_known_is_not_said_to_be_learnt_as_boundary(files, tmp_path):
    """Neither where a mask says so, nor in boxes of which nothing is known."""
    mask = np.zeros(SHAPE, np.uint8)
    mask[:, 20:40, 20:60] = 1
    tifffile.imwrite(tmp_path / "mask.tif", mask, photometric="minisblack")
    said = []
    masked = CropFiles(files / "raw.tif", labels=files / "labels.tif", mask=tmp_path / "mask.tif")
    places = CropPlaces(["0:2,0:40,0:84"], unlabelled=["2:4,0:72,0:84"])
    read_crops(masked, CropPlaces(), say=said.append)
    read_crops(CropFiles(files / "raw.tif", labels=files / "labels.tif"), places, say=said.append)
    read_crops(CropFiles(files / "raw.tif"), CropPlaces(unlabelled=["0:4,0:72,0:84"]), say=said.append)
    assert MOSTLY_0 not in said


def test_boxes_of_files(files):
    places = CropPlaces(["0:2,:,:"], ["2:4,0:40,:"])
    (train,), (held_out,) = read_crops(CropFiles(files / "raw.tif", labels=files / "labels.tif"), places)
    whole = squares(SHAPE)
    np.testing.assert_array_equal(train.raw, whole.raw[:2])
    np.testing.assert_array_equal(held_out.labels, whole.labels[2:, :40])
    assert (train.name, held_out.name) == ("raw[0:2,0:72,0:84]", "raw[2:4,0:40,0:84]")
    assert train.known is None


def test_boxes_of_files_are_parted_by_the_plan(files):
    """Between two sections that are left out, and without the sections that stand alone; what is missing is unknown."""
    places, asked = CropPlaces(["0:3,:,:"], ["1:4,0:40,:"], ["1:4,:,:"]), []
    cells = np.zeros((4, 9, 10), bool)
    cells[2, :2] = True
    plan = replace(SectionPlan.as_is(SHAPE).leaving_out(0), missing=cells, no_tissue=np.zeros_like(cells), cell=8)
    choose = lambda volume, box: asked.append((volume.shape, box)) or plan  # noqa: E731
    crops = CropFiles(files / "raw.tif", labels=files / "labels.tif")
    (train, unlabelled), (held_out,) = read_crops(crops, places, choose=choose)
    assert asked == [(SHAPE, Box.whole(SHAPE))]
    assert [crop.name for crop in (train, held_out)] == ["raw[1:3,0:72,0:84]", "raw[1:4,0:40,0:84]"]
    np.testing.assert_array_equal(train.raw, squares(SHAPE).raw[1:3])
    assert train.known[0].all() and not train.known[1, :16].any() and train.known[1, 16:].all()
    assert held_out.voxels_known == 3 * 40 * 84 - 16 * 84 and not unlabelled.voxels_known
    with pytest.raises(UserError, match="at least 2 sections in a row that are not left out"):
        read_crops(crops, CropPlaces(["0:2,:,:"]), choose=choose)


def test_unlabelled_boxes_of_files_and_sessions(files, session):
    with open_session(session) as opened:
        opened.session.lock(int(opened.session.state.table[opened.session.state.base.fragments[0, 18, 18]]))
    places = CropPlaces(unlabelled=["1:3,0:40,:"])
    of_files, _ = read_crops(CropFiles(files / "raw.tif", labels=files / "labels.tif"), places)
    of_session, _ = read_session_crops(session, None, places)
    for crop in (of_files[-1], of_session[-1]):
        np.testing.assert_array_equal(crop.raw, squares(SHAPE).raw[1:3, :40])
        assert (crop.name, crop.voxels_known, crop.truth.any()) == ("raw[1:3,0:40,0:84], unlabelled", 0, False)
    assert [bool(crop.voxels_known) for crop in of_files] == [True, False]


def test_bytes_of_few_grey_levels_are_stretched_as_for_a_run(files, tmp_path):
    narrow = (100 + squares(SHAPE).raw / 255.0 * 50).astype(np.uint8)
    tifffile.imwrite(tmp_path / "narrow.tif", narrow, photometric="minisblack")
    (crop,), _ = read_crops(CropFiles(tmp_path / "narrow.tif"), CropPlaces())
    used = resolve_parameters(SegmentParameters(device="cpu"), narrow, ModelCard())
    assert crop.raw.dtype == np.float32
    np.testing.assert_array_equal(crop.raw, Normalisation(used.black, used.white).apply(narrow))


def test_other_grey_levels_are_brought_to_0_to_1(files):
    (crop,), _ = read_crops(CropFiles(files / "deep.tif"), CropPlaces())
    assert crop.raw.dtype == np.float32
    assert (crop.raw.min(), crop.raw.max()) == (0, 1)
    assert not crop.labels.any()


def test_done_neurons_of_a_session(files, session):
    with open_session(session) as opened:
        neuron = int(opened.session.state.table[opened.session.state.base.fragments[0, 18, 18]])
        opened.session.lock(neuron)
    (crop,), held_out = read_session_crops(session, None, CropPlaces())
    assert not held_out
    np.testing.assert_array_equal(np.unique(crop.labels[crop.known]), [neuron])
    assert crop.voxels_known == np.count_nonzero(squares(SHAPE).labels == neuron)
    assert crop.raw.dtype == np.uint8


def test_a_named_box_counts_as_verified_as_a_whole(session):
    (crop,), (held_out,) = read_session_crops(session, None, CropPlaces(["0:4,0:40,:"], ["0:4,36:72,:"]))
    assert crop.known.all()
    np.testing.assert_array_equal(crop.labels > 0, squares(SHAPE).labels[:, :40] > 0)
    np.testing.assert_array_equal(held_out.raw, squares(SHAPE).raw[:, 36:])


def test_the_stack_of_a_session_is_a_level_behind_a_url(session, memory):
    """Its finest level, which opens by itself, has voxels in the box as well, but others."""
    fine = np.repeat(np.repeat(squares(SHAPE).raw, 2, 1), 2, 2)
    write_pyramid(f"{memory}/em.zarr", fine)
    write_facts(session, read_facts(session).model_copy(update={"source": f"{memory}/em.zarr", "dataset": "s1"}))
    (crop,), _ = read_session_crops(
        session, CropFiles(parse_location(f"{memory}/em.zarr"), "s1"), CropPlaces(["0:4,0:40,:"])
    )
    np.testing.assert_array_equal(crop.raw, squares(SHAPE).raw[:, :40])
    assert crop.name == "em[0:4,0:40,0:84]"


def test_what_does_not_go_together_is_told(files, session, tmp_path):
    with pytest.raises(UserError, match=r"nothing in it is done or corrected; proofread some neurons, or name a --box"):
        read_session_crops(session, None, CropPlaces())
    small = tmp_path / "small.tif"
    tifffile.imwrite(small, squares((2, 40, 40)).raw, photometric="minisblack")
    with pytest.raises(UserError, match=r"2 x 40 x 40 voxels, the region .* does not lie in it; name it with --raw\.$"):
        read_session_crops(session, CropFiles(small), CropPlaces(["0:2,0:40,0:40"]))
    with pytest.raises(UserError, match="there is no such file"):
        read_session_crops(session, CropFiles(tmp_path / "none.tif"), CropPlaces())


def test_finetune_from_a_session(files, session, tmp_path, capsys):
    with open_session(session) as opened:
        table = opened.session.state.table[opened.session.state.base.fragments[0]]
        for neuron in np.unique(table[table > 0]).tolist():
            opened.session.lock(neuron)
    quick = ["--steps", "20", "--batch", "1", "--size", "64", "--student", "new", "--learning-rate", "0.003"]
    output = tmp_path / "new.ckpt"
    assert cli.main(["finetune", "--session", str(session), *quick, "--device", "cpu", "-o", str(output)]) == 0
    assert capsys.readouterr().out.startswith("20 steps, ")
    assert inspect(output).scores["VOI on the held-out crops"] > 0
