"""The colours of the fragments in a layer, found when it is seen: two that touch never have the same."""

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray

from napari_emcad.core.colouring import colour_apart, first_colours
from napari_emcad.core.palettes import PALETTES
from napari_emcad.proofreading.edges import EditedGraph
from napari_emcad.widgets.kit.jobs import Ended, Jobs, one_step
from napari_emcad.widgets.kit.nets import netted
from napari_emcad.widgets.kit.neuron_colormap import NeuronColormap

AT_ONCE = 100_000
"""Fragments up to which colours are found at once; with more in a thread."""


class FragmentColours:
    """Colours the fragments of a layer; as long as it is hidden nothing is done.

    Parameters
    ----------
    layer : Labels
        Its labels have 32 bits or more.
    jobs : Jobs
        For these colours alone.
    palette : str
        Key of `PALETTES`.
    """

    def __init__(self, layer: Labels, jobs: Jobs, palette: str):
        self._layer, self._jobs = layer, jobs
        self._graph: EditedGraph | None = None
        self._n = 1
        self.choose(palette)
        layer.events.visible.connect(self._catch_up)

    def choose(self, palette: str) -> None:
        """Colour the fragments anew with another palette, a key of `PALETTES`."""
        self._number = len(PALETTES[palette])
        self._colours = first_colours(np.arange(self._n), self._number)
        self._colormap = NeuronColormap.of(PALETTES[palette], self._colours)
        self._layer.colormap = self._colormap
        self._coloured: EditedGraph | None = None
        self._catch_up()

    def follow(self, graph: EditedGraph, n: int) -> None:
        """Take over fragments.

        Parameters
        ----------
        graph : EditedGraph
            Those that touch.
        n : int
            One more than the largest one.
        """
        self._graph, self._n = graph, n
        self._catch_up()

    def close(self) -> None:
        """Let go of the layer; colours stay as they are."""
        self._layer.events.visible.disconnect(self._catch_up)
        self._jobs.close()

    @netted
    def _catch_up(self, _event: object = None) -> None:
        graph = self._graph
        if graph is None or not self._layer.visible or _are_same(graph, self._coloured):
            return
        self._coloured = graph
        new = first_colours(np.arange(len(self._colours), self._n), self._number)
        before = np.concatenate([self._colours, new])
        if self._n <= AT_ONCE:
            self._take(_apart(graph, before, self._number))
        else:
            self._jobs.start(one_step(_apart, graph, before, self._number), self._on_found)

    def _take(self, colours: NDArray[np.uint8]) -> None:
        self._colours = colours
        self._colormap.look_up_in(colours)
        self._layer.refresh(extent=False)

    def _on_found(self, ended: Ended) -> None:
        if ended.error is not None:
            raise ended.error
        if ended.result is not None:
            self._take(ended.result)


def _are_same(graph: EditedGraph, other: EditedGraph | None) -> bool:
    """Return True if the edges are the same, without looking at those that a graph began with."""
    if other is None or graph.base.v is not other.base.v or len(graph.new) != len(other.new):
        return False
    return np.array_equal(graph.gone, other.gone)


def _apart(graph: EditedGraph, colours: NDArray[np.uint8], number: int) -> NDArray[np.uint8]:
    rows = graph.rows()
    return colour_apart(graph.u[rows], graph.v[rows], colours, number)
