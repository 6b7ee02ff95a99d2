"""Which model: names, files, and what is wanted of them."""

import shutil

import pytest
import torch
from hearing import heard

from napari_emcad.networks import zoo
from napari_emcad.networks.card import ModelCard, card_path
from napari_emcad.networks.checkpoint import inspect
from napari_emcad.widgets.desk.model import ModelPick
from napari_emcad.widgets.kit.remembered import Remembered


@pytest.fixture(autouse=True)
def one_bundled(tmp_path_factory, monkeypatch):
    """Of the models that come with the package there is the student only."""
    folder, student = tmp_path_factory.mktemp("bundled"), zoo.bundled_models()["bundled"]
    for path in (student, card_path(student)):
        (folder / path.name).symlink_to(path)
    monkeypatch.setattr(zoo, "MODELS", folder)


@pytest.fixture
def remembered():
    return Remembered(None)


@pytest.fixture
def choose(loop, remembered):
    """A choice that stands alone."""
    return lambda **wanted: ModelPick(loop, remembered, **wanted)


@pytest.fixture
def opened(loop):
    """Open a file and read it."""

    def opened(choice, path):
        choice.open_file(path)
        loop.work()
        return choice

    return opened


def offered(choice) -> list[str]:
    return list(choice.offers)


@pytest.fixture
def own(model, teacher):
    """A student and a teacher of one's own."""
    return zoo.keep_model(model, "my student"), zoo.keep_model(teacher, "my teacher")


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({}, ["bundled", "my student", "my teacher"]),
        ({"roles": ("student",)}, ["bundled", "my student"]),
        ({"roles": ("teacher",)}, ["my teacher"]),
        ({"roles": ("teacher",), "nothing": "none"}, ["none", "my teacher"]),
    ],
)
def test_models_of_the_wanted_roles_are_offered_the_own_ones_last(choose, own, wanted, names):
    assert offered(choose(**wanted)) == names


def test_files_used_lately_are_offered_unless_their_card_says_another_role(choose, remembered, own, tmp_path, teacher):
    beside = tmp_path / "beside.pt"
    for path, copy in ((own[1], beside), (card_path(own[1]), card_path(beside))):
        shutil.copy(path, copy)
    remembered.remember_model(beside)
    remembered.remember_model(teacher)  # no card: nobody knows before it is read
    assert offered(choose(roles=("student",))) == ["bundled", "my student", "deep.ckpt"]
    assert offered(choose(roles=("teacher",))) == ["my teacher", "deep.ckpt", "beside.pt"]


def test_a_teacher_segments(choose, opened, teacher):
    choice = opened(choose(), teacher)
    assert choice.card.role == "teacher" and choice.why_not == ""
    assert choice.line == inspect(teacher).summary()
    assert choice.line.startswith("residual U-Net with 5 embedding channels (CAD teacher), ")


@pytest.mark.parametrize(("role", "other"), [("student", "teacher"), ("teacher", "student")])
def test_the_wrong_role_is_one_sentence(choose, opened, model, teacher, role, other):
    files = {"student": model, "teacher": teacher}
    choice = opened(choose(roles=(role,)), files[other])
    assert choice.path == files[other]
    assert choice.why_not == f"A {role} is needed, {files[other].name} is a {other}; choose it as the {other}."
    assert choice.line == choice.why_not
    opened(choice, files[role])
    assert choice.why_not == ""


def test_a_network_of_other_purpose(choose, opened, tmp_path):
    names = {"inc.conv.0": 8, "x20.conv.1.conv.0": 14, "x02.conv_up.conv.0": 14, "clc1.conv": 1}
    torch.save({f"{name}.weight": torch.zeros(n, 1, 1, 1, 1) for name, n in names.items()}, tmp_path / "sdasn.pth")
    choice = opened(choose(), tmp_path / "sdasn.pth")
    assert choice.why_not == (
        "A student or teacher is needed, sdasn.pth is the network SDASN (foreground of optical volumes); "
        "choose another one."
    )


