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
from napari_emcad.widgets.kit.layers import origin_of, volume_of
from napari_emcad.widgets.kit.signals import Signal
from napari_emcad.widgets.proofread.from_labels import FromLabels, why_unusable

SHOW = "Show as labels"
"""Words of the button that makes labels of an image and nothing else."""


class LabelOffer:
    """Offers labels to be proofread, and so an image that looks like labels.

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
    def is_image(self) -> bool:
        """True if an image is offered, which may also be shown as labels only."""
        return isinstance(self.layer, Image)

    @property
    def is_from_elsewhere(self) -> bool:
        """True unless the labels came with the file of the stack, as a truth does."""
        layer, stack = self.layer, self._desk.stack.layer
        source = origin_of(layer)["source"] if layer is not None else None
        return layer is not None and (stack in (None, layer) or source is None or source != origin_of(stack)["source"])

    @property
    def why_not(self) -> str:
        """The reason why the button does nothing now; empty if it does something."""
        if self._desk.jobs.running:
            return "A job is running."
        return why_unusable(self.layer) if isinstance(self.layer, Labels) else ""

    def press(self) -> None:
        """Proofread what is offered; an image is shown as labels first."""
        layer = self.layer
        labels = self._as_labels(layer) if isinstance(layer, Image) else layer
        if labels is not None:
            self._starting.pick.layer = labels
            self.taken.emit()
            self._starting.start()

    def show_as_labels(self) -> None:
        """Show the image that is offered as labels, and do nothing else with it."""
        if isinstance(self.layer, Image):
            self._as_labels(self.layer)

    def _as_labels(self, image: Image) -> Labels | None:
        """Show an image as labels, and return them; None, and a sentence, if that cannot be."""
        try:
            labels, note = replace_by_labels(self._desk.viewer, image)
        except UserError as error:
            self._desk.message.error(error)
            return None
        self._desk.message.result(f'"{image.name}" is shown as labels.' + (note and f" {note}"))
        return labels

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
