"""The line that says what can be done with labels that somebody has opened, as long as there are no neurons yet."""

from weakref import WeakKeyDictionary

import numpy as np
from napari.layers import Image, Labels

from napari_emcad.core.errors import UserError
from napari_emcad.core.wording import shape_text
from napari_emcad.io.stacks.holds import look_at
from napari_emcad.io.stacks.lazy_array import LazyArray
from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.kit.as_labels import replace_by_labels
from napari_emcad.widgets.kit.layers import volume_of
from napari_emcad.widgets.kit.signals import Signal
from napari_emcad.widgets.proofread.from_labels import PRESS, FromLabels, why_unusable

SHOW = "Show as labels"
"""Words of the button that makes labels of an image."""


class LabelOffer:
    """Offers labels to be proofread, and an image that looks like labels to be shown as such.

    Hidden labels, such as the truth of a sample, are not offered, and none once there are neurons.

    Signals
    -------
    changed
    taken
        Labels are being made into neurons.
    """

    changed, taken = Signal(), Signal()

    def __init__(self, desk: Desk, starting: FromLabels):
        self._desk, self._starting = desk, starting
        self._looks: WeakKeyDictionary[Image, bool] = WeakKeyDictionary()
        for signal in (starting.changed, desk.results.changed, desk.sessions.changed):
            signal.connect(self._emit_changed)

    @property
    def layer(self) -> Labels | Image | None:
        """The layer that is offered; None if there is nothing to offer."""
        if self._desk.results.current is not None or self._desk.sessions.current is not None:
            return None
        images = [layer for layer in self._desk.stack.pick.offers if isinstance(layer, Image)]
        labels = [layer for layer in self._starting.pick.offers if isinstance(layer, Labels) and layer.visible]
        return next(filter(self._is_image_of_ids, images), None) or next(iter(labels), None)

    @property
    def words(self) -> str:
        """A sentence on what is offered; empty without anything."""
        layer = self.layer
        if layer is None:
            return ""
        if isinstance(layer, Image):
            return f'"{layer.name}" looks like ids of neurons, not like grey levels.'
        where = f', which do not lie in "{self._desk.stack.pick.layer}"' if self.doubt else ""
        return f'"{layer.name}" holds labels, {shape_text(volume_of(layer).shape)} voxels{where}.'

    @property
    def doubt(self) -> str:
        """The reason why the labels that are offered do not lie in the stack; empty if they do, or there is none."""
        return self._starting.why_not_in_stack(self.layer) if isinstance(self.layer, Labels) else ""

    @property
    def press_words(self) -> str:
        """The words of the button."""
        return SHOW if isinstance(self.layer, Image) else PRESS

    @property
    def why_not(self) -> str:
        """The reason why the button does nothing now; empty if it does something."""
        if self._desk.jobs.running:
            return "A job is running."
        return why_unusable(self.layer) if isinstance(self.layer, Labels) else ""

    def press(self) -> None:
        """Take what is offered."""
        layer = self.layer
        if isinstance(layer, Labels):
            self._starting.pick.layer = layer
            self.taken.emit()
            self._starting.start()
        elif layer is not None:
            self._show_as_labels(layer)

    def _show_as_labels(self, layer: Image) -> None:
        try:
            note = replace_by_labels(self._desk.viewer, layer)
        except UserError as error:
            self._desk.message.error(error)
            return
        self._desk.message.result(f'"{layer.name}" is shown as labels.' + (note and f" {note}"))

    def _is_image_of_ids(self, layer: Image) -> bool:
        """Return True if the voxels of an image are surely ids; each image is looked at once."""
        if layer not in self._looks:
            self._looks[layer] = _holds_ids(layer)
        return self._looks[layer]

    def _emit_changed(self) -> None:
        self.changed.emit()


def _holds_ids(layer: Image) -> bool:
    volume = volume_of(layer)
    is_near = isinstance(volume, np.ndarray) or (isinstance(volume, LazyArray) and not volume.is_far)
    if layer.rgb or len(volume.shape) != 3 or not is_near or np.dtype(volume.dtype).kind not in "uif":
        return False
    look = look_at(volume)
    return look is not None and look.is_labels is True
