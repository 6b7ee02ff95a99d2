from pathlib import Path

import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.networks import zoo
from napari_emcad.networks.card import ModelCard, card_path
from napari_emcad.networks.checkpoint import inspect


@pytest.fixture
def models(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    for name in ("vnc.pt", "vnc.json", "mouse_cortex.pt", "mouse_cortex.json"):
        (folder / name).touch()
    monkeypatch.setattr(zoo, "MODELS", folder)
    return folder


def test_the_default_comes_first_under_its_name(models):
    assert list(zoo.available().items()) == [("bundled", models / "mouse_cortex.pt"), ("vnc", models / "vnc.pt")]


@pytest.mark.parametrize(
    ("name", "file"), [("bundled", "mouse_cortex.pt"), ("mouse_cortex", "mouse_cortex.pt"), ("vnc", "vnc.pt")]
)
def test_names(models, name, file):
    assert zoo.resolve(name) == models / file


def test_files(models, tmp_path, monkeypatch):
    (tmp_path / "vnc").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert zoo.resolve("vnc") == models / "vnc.pt"
    assert zoo.resolve("./vnc") == Path("vnc")
    assert zoo.resolve(Path("vnc")) == Path("vnc")
    assert zoo.resolve("~/vnc") == tmp_path / "vnc"


@pytest.mark.parametrize("model", ["mouse", "~nobody-here/a.pt", "", Path("bundled"), "a\0b"])
def test_an_unknown_model_lists_the_names(models, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        UserError, match=r"^model: the name of a bundled model \(bundled, vnc\) or a checkpoint file is"
    ):
        zoo.resolve(model)


def test_a_folder(models, tmp_path):
    with pytest.raises(UserError, match="is a folder"):
        zoo.resolve(tmp_path)


def test_no_model_installed(tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "MODELS", tmp_path / "none")
    assert zoo.available() == {}
    with pytest.raises(UserError, match=r'none is installed.*"bundled" is neither'):
        zoo.resolve("bundled")


@pytest.mark.parametrize("path", zoo.available().values(), ids=lambda path: path.stem)
def test_what_is_bundled_is_complete(path):
    card = inspect(path)
    assert ModelCard.load(card_path(path)) == card
    assert card.role == "student"
    assert all((card.title, card.description, card.data, card.licence, card.voxel_size, card.scores, card.sha256))
