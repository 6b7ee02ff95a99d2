"""What a run takes, told before it starts: no window."""

import subprocess
import sys

import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.networks.card import ModelCard
from napari_emcad.widgets.kit.remembered import Remembered
from napari_emcad.workers import estimates
from napari_emcad.workers.estimates import Estimate, Planned, estimate, fitting_shape

STACK = (100, 1024, 1024)
RESIDUAL = ModelCard(role="teacher", architecture="residual U-Net with 16 embedding channels", maps=28)
MALA = ModelCard(role="teacher", architecture="MALA U-Net with 16 embedding channels", maps=12, parameters=84_000_000)
STUDENT = ModelCard(role="student", architecture="CAD student", maps=16)


@pytest.fixture
def free(monkeypatch):
    """Sets how many bytes are free."""

    def free(available):
        monkeypatch.setattr(estimates.psutil, "virtual_memory", lambda: type("Free", (), {"available": available}))

    return free


def test_memory_that_does_not_suffice(free):
    free(1_200_000_000)
    with pytest.raises(UserError, match="needed for 100 x 1024 x 1024 voxels and") as said:
        estimates.check_memory(Planned(Box.whole(STACK), STACK, "cuda"))
    assert str(said.value).endswith("1.2 GB are free; choose a box, for example of 50 x 1024 x 1024 voxels.")
    estimates.check_memory(Planned(Box.whole((50, 1024, 1024)), STACK, "cuda"))


def test_a_teacher_needs_the_memory_of_its_tiles_whatever_the_box(free):
    section = Planned(Box.whole((1, 1024, 1024)), STACK)
    teacher = Planned(section.box, STACK, card=RESIDUAL)
    free(1_500_000_000)
    assert section.memory < 1_500_000_000 < teacher.memory
    estimates.check_memory(section)
    with pytest.raises(UserError, match=r"close other programs, or choose a student\.$"):
        estimates.check_memory(teacher)
    free(6_000_000_000)
    with pytest.raises(UserError, match=r"for example of \d+ x 1024 x 1024 voxels, or choose a student\.$"):
        estimates.check_memory(Planned(Box.whole((300, 1024, 1024)), (300, 1024, 1024), card=RESIDUAL))


@pytest.mark.parametrize("card", [None, RESIDUAL, MALA])
@pytest.mark.parametrize("share", [0.9, 0.5, 0.2])
def test_a_box_that_is_proposed_fits_and_lies_inside(card, share):
    planned = Planned(Box.whole((7, 48, 900)), (9, 48, 1000), card=card)
    free = share * planned.memory
    fits = fitting_shape(planned, free)
    if fits is not None:
        assert all(a <= b for a, b in zip(fits, planned.box.shape, strict=True))
        assert Planned(Box.whole(fits), planned.shape, card=card).memory <= free
    assert fitting_shape(planned, planned.memory) == planned.box.shape
    assert fitting_shape(planned, 1000) is None


def test_time_is_told_only_where_it_was_measured():
    planned = Planned(Box.whole((10, 1000, 1000)), (10, 1000, 1000), "cuda")
    assert "~" not in estimate(planned, None).text()
    assert estimate(planned, 3.0).text() == "~ 30 s, 200 MB"


def test_a_student_s_work_are_the_voxels_of_the_box():
    box = Box((3, 10, 0), (5, 20, 30))
    for card in (None, STUDENT, ModelCard(role="foreground")):
        assert Planned(box, STACK, card=card).work == Planned(box, STACK, card=card).voxels == 600


@pytest.mark.parametrize("card", [RESIDUAL, MALA])
def test_a_teacher_s_work_is_that_of_whole_tiles(card):
    whole, section = (Planned(box, STACK, card=card) for box in (Box.whole(STACK), Box((5, 0, 0), (6, 1024, 1024))))
    assert 15 < whole.work / whole.voxels < 25  # of a whole stack; tiles overlap
    assert 150 < section.work / section.voxels < 450
    assert section.work < whole.work / 4


def test_how_much_longer_a_teacher_takes_is_told_where_nothing_was_measured():
    remembered = Remembered(None)
    planned = Planned(Box.whole(STACK), STACK, card=RESIDUAL)
    assert remembered.seconds_per_megavoxel("CPU, 2 threads", RESIDUAL) is None
    assert estimate(planned, None).text().startswith("~ 18 times as long as a student, ")
    assert Estimate(10**9, None, 200.4).text() == "~ 200 times as long as a student, 1.0 GB"


def test_a_teacher_s_time_is_reckoned_from_a_student_s_until_it_was_measured():
    remembered, device = Remembered(None), "CPU, 2 threads"
    student, teacher = (Planned(Box.whole(STACK), STACK, card=card) for card in (STUDENT, RESIDUAL))
    remembered.remember_speed(device, student, 105.0)
    assert estimate(student, remembered.seconds_per_megavoxel(device, STUDENT)).seconds == pytest.approx(105)
    reckoned = estimate(teacher, remembered.seconds_per_megavoxel(device, RESIDUAL)).seconds
    assert reckoned == pytest.approx(105 * teacher.work / student.work)
    assert estimate(teacher, 1.0).text().startswith("~ 32 min, ")
    remembered.remember_speed(device, Planned(Box((0, 0, 0), (1, 512, 512)), STACK, card=RESIDUAL), 600.0)
    assert estimate(student, remembered.seconds_per_megavoxel(device, STUDENT)).seconds == pytest.approx(105)
    assert remembered.seconds_per_megavoxel(device, MALA) == remembered.seconds_per_megavoxel(device, None)
    assert remembered.seconds_per_megavoxel(device, RESIDUAL) > 5 * remembered.seconds_per_megavoxel(device, STUDENT)
    assert remembered.seconds_per_megavoxel("another device", RESIDUAL) is None


def test_neither_qt_nor_torch_is_needed_to_begin():
    """The process that predicts beside the window imports these, too."""
    code = "import sys, napari_emcad.workers.prediction; print({'qtpy', 'napari', 'torch'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"
