"""From a labelled optical volume to a network on disk, and the command that does it."""

import numpy as np
import pytest
import tifffile
import torch

from napari_emcad.cli import main as cli
from napari_emcad.core.crop import Crop
from napari_emcad.core.errors import UserError
from napari_emcad.finetuning.optical import OpticalLesson, _hold_out_an_end, train_optical
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.checkpoint import inspect, load_foreground
from napari_emcad.networks.sdasn import Sdasn, SdasnConfig
from napari_emcad.optical import find_neurites
from napari_emcad.training.params import TrainingParameters

TOLD = TrainingParameters(mode="teacher", steps=32, batch=2, size=32, learning_rate=1e-2, ema=0.8)


def volume(shape=(40, 48, 80)):
    """Bright bars along x, as a camera sees them."""
    z, y, _ = np.indices(shape)
    labels = ((z % 16 < 3) & (y % 16 < 3)).astype(np.uint16)
    noise = np.random.default_rng(0).normal(0, 15, shape)
    return (120 + 300 * labels + noise).astype(np.uint16), labels


def run(tmp_path, raw=None, labels=None, **card):
    raw, labels = (given if given is not None else made for given, made in zip((raw, labels), volume(), strict=True))
    torch.manual_seed(0)
    network = Sdasn(SdasnConfig((3, 4, 5)))
    lesson = OpticalLesson(raw, labels, "bars")
    return train_optical(lesson, (network, ModelCard(**card)), TOLD, tmp_path / "new.pt")


def test_the_best_network_is_written_with_what_it_needs_to_know(tmp_path):
    events = list(run(tmp_path))
    scores = [event for event in events if event["event"] == "score"]
    assert len(scores) == 8 and events[-1]["event"] == "finished"
    best = max(scores, key=lambda score: score["dice"])
    assert events[-1]["after"]["dice"] == best["dice"] > 0.8
    card = inspect(tmp_path / "new.pt")
    assert card.scores == {"Dice on what was held out": round(best["dice"], 4)}
    assert (card.threshold, card.role) == (events[-1]["after"]["threshold"], "foreground")
    assert card.black < card.white
    raw, labels = volume()
    found = find_neurites(raw, str(tmp_path / "new.pt"), min_size=20)
    assert np.mean((found.labels > 0) == (labels > 0)) > 0.95


def test_grey_levels_of_the_network_stay(tmp_path):
    for event in run(tmp_path, black=100, white=700):
        if event["event"] == "score":
            break
    card = inspect(tmp_path / "new.pt")
    assert (card.black, card.white) == (100, 700)


@pytest.mark.parametrize(
    ("raw", "labels", "sentence"),
    [
        (np.full((40, 48, 80), np.nan), None, "bars: it holds NaN or infinite values; replace them."),
        (
            None,
            np.zeros((40, 48, 80), np.uint8),
            "bars: foreground is needed in a part to learn from and in one to score on",
        ),
        (None, np.ones((40, 48, 8), np.uint8), "bars: labels of the stack's shape"),
        (
            np.ones((9, 33, 33)),
            np.ones((9, 33, 33), np.uint8),
            "bars: at least 64 voxels along one axis are needed",
        ),
    ],
)
def test_what_cannot_be_learnt_from_is_told(tmp_path, raw, labels, sentence):
    with pytest.raises(UserError) as error:
        list(run(tmp_path, raw, labels))
    assert str(error.value).startswith(sentence)
    assert not (tmp_path / "new.pt").exists()


def test_held_out_is_an_end_where_there_are_fibres():
    labels = volume((64, 64, 80))[1]
    for empty in (np.s_[:, :, 32:], np.s_[:, :, :-32]):
        there = labels.copy()
        there[empty] = 0
        train, held_out = _hold_out_an_end(Crop(there.astype(np.float32), there, name="bars"))
        assert train.labels.any() and held_out.labels.any()
        assert train.raw.size + held_out.raw.size == there.size


@pytest.fixture
def files(tmp_path):
    raw, labels = volume()
    tifffile.imwrite(tmp_path / "raw.tif", raw)
    tifffile.imwrite(tmp_path / "labels.tif", labels)
    return tmp_path


def command(files, *more):
    given = ("--raw", files / "raw.tif", "--labels", files / "labels.tif", "-o", files / "new.ckpt", *more)
    return cli.main(["train-optical", *map(str, given)])


def test_the_command_trains_and_goes_on_with_a_network(files, capsys):
    assert command(files, "--steps", "2", "--size", "32", "--box", "0:40,0:48,0:64") == 0
    assert capsys.readouterr().out.startswith("Dice 0.")
    first = inspect(files / "new.ckpt")
    assert first.data == "raw[0:40,0:48,0:64]"
    (files / "new.ckpt").rename(files / "old.ckpt")
    assert command(files, "--steps", "2", "--size", "32", "--model", files / "old.ckpt") == 0
    assert inspect(files / "new.ckpt").parent_sha256 == first.sha256
    load_foreground(files / "new.ckpt")


def test_the_voxel_size_goes_into_the_card(files):
    tifffile.imwrite(
        files / "raw.tif", volume()[0], imagej=True, metadata={"spacing": 2.0, "unit": "um"}, resolution=(2, 2)
    )
    few = ("--steps", "2", "--size", "32", "--box", "0:40,0:48,0:64")
    assert command(files, *few) == 0
    assert inspect(files / "new.ckpt").voxel_size == (2000, 500, 500)
    (files / "new.ckpt").rename(files / "old.ckpt")
    assert command(files, *few, "--voxel-size", "1000", "250", "250", "--model", files / "old.ckpt") == 0
    assert inspect(files / "new.ckpt").voxel_size == (1000, 250, 250)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--size", "33"), "size: Input should be a multiple of 16"),
        (("--model", "nothing"), "model: the name of a model"),
        (("--box", "0:2"), 'box: "z0:z1,y0:y1,x0:x1" is needed'),
    ],
)
def test_what_a_person_gets_wrong_is_one_sentence(files, capsys, more, sentence):
    assert command(files, "--steps", "2", *more) == 1
    error = capsys.readouterr().err
    told = [line for line in error.splitlines() if "voxel size unknown" not in line]  # what was read is said before it
    assert len(told) == 1 and told[0].startswith(f"napari-emcad: {sentence}")


def test_labels_of_another_shape_are_told(files, capsys):
    tifffile.imwrite(files / "labels.tif", np.ones((4, 5, 6), np.uint8))
    assert command(files, "--steps", "2") == 1
    assert "whole-number labels of the volume's shape (40, 48, 80) are needed" in capsys.readouterr().err
