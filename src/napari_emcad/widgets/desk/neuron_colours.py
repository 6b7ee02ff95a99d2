"""The colours of the neurons in a layer: two that touch never have the same."""

from collections.abc import Sequence

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray

from napari_emcad.core.ids import Ids
from napari_emcad.core.palettes import PALETTES, LabelColours
from napari_emcad.proofreading.colouring import Colouring
from napari_emcad.proofreading.edges import EditedGraph
from napari_emcad.widgets.desk.fragment_colours import AT_ONCE, FragmentColours
from napari_emcad.widgets.kit.jobs import Ended, Jobs, one_step
from napari_emcad.widgets.kit.neuron_colormap import NeuronColormap


class NeuronColours:
    """Colours the neurons of a layer, and keeps up with their edits.

    Parameters
    ----------
    layer : Labels
        Its labels have 32 bits or more.
    jobs : Jobs
        For these colours alone.
    palette : str
        Key of `PALETTES`.
    fragments : FragmentColours, optional
        Colours of the layer of their fragments, which follow.
    """

    def __init__(self, layer: Labels, jobs: Jobs, palette: str, fragments: FragmentColours | None = None):
        self._layer, self._jobs, self._fragments = layer, jobs, fragments
        self._latest: tuple[EditedGraph, Ids] | None = None
        self._bright: list[int] = []
        self._begin(palette)

    @property
    def shown(self) -> LabelColours:
        """The colours that are on the screen now; they do not follow later edits."""
        return LabelColours(self._palette, self._colouring.colours.copy())

    def follow(self, graph: EditedGraph, table: Ids) -> None:
        """Take over neurons; refresh the layer after it, which also refreshes itself if the colours come later.

        Parameters
        ----------
        graph : EditedGraph
            Fragments that touch.
        table : (n + 1,) Ids
            Neuron of each fragment, 0 = none.
        """
        self._latest = graph, table
        if self._fragments is not None:
            self._fragments.follow(graph, len(table))
        if not self._jobs.running:  # else they are followed once it has ended
            self._catch_up(graph, table)

    def choose(self, palette: str) -> None:
        """Colour the neurons anew with another palette, a key of `PALETTES`."""
        self._begin_anew(palette)
        if self._fragments is not None:
            self._fragments.choose(palette)

    def begin_with(self, kept: LabelColours) -> None:
        """Show colours that neurons had before, if they are of the palette that is shown."""
        if kept.palette == self._palette:
            self._begin_anew(kept.palette, kept.of_label)

    def single_out(self, neurons: Sequence[int]) -> None:
        """Dim all neurons but some, or none if these are none; refresh the layer after it."""
        self._bright = list(neurons)
        self._look_up()

    def close(self) -> None:
        """Let go of the job; colours stay as they are."""
        self._jobs.close()
        if self._fragments is not None:
            self._fragments.close()

    def _begin_anew(self, palette: str, before: NDArray[np.uint8] | None = None) -> None:
        self._begin(palette, before)
        if self._latest is not None:
            self._catch_up(*self._latest)
        self._layer.refresh(extent=False)

    def _begin(self, palette: str, before: NDArray[np.uint8] | None = None) -> None:
        self._palette = palette
        self._colouring = Colouring(len(PALETTES[palette]), before)
        self._colormap = NeuronColormap.of(PALETTES[palette], self._colouring.colours)
        self._look_up()
        self._layer.colormap = self._colormap

    def _look_up(self) -> None:
        """Let the map look up the colours as they are now."""
        colours = self._colouring.colours
        if self._bright:
            self._colouring.reach(max(self._bright) + 1)
            colours = self._colouring.colours + np.uint8(len(PALETTES[self._palette]))
            colours[self._bright] = self._colouring.colours[self._bright]
        self._colormap.look_up_in(colours)

    def _catch_up(self, graph: EditedGraph, table: Ids) -> None:
        if len(table) <= AT_ONCE:
            self._colouring.follow(graph, table)
        elif not self._colouring.follow_near(graph, table):
            self._jobs.start(one_step(_followed, self._colouring.copy(), graph, table.copy()), self._on_found)
        self._look_up()

    def _on_found(self, ended: Ended) -> None:
        if ended.error is not None:
            raise ended.error
        if ended.result is None or self._latest is None:
            return
        self._colouring = ended.result
        self._catch_up(*self._latest)
        self._layer.refresh(extent=False)


def _followed(colouring: Colouring, graph: EditedGraph, table: Ids) -> Colouring:
    colouring.follow(graph, table)
    return colouring
