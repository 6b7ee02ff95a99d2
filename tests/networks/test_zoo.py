import errno
import hashlib
from pathlib import Path

import pytest
import safetensors.torch
import torch

from napari_emcad.core.errors import UserError
from napari_emcad.networks import zoo
from napari_emcad.networks.cad_student import CadStudent, CadStudentConfig
from napari_emcad.networks.card import ModelCard, card_path
from napari_emcad.networks.checkpoint import inspect, load_student, load_teacher, save_model
from napari_emcad.networks.residual_unet import ResidualUNet, ResidualUNetConfig


@pytest.fixture
def models(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    for name in ("vnc.pt", "vnc.json", "mouse_cortex.pt", "mouse_cortex.json"):
        (folder / name).write_text("as if")
    monkeypatch.setattr(zoo, "MODELS", folder)
    return folder


@pytest.fixture
def own(own_models) -> Path:
    own_models.mkdir(parents=True)
    return own_models


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("run") / "best.pt"
    save_model(CadStudent(CadStudentConfig(2, 3)), path, ModelCard(title="Mouse, fine-tuned", threshold=0.4))
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_default_comes_first_under_its_name(models):
    bundled = {"bundled": models / "mouse_cortex.pt", "vnc": models / "vnc.pt"}
    assert list(zoo.available_models().items()) == list(zoo.bundled_models().items()) == list(bundled.items())


def test_own_models_come_last(models, own):
    for name in ("zebra.pt", "ant 2.pt", "ant 2.json", "notes.txt", "half.pt.part"):
        (own / name).write_text("as if")
    assert list(zoo.available_models()) == ["bundled", "vnc", "ant 2", "zebra"]
    assert list(zoo.bundled_models()) == ["bundled", "vnc"]
    assert zoo.resolve_model("ant 2") == own / "ant 2.pt"


def test_what_is_no_model_of_one_s_own_is_left_out(models, own):
    for name in ("vnc.pt", "bundled.pt", "mouse_cortex.pt", "._ghost.pt"):  # three that the package has, one of macOS
        (own / name).write_text("as if")
    (own / "folder.pt").mkdir()
    (own / "being written.pt").touch()
    assert zoo.available_models() == zoo.bundled_models()
    assert zoo.resolve_model("vnc") == models / "vnc.pt"


@pytest.mark.parametrize(
    ("name", "file"), [("bundled", "mouse_cortex.pt"), ("mouse_cortex", "mouse_cortex.pt"), ("vnc", "vnc.pt")]
)
def test_names(models, name, file):
    assert zoo.resolve_model(name) == models / file


def test_files(models, tmp_path, monkeypatch):
    (tmp_path / "vnc").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert zoo.resolve_model("vnc") == models / "vnc.pt"
    assert zoo.resolve_model("./vnc") == Path("vnc")
    assert zoo.resolve_model(Path("vnc")) == Path("vnc")
    assert zoo.resolve_model("~/vnc") == tmp_path / "vnc"


@pytest.mark.parametrize("model", ["mouse", "~nobody-here/a.pt", "", Path("bundled"), "a\0b"])
def test_an_unknown_model_lists_the_names(models, own, model, tmp_path, monkeypatch):
    (own / "mine.pt").write_text("as if")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"^model: the name of a model \(bundled, vnc, mine\) or a checkpoint file is"):
        zoo.resolve_model(model)


def test_a_folder(models, tmp_path):
    with pytest.raises(UserError, match="is a folder"):
        zoo.resolve_model(tmp_path)


def test_no_model_installed(tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "MODELS", tmp_path / "none")
    assert zoo.available_models() == {}
    with pytest.raises(UserError, match=r'there is none.*"bundled" is neither'):
        zoo.resolve_model("bundled")


