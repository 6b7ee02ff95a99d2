"""The colour map of neurons, alone and as napari draws it."""

from itertools import combinations

import numpy as np
import pytest
from napari.layers import Labels
from napari.utils.colormaps import CyclicLabelColormap
from skimage.color import deltaE_ciede2000, rgb2lab

from napari_emcad.core.palettes import BRIGHT, COLOUR_BLIND, PALETTES
from napari_emcad.widgets.desk.sides import FAR_COLOUR, NEAR_COLOUR
from napari_emcad.widgets.kit.neuron_colormap import NeuronColormap

NO_GREEN = [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
NO_RED = [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
"""What people see who lack a cone, in linear RGB (Machado, Oliveira and Fernandes 2009, severity 1)."""

COLOURS = ["#ff0000", "#00ff00", "#0000ff"]


def rgb(palette) -> np.ndarray:
    return np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in palette])


def as_seen(colours: np.ndarray, matrix) -> np.ndarray:
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.transpose(matrix), 0, 1)
    return np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)


def nearest(colours: np.ndarray) -> float:
    """The distance of the two most alike, in CIEDE2000."""
    lab = rgb2lab(colours)
    return min(float(deltaE_ciede2000(a, b)) for a, b in combinations(lab, 2))


def test_bright_colours_differ_from_each_other_and_from_the_two_sides():
    bright, sides = rgb(PALETTES[BRIGHT]), rgb([NEAR_COLOUR, FAR_COLOUR])
    assert nearest(bright) > 22
    apart = deltaE_ciede2000(rgb2lab(bright)[:, None], rgb2lab(sides)[None])
    assert apart.min() > 12


@pytest.mark.parametrize("matrix", [np.eye(3), NO_GREEN, NO_RED])
def test_colour_blind_people_tell_their_colours_apart(matrix):
    seen, sides = (as_seen(rgb(some), matrix) for some in (PALETTES[COLOUR_BLIND], [NEAR_COLOUR, FAR_COLOUR]))
    assert nearest(seen) > 12
    assert nearest(as_seen(rgb(PALETTES[COLOUR_BLIND]) / 2 + 0.275, matrix)) > 9.5, "on sections, over grey"
    assert deltaE_ciede2000(rgb2lab(seen)[:, None], rgb2lab(sides)[None]).min() > 8


@pytest.fixture
def colormap():
    """Label 1 is blue, 5 is green, 70,000 red; so is every other one, and those that are not known."""
    of_label = np.zeros(70_001, np.uint8)
    of_label[[1, 5]] = 2, 1
    return NeuronColormap.of(COLOURS, of_label)


def test_a_label_has_the_colour_that_was_chosen_for_it(colormap):
    drawn = colormap.map(np.array([[0, 1], [5, 70_000]]))
    np.testing.assert_array_equal(drawn[..., :3], [[[0, 0, 0], [0, 0, 1]], [[0, 1, 0], [1, 0, 0]]])
    np.testing.assert_array_equal(drawn[..., 3], [[0, 1], [1, 1]])
    assert colormap.map(10**7).tolist() == [1, 0, 0, 1] and colormap.map(5).tolist() == [0, 1, 0, 1]
    assert colormap.map(np.array([5], np.uint8)).tolist() == [[0, 1, 0, 1]]


def test_other_colours(colormap):
    colormap.map(np.array([5], np.uint16))
    colormap.look_up_in(np.full(6, 2, np.uint8))
    for dtype in (np.uint16, np.uint32, np.int64):
        assert colormap.map(np.array([5], dtype)).tolist() == [[0, 0, 1, 1]]


@pytest.mark.parametrize("dtype", [np.uint32, np.int64])
def test_the_pixels_that_napari_draws(colormap, dtype):
    labels = np.array([[[0, 1, 5, 70_000]]], dtype)
    layer = Labels(labels, colormap=colormap)
    assert layer.colormap is colormap and isinstance(colormap, CyclicLabelColormap)
    np.testing.assert_array_equal(layer._slice.image.view, [[0, 3, 2, 1]])
    np.testing.assert_allclose(layer.get_color(1), [0, 0, 1, 1])
    colormap.look_up_in(np.array([0, 1], np.uint8))
    layer.refresh()
    np.testing.assert_array_equal(layer._slice.image.view, [[0, 2, 1, 1]])


def test_a_selected_label_is_shown_alone(colormap):
    layer = Labels(np.array([[[0, 1, 5, 70_000]]], np.uint32), colormap=colormap)
    layer.selected_label, layer.show_selected_label = 5, True
    layer.refresh()
    plain = CyclicLabelColormap(**layer.colormap.model_dump())  # napari makes its shader of this
    number = plain._selection_as_minimum_dtype(layer.dtype)
    assert number == 2, "the colour that it has among all"
    np.testing.assert_array_equal(layer._slice.image.view, [[0, 0, number, 0]])
    alone = layer.colormap.model_copy(update={"use_selection": False})
    np.testing.assert_array_equal(alone.map(np.array([1, 5]))[:, :3], [[0, 0, 1], [0, 1, 0]])


@pytest.mark.window
def test_a_hidden_layer_takes_it_and_is_drawn_once_it_is_seen(make_napari_viewer, colormap):
    viewer = make_napari_viewer(show=True)
    layer = Labels(np.full((1, 40, 40), 5, np.uint32), visible=False)
    viewer.add_layer(layer)
    layer.colormap = colormap
    layer.visible = True
    viewer.reset_view()
    drawn = viewer.screenshot(canvas_only=True, flash=False)
    assert (drawn[..., 1].astype(int) - drawn[..., 0] > 100).mean() > 0.1, "5 is green"
