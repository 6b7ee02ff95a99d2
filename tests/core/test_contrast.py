import numpy as np
import pytest
from drawings import neuropil
from scipy import ndimage

from napari_emcad.core.contrast import INVERTED, membrane_darkness


@pytest.fixture(scope="module")
def stack():
    return neuropil((5, 150, 160), seed=4)


def test_an_inverted_stack_has_the_negative(stack):
    found = membrane_darkness(stack)
    assert found > -INVERTED
    assert membrane_darkness(255 - stack) == pytest.approx(-found)
    assert membrane_darkness(stack.astype(np.uint16) * 50 + 1000) == pytest.approx(found)


def test_lost_sections_do_not_count(stack):
    lost = stack.copy()
    lost[[1, 3]] = 0
    assert membrane_darkness(lost) > -INVERTED
    assert membrane_darkness(255 - lost) < INVERTED


def test_what_has_no_lines_is_neither():
    assert membrane_darkness(np.full((3, 40, 50), 9, np.uint8)) == 0
    assert membrane_darkness(np.full((3, 40, 50), np.nan, np.float32)) == 0
    noise = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(4, 200, 200)), (0, 2, 2))
    assert abs(membrane_darkness(noise)) < -INVERTED