@pytest.mark.parametrize("path", zoo.bundled_models().values(), ids=lambda path: path.stem)
def test_what_is_bundled_is_complete(path):
    card = inspect(path)
    assert ModelCard.load(card_path(path)) == card
    assert card.role == ("teacher" if path.stem.endswith("_teacher") else "student")
    assert all((card.title, card.description, card.data, card.licence, card.voxel_size, card.scores, card.sha256))


# ---- a person's own ------------------------------------------------------------------------------------------------


def test_the_folder_is_that_of_the_variable_else_that_of_the_system(own_models, monkeypatch, tmp_path):
    assert zoo.user_models() == own_models
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NAPARI_EMCAD_MODELS", "~/mine")
    assert zoo.user_models() == tmp_path / "mine"
    monkeypatch.setattr(zoo, "own_data", lambda: tmp_path / "data" / "napari-emcad")
    for unset in ("", None):
        monkeypatch.setenv("NAPARI_EMCAD_MODELS", "") if unset == "" else monkeypatch.delenv("NAPARI_EMCAD_MODELS")
        assert zoo.user_models() == tmp_path / "data" / "napari-emcad" / "models"


def test_keep(models, own_models, weights):
    before = contents(weights.parent)
    kept = zoo.keep_model(weights, " mouse 2 ")
    assert kept == own_models / "mouse 2.pt" == zoo.resolve_model("mouse 2") == zoo.available_models()["mouse 2"]
    assert sorted(contents(own_models)) == ["mouse 2.json", "mouse 2.pt"]
    assert kept.read_bytes() == weights.read_bytes()
    assert load_student(kept)[1] == inspect(weights)
    assert contents(weights.parent) == before


def test_a_published_file_is_kept_with_a_card_of_its_own(own_models, tmp_path):
    student = CadStudent(CadStudentConfig(2, 3))
    torch.save({"model_weights": student.state_dict(), "current_iter": 7}, tmp_path / "AC34.ckpt")
    kept = zoo.keep_model(tmp_path / "AC34.ckpt", "AC34")
    card = load_student(kept)[1]
    assert (card.title, card.iteration, card.maps) == ("AC34", 7, 2)
    assert card.sha256 == hashlib.sha256((tmp_path / "AC34.ckpt").read_bytes()).hexdigest()
    assert ModelCard.load(own_models / "AC34.json") == card


def test_a_file_of_safetensors_keeps_its_ending(own_models, tmp_path):
    safetensors.torch.save_file(CadStudent(CadStudentConfig(2, 3)).state_dict(), tmp_path / "AC34.safetensors")
    kept = zoo.keep_model(tmp_path / "AC34.safetensors", "mouse")
    assert sorted(contents(own_models)) == ["mouse.safetensors", "mouse.safetensors.json"]
    assert zoo.resolve_model("mouse") == kept
    assert load_student(kept)[1].title == "AC34"
    with pytest.raises(UserError, match="is there already"):
        zoo.keep_model(tmp_path / "AC34.safetensors", "Mouse")


def test_a_teacher_is_kept(own_models, tmp_path):
    save_model(ResidualUNet(ResidualUNetConfig((2, 3), 4)), tmp_path / "teacher.ckpt", ModelCard())
    loaded, card = load_teacher(zoo.keep_model(tmp_path / "teacher.ckpt", "my teacher"))
    assert (loaded.config.maps, card.role, card.title) == ((2, 3), "teacher", "my teacher")  # the name, where none is


@pytest.mark.parametrize("name", ["mouse", "MOUSE", "mouse.v1"])
def test_nothing_is_overwritten(own, weights, name):
    (own / "Mouse.pt").write_bytes(b"a model")
    (own / "mouse.v1.json").write_bytes(b"a card that is left")
    before = contents(own)
    with pytest.raises(UserError, match=r"^model: .*ouse.* is there already; choose another name\.$"):
        zoo.keep_model(weights, name)
    assert contents(own) == before


