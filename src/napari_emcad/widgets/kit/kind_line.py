"""The line that says where a model is made for other volumes than the one that is open."""

from functools import partial

from qtpy.QtCore import QObject

from napari_emcad.inference.kind_warning import kind_warning
from napari_emcad.networks.card import ModelCard
from napari_emcad.widgets.kit.forms import text
from napari_emcad.widgets.kit.jobs import Ended, JobRunner, one_step
from napari_emcad.widgets.kit.layers import volume_of, voxel_size_of

WARNING = "color: #d07a10"


class KindLine(QObject):
    """A label that is hidden where nothing speaks against model and volume."""

    def __init__(self, parent: QObject | None = None):
        super().__init__(parent)
        self.label = text()
        self.label.setStyleSheet(WARNING)
        self._looking = JobRunner(self)
        self._tell("")

    def look(self, layer, card: ModelCard | None) -> None:
        """Compare in a thread; None, where there is no usable layer or no card yet, says nothing."""
        self._tell("")
        if layer is not None and card is not None:
            look = partial(kind_warning, card, volume_of(layer), voxel_size_of(layer))
            self._looking.start(one_step(look), self._on_look)

    def close(self) -> None:
        """Stop the thread."""
        self._looking.close()

    def _on_look(self, ended: Ended) -> None:
        self._tell(ended.result or "")

    def _tell(self, warning: str) -> None:
        self.label.setText(warning)
        self.label.setVisible(bool(warning))
