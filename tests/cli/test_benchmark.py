import json
import re
import shutil

import h5py
import pytest
import tifffile
from drawings import lively_student, uneven

from napari_emcad.cli import main as cli
from napari_emcad.core.choices import DEFAULT_THRESHOLDS
from napari_emcad.core.synthetic import synthetic_stack
from napari_emcad.io.labels.tiff import write_labels
from napari_emcad.io.stacks.paper_datasets import NEURON_IDS
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.checkpoint import save_model

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def cremi(tmp_path_factory):
    """A synthetic stack as a padded CREMI file: sections 1 to 3 of 4 are labelled, without a margin of 16 pixels."""
    stack = synthetic_stack(shape=(4, 128, 144), seed=1)
    path = tmp_path_factory.mktemp("cremi") / "sample_S_padded.hdf"
    with h5py.File(path, "w") as file:
        file["volumes/raw"], file[NEURON_IDS] = stack.raw, stack.labels[1:, 16:-16, 16:-16]
        for name in ("volumes/raw", NEURON_IDS):
            file[name].attrs["resolution"] = (30.0, 6.0, 6.0)
        file[NEURON_IDS].attrs["offset"] = (30.0, 96.0, 96.0)
    return path


def run(path, *more):
    return cli.main(["benchmark", "--dataset", str(path), "--device", "cpu", *map(str, more)])


def test_the_row_is_what_segment_and_evaluate_give(cremi, tmp_path, capsys):
    assert run(cremi.parent, "--threshold", "0.3", "--json") == 0
    row, cut = map(json.loads, capsys.readouterr().out.splitlines())
    labels = tmp_path / "labels.tif"
    given = ["segment", cremi, "-o", labels, "--box", "1:4,16:112,16:128", "--threshold", "0.3", "--device", "cpu"]
    assert cli.main([*map(str, given)]) == 0
    capsys.readouterr()
    assert cli.main(["evaluate", str(labels), str(cremi), "--json"]) == 0  # the neurons, not the grey values
    evaluated = json.loads(capsys.readouterr().out)
    assert {name: row[name] for name in evaluated} == evaluated
    assert (row["dataset"], row["agglomeration"], row["threshold"]) == ("CREMI sample_S_padded", "waterz", 0.3)
    assert row["arand"] < 0.5
    assert (cut["agglomeration"], cut["threshold"]) == ("multicut", DEFAULT_THRESHOLDS["multicut"])
    assert cut["arand"] < 0.5


def test_a_blank_section_is_left_out_and_not_scored(cremi, tmp_path, capsys):
    path = tmp_path / "sample_T_padded.hdf"
    shutil.copy(cremi, path)
    with h5py.File(path, "r+") as file:
        file["volumes/raw"][2] = 0
    assert run(path, "--threshold", "0.3", "--json") == 0
    said = capsys.readouterr()
    row = json.loads(said.out.splitlines()[0])
    assert row["sections"] == "section 2 is left out and bridged." and row["sections"] in said.err
    assert run(path, "--threshold", "0.3", "--json", "--sections", "as-is") == 0
    as_it_is = json.loads(capsys.readouterr().out.splitlines()[0])
    assert as_it_is["sections"] == "" and row["voi"] < as_it_is["voi"] - 0.2


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A pair of files and a model, both of noise."""
    folder = tmp_path_factory.mktemp("small")
    tifffile.imwrite(folder / "AC4_inputs.tif", uneven((3, 20, 32)), photometric="minisblack")
    write_labels(folder / "AC4_labels.tif", uneven((3, 20, 32), seed=1) // 64, None, {})
    save_model(lively_student(), folder / "small.pt", ModelCard(title="small"))
    return folder


def test_the_table(small, capsys):
    assert run(small, "--model", small / "small.pt", "--box", "0:2,:,:", "--layout", "ac3-ac4", "--bias", "0.5") == 0
    said, header, line, row, cut = capsys.readouterr().out.splitlines()
    assert said.startswith("2 x 20 x 32 voxels of 30 x 6 x 6 nm, at most ")
    assert ", student, " in said
    assert re.split(r" *\| *", header)[1:-1] == [
        *("dataset", "model", "agglomeration", "threshold", "VOI split", "VOI merge", "VOI", "ARAND", "seconds")
    ]
    assert set(line) == {"|", "-", " "}
    assert len(header) == len(line) == len(row) == len(cut)
    assert re.split(r" *\| *", cut)[3:5] == ["multicut", "0.50"]
    title, model, *way, split, merge, voi, _, _ = re.split(r" *\| *", row)[1:-1]
    assert (title, model, way) == ("AC3-AC4 AC4_inputs[0:2,0:20,0:32]", "small", ["waterz", "0.20"])
    split, merge, voi = map(float, (split, merge, voi))
    assert voi == pytest.approx(split + merge, abs=2e-4)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--layout", "ISBI"), "layout: one of CREMI, AC3-AC4,"),
        (("--box", "0:2"), 'box: "z0:z1,y0:y1,x0:x1" is needed'),
        (("--threshold", "1.5"), "threshold: Input should be less than or equal to 1"),
        (("--bias", "-1"), "bias: a number from 0 to 1 is needed, got -1; the papers' is 0.5."),
        (("--model", "nothing"), "model: the name of a model"),
        (("--dataset", "nothing"), "nothing: there is no such file or folder"),
    ],
)
def test_what_a_person_gets_wrong_is_one_sentence(small, capsys, more, sentence):
    assert run(small, "--model", small / "small.pt", *more) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"napari-emcad: {sentence}")
    assert error.count("\n") == 1


def test_a_dataset_is_needed(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["benchmark"])
    assert ended.value.code == 2
