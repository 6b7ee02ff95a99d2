import numpy as np
import pytest
import tifffile
from drawings import lively_sdasn, lively_student, neuropil, uneven

from napari_emcad.cli import main as cli
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, VoxelSize
from napari_emcad.core.neurites import neurites
from napari_emcad.core.parameters import OpticalParameters
from napari_emcad.core.synthetic.optical import synthetic_optical
from napari_emcad.io.labels.provenance import read_provenance
from napari_emcad.io.stacks.stack import open_stack
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.checkpoint import save_model
from napari_emcad.optical import find_neurites, memory_needed, resolve_parameters
from napari_emcad.pipeline import segment

SHAPE = (20, 30, 27)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("optical") / "axons.pt"
    save_model(lively_sdasn(), path, ModelCard(title="Axons", threshold=0.6, black=80, white=300))
    return path


@pytest.fixture(scope="module")
def volume():
    return synthetic_optical(SHAPE, seed=2).raw


@pytest.fixture
def stack(tmp_path, volume):
    path = tmp_path / "optical.tif"
    tifffile.imwrite(path, volume, photometric="minisblack")
    return path


def test_what_is_found_is_what_hangs_together_above_the_cards_threshold(volume, model):
    found = find_neurites(volume, str(model), device="cpu", min_size=3)
    assert found.threshold == 0.6
    np.testing.assert_array_equal(found.labels, neurites(found.probability, 0.6, 3))
    assert found.labels.any()
    assert found.provenance["model"] == "Axons"
    assert found.provenance["parameters"]["black"] == 80


def test_a_box_is_that_part_of_the_whole(volume, model):
    box = Box((3, 4, 0), (11, 30, 20))
    part, whole = (find_neurites(volume, str(model), b, device="cpu", threshold=0.4) for b in (box, None))
    np.testing.assert_allclose(part.probability, whole.probability[box.slices], atol=1.01)


def test_grey_levels_are_the_models_then_the_datas(volume):
    card = ModelCard(role="foreground", black=168.5, white=668.5)
    chosen = resolve_parameters(OpticalParameters(white=900, device="cpu"), volume, card)
    assert (chosen.black, chosen.white, chosen.threshold) == (168.5, 900, 0.5)
    chosen = resolve_parameters(OpticalParameters(device="cpu"), volume, ModelCard(role="foreground"))
    assert volume.min() <= chosen.black < chosen.white <= volume.max()


def test_memory_is_that_of_the_labelling_where_the_box_is_large():
    card = ModelCard(role="foreground", maps=8)
    small, large = Box.whole((50, 100, 100)), Box.whole((1000, 2000, 2000))
    assert memory_needed(small, small.shape, card) > 14 * 50 * 100 * 100
    assert memory_needed(large, large.shape, card) == 14 * 1000 * 2000 * 2000
    assert memory_needed(small, small.shape, card, "cuda") == 14 * 50 * 100 * 100


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (uneven((20, 30)), "got one 2D image"),
        (uneven((4, 20, 30, 3)), "got a colour image"),
        (np.zeros((0, 9, 9), np.uint16), "it is empty"),
    ],
)
def test_what_is_no_volume_is_refused(model, wrong, sentence):
    with pytest.raises(UserError, match=sentence):
        find_neurites(wrong, str(model))


def test_either_method_refuses_the_others_model(volume, model, tmp_path):
    save_model(lively_student(), tmp_path / "student.pt", ModelCard())
    with pytest.raises(UserError, match=r"^foreground checkpoint: an SDASN is needed, .*student.pt holds the CAD"):
        find_neurites(volume, str(tmp_path / "student.pt"))
    with pytest.raises(UserError, match=r"^model: a CAD student, .*axons.pt holds the SDASN"):
        segment(volume, str(model))


# ---- the command line ------------------------------------------------------------------------------------------


def run(stack, model, output, *more):
    return cli.main(["segment", str(stack), "-o", str(output), "--model", str(model), "--device", "cpu", *more])


def test_segment_takes_the_method_from_the_card(stack, volume, model, tmp_path, capsys):
    output = tmp_path / "labels.tif"
    assert run(stack, model, output, "--min-size", "4", "--voxel-size", "1000", "500", "400") == 0
    expected = find_neurites(volume, str(model), device="cpu", min_size=4)
    with open_stack(output) as labels:
        np.testing.assert_array_equal(labels.array[:], expected.labels)
        assert labels.voxel_size == VoxelSize(1000, 500, 400)
    told = read_provenance(output)
    assert told["parameters"] == {"threshold": 0.6, "min_size": 4, "device": "cpu", "black": 80, "white": 300}
    assert (told["model"], len(told["model_sha256"])) == ("Axons", 64)
    out, error = capsys.readouterr()
    assert f"{expected.labels.max()} neurite" in out
    assert "looks like" not in error


def test_other_grey_levels_threshold_and_box(stack, model, tmp_path):
    output = tmp_path / "labels.tif"
    options = ("--black", "90", "--white", "400", "--threshold", "0.3", "--box", "0:8,:,2:20")
    assert run(stack, model, output, *options) == 0
    assert tifffile.imread(output).shape == (8, 30, 18)
    parameters = read_provenance(output)["parameters"]
    assert (parameters["black"], parameters["white"], parameters["threshold"]) == (90, 400, 0.3)


def test_a_model_of_the_wrong_kind_is_told(stack, model, tmp_path, capsys):
    em, student = tmp_path / "em.tif", tmp_path / "student.pt"
    tifffile.imwrite(em, neuropil((4, 64, 80), seed=1), photometric="minisblack")
    save_model(lively_student(), student, ModelCard(title="Mouse"))
    assert run(em, model, tmp_path / "labels.tif") == 0
    assert "made for optical volumes and this looks like an EM stack" in capsys.readouterr().err
    assert run(em, student, tmp_path / "other.tif") == 0
    assert "looks like" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "option", [("--session", "a.emcad"), ("--affinities", "a.zarr"), ("--seed-sigma", "1"), ("--workers", "2")]
)
def test_options_of_the_other_method_are_refused(stack, model, tmp_path, capsys, option):
    name, value = option
    value = str(tmp_path / value) if value.startswith("a.") else value
    assert run(stack, model, tmp_path / "labels.tif", name, value) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"napari-emcad: {name}: a model for EM stacks is needed for this")
    assert error.count("\n") == 1
    assert not (tmp_path / "labels.tif").exists()