@pytest.mark.parametrize("name", ["bundled", "mouse_cortex", "vnc", "VNC", "none"])
def test_names_of_the_package_are_taken(models, own_models, weights, name):
    with pytest.raises(UserError, match=rf'^model: the name "{name}" belongs to the package; choose another one\.$'):
        zoo.keep_model(weights, name)
    assert not own_models.exists()


@pytest.mark.parametrize("name", ["", "a/b", "../b", "con", "mouse.pt"])
def test_a_name_that_cannot_be(own_models, weights, name):
    with pytest.raises(UserError, match=r"^model: a name "):
        zoo.keep_model(weights, name)
    assert not own_models.exists()


def test_two_programs_at_once_get_one_model(own_models, weights, monkeypatch):
    monkeypatch.setattr(zoo, "_refuse_taken", lambda *_: None)  # both have looked, and it was free
    zoo.keep_model(weights, "mouse")
    before = contents(own_models)
    with pytest.raises(UserError, match=r"mouse\.pt is there already"):
        zoo.keep_model(weights, "mouse")
    assert contents(own_models) == before


@pytest.mark.parametrize("left", ["card", "empty file", "both"])
def test_what_a_killed_program_has_left_does_not_block_the_name(own, weights, left):
    """The card of weights that never came, and the empty file by which earlier versions claimed a name."""
    if left != "empty file":
        (own / "Mouse.json").write_bytes(card_path(weights).read_bytes())
    if left != "card":
        (own / "Mouse.pt").touch()
    kept = zoo.keep_model(weights, "mouse")
    assert load_student(kept)[1] == inspect(weights)
    assert sorted(contents(own)) == ["mouse.json", "mouse.pt"]


def test_what_was_kept_before_is_known_again(own_models, weights):
    assert zoo.kept_as(weights, "mouse") is None
    kept = zoo.keep_model(weights, "mouse")
    assert zoo.kept_as(weights, " Mouse ") == kept
    assert zoo.kept_as(weights, "other") is None
    kept.write_bytes(b"others")
    assert zoo.kept_as(weights, "mouse") is None


def test_a_full_disk_leaves_nothing(own, weights, monkeypatch):
    (own / "other.pt").write_bytes(b"a model")

    def full(_path):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("napari_emcad.io.atomic.synchronise", full)
    with pytest.raises(UserError, match=r"mouse\.pt: disk full, .* make room or use another disk"):
        zoo.keep_model(weights, "mouse")
    assert contents(own) == {"other.pt": b"a model"}


def test_a_folder_that_cannot_be_made(own_models, weights):
    own_models.parent.mkdir(exist_ok=True)
    own_models.write_text("a file")
    with pytest.raises(UserError, match=r"could not be written .*; name another folder in .* NAPARI_EMCAD_MODELS\.$"):
        zoo.keep_model(weights, "mouse")
    assert own_models.read_text() == "a file"


def test_what_is_no_network_is_not_kept(own_models, tmp_path):
    names = {"inc.conv.0": 8, "x20.conv.1.conv.0": 14, "x02.conv_up.conv.0": 14, "clc1.conv": 1}
    torch.save({f"{name}.weight": torch.zeros(n, 1, 1, 1, 1) for name, n in names.items()}, tmp_path / "sdasn.ckpt")
    (tmp_path / "text.pt").write_text("no weights")
    for path, says in (("sdasn.ckpt", "SDASN"), ("text.pt", "text.pt"), ("none.pt", "does not exist")):
        with pytest.raises(UserError, match=says):
            zoo.keep_model(tmp_path / path, "mouse")
    assert not own_models.exists()


def test_weights_that_change_while_they_are_copied(own_models, weights, monkeypatch):
    real = inspect(weights)
    monkeypatch.setattr(
        "napari_emcad.networks.checkpoint.load_network", lambda _: (None, real.changed(sha256="0" * 64))
    )
    with pytest.raises(UserError, match=r"best.pt is being written just now; try again\.$"):
        zoo.keep_model(weights, "mouse")
    assert not own_models.exists()