def test_no_model_where_that_is_a_choice(choose, opened, teacher):
    choice = choose(roles=("teacher",), nothing="none")
    assert (choice.path, choice.card, choice.why_not, choice.line) == (None, None, "", "")
    opened(choice, teacher)
    assert choice.path == teacher and choice.name == "deep.ckpt"
    choice.path = None
    assert choice.path is None and choice.why_not == ""
    choice.remember()  # nothing to remember


def test_where_there_has_to_be_one(choose):
    choice = choose(roles=("teacher",))
    assert choice.path is None and choice.why_not == 'Choose a teacher first: press "Open file...".'


def test_a_model_that_has_just_been_kept(choose, model):
    choice, other = choose(), choose(roles=("teacher",))
    before = choice.path
    kept = zoo.keep_model(model, "fresh")
    changes = heard(choice.changed)
    choice.refresh()
    assert not changes and choice.path == before and offered(choice) == ["bundled", "fresh"]
    choice.open_file(kept)
    assert choice.name == "fresh" and offered(choice) == ["bundled", "fresh"]
    other.refresh()
    assert other.path is None and offered(other) == []


def test_the_first_of_its_kind_is_chosen_when_there_is_one(choose, teacher, loop):
    choice = choose(roles=("teacher",))
    kept = zoo.keep_model(teacher, "fresh")
    changes = heard(choice.changed)
    choice.refresh()
    assert changes and choice.path == kept
    loop.work()
    assert choice.card.role == "teacher"


def test_own_models_are_not_remembered_as_files(choose, opened, remembered, own, teacher):
    choice = opened(choose(), own[0])
    choice.remember()
    assert remembered.models == []
    opened(choice, teacher).remember()
    assert remembered.models == [teacher]


def test_a_file_that_was_written_anew_is_read_anew(choose, opened, tmp_path, model, teacher):
    path = tmp_path / "best.ckpt"
    shutil.copy(teacher, path)
    choice = opened(choose(), path)
    assert choice.card.role == "teacher"
    shutil.copy(model, path)
    assert opened(choice, path).card.role == "student"


def test_a_broken_model_of_one_s_own_breaks_nothing_else(choose, own, own_models, loop):
    (own_models / "broken.pt").write_text("no weights")
    (own_models / "half.pt").write_bytes(own[0].read_bytes())
    (own_models / "half.json").write_text("{")
    choice = choose()
    assert offered(choice) == ["bundled", "broken", "half", "my student", "my teacher"]
    errors = heard(choice.failed)
    for name, says in (("broken", "broken.pt"), ("half", "half.json is not a card")):
        choice.path = choice.offers[name]
        loop.work()
        assert says in str(errors[-1][0]) and choice.line == "no model"
        assert choice.why_not == "This file is no model; choose another one."
    choice.path = choice.offers["my student"]
    loop.work()
    assert choice.why_not == "" and choice.card == ModelCard.load(card_path(own[0]))


def test_what_was_chosen_meanwhile_is_not_blamed(choose, tmp_path, model, loop):
    (tmp_path / "broken.pt").write_text("no weights")
    choice = choose()
    choice.open_file(tmp_path / "broken.pt")
    choice.open_file(model)
    assert choice.line == "reading ..."
    loop.work()
    assert choice.path == model and choice.why_not == "" and choice.card.title == "tiny"


def test_a_file_that_has_gone(choose, opened, tmp_path):
    choice = choose()
    errors = heard(choice.failed)
    opened(choice, tmp_path / "gone.pt")
    assert "is not there any more" in str(errors[-1][0]) and choice.is_unreadable


def test_only_what_is_offered_can_be_chosen(choose, teacher):
    choice = choose()
    with pytest.raises(ValueError, match="is not offered"):
        choice.path = teacher
