"""One small network in every wrapping that training programs give it: the weights are always the same."""

import collections
import io

import numpy as np
import pytest
import safetensors.torch
import torch

from napari_emcad.core.errors import UserError
from napari_emcad.networks.cad_student import CadStudent, CadStudentConfig
from napari_emcad.networks.checkpoint import inspect, load_network
from napari_emcad.networks.mala import MalaUNet, MalaUNetConfig
from napari_emcad.networks.residual_unet import ResidualUNet, ResidualUNetConfig
from napari_emcad.networks.sdasn import Sdasn, SdasnConfig
from napari_emcad.networks.state_dicts import choose_network
from napari_emcad.networks.weights_file import read_content


def random_weights(network: torch.nn.Module, seed: int = 5) -> dict[str, torch.Tensor]:
    """Return the state dict of a network with another value everywhere."""
    chance = torch.Generator().manual_seed(seed)
    return {
        name: torch.rand(tensor.shape, generator=chance).add(0.5).to(tensor.dtype)
        for name, tensor in network.state_dict().items()
    }


NETWORKS = {
    "student": random_weights(CadStudent(CadStudentConfig(2, 3))),
    "residual": random_weights(ResidualUNet(ResidualUNetConfig((2, 3), 4))),
    "mala": random_weights(MalaUNet(MalaUNetConfig((1, 2, 2, 3), 3, affinities=True))),
    "sdasn": random_weights(Sdasn(SdasnConfig((2, 3, 4)))),
}
W = NETWORKS["student"]
OTHER = random_weights(CadStudent(CadStudentConfig(2, 3)), seed=6)
LAST = "outc_t.conv.weight"
OPTIMISER = {"state": {0: {"exp_avg": torch.ones(2)}, 1: {"exp_avg": torch.ones(3)}}, "param_groups": [{"lr": 0.1}]}


def under(prefix: str, weights=None) -> dict[str, torch.Tensor]:
    return {f"{prefix}{name}": tensor for name, tensor in (W if weights is None else weights).items()}


def inside(wrapper: str) -> dict[str, torch.Tensor]:
    """Return names as if every block of the network were wrapped by itself."""
    return {".".join([name.split(".")[0], wrapper, *name.split(".")[1:]]): tensor for name, tensor in W.items()}


def without(word: str) -> dict[str, torch.Tensor]:
    return {name: tensor for name, tensor in W.items() if word not in name}


def chosen(payload: object, part: str = ""):
    """Return what is chosen from the file of a payload."""
    buffer = io.BytesIO()
    torch.save(payload, buffer)
    return choose_network(torch.load(io.BytesIO(buffer.getvalue()), weights_only=True), "odd.ckpt", part)


def same(weights, expected=W) -> bool:
    return weights.keys() == expected.keys() and all(torch.equal(weights[name], expected[name]) for name in expected)


PREFIXES = [
    *("", "module.", "_orig_mod.", "model.", "net.", "network.", "student.", "encoder.", "unet.", "a.b.c."),
    *("module._orig_mod.", "_orig_mod.module.", "model.module.", "model._orig_mod.", "net.model._orig_mod.module."),
    *("_forward_module.model.", "_fsdp_wrapped_module._orig_mod."),
]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("network", NETWORKS)
def test_any_prefix_before_all_names(network, prefix):
    expected = NETWORKS[network]
    for payload in (under(prefix, expected), {"state_dict": under(prefix, expected)}):
        found = chosen(payload)
        assert same(found.weights, expected)
        assert found.note == ""


CONTAINERS = [
    *("model_weights", "state_dict", "model_state_dict", "model", "net", "network", "weights", "params", "state"),
    *("ema", "ema_state_dict", "state_dict_ema", "params_ema", "module", "student", "generator"),
]


@pytest.mark.parametrize("name", CONTAINERS)
def test_any_name_of_the_state_dict(name):
    found = chosen({"epoch": 3, name: W, "optimizer": OPTIMISER, "loss": 0.5})
    assert same(found.weights)
    assert found.note == ""


