import hashlib
import json
from math import prod

import numpy as np
import pytest
import torch

from napari_emcad.core.errors import UserError
from napari_emcad.inference.normalisation import EM_GREYS, PERCENTILES
from napari_emcad.io.stacks.stack import open_stack
from napari_emcad.networks.checkpoint import inspect, load_student
from napari_emcad.networks.recognise import recognise
from napari_emcad.networks.zoo import bundled_models

STUDENTS = {
    "cad/AC34": 151_000,
    "cad/CremiA": 131_000,
    "cad/CremiB": 194_000,
    "cad/CremiC": 154_000,
    "cad/wafer4": 153_000,
    "em_slicecrafter/wafer4": 400_000,
}
RESIDUAL, MALA = "residual U-Net with", "MALA U-Net with"
OTHERS = {
    "reference/teacher_residual_unet_random.ckpt": (
        "teacher",
        f"{RESIDUAL} 16 embedding channels (CAD teacher)",
        1_481_011,
    ),
    "reference/ssns_residual_unet_random.ckpt": ("teacher", f"{RESIDUAL} 3 sigmoid affinities (SSNS-Net)", 1_558_798),
    "checkpoints/sdasn/Fast_MyNet5_Re300_epoch_31.ckpt": (
        "foreground",
        "SDASN (foreground of optical volumes)",
        89_482,
    ),
}
FAMILY = {
    "residual U-Net, embeddings (CAD teacher)": f"{RESIDUAL} 16 embedding channels (CAD teacher)",
    "residual U-Net, 3 sigmoid affinities (SSNS-Net)": f"{RESIDUAL} 3 sigmoid affinities (SSNS-Net)",
    "MALA U-Net, sigmoid affinities": f"{MALA} 3 sigmoid affinities",
    "MALA U-Net, embeddings": f"{MALA} 16 embedding channels",
}


@pytest.mark.parametrize(("name", "iteration"), STUDENTS.items(), ids=STUDENTS)
def test_published_students_load(shared, name, iteration):
    path = shared / "checkpoints" / f"{name}.ckpt"
    student, card = load_student(path)
    assert (card.role, card.parameters, card.maps, card.embedding_channels) == ("student", 903_078, 16, 16)
    assert (card.iteration, card.title) == (iteration, path.stem)
    assert card.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert card == inspect(path)
    stored = torch.load(path, map_location="cpu", weights_only=True)["model_weights"]
    published = {key.removeprefix("module."): tensor for key, tensor in stored.items()}
    assert all(torch.equal(tensor, published[key]) for key, tensor in student.state_dict().items())


@pytest.mark.parametrize(("name", "pixel"), [("AC34", 6), ("CremiA", 4), ("CremiB", 4), ("CremiC", 4), ("wafer4", 8)])
def test_published_students_know_the_pixels_that_they_learnt_on(shared, name, pixel):
    card = inspect(shared / "checkpoints" / "cad" / f"{name}.ckpt")
    assert card.voxel_size is not None and card.voxel_size.y == card.voxel_size.x == pixel
    assert f"x {pixel} x {pixel} nm" in card.summary()


def test_grey_levels_of_published_students_are_those_of_their_data(shared):
    """As far as the data lie here: five sections of CREMI B, and AC4."""
    with open_stack(shared / "data" / "cremi_b" / "sample_B_46_50.hdf", "volumes/raw") as cremi:
        measured = np.percentile(cremi.array[:], PERCENTILES) / 255
    assert inspect(shared / "checkpoints/cad/CremiB.ckpt").grey_range == pytest.approx(measured, abs=0.001)
    assert inspect(shared / "checkpoints/cad/AC34.ckpt").grey_range == EM_GREYS


def test_every_bundled_model_knows_its_pixels_and_grey_levels():
    cards = [inspect(path) for path in bundled_models().values()]
    assert len(cards) >= 2
    assert all(card.voxel_size is not None and card.grey_range is not None for card in cards)


@pytest.mark.parametrize(("name", "expected"), OTHERS.items(), ids=OTHERS)
def test_other_networks_are_named_and_not_loaded(shared, name, expected):
    card = inspect(shared / name)
    assert (card.role, card.architecture, card.parameters) == expected
    with pytest.raises(UserError) as error:
        load_student(shared / name)
    at = shared / name
    assert str(error.value) == (
        f"student checkpoint: a CAD student is needed, {at} holds the {expected[1]}; choose a student's file."
    )


@pytest.mark.parametrize("name", ["cad/AC34", "em_slicecrafter/wafer4"])
@pytest.mark.parametrize("kept", [0.005, 0.5, 0.999])
def test_half_a_download_is_told(shared, tmp_path, name, kept):
    content = (shared / "checkpoints" / f"{name}.ckpt").read_bytes()
    path = tmp_path / "part.ckpt"
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(UserError, match=r"part.ckpt is cut off"):
        load_student(path)


def test_every_network_of_the_family_is_recognised_by_its_keys(shared):
    layouts = json.loads((shared / "reference" / "teacher_state_dict_keys.json").read_text())
    assert layouts.keys() == FAMILY.keys()
    for name, shapes in layouts.items():
        weights = {key: torch.empty(shape, device="meta") for key, shape in shapes.items() if prod(shape)}
        assert recognise(weights, name).name == FAMILY[name]
