import pytest
import torch
from drawings import lively_small_student, lively_student
from receptive_fields import farthest_felt
from torch.utils.flop_counter import FlopCounterMode

from napari_emcad.core.errors import UserError
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.checkpoint import load_student, save_model
from napari_emcad.networks.recognise import SMALL_STUDENT, Architecture, recognise
from napari_emcad.networks.small_student import SmallStudent, SmallStudentConfig
from napari_emcad.networks.student import RECEPTIVE_RADIUS, SectionFeatures
from napari_emcad.networks.students import build_student, student_config

OTHER_SIZES = SmallStudentConfig((4, 6, 7, 8), (6, 5, 3), embedding_channels=2)


def test_it_has_a_fifth_of_the_published_students_arithmetic():
    student = SmallStudent().eval()
    assert sum(tensor.numel() for tensor in student.state_dict().values()) == 383_824
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        student(torch.rand(1, 2, 64, 64))
    assert counter.get_total_flops() / 2 / 64**2 == 13_976


@pytest.mark.parametrize("shape", [(16, 16), (32, 80)])
def test_embeddings_have_the_size_of_the_sections(shape):
    with torch.no_grad():
        previous, current = SmallStudent(OTHER_SIZES).eval()(torch.rand(3, 2, *shape))
    assert previous.shape == current.shape == (3, 2, *shape)


def test_a_walk_over_sections_gives_what_pairs_give():
    student = lively_small_student()
    sections = torch.rand(4, 1, 16, 32)
    with torch.no_grad():
        fine, coarse = student.encode(sections)
        walked = student.embed(SectionFeatures(fine[:3], coarse[:3]), SectionFeatures(fine[1:], coarse[1:]))
        pairs = student(torch.cat([sections[:-1], sections[1:]], dim=1))
    for one, other in zip(walked, pairs, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("axis", [-2, -1])
def test_no_pixel_beyond_the_receptive_radius_is_felt(axis):
    student = SmallStudent(SmallStudentConfig((1, 1, 1, 1), (1, 1, 1), embedding_channels=1))
    assert 100 < farthest_felt(student, axis) <= RECEPTIVE_RADIUS


@pytest.mark.parametrize("config", [SmallStudentConfig(), OTHER_SIZES])
def test_its_size_is_read_off_its_weights(config):
    weights = SmallStudent(config).state_dict()
    assert student_config(weights) == config
    assert recognise(weights, "a.pt") == Architecture("student", SMALL_STUDENT, None, config.embedding_channels)


def test_it_is_loaded_as_it_was_saved(tmp_path):
    student = lively_small_student()
    card = save_model(student, tmp_path / "small.pt", ModelCard(title="small"))
    assert card.architecture == SMALL_STUDENT
    loaded, found = load_student(tmp_path / "small.pt")
    assert found == card
    pair = torch.rand(1, 2, 32, 48)
    with torch.no_grad():
        for one, other in zip(loaded(pair), student(pair), strict=True):
            assert torch.equal(one, other)


def test_a_layer_that_is_missing_is_told():
    weights = SmallStudent(OTHER_SIZES).state_dict()
    del weights["up2.3.weight"]
    with pytest.raises(UserError, match=r"keys up2.3.weight are missing in a.pt.*choose the file of a small student"):
        recognise(weights, "a.pt")


def test_each_kind_is_built_from_its_config():
    for student in (lively_student(), lively_small_student()):
        twin = build_student(student_config(student.state_dict()))
        assert type(twin) is type(student)
        assert twin.embedding_channels == student.embedding_channels
        twin.load_state_dict(student.state_dict(), strict=True)
