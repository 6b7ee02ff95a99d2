"""Student, teacher and mode, without a window."""

import pytest

from napari_emcad.networks.card import ModelCard
from napari_emcad.training.params import MODES
from napari_emcad.widgets.finetune.networks import NEEDS_ONE


@pytest.fixture
def networks(new_hand):
    return new_hand().networks


def open_file(networks, loop, name, file) -> None:
    getattr(networks, name).open_file(file)
    loop.work()


def offered(networks) -> set[str]:
    return {mode for mode, why_not in networks.why_no_mode.items() if not why_not}


def test_a_teacher_brings_its_mode(networks, loop, teacher):
    assert offered(networks) == {"student", "restore"}
    assert set(networks.why_no_mode.values()) == {"", NEEDS_ONE}
    open_file(networks, loop, "teacher", teacher)
    assert networks.mode == "frozen-teacher" and offered(networks) == set(MODES)
    assert "also teaches where nothing is verified" in networks.words
    networks.mode = "joint"
    open_file(networks, loop, "teacher", teacher)
    assert networks.mode == "joint"
    networks.teacher.path = None
    assert networks.mode == "student"
    assert networks.words == "Without a teacher the student learns from what is verified."


def test_a_mode_names_the_files_that_it_needs(networks, loop, model, teacher):
    open_file(networks, loop, "teacher", teacher)
    expected = {"frozen-teacher": (model, teacher), "student": (model, None), "teacher": (None, teacher)}
    for mode, files in expected.items():
        networks.mode = mode
        assert (networks.student_file, networks.teacher_file) == files
    assert networks.learner is networks.teacher
    networks.mode = "student"
    assert networks.learner is networks.student and isinstance(networks.learner.card, ModelCard)


def test_a_mode_that_needs_a_teacher(networks):
    networks.mode = "distil"
    assert networks.why_not == NEEDS_ONE


def test_student_and_teacher_swapped(networks, loop, model, teacher):
    open_file(networks, loop, "student", teacher)
    assert networks.why_not == "A student is needed, deep.ckpt is a teacher; choose it as the teacher."
    open_file(networks, loop, "teacher", model)
    swapped = "Student and teacher are swapped: choose tiny.pt as the student and deep.ckpt as the teacher."
    assert networks.why_not == swapped


def test_a_file_that_is_no_model(new_hand, loop, tmp_path):
    hand = new_hand()
    (tmp_path / "no.pt").write_bytes(b"no")
    open_file(hand.networks, loop, "student", tmp_path / "no.pt")
    assert hand.networks.why_not == "This file is no model; choose another one."
    assert hand.desk.message.kind == "error"


def test_listeners_hear_of_another_mode_once(networks):
    heard = []
    networks.changed.connect(lambda: heard.append(networks.mode))
    networks.mode = "restore"
    networks.mode = "restore"
    assert heard == ["restore"]
