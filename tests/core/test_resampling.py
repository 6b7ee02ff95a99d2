"""Pixels of another size, compared with a brute force that knows nothing of sparse weights."""

import numpy as np
import pytest
from drawings import uneven

from napari_emcad.core.geometry import Box, VoxelSize
from napari_emcad.core.pixel_size import OWN, pixel_size_note, scale_between, seen_shape
from napari_emcad.core.resampling import AxisGrid, resampled, seen_box

STEPS = [1.0, 2.0, 1.3, 3.7, 0.5, 0.4, 0.75]


def length(source, step):
    return max(1, int(np.ceil(source / step - 1e-6)))


def brute(values, step, at_edges, n):
    """Means of a finely sampled line that is constant in each pixel, or linear between their middles."""
    found, fine = [], 2000
    for p in range(n):
        middle = p * step + 0.5 if at_edges else (p + 0.5) * step
        if step > 1:
            at = middle + (np.arange(fine) + 0.5) / fine * step - step / 2
            inside = at[(at >= 0) & (at < len(values))]
            found.append(values[np.floor(inside).astype(int)].mean())
        else:
            found.append(np.interp(middle, np.arange(len(values)) + 0.5, values))
    return np.array(found)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("at_edges", [False, True])
def test_pixels_are_means_or_lie_between_others(step, at_edges):
    values = uneven((29,), seed=3).astype(float)
    grid, n = AxisGrid(29, step, at_edges), length(29, step)
    found = grid.weights(0, n) @ values[list(grid.seen(0, n))].astype(np.float32)
    np.testing.assert_allclose(found, brute(values, step, at_edges, n), atol=0.3)
    if step == 1:
        np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("at_edges", [False, True])
def test_a_part_is_that_part_of_the_whole(step, at_edges):
    values = uneven((41,), np.float32)
    grid, n = AxisGrid(41, step, at_edges), length(41, step)
    whole = grid.weights(0, n) @ values
    for start, stop in [(0, 1), (n - 1, n), (n // 3, n // 2 + 1)]:
        seen = grid.seen(start, stop)
        np.testing.assert_array_equal(grid.weights(start, stop) @ values[seen.start : seen.stop], whole[start:stop])


def test_rows_and_columns_have_steps_of_their_own():
    section = uneven((12, 15))
    rows, columns = AxisGrid(12, 2.0).weights(0, 6), AxisGrid(15, 3.0).weights(0, 5)
    np.testing.assert_allclose(resampled(section, rows, columns), section.reshape(6, 2, 5, 3).mean((1, 3)), rtol=1e-6)


def test_what_no_pixel_sees_has_no_influence():
    section = np.ones((8, 8), np.float32)
    section[4, 4] = np.nan
    found = resampled(section, AxisGrid(8, 2.0).weights(0, 4), AxisGrid(8, 2.0).weights(0, 4))
    assert np.argwhere(np.isnan(found)).tolist() == [[2, 2]]


# ---- which pixels a network is shown -----------------------------------------------------------------------------

MODEL = VoxelSize(30, 6, 6)


@pytest.mark.parametrize(
    ("stack", "scale"),
    [
        ((30, 6, 6), OWN),
        ((30, 4.8, 7.5), OWN),  # 1.25 times finer and coarser
        ((30, 3, 3), (2, 2)),
        ((8, 12, 8), (0.5, 0.75)),  # z has no say
        ((30, 6, 4), (1, 1.5)),
        ((30, 0.5, 0.5), (12, 12)),
        ((30, 25, 25), OWN),  # more than four times coarser: nothing can be seen there
        ((30, 0.1, 0.1), OWN),
    ],
)
def test_scale_of_a_stack(stack, scale):
    assert scale_between(VoxelSize(*stack), MODEL) == pytest.approx(scale)
    assert scale_between(None, MODEL) == scale_between(VoxelSize(*stack), None) == OWN


def test_what_a_network_sees_covers_the_sections():
    assert seen_shape((3, 100, 101), (2.0, 2.0)) == (3, 50, 51)
    assert seen_shape((3, 100, 101), (0.5, 1.0)) == (3, 200, 101)
    assert seen_shape((3, 60, 60), (6 / 4.6, 6 / 4.6)) == (3, 46, 46)


@pytest.mark.parametrize("scale", [(2.0, 3.0), (0.5, 0.75), (1.3, 0.4)])
def test_what_is_predicted_for_a_box_lies_inside(scale):
    shape = (4, 37, 45)
    whole = seen_box(Box.whole(shape), shape, scale)
    assert whole == Box.whole(seen_shape(shape, scale))
    part = seen_box(Box((1, 36, 10), (3, 37, 20)), shape, scale)
    assert part.clipped(whole.shape) == part
    assert (part.start[0], part.stop[0]) == (1, 3)


def test_the_note_says_what_is_done():
    assert pixel_size_note(MODEL, MODEL, OWN) == pixel_size_note(None, MODEL, OWN) == ""
    fine = VoxelSize(30, 3, 3)
    assert pixel_size_note(fine, MODEL, (2, 2)) == (
        "pixel size: 3 nm here, 6 nm where the model learnt; it sees this stack at 6 nm, and neurons keep all pixels."
    )
    assert pixel_size_note(VoxelSize(30, 3, 4), MODEL, OWN) == (
        "pixel size: 3 x 4 nm here, 6 nm where the model learnt, and it sees this stack as it is; try a section first."
    )
