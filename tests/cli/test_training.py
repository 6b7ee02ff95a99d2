import argparse
import json

import numpy as np
import pytest
import tifffile
import torch
from toy_crops import squares

from napari_emcad.cli import main as cli
from napari_emcad.cli.training_options import defect_chances
from napari_emcad.networks.cad_student import CadStudent, CadStudentConfig
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.checkpoint import inspect, load_student, load_teacher, save_model
from napari_emcad.networks.residual_unet import ResidualUNet, ResidualUNetConfig
from napari_emcad.training.params import NO_DEFECTS, DefectChances

QUICK = ("--batch", "2", "--sections", "2", "--size", "32", "--learning-rate", "0.01", "--ema", "0.8", "--warm-up", "3")
STEPS = ("--steps", "24")


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A stack with labels, a mask, a student and a teacher."""
    folder = tmp_path_factory.mktemp("files")
    crop = squares((10, 72, 84))
    for name, values in (
        ("raw", crop.raw),
        ("labels", crop.labels.astype(np.uint16)),
        ("mask", np.ones_like(crop.raw)),
        ("small", crop.labels[:, :40].astype(np.uint16)),
    ):
        tifffile.imwrite(folder / f"{name}.tif", values, photometric="minisblack")
    torch.manual_seed(0)
    student, teacher = CadStudent(CadStudentConfig(4, 4)), ResidualUNet(ResidualUNetConfig(maps=(4, 6), outputs=4))
    save_model(student, folder / "student.pt", ModelCard(title="small"))
    save_model(teacher, folder / "teacher.pt", ModelCard(title="deep"))
    return folder


def run(command, files, output, *more):
    return cli.main([command, "--raw", str(files / "raw.tif"), "-o", str(output), "--device", "cpu", *QUICK, *more])


def finetune(files, output, *more):
    student = ("--labels", str(files / "labels.tif"), "--student", str(files / "student.pt"))
    return run("finetune", files, output, *student, *(more or STEPS))


def test_a_blank_section_is_neither_learnt_from_nor_scored(files, tmp_path, capsys):
    grey = tifffile.imread(files / "raw.tif")
    grey[4] = 0
    tifffile.imwrite(tmp_path / "blank.tif", grey, photometric="minisblack")
    boxes = ("--box", "0:7,:,:", "--hold-out", "7:10,:,:", "--steps", "1", "--json")
    more = ("--raw", str(tmp_path / "blank.tif"), *boxes)
    finetune(files, tmp_path / "a.pt", *more)
    said = capsys.readouterr()
    assert "by plan: section 4 is left out and bridged." in said.err
    started = next(event for event in map(json.loads, said.out.splitlines()) if event["event"] == "started")
    assert (started["train_voxels"], started["held_out_voxels"]) == (6 * 72 * 84, 3 * 72 * 84)
    finetune(files, tmp_path / "b.pt", *more, "--plan", "as-is")
    started = next(e for e in map(json.loads, capsys.readouterr().out.splitlines()) if e["event"] == "started")
    assert started["train_voxels"] == 7 * 72 * 84


def test_a_session_has_its_own_plan(files, tmp_path, capsys):
    assert run("finetune", files, tmp_path / "a.pt", "--session", str(tmp_path / "a.emcad"), "--plan", "auto") == 1
    assert "plan: a session has its own plan for its sections" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", ["pt", "ckpt"])
def test_finetune_writes_a_better_student(files, tmp_path, capsys, suffix):
    output = tmp_path / f"new.{suffix}"
    assert finetune(files, output) == 0
    said = capsys.readouterr().out
    assert said.startswith("24 steps, ")
    assert said.endswith(f"-> {output}\n")
    card = inspect(output)
    scores = card.scores
    assert scores["VOI on the held-out crops"] < scores["VOI on the held-out crops before fine-tuning"]
    assert card.parent_sha256 == inspect(files / "student.pt").sha256
    load_student(output)
    assert not (tmp_path / "new.run").exists()


def test_the_card_has_the_voxel_size_of_what_was_learnt(files, tmp_path):
    (tmp_path / "raw.tif").write_bytes((files / "raw.tif").read_bytes())
    for name, size in (("raw", None), ("AC3_inputs", (30, 6, 6))):  # a name that says it
        raw, made = (tmp_path / "raw.tif").rename(tmp_path / f"{name}.tif"), tmp_path / f"{name}.pt"
        options = ("--raw", str(raw), "-o", str(made), "--device", "cpu", *QUICK, "--student", "new", "--steps", "1")
        assert cli.main(["pretrain", *options]) == 0
        assert inspect(made).voxel_size == size
        raw.rename(tmp_path / "raw.tif")


def test_json_lines(files, tmp_path, capsys):
    assert finetune(files, tmp_path / "new.pt", *STEPS, "--json") == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [e["event"] for e in events if e["event"] != "step"][:2] == ["stage", "started"]
    assert events[-1]["event"] == "finished"


def test_boxes_mask_and_card(files, tmp_path):
    more = ("--box", "0:6,:,:", "--hold-out", "6:10,:,:", "--mask", str(files / "mask.tif"))
    about = ("--about", '{"title": "mine", "voxel_size": [30, 6, 6]}')
    assert finetune(files, tmp_path / "new.pt", *STEPS, *more, *about) == 0
    card = inspect(tmp_path / "new.pt")
    assert card.data == "raw[0:6,0:72,0:84]"
    assert (card.title, card.voxel_size) == ("mine", (30, 6, 6))


def test_malis(files, tmp_path):
    assert finetune(files, tmp_path / "new.pt", *STEPS, "--loss", "malis") == 0
    assert '"loss":"malis"' in inspect(tmp_path / "new.pt").description


def test_with_a_teacher(files, tmp_path):
    more = ("--teacher", str(files / "teacher.pt"), "--steps", "40")
    assert finetune(files, tmp_path / "new.pt", *more) == 0
    assert "teacher as it is" in inspect(tmp_path / "new.pt").description


def test_a_teacher_that_learns_is_written_beside_the_student(files, tmp_path, capsys):
    more = ("--teacher", str(files / "teacher.pt"), "--mode", "joint", "--steps", "40")
    assert finetune(files, tmp_path / "new.pt", *more) == 0
    assert capsys.readouterr().out.endswith(f"-> {tmp_path / 'new.pt'}, {tmp_path / 'new_teacher.pt'}\n")
    load_teacher(tmp_path / "new_teacher.pt")
    (tmp_path / "new.pt").unlink()
    assert finetune(files, tmp_path / "new.pt", *more) == 1
    assert "new_teacher.pt exists, and no model is overwritten" in capsys.readouterr().err


def test_a_teacher_teaches_in_unlabelled_boxes_too(files, tmp_path, capsys):
    more = ("--box", "0:5,:,:", "--hold-out", "8:10,:,:", "--unlabelled", "5:8,:,:")
    assert finetune(files, tmp_path / "new.pt", *more, "--teacher", str(files / "teacher.pt"), "--steps", "40") == 0
    assert inspect(tmp_path / "new.pt").data == "raw[0:5,0:72,0:84], raw[5:8,0:72,0:84], unlabelled"
    assert finetune(files, tmp_path / "other.pt", *more, *STEPS) == 1
    assert "raw[5:8,0:72,0:84], unlabelled: nothing in it is labelled" in capsys.readouterr().err


def test_train_teacher(files, tmp_path):
    labels = ("--labels", str(files / "labels.tif"), "--maps", "4,6")
    assert run("train-teacher", files, tmp_path / "teacher.pt", *labels, "--steps", "60") == 0
    assert load_teacher(tmp_path / "teacher.pt")[0].config.maps == (4, 6)


def test_distill(files, tmp_path, capsys):
    networks = ("--student", str(files / "student.pt"), "--teacher", str(files / "teacher.pt"))
    assert run("distill", files, tmp_path / "new.pt", *networks, "--steps", "2") == 0
    assert capsys.readouterr().out.startswith("2 steps, ")
    load_student(tmp_path / "new.pt")


@pytest.mark.parametrize(("network", "load"), [("student", load_student), ("teacher", load_teacher)])
@pytest.mark.parametrize("begins", ["new", "with one"])
def test_pretrain(files, tmp_path, network, load, begins):
    maps = ("--maps", "4,6") if (network, begins) == ("teacher", "new") else ()
    name = "new" if begins == "new" else str(files / f"{network}.pt")
    made = tmp_path / "new.pt"
    assert run("pretrain", files, made, f"--{network}", name, *maps, "--steps", "2", "--size", "32") == 0
    _, card = load(made)
    assert "restore perturbed sections" in card.description


def test_pretraining_needs_one_network(files, tmp_path):
    both = ("--student", "new", "--teacher", "new")
    for networks in ((), both):
        with pytest.raises(SystemExit):
            run("pretrain", files, tmp_path / "new.pt", *networks)


def test_a_run_cut_off_is_gone_on_with(files, tmp_path, monkeypatch, capsys):
    from napari_emcad.cli import training as cli_training

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli_training, "_copy_model", killed)
    assert finetune(files, tmp_path / "new.pt") == 1
    monkeypatch.undo()
    assert (tmp_path / "new.run").exists()
    assert finetune(files, tmp_path / "new.pt", "--steps", "26") == 0
    assert inspect(tmp_path / "new.pt").iteration <= 26
    assert capsys.readouterr().out.startswith("26 steps, ")


def test_another_run_in_the_way_is_told(files, tmp_path, monkeypatch, capsys):
    from napari_emcad.cli import training as cli_training

    monkeypatch.setattr(cli_training, "fine_tune", lambda *_: iter([]))
    assert finetune(files, tmp_path / "new.pt") == 1
    assert "the run has ended without saying how" in capsys.readouterr().err
    assert finetune(files, tmp_path / "new.pt", *STEPS, "--seed", "3") == 1
    assert "another run is kept there; remove the folder, or choose another output." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--labels", "small.tif"), "labels: the shape of the stack (10, 72, 84) is needed, "),
        (("--mask", "small.tif"), "mask: the shape of the stack (10, 72, 84) is needed, "),
        (("--labels", "none.tif"), "there is no such file or folder"),
        (("--box", "0:1,:,:"), "at least 2 sections of 32 x 32 pixels are needed, got 1 x 72 x 84; choose a larger"),
        (("--box", "0:4,0:40"), 'box: "z0:z1,y0:y1,x0:x1" is needed'),
        (("--student", "teacher.pt"), "student checkpoint: a CAD student is needed"),
        (("--teacher", "student.pt"), "teacher checkpoint: a "),
        (("--mode", "joint"), "teacher"),
        (("--mode", "frozen-teacher"), "teacher: this mode needs one"),
        (("--steps", "0"), "steps: Input should be greater than or equal to 1."),
        (("--student", "nothing"), "model: the name of a model"),
    ],
)
def test_what_a_person_gets_wrong_is_one_sentence(files, tmp_path, capsys, more, sentence):
    named = [str(files / part) if part.endswith((".tif", ".pt")) else part for part in more]
    if more == ("--mode", "joint"):
        named += ["--student", str(files / "teacher.pt")]
    assert finetune(files, tmp_path / "new.pt", *STEPS, *named) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("napari-emcad: ")
    assert sentence in said
    assert not (tmp_path / "new.pt").exists()


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("folder/new.pt", "does not exist; make it or choose another one."),
        ("new.h5", "output: a name that ends in .ckpt or .pt is needed"),
        ("there.pt", "exists, and no model is overwritten; choose another name."),
    ],
)
def test_outputs_that_cannot_be_are_told_before_the_work(files, tmp_path, capsys, output, sentence):
    (tmp_path / "there.pt").write_bytes(b"")
    assert finetune(files, tmp_path / output) == 1
    assert sentence in capsys.readouterr().err


def test_no_raw_is_told(files, tmp_path, capsys):
    command = ["finetune", "--labels", str(files / "labels.tif"), "-o", str(tmp_path / "new.pt"), *STEPS]
    assert cli.main(command) == 1
    assert "raw: a stack is needed; name it with --raw." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "chances"),
    [
        ("0.02", DefectChances(missing=0.02, pale=0.02, blurred=0.02, slipped=0.02, wrong=0.02)),
        ("missing=0.1,wrong=0.2", DefectChances(missing=0.1, wrong=0.2)),
        ("0", NO_DEFECTS),
    ],
)
def test_chances_of_defects_are_read(text, chances):
    assert defect_chances(text) == chances


@pytest.mark.parametrize("text", ["torn=0.1", "0.3", "pale=2", "pale=much", "", "pale", "nan"])
def test_chances_that_make_no_sense_are_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match=r"are needed, got"):
        defect_chances(text)


def test_finetune_sees_defects(files, tmp_path):
    assert finetune(files, tmp_path / "new.pt", *STEPS, "--defects", "missing=0.2,slipped=0.2") == 0
    assert '"missing":0.2' in inspect(tmp_path / "new.pt").description
