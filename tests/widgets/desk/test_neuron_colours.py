"""The colours of neurons in a layer, without a window."""

import numpy as np
import pytest
from napari.layers import Labels

from napari_emcad.core.palettes import BRIGHT, COLOUR_BLIND, PALETTES
from napari_emcad.proofreading.edges import EditedGraph
from napari_emcad.widgets.desk import neuron_colours
from napari_emcad.widgets.desk.neuron_colours import NeuronColours


@pytest.fixture
def layer(drawn):
    return Labels(drawn.fragments.astype(np.uint32))


@pytest.fixture
def edges(drawn):
    return EditedGraph.of(drawn.graph)


@pytest.fixture
def table(drawn):
    return np.arange(len(drawn.sizes), dtype=np.uint32)


def are_apart(layer, edges, table) -> bool:
    colours = layer.colormap.map(table)
    u, v = edges.base.u, edges.base.v
    return all(np.any(colours[a] != colours[b]) for a, b in zip(u, v, strict=True) if table[a] != table[b])


def test_neurons_that_touch_differ(layer, edges, table, loop):
    colours = NeuronColours(layer, loop.jobs(), BRIGHT)
    colours.follow(edges, table)
    assert are_apart(layer, edges, table)
    table[2] = 1
    colours.follow(edges, table)
    assert are_apart(layer, edges, table) and not loop.step(), "all of it at once"


@pytest.mark.parametrize("before", [BRIGHT, COLOUR_BLIND])
def test_another_palette(layer, edges, table, loop, before):
    (after,) = set(PALETTES) - {before}
    colours = NeuronColours(layer, loop.jobs(), before)
    colours.follow(edges, table)
    colours.choose(after)
    assert are_apart(layer, edges, table)
    assert len(layer.colormap.colors) == 2 * len(PALETTES[after]) + 1


@pytest.fixture
def many(monkeypatch):
    """Any number of fragments is too many for the window's thread."""
    monkeypatch.setattr(neuron_colours, "AT_ONCE", 0)


@pytest.mark.usefixtures("many")
def test_many_neurons_are_coloured_in_a_thread(layer, edges, table, loop):
    colours = NeuronColours(layer, loop.jobs(), BRIGHT)
    colours.follow(edges, table)
    assert layer.colormap.map(table)[1:, 3].all(), "they have some colour at once"
    table[2] = 1
    colours.follow(edges, table)
    loop.settle()
    assert are_apart(layer, edges, table), "as they are at the end"


@pytest.mark.usefixtures("many")
def test_a_palette_that_is_chosen_meanwhile(layer, edges, table, loop):
    colours = NeuronColours(layer, loop.jobs(), BRIGHT)
    colours.follow(edges, table)
    colours.choose(COLOUR_BLIND)
    loop.settle()
    assert are_apart(layer, edges, table)
    assert len(layer.colormap.colors) == 2 * len(PALETTES[COLOUR_BLIND]) + 1
    colours.close()


def test_all_but_some_are_dimmed_and_follow_edits(layer, edges, table, loop):
    colours = NeuronColours(layer, loop.jobs(), BRIGHT)
    colours.follow(edges, table)
    before = layer.colormap.map(table)
    colours.single_out([2, 100])
    dimmed = layer.colormap.map(table)
    np.testing.assert_array_equal(dimmed[2], before[2])
    assert (np.ptp(dimmed[[1, 3], :3], axis=1) < np.ptp(before[[1, 3], :3], axis=1)).all()
    table[3] = 2
    colours.follow(edges, table)
    np.testing.assert_array_equal(layer.colormap.map(table)[3], before[2])
    colours.single_out([])
    assert are_apart(layer, edges, table)
    np.testing.assert_array_equal(layer.colormap.map(table)[2], before[2])