LAYOUTS = {
    "two dicts deep": {"model": {"state_dict": W}},
    "five dicts deep": {"a": {"b": {"c": {"d": {"e": under("module.")}}}}},
    "in a list": [W, OPTIMISER],
    "twice the same tensors": {"model": W, "weights": W},
    "twice the same values": {"model": W, "best": {name: tensor.clone() for name, tensor in W.items()}},
    "ordered": collections.OrderedDict(state_dict=collections.OrderedDict(W)),
    "averaged model": {"n_averaged": torch.tensor(7), **under("module.")},
    "averaging beside plain names": {"n_averaged": torch.tensor(7), **W},
    "counters of averaging in the same dict": {"decay": torch.tensor(0.9), "updates": torch.tensor(3), **under("m.")},
    "numbers beside the names": {**W, "epoch": 3, "name": "mine", "history": [1, 2]},
    "each block compiled": {"state_dict": inside("_orig_mod")},
    "each block parallel, and all": {f"model.{name}": tensor for name, tensor in inside("module").items()},
    "each block checkpointed": inside("_checkpoint_wrapped_module"),
    "parameters": {name: torch.nn.Parameter(t, t.is_floating_point()) for name, t in W.items()},
    "views of one storage": {
        **W,
        **dict(zip(("inc.conv.conv.0.bias",), torch.stack([W["inc.conv.conv.0.bias"]] * 2)[1:], strict=True)),
    },
    "in another order": {k: t.transpose(0, -1).contiguous().transpose(0, -1) if t.ndim else t for k, t in W.items()},
    "counters that it does not have": {**W, "inc.conv.conv.0.num_batches_tracked": torch.tensor(4)},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_other_wrappings(layout):
    found = chosen(LAYOUTS[layout])
    assert same(found.weights)
    assert found.note == ""


def test_counters_of_normalisation_may_be_missing():
    assert "num_batches_tracked" in "".join(W)
    found = chosen(without("num_batches_tracked")).weights
    assert found.keys() == W.keys()
    assert all(torch.equal(found[name], W[name]) for name in without("num_batches_tracked"))
    assert {found[name].item() for name in W if name.endswith("num_batches_tracked")} == {0}


@pytest.mark.parametrize(
    ("kind", "note"),
    [
        (torch.float16, "stored as float16"),
        (torch.bfloat16, "stored as bfloat16"),
        (torch.float64, "stored as float64"),
        (torch.float32, ""),
    ],
)
def test_other_precisions_are_told(kind, note):
    stored = {name: tensor.to(kind) if tensor.is_floating_point() else tensor for name, tensor in W.items()}
    found = chosen(stored)
    assert found.note == note
    assert all(torch.equal(found.weights[name], stored[name].to(W[name].dtype)) for name in W)


@pytest.mark.parametrize(
    ("key", "step"),
    [("current_iter", 7), ("global_step", 7), ("iteration", 7), ("iter", 7), ("epoch", 7), ("current_iter", -1)],
)
def test_the_steps_of_training(key, step):
    expected = step if key != "epoch" and step >= 0 else None
    assert chosen({"state_dict": W, key: step}).iteration == expected


# ---- several networks, and what is beside one ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("average", "plain"),
    [
        ("state_dict_ema", "state_dict"),
        ("model_ema", "model"),
        ("ema", "net"),
        ("params_ema", "params"),
        ("swa_state_dict", "model_state_dict"),
    ],
)
def test_the_average_over_training_is_taken_and_told(average, plain):
    for payload in ({average: OTHER, plain: W}, {plain: W, average: OTHER}):
        found = chosen(payload)
        assert same(found.weights, OTHER)
        assert found.note == f"{average}, an average over training, is used, {plain} left out"
        assert same(chosen(payload, plain).weights)
        assert chosen(payload, plain).note == ""


def test_the_average_may_lie_in_the_same_dict():
    lightning = {
        "state_dict": {**under("model."), **under("ema_model.module.", OTHER), "ema_model.n_averaged": torch.ones(())}
    }
    found = chosen(lightning)
    assert same(found.weights, OTHER)
    assert found.note == "state_dict.ema_model.module, an average over training, is used, state_dict.model left out"
    beside = chosen({**W, "ema": OTHER})
    assert same(beside.weights, OTHER)
    assert beside.note == "ema, an average over training, is used, top left out"


@pytest.mark.parametrize(
    "payload",
    [
        {"student": W, "teacher": OTHER},
        {"state_dict": {**under("student."), **under("teacher.", OTHER)}},
        {"student": W, "teacher": NETWORKS["residual"]},
        {"model": W, "ema": NETWORKS["residual"]},
        {"ema": W, "model_ema": OTHER},
    ],
)
def test_several_networks_are_refused_by_name(payload):
    with pytest.raises(UserError) as error:
        chosen(payload)
    told = str(error.value)
    assert told.startswith("checkpoint: one network is needed, odd.ckpt holds ")
    first = told.partition("--part ")[2].partition(" ")[0]
    assert f"napari-emcad models --show odd.ckpt --part {first} -o NEW.pt" in told
    assert chosen(payload, first).weights


def test_a_part_that_is_not_there():
    with pytest.raises(
        UserError, match=r'holds no network "mean", but student \(CAD student\), teacher \(CAD student\)'
    ):
        chosen({"student": W, "teacher": OTHER}, "mean")


def test_other_modules_in_the_same_dict_are_told():
    metrics = {"criterion.weight": torch.ones(3), "metric.total": torch.ones(2), "metric.seen": torch.ones(1)}
    found = chosen({"state_dict": {**under("model."), **metrics}, "callbacks": {"best": torch.ones(1)}})
    assert same(found.weights)
    assert found.note == "state_dict.criterion, state_dict.metric left out"


