import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from drawings import lively_student, tissue, uneven

from napari_emcad.cli import bar as cli_bar
from napari_emcad.cli import main as cli
from napari_emcad.cli import neurons as cli_neurons
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.palettes import BRIGHT, COLOUR_BLIND, PALETTES
from napari_emcad.io.affinities import open_affinities
from napari_emcad.io.labels.provenance import read_provenance
from napari_emcad.io.labels.tiff import write_labels
from napari_emcad.io.stacks.stack import open_stack
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.checkpoint import inspect, load_student, save_model
from napari_emcad.networks.zoo import keep_model

SHAPE = (4, 32, 48)


@pytest.fixture(scope="module")
def student():
    return lively_student()


@pytest.fixture
def model(student, tmp_path):
    path = tmp_path / "small.pt"
    save_model(student, path, ModelCard(title="small"))
    return path


@pytest.fixture
def stack(tmp_path):
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, tissue(SHAPE, seed=1), photometric="minisblack")
    return path


def segment(stack, model, output, *more):
    return cli.main(["segment", str(stack), "-o", str(output), "--model", str(model), *more])


def test_segment_writes_labels_with_voxel_size_and_provenance(stack, model, tmp_path, capsys):
    output = tmp_path / "labels.tif"
    assert segment(stack, model, output, "--voxel-size", "40", "5", "6", "--threshold", "0.2") == 0
    with open_stack(output) as labels:
        assert labels.array.shape == SHAPE
        assert labels.array.dtype == np.uint16
        assert labels.voxel_size == VoxelSize(40, 5, 6)
        assert labels.array[:].any()
    told = read_provenance(output)
    assert told["model"] == "small"
    assert told["parameters"]["threshold"] == 0.2
    assert len(told["model_sha256"]) == 64
    assert "per megavoxel" in capsys.readouterr().out


def test_the_voxel_size_of_a_known_dataset_goes_into_the_labels(stack, model, tmp_path):
    stack = stack.rename(tmp_path / "AC3_inputs.tif")
    assert segment(stack, model, tmp_path / "labels.tif") == 0
    assert segment(stack, model, tmp_path / "given.tif", "--voxel-size", "29", "5", "5") == 0
    sizes = [open_stack(tmp_path / name).voxel_size for name in ("labels.tif", "given.tif")]
    assert sizes == [(30, 6, 6), (29, 5, 5)]


def test_options_reach_the_pipeline(stack, model, tmp_path):
    output = tmp_path / "labels.tif"
    assert segment(stack, model, output, "--min-size", "7", "--seed-sigma", "1", "--device", "cpu") == 0
    assert segment(stack, model, tmp_path / "cut.tif", "--agglomeration", "multicut") == 0
    assert read_provenance(tmp_path / "cut.tif")["parameters"]["agglomeration"] == "multicut"
    parameters = read_provenance(output)["parameters"]
    assert (parameters["min_size"], parameters["seed_sigma"], parameters["device"]) == (7, 1, "cpu")


def test_pixels_unlike_the_model_s_are_resampled_unless_somebody_minds(stack, student, tmp_path, capsys):
    model, output = tmp_path / "small.pt", tmp_path / "labels.tif"
    save_model(student, model, ModelCard(title="small", voxel_size=(30, 12, 9)))
    size = ("--voxel-size", "30", "6", "6")
    assert segment(stack, model, output, *size) == 0
    said = capsys.readouterr()
    assert "pixel size: 6 nm here, 12 x 9 nm where the model learnt; it sees this stack at 12 x 9 nm" in said.err
    assert "voxel size unknown" not in said.out
    assert read_provenance(output)["parameters"]["scale"] == [2, 1.5]
    assert open_stack(output).array.shape == SHAPE
    assert segment(stack, model, output, *size, "--resample", "off", "--overwrite") == 0
    assert "it sees this stack as it is" in capsys.readouterr().err
    assert read_provenance(output)["parameters"]["scale"] == [1, 1]
    assert segment(stack, model, output, "--overwrite") == 0
    said = capsys.readouterr()
    assert "pixel size" not in said.err
    assert "stack.tif: 4 x 32 x 48 voxels, uint8, voxel size unknown (--voxel-size Z Y X, in nm)\n" in said.out
    assert "4 x 32 x 48 voxels, grey levels 0 to 255, at most" in said.out


