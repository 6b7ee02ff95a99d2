"""The colours of fragments in a layer, without a window."""

from dataclasses import replace

import numpy as np
import pytest
from napari.layers import Labels

from napari_emcad.core.palettes import BRIGHT, COLOUR_BLIND, PALETTES
from napari_emcad.proofreading.edges import EditedGraph
from napari_emcad.widgets.desk import fragment_colours
from napari_emcad.widgets.desk.fragment_colours import FragmentColours


@pytest.fixture
def layer(drawn):
    return Labels(drawn.fragments.astype(np.uint32), visible=False)


@pytest.fixture
def graph(drawn):
    """All fragments touch the first one, which has the colour of some of them to begin with."""
    ends = np.arange(2, 60, dtype=np.uint32)
    some = drawn.graph.chosen(np.zeros(len(ends), int))
    return EditedGraph.of(replace(some, u=np.ones(len(ends), np.uint32), v=ends))


def alike(layer) -> int:
    """Fragments that look like the one in their middle."""
    colours = layer.colormap.map(np.arange(1, 60))
    return int((colours[1:] == colours[0]).all(axis=1).sum())


@pytest.fixture
def colours(layer, loop, graph):
    colours = FragmentColours(layer, loop.jobs(), BRIGHT)
    colours.follow(graph, 60)
    yield colours
    colours.close()


@pytest.mark.usefixtures("colours")
def test_they_are_apart_once_they_are_seen(layer):
    assert alike(layer) > 0, "nothing is done as long as they are hidden"
    layer.visible = True
    assert alike(layer) == 0


def test_another_palette_and_other_edges(layer, colours, graph):
    layer.visible = True
    colours.choose(COLOUR_BLIND)
    assert alike(layer) == 0 and len(layer.colormap.colors) == 2 * len(PALETTES[COLOUR_BLIND]) + 1
    before = layer.colormap.map(np.arange(1, 60))
    colours.follow(graph.without(graph.base.chosen(np.arange(5))), 60)
    np.testing.assert_array_equal(layer.colormap.map(np.arange(1, 60)), before, "none has to change")


@pytest.mark.usefixtures("colours")
def test_many_are_coloured_in_a_thread_and_once(layer, loop, monkeypatch):
    monkeypatch.setattr(fragment_colours, "AT_ONCE", 0)
    layer.visible = True
    assert alike(layer) > 0
    loop.settle()
    assert alike(layer) == 0
    layer.visible = False
    layer.visible = True
    assert not loop.step()
