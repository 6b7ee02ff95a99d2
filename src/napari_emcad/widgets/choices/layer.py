"""The row that shows and chooses a layer."""

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QWidget

from napari_emcad.widgets.kit.forms import NarrowCombo
from napari_emcad.widgets.kit.layer_pick import LayerPick


class LayerChoice(NarrowCombo):
    """The layers of a kind by their names."""

    def __init__(self, pick: LayerPick, parent: QWidget | None = None):
        super().__init__(parent)
        self._pick = pick
        self.currentIndexChanged.connect(self._on_index)
        pick.offers_changed.connect(self._fill)
        pick.changed.connect(self._show_choice)
        self._fill()

    def _on_index(self, index: int) -> None:
        self._pick.layer = self._pick.offers[index] if index >= 0 else None

    def _fill(self) -> None:
        with QSignalBlocker(self):
            self.clear()
            self.addItems([layer.name for layer in self._pick.offers])
        self._show_choice()

    def _show_choice(self) -> None:
        places = (i for i, layer in enumerate(self._pick.offers) if layer is self._pick.layer)
        with QSignalBlocker(self):
            self.setCurrentIndex(next(places, -1))
