import pytest
import torch

from napari_emcad.core.errors import UserError
from napari_emcad.networks.cad_student import CadStudent, CadStudentConfig
from napari_emcad.networks.recognise import STUDENT, Architecture, recognise, student_config, student_shapes


def zeros(shapes) -> dict[str, torch.Tensor]:
    return {name: torch.zeros(shape) for name, shape in shapes.items()}


def residual_unet(outputs: int) -> dict[str, torch.Tensor]:
    names = {"embed_in.0.weight": 28, "conv0.block2.3.weight": 28, "center.block2.3.weight": 80}
    return zeros({name: (n, 1, 1, 3, 3) for name, n in {**names, "out_put.0.weight": outputs}.items()})


def mala(outputs: int) -> dict[str, torch.Tensor]:
    names = {"conv1.weight": 12, "conv8.weight": 1500, "dconv3.weight": 60, "conv18.weight": outputs}
    return zeros({name: (n, 1, 1, 1, 1) for name, n in names.items()})


def sdasn() -> dict[str, torch.Tensor]:
    names = {"inc.conv.0": 8, "x20.conv.1.conv.0": 14, "x02.conv_up.conv.0": 14, "clc1.conv": 1}
    return zeros({f"{name}.weight": (n, 1, 1, 1, 1) for name, n in names.items()})


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        (residual_unet(16), ("teacher", "residual U-Net with 16 embedding channels (CAD teacher)", 28, 16)),
        (residual_unet(3), ("teacher", "residual U-Net with 3 sigmoid affinities (SSNS-Net)", 28, None)),
        (mala(16), ("teacher", "MALA U-Net with 16 embedding channels", 12, 16)),
        (mala(3), ("teacher", "MALA U-Net with 3 sigmoid affinities", 12, None)),
        (sdasn(), ("foreground", "SDASN (foreground of optical volumes)", 8, None)),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else "",
)
def test_other_networks_of_the_family(weights, expected):
    assert recognise(weights, "a.ckpt") == Architecture(*expected)


@pytest.mark.parametrize(("maps", "embedding"), [(16, 16), (3, 5)])
def test_a_student_and_its_size(maps, embedding):
    weights = CadStudent(CadStudentConfig(maps, embedding)).state_dict()
    assert recognise(weights, "a.ckpt") == Architecture("student", STUDENT, maps, embedding)
    assert student_config(weights) == CadStudentConfig(maps, embedding)


def test_shapes_are_those_of_the_network_and_take_no_memory():
    config = CadStudentConfig(3, 5)
    state = CadStudent(config).state_dict()
    assert student_shapes(config) == {name: tuple(tensor.shape) for name, tensor in state.items()}
    assert student_shapes(CadStudentConfig(100_000, 1))["down.3.mpconv.1.conv.0.weight"] == (800_000, 800_000, 3, 3)


def test_another_network_is_told_by_what_is_missing():
    weights = zeros({"fc.weight": (2, 3), "fc.bias": (2,)})
    with pytest.raises(UserError) as error:
        recognise(weights, "resnet.pt")
    assert str(error.value) == (
        "student checkpoint: keys inc.conv.conv.0.weight, inc.conv.conv.0.bias, inc.conv.conv.1.weight and 155 more "
        "are missing in resnet.pt, it holds 2 tensors (fc.weight, fc.bias); choose the file of a CAD student."
    )


def test_one_missing_key():
    weights = CadStudent(CadStudentConfig(2, 2)).state_dict()
    del weights["outc_tn.conv.bias"]
    with pytest.raises(UserError, match=r"keys outc_tn.conv.bias are missing in a.ckpt, it holds 157 tensors"):
        recognise(weights, "a.ckpt")


def test_a_key_too_many():
    weights = {**CadStudent(CadStudentConfig(2, 2)).state_dict(), "outc_x.conv.bias": torch.zeros(2)}
    with pytest.raises(UserError, match=r"a.ckpt holds keys that a CAD student does not have \(outc_x.conv.bias\)"):
        recognise(weights, "a.ckpt")


@pytest.mark.parametrize(
    ("key", "needed", "got"),
    [
        ("up1.conv.conv.0.weight", (8, 32, 3, 3), (8, 16, 3, 3)),
        ("inc.conv.conv.0.weight", (2, 1, 3, 3), (2, 3, 3, 3)),
        ("inc.conv.conv.0.weight", (16, 1, 3, 3), ()),
        ("outc_t.conv.weight", (16, 4, 1, 1), (0, 4, 1, 1)),
    ],
)
def test_a_wrong_shape(key, needed, got):
    weights = {**CadStudent(CadStudentConfig(2, 2)).state_dict(), key: torch.zeros(got)}
    with pytest.raises(UserError) as error:
        recognise(weights, "a.ckpt")
    assert f"{key} of shape {needed} is needed in a.ckpt" in str(error.value)
    assert f"got {got}; choose another file." in str(error.value)
