"""Which level of a multiscale stack to work on."""

from napari.layers import Layer
from qtpy.QtCore import QSignalBlocker, Signal

from napari_emcad.widgets.kit.forms import NarrowCombo
from napari_emcad.widgets.kit.layers import voxel_size_of
from napari_emcad.widgets.kit.levels import NUMBER, layer_of_level, levels_of, pyramid_of


class LevelChoice(NarrowCombo):
    """The levels with their shapes and voxel sizes; hidden where a stack has one only.

    Signals
    -------
    chosen : Layer
        The layer of the level.
    """

    chosen = Signal(object)

    def __init__(self, viewer):
        super().__init__()
        self._viewer, self._layer = viewer, None
        self.setToolTip("The level to work on: a coarser one is faster and loses detail.")
        self.currentIndexChanged.connect(self._on_chosen)

    def follow(self, layer: Layer | None) -> None:
        """Show the levels of this stack, and which of them it is."""
        self._layer = layer
        pyramid = pyramid_of(self._viewer.layers, layer)
        finest = None if pyramid is None else voxel_size_of(pyramid)
        with QSignalBlocker(self):
            self.clear()
            for level in levels_of(pyramid):
                self.addItem(level.text(finest))
            if self.count():
                self.setCurrentIndex(layer.metadata.get(NUMBER, 0))
        self.setVisible(self.count() > 0)

    def _on_chosen(self, number: int) -> None:
        pyramid = pyramid_of(self._viewer.layers, self._layer)
        self.chosen.emit(layer_of_level(self._viewer, pyramid, number))
