import numpy as np
import pytest
from drawings import lively_student, uneven

from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import drive
from napari_emcad.inference.choice import choose_device
from napari_emcad.inference.normalisation import Normalisation
from napari_emcad.inference.predict import predict_by
from napari_emcad.inference.prediction import Prediction

SHAPE, LOST = (5, 33, 70), 2


@pytest.fixture(scope="module")
def student():
    return lively_student()


def predicted(student, volume, box=None, tile=None):
    box = box or Box.whole(volume.shape)
    out = np.zeros((3, *box.shape), np.uint8)
    drive(predict_by(student, volume, out, Prediction(box, Normalisation(0, 255), choose_device("cpu"), tile)))
    return out


@pytest.mark.parametrize("grey", [0, 255, 128])
def test_a_lost_section_is_taken_for_the_one_before(student, grey):
    volume = uneven(SHAPE)
    volume[LOST] = grey
    copied = volume.copy()
    copied[LOST] = volume[LOST - 1]
    np.testing.assert_array_equal(predicted(student, volume), predicted(student, copied))
    assert (volume[LOST] == grey).all()


def test_boxes_and_tiles_agree_on_a_lost_section(student):
    volume = uneven(SHAPE)
    volume[LOST] = 0
    expected = predicted(student, volume)
    for box in (
        Box((LOST, 3, 5), (LOST + 1, 30, 60)),
        Box((LOST + 1, 0, 40), SHAPE),
        Box((0, 0, 0), (LOST + 1, 20, 70)),
    ):
        found = predicted(student, volume, box, tile=40)
        np.testing.assert_allclose(found, expected[(slice(None), *box.slices)], atol=1.01)


def test_a_tile_that_lies_in_a_black_part_stays_black(student):
    """The section has a picture elsewhere, so that it is not lost."""
    volume = uneven(SHAPE)
    volume[LOST, :, :60] = 0
    copied = volume.copy()
    copied[LOST] = volume[LOST - 1]
    assert (predicted(student, volume) != predicted(student, copied)).any()