def test_box_and_affinities(stack, model, tmp_path):
    output, affinities = tmp_path / "labels.tif", tmp_path / "affinities.zarr"
    placed = ("--box", "1:3,0:20,8:40", "--voxel-size", "40", "5", "6")
    assert segment(stack, model, output, *placed, "--affinities", str(affinities)) == 0
    assert tifffile.imread(output).shape == (2, 20, 32)
    values = open_affinities(affinities).values
    assert values.attrs["offset"] == [40, 0, 48]
    assert values.shape == (3, 2, 20, 32)
    assert np.asarray(values).any()


@pytest.mark.parametrize("name", ["a.zarr", "a.ome.zarr", "a.precomputed", "a"])
def test_labels_in_every_format_lie_at_their_place(stack, model, tmp_path, name):
    size, box = ("--voxel-size", "40", "5", "6"), ("--box", "1:3,0:20,8:40")
    assert segment(stack, model, tmp_path / "a.tif", *size, *box) == 0
    assert segment(stack, model, tmp_path / name, *size, *box) == 0
    with open_stack(tmp_path / name) as found:
        np.testing.assert_array_equal(found.array[:], tifffile.imread(tmp_path / "a.tif"))
        assert (found.voxel_size, found.offset) == ((40, 5, 6), (40, 0, 48))


@pytest.mark.parametrize(("name", "palette"), [("bright", BRIGHT), ("colour-blind", COLOUR_BLIND)])
def test_labels_have_the_colours_asked_for(stack, model, tmp_path, name, palette):
    output = tmp_path / "a.precomputed"
    assert segment(stack, model, output, "--voxel-size", "40", "5", "6", "--no-meshes", "--colours", name) == 0
    colours = json.loads((output / "segment_colors.json").read_text())["segmentColors"]
    assert colours and set(colours.values()) <= set(PALETTES[palette])


def test_neuroglancer_needs_a_voxel_size_before_the_work(stack, model, tmp_path, capsys):
    assert segment(stack, model, tmp_path / "a.precomputed") == 1
    told = capsys.readouterr()
    assert "a precomputed volume needs the voxel size in nm, and it is not known; add --voxel-size" in told.err
    assert "neuron" not in told.out and not (tmp_path / "a.precomputed").exists()


def test_results_are_not_overwritten_unasked(stack, model, tmp_path, capsys):
    (tmp_path / "labels.tif").write_text("years of work")
    assert segment(stack, model, tmp_path / "labels.tif") == 1
    assert "labels.tif exists; add --overwrite to replace it" in capsys.readouterr().err
    assert (tmp_path / "labels.tif").read_text() == "years of work"


def test_segmenting_twice_gives_the_same(stack, model, tmp_path):
    first, second = tmp_path / "first.tif", tmp_path / "second.tif"
    assert segment(stack, model, first) == segment(stack, model, second) == 0
    assert np.array_equal(tifffile.imread(first), tifffile.imread(second))


