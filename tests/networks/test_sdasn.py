import pytest
import torch

from napari_emcad.core.errors import UserError
from napari_emcad.networks.cad_student import CadStudent, CadStudentConfig
from napari_emcad.networks.card import ModelCard, card_path
from napari_emcad.networks.checkpoint import (
    inspect,
    load_foreground,
    load_model,
    load_network,
    load_student,
    save_model,
)
from napari_emcad.networks.recognise import SDASN, sdasn_config
from napari_emcad.networks.sdasn import Sdasn, SdasnConfig, foreground
from napari_emcad.networks.zoo import keep_model

SMALL = SdasnConfig((2, 3, 5))


def network(config=SMALL) -> Sdasn:
    torch.manual_seed(3)
    return Sdasn(config)


def test_the_published_size():
    assert sum(values.numel() for values in Sdasn().state_dict().values()) == 89_482


def test_three_heads_in_training_and_their_sum_is_the_foreground():
    sdasn = network().train()
    crops = torch.randn(2, 1, 8, 12, 4)
    heads = sdasn(crops)
    assert heads.shape == (2, 3, 8, 12, 4)
    heads[:, 0].mean().backward()
    assert sdasn.clc1.conv.weight.grad is not None
    assert sdasn.clc2.conv.weight.grad.abs().sum() == sdasn.x20.conv[1].conv[0].weight.grad.abs().sum() == 0
    with torch.no_grad():
        heads, probability = sdasn.eval()(crops), foreground(sdasn, crops)
    assert probability.shape == (2, 1, 8, 12, 4)
    assert torch.allclose(probability[:, 0], torch.sigmoid(heads[:, 0] + heads[:, 1] + heads[:, 2]))


def test_size_is_read_off_the_keys():
    assert sdasn_config(network().state_dict(), "a.ckpt") == SMALL
    assert sdasn_config(Sdasn().state_dict(), "a.ckpt") == SdasnConfig()


def test_round_trip_is_exact(tmp_path):
    path, sdasn = tmp_path / "mine.pt", network()
    written = save_model(sdasn, path, ModelCard(title="Mine", threshold=0.4, black=100, white=900))
    loaded, card = load_foreground(path)
    assert card == written == inspect(path) == ModelCard.load(card_path(path))
    assert (card.role, card.maps, card.threshold, card.black, card.white) == ("foreground", 2, 0.4, 100, 900)
    assert loaded.config == SMALL
    assert not loaded.training
    assert all(torch.equal(values, loaded.state_dict()[name]) for name, values in sdasn.state_dict().items())


def test_without_a_card_it_takes_grey_levels_as_published(tmp_path):
    weights = {f"module.{name}": values for name, values in network().state_dict().items()}
    torch.save({"epoch": 32, "state_dict": weights, "optimizer": {}}, tmp_path / "sdasn.ckpt")
    _, card = load_foreground(tmp_path / "sdasn.ckpt")
    assert (card.role, card.black, card.white, card.threshold) == ("foreground", 168.5, 668.5, 0.5)
    assert card.architecture == f"{SDASN} (foreground of optical volumes)"
    assert "optical" in card.description and "probability" in card.description


def test_it_is_kept_by_name_as_any_network(tmp_path):
    save_model(network(), tmp_path / "mine.pt", ModelCard(black=100, white=900))
    loaded, card = load_network(keep_model(tmp_path / "mine.pt", "axons"))
    assert (type(loaded), card.title, card.white) == (Sdasn, "axons", 900)


def test_each_network_is_refused_where_another_is_needed(tmp_path):
    ours, student = tmp_path / "sdasn.pt", tmp_path / "student.pt"
    save_model(network(), ours, ModelCard())
    save_model(CadStudent(CadStudentConfig(2, 2)), student, ModelCard())
    with pytest.raises(UserError) as error:
        load_foreground(student)
    assert str(error.value) == (
        f"foreground checkpoint: an SDASN is needed, {student} holds the CAD student; choose its file."
    )
    for load in (load_student, load_model):
        with pytest.raises(UserError, match=r"holds the SDASN \(foreground of optical volumes\); choose"):
            load(ours)


def changed(without: str = "", **given: torch.Tensor) -> dict[str, torch.Tensor]:
    weights = {**network().state_dict(), **{name.replace("__", "."): values for name, values in given.items()}}
    return {name: values for name, values in weights.items() if name != without}


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        (changed(without="x11.conv.conv.4.bias"), r"keys x11.conv.conv.4.bias are missing in .*network \(SDASN\)\.$"),
        (changed(x03__bias=torch.zeros(2)), r"keys that a foreground network \(SDASN\) does not have \(x03.bias\)"),
        (
            changed(clc2__conv__bias=torch.zeros(4)),
            r"clc2.conv.bias of shape \(1,\) is .* for 2, 3, 5 maps, got \(4,\)",
        ),
        (changed(inc__conv__3__weight=torch.zeros(())), r"inc.conv.0.weight of shape \(1, 1, 3, 3, 3\) is needed"),
    ],
    ids=["key", "strange", "shape", "scalar"],
)
def test_other_keys_and_shapes_are_refused(weights, sentence, tmp_path):
    torch.save(weights, tmp_path / "sdasn.ckpt")
    with pytest.raises(UserError, match=rf"^foreground checkpoint: .*{sentence}"):
        load_foreground(tmp_path / "sdasn.ckpt")
