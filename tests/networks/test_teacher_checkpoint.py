import pytest
import torch

from napari_emcad.core.errors import UserError
from napari_emcad.networks.cad_student import CadStudent, CadStudentConfig
from napari_emcad.networks.card import ModelCard, card_path
from napari_emcad.networks.checkpoint import inspect, load_model, load_student, load_teacher, save_model
from napari_emcad.networks.mala import MalaUNetConfig
from napari_emcad.networks.recognise import teacher_config
from napari_emcad.networks.residual_unet import ResidualUNet, ResidualUNetConfig
from napari_emcad.networks.teacher import build_teacher

CONFIGS = [
    ResidualUNetConfig((2, 3, 5), outputs=4),
    ResidualUNetConfig((2, 3), outputs=7, merge="cat"),
    ResidualUNetConfig((3, 2, 4, 5), outputs=3, upsampling="transposed", affinities=True),
    ResidualUNetConfig((2, 3, 4, 5, 6), outputs=3, upsampling="transposed", merge="cat", affinities=True),
    MalaUNetConfig((2, 3, 4, 5), outputs=6),
    MalaUNetConfig((2, 3, 4, 5), outputs=3, affinities=True),
]
NAMES = ["add", "cat", "transposed", "SSNS", "MALA", "MALA affinities"]
RESIDUAL = CONFIGS[0]


def random_teacher(config=RESIDUAL):
    torch.manual_seed(7)
    return build_teacher(config)


@pytest.mark.parametrize("config", CONFIGS, ids=NAMES)
def test_size_and_kind_are_read_off_the_keys(config):
    assert teacher_config(random_teacher(config).state_dict(), "a.ckpt") == config


@pytest.mark.parametrize("config", CONFIGS, ids=NAMES)
def test_round_trip_is_exact(config, tmp_path):
    teacher = random_teacher(config).train()
    path = tmp_path / "teacher.pt"
    written = save_model(teacher, path, ModelCard(title="Mouse", data="AC4", iteration=12))
    loaded, card = load_teacher(path)
    assert card == written == inspect(path) == ModelCard.load(card_path(path))
    assert (card.role, card.maps, card.title, card.iteration) == ("teacher", config.maps[0], "Mouse", 12)
    assert card.embedding_channels == (None if config.affinities else config.outputs)
    assert teacher.training
    assert not loaded.training
    assert loaded.config == config
    assert all(torch.equal(values, loaded.state_dict()[name]) for name, values in teacher.state_dict().items())


def test_the_published_dict_with_a_wrapper_prefix_loads(tmp_path):
    teacher = random_teacher()
    weights = {f"module.{name}": values for name, values in teacher.state_dict().items()}
    torch.save({"model_weights": weights, "current_iter": 5, "valid_result": None}, tmp_path / "teacher.ckpt")
    loaded, card = load_teacher(tmp_path / "teacher.ckpt")
    assert (card.iteration, card.role) == (5, "teacher")
    assert torch.equal(loaded.center.block3.weight, teacher.center.block3.weight)


def test_a_student_is_refused_where_a_teacher_is_needed_and_the_other_way_round(tmp_path):
    student, teacher = tmp_path / "student.pt", tmp_path / "teacher.pt"
    save_model(CadStudent(CadStudentConfig(2, 2)), student, ModelCard())
    save_model(random_teacher(), teacher, ModelCard())
    with pytest.raises(UserError) as error:
        load_teacher(student)
    assert str(error.value) == (
        f"teacher checkpoint: a residual U-Net or MALA U-Net is needed, {student} holds the CAD student; "
        "choose a teacher's file."
    )
    with pytest.raises(UserError, match=r"^student checkpoint: a CAD student is needed, .*student's file\.$"):
        load_student(teacher)


def test_any_network_that_segments_is_loaded_as_what_it_is(tmp_path):
    student, teacher = tmp_path / "student.pt", tmp_path / "teacher.pt"
    cards = [
        save_model(CadStudent(CadStudentConfig(2, 2)), student, ModelCard()),
        save_model(random_teacher(), teacher, ModelCard()),
    ]
    (first, first_card), (second, second_card) = load_model(student), load_model(teacher)
    assert (type(first), type(second)) == (CadStudent, ResidualUNet)
    assert [first_card, second_card] == cards
    assert not first.training
    assert not second.training


def test_a_network_of_other_purpose_is_neither(tmp_path):
    names = {"inc.conv.0": 8, "x20.conv.1.conv.0": 14, "x02.conv_up.conv.0": 14, "clc1.conv": 1}
    path = tmp_path / "sdasn.ckpt"
    torch.save({f"{name}.weight": torch.zeros(n, 1, 1, 1, 1) for name, n in names.items()}, path)
    with pytest.raises(UserError, match=r"^model: a CAD student, residual U-Net or MALA U-Net is needed, .*SDASN"):
        load_model(path)
    with pytest.raises(UserError, match=r"^teacher checkpoint: a residual U-Net or MALA U-Net is needed, .*SDASN"):
        load_teacher(path)


def changed(without: str = "", **given: torch.Tensor) -> dict[str, torch.Tensor]:
    weights = {**random_teacher().state_dict(), **{name.replace("__", "."): values for name, values in given.items()}}
    return {name: values for name, values in weights.items() if name != without}


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        (changed(without="conv1.block3.bias"), r"keys conv1.block3.bias are missing in .*a residual U-Net\.$"),
        (changed(without="conv1.block2.3.weight"), r"keys conv1.block2.3.weight are missing in .*a residual U-Net\.$"),
        (changed(emd1__weight=torch.zeros(2)), r"holds keys that a residual U-Net does not have \(emd1.weight\)"),
        (changed(up0__1__bias=torch.zeros(9)), r"up0.1.bias of shape \(3,\) is .* for 2, 3, 5 maps, got \(9,\)"),
        (changed(conv0__block1__0__weight=torch.zeros(())), r"conv0.block1.0.weight of shape \(2, 2, 1, 3, 3\) is"),
    ],
    ids=["key", "size", "strange", "shape", "scalar"],
)
def test_other_keys_and_shapes_are_refused(weights, sentence, tmp_path):
    torch.save(weights, tmp_path / "teacher.ckpt")
    with pytest.raises(UserError, match=rf"^teacher checkpoint: .*{sentence}"):
        load_teacher(tmp_path / "teacher.ckpt")


def test_a_network_with_one_output_teaches_nothing(tmp_path):
    """SSNS-Net's pre-training gives restored sections."""
    save_model(random_teacher(ResidualUNetConfig((2, 3), outputs=1)), tmp_path / "restores.pt", ModelCard())
    with pytest.raises(UserError, match=r"^teacher checkpoint: 3 affinities or more .* has 1 output; choose another"):
        load_teacher(tmp_path / "restores.pt")


def test_a_teacher_that_diverged_is_not_written(tmp_path):
    teacher = random_teacher()
    teacher.center.block3.bias.data[0] = torch.nan
    with pytest.raises(UserError, match=r"was not written because center.block3.bias holds values that are not finite"):
        save_model(teacher, tmp_path / "teacher.pt", ModelCard())
    assert not list(tmp_path.iterdir())
