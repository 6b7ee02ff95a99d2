from dataclasses import dataclass

import numpy as np
import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.core.volume import check_volume


@dataclass
class Drawn:
    """A volume before it is read."""

    shape: tuple
    dtype: object = np.uint8


STACK = "volume: a stack (z, y, x) is needed"
COLOUR = "volume: grey values are needed, got a colour image"
SIDES = "volume: sections of at least 16 x 16 pixels are needed"
REFUSED = [
    *[(shape, np.uint8, f"{STACK}, got {len(shape)} axes {shape}; choose one channel.") for shape in [(), (40,)]],
    ((40, 50), np.uint8, f"{STACK}, got one 2D image (40, 50); open it as (1, y, x)."),
    ((2, 5, 40, 50), np.uint8, f"{STACK}, got 4 axes (2, 5, 40, 50); choose one channel."),
    ((40, 50, 3), np.uint8, f"{COLOUR} (40, 50, 3); convert it to grey first."),
    ((9, 40, 50, 4), np.uint8, f"{COLOUR} (9, 40, 50, 4); convert it to grey first."),
    ((0, 40, 50), np.uint8, "volume: it is empty, shape (0, 40, 50); choose another one."),
    ((5, 0, 50), np.uint8, "volume: it is empty, shape (5, 0, 50); choose another one."),
    *[
        ((5, *sides), np.uint8, f"{SIDES}, got {sides[0]} x {sides[1]}; choose a larger stack.")
        for sides in [(1, 1), (15, 500), (500, 15), (7, 9)]
    ],
    *[
        ((5, 40, 50), dtype, f"volume: real numbers are needed, got dtype {dtype}; convert it first.")
        for dtype in map(np.dtype, ["complex64", "U3", "S2", "object", "M8[s]", [("grey", "u1")]])
    ],
]


@pytest.mark.parametrize(("shape", "dtype", "sentence"), REFUSED)
def test_anything_but_a_stack_of_grey_sections_is_refused(shape, dtype, sentence):
    with pytest.raises(UserError) as error:
        check_volume(Drawn(shape, dtype))
    assert str(error.value) == sentence


@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.uint16, ">u2", np.int64, np.float16, np.float64, "uint8"])
def test_real_numbers_of_any_kind_will_do(dtype):
    check_volume(Drawn((1, 16, 16), dtype))


def test_how_small_sections_may_be_depends_on_the_network():
    check_volume(Drawn((1, 1, 1)), smallest=1)
    with pytest.raises(UserError, match="at least 2 x 2 pixels are needed, got 1 x 1"):
        check_volume(Drawn((1, 1, 1)), smallest=2)