def test_a_broken_copy_is_told():
    found = chosen({"model": W, "ema": {"shadow": without("running_")}})
    assert same(found.weights)
    assert found.note == "ema.shadow (not whole) left out"


# ---- strict --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "model.", "state_dict.module."])
def test_missing_and_strange_names_and_shapes_are_refused(prefix, tmp_path):
    some = next(name for name in W if name.startswith("down.") and W[name].ndim == 4)
    cases = {
        rf"keys {some} are missing in": {name: tensor for name, tensor in W.items() if name != some},
        r"holds keys that a CAD student does not have \(extra.weight\)": {**W, "extra.weight": torch.ones(3)},
        r"holds keys that a CAD student does not have \(inc.step\)": {**W, "inc.step": torch.ones(())},
        rf"{some} of shape .* is needed": {**W, some: W[some][:1]},
    }
    for says, weights in cases.items():
        torch.save(under(prefix, weights), tmp_path / "odd.ckpt")
        with pytest.raises(UserError, match=rf"^student checkpoint: .*{says}"):
            inspect(tmp_path / "odd.ckpt")


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        ([1, 2], "holds a list; a state dict is needed"),
        (torch.ones(3), "holds a Tensor; a state dict is needed"),
        ({}, "it holds nothing; "),
        ({"model_weights": {}}, "it holds model_weights; "),
        ({"student": {}, "mean": {}, "optimiser": {}, "step": 1}, "it holds student, mean, optimiser and 1 more; "),
        ({"model_weights": {"a": 1}}, "it holds model_weights; "),
        ({"a": {"b": torch.ones(1)}, "a.b": torch.ones(1)}, "holds two tensors for a.b; "),
        ({**W, **{f"inc._orig_mod.{name[4:]}": t for name, t in W.items() if name[:4] == "inc."}}, "holds two tensors"),
        ({**W, LAST: W[LAST] * torch.nan}, f"{LAST} in .* values that are not"),
        ({**W, LAST: W[LAST] - torch.inf}, f"{LAST} in .* values that are not"),
        ({**W, LAST: W[LAST].double() * 1e300}, f"{LAST} in .* not finite"),
        ({**W, LAST: W[LAST].to_sparse()}, f"{LAST} in .* is not a plain"),
        ({**W, LAST: W[LAST].to("meta")}, f"{LAST} in .* is not a plain"),
        ({**W, LAST: torch.ones(1).expand(10**6, 10**6)}, f"{LAST} in .* is not a plain"),
        ({**W, LAST: W[LAST].char()}, f"{LAST} in .* is stored as int8, "),
        ({**W, LAST: W[LAST] * 1j}, f"{LAST} in .* is stored as complex64, "),
    ],
)
def test_what_is_no_network_is_told_in_one_sentence(payload, says):
    with pytest.raises(UserError, match=rf"^checkpoint: .*{says}.*\.$") as error:
        chosen(payload)
    assert "odd.ckpt" in str(error.value)


def test_a_dict_in_itself_ends():
    odd: dict = {"state_dict": W}
    odd["self"] = odd
    assert same(chosen(odd).weights)


# ---- in files ------------------------------------------------------------------------------------------------------


def as_numpy(weights) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in weights.items()}


FILES = {
    "a.pth.tar": lambda path: torch.save({"state_dict": W, "best": np.float64(0.5), "epoch": np.int64(3)}, path),
    "a.th": lambda path: torch.save({"state_dict": W}, path, _use_new_zipfile_serialization=False),
    "a.bin": lambda path: torch.save(under("model."), path),
    "a.ckpt": lambda path: torch.save({"state_dict": as_numpy(W)}, path),
    "a.safetensors": lambda path: safetensors.torch.save_file(under("model.module."), path, {"format": "pt"}),
}


@pytest.mark.parametrize("name", FILES)
def test_files(tmp_path, name):
    FILES[name](tmp_path / name)
    network, card = load_network(tmp_path / name)
    assert same(network.state_dict())
    assert (card.role, card.title, card.note) == ("student", "a", "")
    assert len(card.sha256) == 64


def test_doubles_and_halves_of_numpy(tmp_path):
    for kind in (np.float16, np.float64, np.dtype(">f4")):
        torch.save({name: values.astype(kind) for name, values in as_numpy(W).items()}, tmp_path / "a.pt")
        found = choose_network(read_content(tmp_path / "a.pt").value, "a.pt")
        expected = {
            name: torch.from_numpy(values.astype(kind).astype(np.float32)) for name, values in as_numpy(W).items()
        }
        assert all(torch.equal(found.weights[name].float(), expected[name]) for name in W)