def test_evaluate(tmp_path, capsys):
    truth = np.repeat(np.array([[[1, 1, 2, 2]]], np.uint16), 2, axis=0)
    labels = np.where(truth == 2, 1, truth)
    write_labels(tmp_path / "truth.tif", truth, None, {})
    write_labels(tmp_path / "labels.tif", labels, None, {})
    assert cli.main(["evaluate", str(tmp_path / "labels.tif"), str(tmp_path / "truth.tif"), "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores["voi_split"] == 0
    assert scores["voi"] == scores["voi_merge"] == pytest.approx(1)
    assert scores["segments"] == 1
    assert cli.main(["evaluate", str(tmp_path / "labels.tif"), str(tmp_path / "truth.tif")]) == 0
    assert "VOI merge 1.0000 bits" in capsys.readouterr().out


def test_evaluate_takes_labels_of_the_box(tmp_path, capsys):
    truth = np.kron(uneven((3, 4, 3), np.uint16) % 4 + 1, np.ones((1, 2, 3), np.uint16))
    write_labels(tmp_path / "truth.tif", truth, None, {})
    write_labels(tmp_path / "labels.tif", truth[1:, 2:6], None, {})
    command = ["evaluate", str(tmp_path / "labels.tif"), str(tmp_path / "truth.tif"), "--json"]
    assert cli.main([*command, "--box", "1:3,2:6,:"]) == 0
    assert json.loads(capsys.readouterr().out)["voi"] == pytest.approx(0)
    assert cli.main(command) == 1
    assert "name the box that was segmented" in capsys.readouterr().err


def test_models_shows_the_card_of_a_file(model, capsys):
    assert cli.main(["models", "--show", str(model)]) == 0
    card = json.loads(capsys.readouterr().out)
    assert (card["role"], card["maps"], card["title"]) == ("student", 4, "small")


def test_models_writes_one_of_two_networks_to_a_file_of_its_own(student, tmp_path, capsys):
    weights, other = student.state_dict(), lively_student().double().state_dict()
    both, new = tmp_path / "both.ckpt", tmp_path / "new.pt"
    torch.save({"student": weights, "mean": {f"model.{name}": tensor for name, tensor in other.items()}}, both)
    assert cli.main(["models", "--show", str(both)]) == 1
    assert f"--show {both} --part student -o NEW.pt" in capsys.readouterr().err
    assert cli.main(["models", "--show", str(both), "--part", "mean.model", "-o", str(new)]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "both"
    assert all(torch.equal(tensor, other[name].float()) for name, tensor in load_student(new)[0].state_dict().items())
    assert cli.main(["models", "--show", str(both), "--part", "mean.model", "-o", str(new)]) == 1
    assert "no model is overwritten" in capsys.readouterr().err
    assert cli.main(["models", "-o", str(new)]) == 1
    assert "name it with --show" in capsys.readouterr().err


def test_a_run_says_what_was_chosen_of_the_model(stack, student, tmp_path, capsys):
    average = {f"module.{name}": tensor for name, tensor in student.state_dict().items()}
    plain = {
        name: tensor * 0.5 if tensor.is_floating_point() else tensor for name, tensor in student.state_dict().items()
    }
    torch.save({"state_dict": plain, "state_dict_ema": {"n_averaged": torch.tensor(3), **average}}, tmp_path / "e.pth")
    save_model(student, tmp_path / "plain.pt", ModelCard())
    assert segment(stack, tmp_path / "e.pth", tmp_path / "ema.tif") == 0
    told = capsys.readouterr()
    assert "state_dict_ema.module, an average over training, is used, state_dict left out" in told.out + told.err
    assert segment(stack, tmp_path / "plain.pt", tmp_path / "plain.tif") == 0
    assert np.array_equal(tifffile.imread(tmp_path / "ema.tif"), tifffile.imread(tmp_path / "plain.tif"))


def test_models_lists_the_bundled_one(capsys):
    assert cli.main(["models"]) == 0
    assert capsys.readouterr().out.startswith("bundled: student, 0.9 M values")


def test_own_models_are_listed_and_segment_by_their_name(stack, model, tmp_path, own_models, capsys):
    keep_model(model, "my mouse")
    (own_models / "broken.pt").write_text("no weights")
    assert cli.main(["models"]) == 0
    bundled, teacher, broken, own = capsys.readouterr().out.splitlines()
    assert bundled.startswith("bundled: student, ")
    assert teacher.startswith("mouse_cortex_teacher: residual U-Net ")
    assert broken.startswith("broken: checkpoint: ") and "broken.pt" in broken
    assert own == "my mouse: " + inspect(model).summary()
    assert cli.main(["models", "--show", "my mouse"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "small"
    assert segment(stack, "my mouse", tmp_path / "labels.tif") == 0
    assert read_provenance(tmp_path / "labels.tif")["model_sha256"] == inspect(model).sha256
    assert segment(stack, "your mouse", tmp_path / "other.tif") == 1
    assert (
        "the name of a model (bundled, mouse_cortex_teacher, broken, my mouse) or a checkpoint file"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("input_", "output", "sentence"),
    [
        ("missing.tif", "labels.tif", "there is no such file"),
        ("stack.tif", "missing/labels.tif", "does not exist"),
        ("stack.tif", "labels.png", "a name that ends in .ome.zarr, .zarr, .precomputed, .tif"),
        ("text.tif", "labels.tif", "text.tif"),
        ("image.tif", "labels.tif", "image.tif"),
    ],
)
def test_what_a_person_gets_wrong_is_one_sentence(stack, model, tmp_path, capsys, input_, output, sentence):
    (tmp_path / "text.tif").write_text("not a picture")
    tifffile.imwrite(tmp_path / "image.tif", uneven((20, 30)))
    assert segment(tmp_path / input_, model, tmp_path / output) == 1
    error = capsys.readouterr().err
    assert error.startswith("napari-emcad: ")
    assert error.count("\n") == 1
    assert sentence in error
    assert not (tmp_path / output).exists()


@pytest.mark.parametrize("wrong", [("--threshold", "1.5"), ("--min-size", "-1"), ("--voxel-size", "0", "1", "1")])
def test_wrong_use_exits_with_2(stack, model, tmp_path, wrong):
    with pytest.raises(SystemExit) as ended:
        segment(stack, model, tmp_path / "labels.tif", *wrong)
    assert ended.value.code == 2


def test_nan_in_a_section_is_told_and_nothing_is_written(model, tmp_path, capsys):
    volume = tissue(SHAPE, np.float32)
    volume[2, 3, 5] = np.nan
    tifffile.imwrite(tmp_path / "nan.tif", volume, photometric="minisblack")
    affinities = tmp_path / "affinities.zarr"
    assert segment(tmp_path / "nan.tif", model, tmp_path / "labels.tif", "--affinities", str(affinities)) == 1
    assert "NaN" in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["nan.tif", "small.json", "small.pt"]


@pytest.mark.parametrize("stage", ["affinities", "fragments", "export"])
def test_ctrl_c_leaves_nothing_half_written(stack, model, tmp_path, capsys, monkeypatch, stage):
    real = cli_bar.tqdm

    def bar(*arguments, desc, **options):
        if desc == stage:
            raise KeyboardInterrupt
        return real(*arguments, desc=desc, **options)

    monkeypatch.setattr(cli_bar, "tqdm", bar)
    before = sorted(p.name for p in tmp_path.iterdir())
    assert segment(stack, model, tmp_path / "labels.tif", "--affinities", str(tmp_path / "affinities.zarr")) == 1
    assert "stopped" in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_an_older_result_stays_when_the_run_is_stopped(stack, model, tmp_path, monkeypatch):
    output = tmp_path / "labels.tif"
    assert segment(stack, model, output) == 0
    older = output.read_bytes()
    monkeypatch.setattr(cli_neurons, "write_label_volume", _interrupted)
    assert segment(stack, model, output, "--threshold", "0.9", "--overwrite") == 1
    assert output.read_bytes() == older


def _interrupted(*_):
    raise KeyboardInterrupt
    yield


@pytest.mark.parametrize(
    ("error", "sentence", "shown"),
    [
        (KeyError("scale"), "This is a defect of napari-emcad (KeyError: 'scale'): copy the lines above and", True),
        (OSError(28, "No space left on device", "/full/a.tif"), "/full/a.tif: No space left on device; nothing", False),
        (MemoryError(), "Memory has run out; close", False),
    ],
)
def test_a_defect_keeps_its_traceback_and_says_where_to_report_it(monkeypatch, capsys, error, sentence, shown):
    def fail(_options):
        raise error

    monkeypatch.setattr("napari_emcad.cli.models.list_models", fail)
    assert cli.main(["models"]) == 1
    told = capsys.readouterr().err
    assert f"napari-emcad: {sentence}" in told and ("Traceback" in told) is shown


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
def test_output_that_goes_to_a_full_disk_is_told():
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "napari_emcad.cli.main", "models"]
        found = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert found.returncode == 1
    assert found.stderr == "napari-emcad: output: disk full; what is finished is kept, make room or use another disk.\n"


@pytest.mark.skipif(sys.platform == "win32", reason="pipes break in another way")
def test_nobody_listens_any_more():
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "napari_emcad.cli.main", "models"]
    found = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert found.returncode == 1 and found.stderr == ""
