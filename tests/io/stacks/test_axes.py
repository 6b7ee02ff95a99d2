import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_emcad.io.stacks.axes import arrange_axes
from napari_emcad.io.stacks.check_stack import NotAStack
from napari_emcad.io.stacks.stack_selection import StackSelection

LENGTHS = {"z": 5, "y": 6, "x": 7, "c": 2, "t": 3}
WHOLE = (slice(0, 5), slice(0, 6), slice(0, 7))


@given(st.permutations("zyxct"))
def test_named_axes_in_any_order(names):
    """Voxels, and what is stated of the axes, are those of z, y, x; the channel and the time point are picked."""
    values = np.arange(5 * 6 * 7 * 2 * 3).reshape(5, 6, 7, 2, 3)
    array = values.transpose(["zyxct".index(axis) for axis in names])
    found = arrange_axes("a", array.shape, names, StackSelection(channel=1, time=2))
    assert found.shape == (5, 6, 7)
    np.testing.assert_array_equal(found.turn(array[found.key(WHOLE)]), values[..., 1, 2])
    assert found.of_space(list(names)) == ["z", "y", "x"]
    assert found.of_space([axis for axis in names if axis in "zyx"]) == ["z", "y", "x"]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((5, 6, 7), (5, 6, 7)),
        ((5, 6, 1), (5, 6, 1)),
        ((1, 1, 5, 6, 7), (5, 6, 7)),
        ((5, 6, 7, 1), (5, 6, 7)),
        ((5, 1, 6, 7), (5, 6, 7)),
        ((1, 6, 7, 1), (1, 6, 7)),
        ((1, 1, 6, 7), (1, 6, 7)),
        ((1, 1, 1, 6, 7, 1), (1, 6, 7)),
    ],
)
def test_axes_of_length_one_without_names(shape, expected):
    found = arrange_axes("a", shape, None)
    assert (found.shape, found.notes) == (expected, ())
    values = np.arange(np.prod(shape)).reshape(shape)
    box = tuple(slice(0, n) for n in expected)
    np.testing.assert_array_equal(found.turn(values[found.key(box)]), values.reshape(expected))


@pytest.mark.parametrize(
    ("shape", "names", "selection", "sentence"),
    [
        ((6, 7), None, "", "got a single section"),
        ((2, 5, 6, 7), None, "", "4 axes of shape .* name them with --axes"),
        ((2, 5, 6, 7), None, "[c=1]", "does not say what its axes"),
        ((2, 5, 6, 7), "czyx", "", "one channel is needed, and it has 2; choose one with --channel 0 to 1"),
        ((2, 5, 6, 7), "tzyx", "", "one time point is needed, and it has 2; choose one with --time 0 to 1"),
        ((2, 5, 6, 7), "czyx", "[c=2]", "a channel from 0 to 1 is needed, got 2"),
        ((5, 6, 7), "zyx", "[t=0]", "no axis t to choose from; leave --time out"),
        ((3, 2, 6, 7), "tcyx", "", "axes z, y and x is needed, got t, c, y, x"),
        ((1, 6, 7), "cyx", "", "got a single section"),
        ((5, 6, 7), "zyyx", "", "a name for each axis"),
        ((5, 6, 7), "zyx", "[axes=xyy]", "a name for each axis"),
        ((2, 5, 6, 7), ["angle", "z", "y", "x"], "", 'one place on the axis "angle" is needed, and it has 2; save one'),
    ],
)
def test_what_is_refused(shape, names, selection, sentence):
    with pytest.raises(NotAStack, match=sentence):
        arrange_axes("a", shape, names, StackSelection.parse(selection))


@pytest.mark.parametrize(("names", "word"), [("tyx", "time points"), ("cyx", "channels")])
def test_what_is_taken_for_sections_is_said(names, word):
    found = arrange_axes("a", (5, 6, 7), names)
    assert (found.shape, found.notes) == ((5, 6, 7), (f"its 5 {word} are taken for sections, as it has no axis z.",))


def test_axes_that_a_person_names():
    assert arrange_axes("a", (7, 6, 5), "zyx", StackSelection(axes="xyz")).shape == (5, 6, 7)
