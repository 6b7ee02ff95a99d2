"""The neurons selected on screen."""

from collections.abc import Callable

from napari.layers import Labels

from napari_emcad.core.ids import SegmentId
from napari_emcad.widgets.kit.signals import Signal


class Selection:
    """Neurons selected, of which the last one is the neurons layer's own selected label.

    Parameters
    ----------
    layer : callable
        Returns the neurons layer.

    Signals
    -------
    changed
    """

    changed = Signal()

    def __init__(self, layer: Callable[[], Labels]):
        self._layer = layer
        self._chosen: list[SegmentId] = []

    @property
    def last(self) -> SegmentId:
        """The neuron selected last; 0 if there is none."""
        return SegmentId(int(self._layer().selected_label))

    @property
    def neurons(self) -> list[SegmentId]:
        """All neurons selected, the last one last."""
        return list(self._chosen) or [self.last]

    @property
    def chosen(self) -> list[SegmentId]:
        """The neurons that a person or an edit selected; none at first, whatever label the layer begins with."""
        return [neuron for neuron in self._chosen if neuron]

    @property
    def others(self) -> list[SegmentId]:
        """The neurons selected besides the last one."""
        return [neuron for neuron in self.neurons if neuron != self.last]

    def select(self, *neurons: SegmentId) -> None:
        """Select these neurons and no others; the last one becomes the layer's selected label."""
        if neurons:
            self._layer().selected_label = neurons[-1]
        self._chosen = list(neurons)
        self.changed.emit()

    def choose(self, neuron: SegmentId, also: bool) -> None:
        """Select a neuron that was clicked; with `also` add it to those selected, or take it from them."""
        before = self.neurons if also else []
        self.select(*(n for n in before if n != neuron), *([] if neuron in before else [neuron]))
