"""A choice among the layers of a kind; widgets that show it lie elsewhere."""

from collections.abc import Callable

from napari.components import ViewerModel
from napari.layers import Layer

from napari_emcad.widgets.kit.signals import Signal


class LayerPick:
    """A choice among the viewer's layers of a kind; a removed layer is never chosen.

    Parameters
    ----------
    viewer : ViewerModel
    fits : callable
        Returns True for a layer that is offered.

    Attributes
    ----------
    offers : list of Layer
        The layers to choose from, in the viewer's order.

    Signals
    -------
    changed
        Another layer is chosen, or none.
    offers_changed
        Layers came, went or were renamed.
    """

    changed = Signal()
    offers_changed = Signal()

    def __init__(self, viewer: ViewerModel, fits: Callable[[Layer], bool]):
        self._viewer, self._fits = viewer, fits
        self._layer: Layer | None = None
        self.offers: list[Layer] = []
        self.follow_layers()

    @property
    def layer(self) -> Layer | None:
        """The layer chosen; None if there is none."""
        return self._layer

    @layer.setter
    def layer(self, layer: Layer | None) -> None:
        self._choose(layer if any(layer is offer for offer in self.offers) else None)

    def follow_layers(self) -> None:
        """Follow the viewer's layers: names, new and removed ones; the choice stays if it can."""
        self.offers = [layer for layer in self._viewer.layers if self._fits(layer)]
        stays = any(self._layer is offer for offer in self.offers)
        chosen = self._layer if stays else next(iter(self.offers), None)
        self.offers_changed.emit()
        self._choose(chosen)

    def forget(self) -> None:
        """Let go of all layers, and tell nobody."""
        self.offers, self._layer = [], None

    def _choose(self, layer: Layer | None) -> None:
        if layer is not self._layer:
            self._layer = layer
            self.changed.emit()
