from napari_emcad.core.geometry import Box
from napari_emcad.inference.memory import prediction_memory
from napari_emcad.inference.predict_student import network_memory
from napari_emcad.inference.predict_teacher import teacher_memory
from napari_emcad.networks.card import ModelCard

BOX, SECTION = Box((0, 0, 0), (20, 700, 800)), (900, 1000)
TEACHER = ModelCard(role="teacher", architecture="residual U-Net", maps=28, parameters=1000)


def test_memory_is_that_of_the_kind_of_network():
    assert prediction_memory(BOX, SECTION) == prediction_memory(BOX, SECTION, "cpu", ModelCard())
    assert prediction_memory(BOX, SECTION) == network_memory(BOX, SECTION)
    assert prediction_memory(BOX, SECTION, "cpu", TEACHER) == teacher_memory(TEACHER, BOX, SECTION)


def test_gpus_have_memory_of_their_own():
    assert prediction_memory(BOX, SECTION, "cuda", TEACHER) == prediction_memory(BOX, SECTION, "mps") == 0
