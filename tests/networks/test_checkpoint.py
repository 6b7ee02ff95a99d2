import errno
import hashlib
from pathlib import Path

import pytest
import torch

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.networks import card as cards
from napari_emcad.networks.cad_student import CadStudent, CadStudentConfig
from napari_emcad.networks.card import ModelCard, card_path
from napari_emcad.networks.checkpoint import inspect, load_student, save_model

TOLD = ModelCard(
    title="Mouse",
    data="AC4",
    licence="CC0-1.0",
    voxel_size=VoxelSize(30, 6, 5),
    scores={"VOI on AC4": 0.6},
    iteration=12,
    parent_sha256="cd" * 32,
    threshold=0.3,
)


@pytest.fixture
def student() -> CadStudent:
    """A student of no published size, every tensor random, in the memory order that training uses."""
    torch.manual_seed(5)
    student = CadStudent(CadStudentConfig(maps=3, embedding_channels=5)).to(memory_format=torch.channels_last)
    for tensor in student.state_dict().values():
        tensor.copy_(torch.rand(tensor.shape) * 100)
    return student.train()


def test_round_trip_is_exact(student, tmp_path):
    path = tmp_path / "mouse.pt"
    written = save_model(student, path, TOLD)
    loaded, card = load_student(path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["mouse.json", "mouse.pt"]
    assert not loaded.training
    assert student.training
    assert loaded.config == student.config
    for name, tensor in student.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name
    assert card == written == inspect(path) == ModelCard.load(card_path(path))


def test_the_card_is_what_was_told_and_what_is_seen(student, tmp_path):
    path = tmp_path / "mouse.pt"
    card = save_model(student, path, TOLD)
    facts = {
        "role": "student",
        "architecture": "CAD student",
        "parameters": sum(tensor.numel() for tensor in student.state_dict().values()),
        "maps": 3,
        "embedding_channels": 5,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    assert card == ModelCard(**{**TOLD.model_dump(), **facts})


def test_equal_weights_give_equal_files(student, tmp_path):
    assert save_model(student, tmp_path / "a.pt", TOLD).sha256 == save_model(student, tmp_path / "b.pt", TOLD).sha256


def test_without_its_card_the_weights_still_load(student, tmp_path):
    path = tmp_path / "mouse.pt"
    save_model(student, path, TOLD)
    card_path(path).unlink()
    _, card = load_student(path)
    assert (card.title, card.iteration, card.voxel_size, card.maps) == ("mouse", 12, None, 3)


def test_weights_that_were_changed_are_refused(student, tmp_path):
    path = tmp_path / "mouse.pt"
    save_model(student, path, TOLD)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    for read in (inspect, load_student):
        with pytest.raises(UserError, match=r"mouse.pt was changed after its card was written"):
            read(path)


def test_a_published_file_beside_our_own_keeps_its_own_card(student, tmp_path):
    torch.save({"model_weights": student.state_dict(), "current_iter": 3}, tmp_path / "AC34.ckpt")
    save_model(student, tmp_path / "AC34.pt", TOLD)
    assert inspect(tmp_path / "AC34.ckpt").iteration == 3
    assert inspect(tmp_path / "AC34.pt").iteration == 12


def test_a_card_beside_that_is_none(student, tmp_path):
    save_model(student, tmp_path / "mouse.pt", TOLD)
    (tmp_path / "mouse.json").write_text("{")
    with pytest.raises(UserError, match=r"mouse.json is not a card"):
        inspect(tmp_path / "mouse.pt")


def test_a_failed_save_leaves_the_saved_one(student, tmp_path):
    path = tmp_path / "mouse.pt"
    before = save_model(student, path, TOLD)
    next(student.parameters()).data[0] = torch.nan
    with pytest.raises(
        UserError, match=r"mouse.pt was not written because inc.conv.conv.0.weight holds values that are"
    ):
        save_model(student, path, TOLD)
    assert inspect(path) == before


def test_our_own_ckpt_and_pt_share_a_folder_each_with_its_card(student, tmp_path):
    first = save_model(student, tmp_path / "AC34.pt", TOLD)
    second = save_model(CadStudent(CadStudentConfig(2, 2)), tmp_path / "AC34.ckpt", TOLD.changed(title="Other"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["AC34.ckpt", "AC34.ckpt.json", "AC34.json", "AC34.pt"]
    assert load_student(tmp_path / "AC34.pt")[1] == first
    assert load_student(tmp_path / "AC34.ckpt")[1] == second == ModelCard.load(tmp_path / "AC34.ckpt.json")
    assert (first.maps, second.maps, second.title) == (3, 2, "Other")


def test_a_ckpt_that_was_changed_after_its_card_is_refused(student, tmp_path):
    save_model(student, tmp_path / "AC34.ckpt", TOLD)
    torch.save({"model_weights": student.state_dict(), "current_iter": 3}, tmp_path / "AC34.ckpt")
    for read in (inspect, load_student):
        with pytest.raises(UserError, match=r"AC34.ckpt was changed after its card was written"):
            read(tmp_path / "AC34.ckpt")
    (tmp_path / "AC34.ckpt.json").unlink()
    assert inspect(tmp_path / "AC34.ckpt").iteration == 3


@pytest.mark.parametrize("name", ["mouse", "mouse.pth", "mouse.json", "mouse_v1.2", "mouse.ckpt.json"])
def test_other_suffixes_are_not_written(student, tmp_path, name):
    with pytest.raises(UserError, match=rf'a file name that ends in .pt or .ckpt is needed, got "{name}"'):
        save_model(student, tmp_path / name, TOLD)
    assert not list(tmp_path.iterdir())


def test_a_place_that_is_missing(student, tmp_path):
    with pytest.raises(UserError, match=r"cannot be written, the folder .* does not exist"):
        save_model(student, tmp_path / "none" / "mouse.pt", TOLD)


def test_half_precision_is_loaded_as_single(student, tmp_path):
    weights = {
        name: tensor.bfloat16() if tensor.is_floating_point() else tensor
        for name, tensor in student.state_dict().items()
    }
    torch.save(weights, tmp_path / "half.pth")
    loaded, _ = load_student(tmp_path / "half.pth")
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}


def test_a_teacher_is_inspected_but_not_loaded_as_a_student(tmp_path):
    names = ("embed_in.0.weight", "conv0.block2.3.weight", "center.block2.3.weight", "out_put.0.weight")
    path = tmp_path / "teacher.ckpt"
    torch.save({"model_weights": {name: torch.ones(16, 1, 1, 1, 1) for name in names}, "current_iter": 9}, path)
    card = inspect(path)
    assert (card.role, card.iteration, card.parameters, card.title) == ("teacher", 9, 64, "teacher")
    with pytest.raises(
        UserError, match=r"a CAD student is needed, .*teacher.ckpt holds the residual U-Net with 16 emb"
    ):
        load_student(path)


# ---- killed between the weights and their card -----------------------------------------------------------------------


@pytest.mark.parametrize("with_card", [True, False])
@pytest.mark.parametrize("done", range(4))
def test_killed_at_any_moment_over_an_older_model(tmp_path, monkeypatch, done, with_card):
    """After so many of the renames: the weights that are there have their card, the old or the new."""
    path, write = tmp_path / "a.pt", cards.replace_in_turn
    save_model(CadStudent(CadStudentConfig(2, 3)), path, ModelCard(title="old"))
    if not with_card:
        card_path(path).unlink()
    before = inspect(path)
    monkeypatch.setattr(cards, "replace_in_turn", lambda steps: write(list(steps)[:done]) if done else None)
    save_model(CadStudent(CadStudentConfig(3, 3)), path, ModelCard(title="new"))
    monkeypatch.undo()
    found = load_student(path)[1]
    assert found == before if done < 2 else (found.title, found.maps) == ("new", 3)
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    written = save_model(CadStudent(CadStudentConfig(4, 3)), path, ModelCard(title="newer"))
    assert inspect(path) == written == ModelCard.load(card_path(path))
    assert "before" not in card_path(path).read_text()


def test_killed_before_there_are_weights_there_is_no_model(tmp_path, monkeypatch):
    write = cards.replace_in_turn
    monkeypatch.setattr(cards, "replace_in_turn", lambda steps: write(steps[:1]))
    save_model(CadStudent(CadStudentConfig(2, 3)), tmp_path / "a.pt", ModelCard())
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    with pytest.raises(UserError, match="does not exist"):
        inspect(tmp_path / "a.pt")


def test_a_failure_between_the_two_leaves_both_as_they_were(tmp_path, monkeypatch):
    path = tmp_path / "a.pt"
    save_model(CadStudent(CadStudentConfig(2, 3)), path, ModelCard(title="old"))
    before, replace = {p.name: p.read_bytes() for p in tmp_path.iterdir()}, Path.replace

    def refused(self, target):
        if self.name == "a.pt" and ".part" in self.parent.name:
            raise OSError(errno.EIO, "gone")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(UserError, match="does not answer"):
        save_model(CadStudent(CadStudentConfig(3, 3)), path, ModelCard(title="new"))
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before
