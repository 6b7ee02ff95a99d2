"""A click on a neuron of the image, before any run: the model runs on a box round it."""

import numpy as np
from napari.utils.events import Event

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, Voxel, triple
from napari_emcad.core.wording import count, shape_text
from napari_emcad.widgets.desk.canvases import MouseOfAll
from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.desk.result import Result
from napari_emcad.widgets.kit.layers import volume_of
from napari_emcad.widgets.kit.picking import labelled_at
from napari_emcad.widgets.kit.signals import Signal
from napari_emcad.widgets.proofread.key_binder import KeyBinder
from napari_emcad.widgets.proofread.modes import Banner
from napari_emcad.workers.estimates import is_teacher

SIZE = (9, 512, 512)
"""Voxels (z, y, x) of the box round a click: a neurite's surroundings, by a student in seconds on two CPU cores."""

BANNER = "CLICK (Esc leaves)\nclick a neuron on the image"


class ClickToSegment:
    """A mode in which a click on the image shows the whole neuron under it.

    A click inside a box that is segmented already only looks it up; any other runs the model.

    Signals
    -------
    changed
        The mode is on or off, or other facts are known of a click.
    """

    changed = Signal()

    def __init__(self, desk: Desk):
        self._desk, self._viewer = desk, desk.viewer
        self._keys, self._banner = KeyBinder(desk.viewer), Banner(desk.viewer)
        self._clicks: MouseOfAll | None = None
        self._wanted: Voxel | None = None
        desk.results.changed.connect(self._on_results)
        for signal in (desk.stack.changed, desk.device.changed, desk.model.changed):
            signal.connect(self._emit_changed)

    @property
    def is_on(self) -> bool:
        """True while clicks are taken."""
        return self._clicks is not None

    @property
    def why_not(self) -> str:
        """The reason why no neuron can be clicked; empty if one can."""
        return self._desk.choices.why_not or self._desk.choices.why_no_affinities

    @property
    def facts(self) -> str:
        """The cost of a click, in words; empty if none can be taken."""
        layer = self._desk.stack.layer
        if self.why_not or layer is None:
            return ""
        shape = volume_of(layer).shape
        box = Box.around((0, 0, 0), SIZE, shape)
        estimate = self._desk.choices.estimate(box, shape)
        network = "teacher" if is_teacher(self._desk.model.card) else "student"
        takes = f", {estimate.text()}" if estimate else ""
        return f"A click runs the {network} on {shape_text(box.shape)} voxels round it{takes}."

    def enter(self) -> None:
        """Take clicks."""
        if self.is_on:
            return
        self._clicks = MouseOfAll(self._desk.canvases, self._on_click)
        self._keys.bind("leave", self.leave)
        self._banner.show(BANNER)
        self._viewer.cursor.style = "crosshair"
        self._desk.message.say("Click a neuron on the image.")
        self.changed.emit()

    def leave(self) -> None:
        """Take no clicks any more."""
        if self._clicks is None:
            return
        self._clicks.close()
        self._clicks = self._wanted = None
        self._keys.release("leave")
        self._banner.hide()
        self._viewer.cursor.style = "standard"
        self.changed.emit()

    def click(self, voxel: Voxel) -> None:
        """Show the neuron at a voxel of the stack, after a run round it where it is not known."""
        result, layer = self._desk.results.current, self._desk.stack.layer
        if result is not None and self._is_inside(result, voxel):
            self._show(result, voxel)
        elif layer is not None:
            self._wanted = voxel
            self._desk.runs.segment_box(Box.around(voxel, SIZE, volume_of(layer).shape))

    def close(self) -> None:
        """Let go of everything that is bound to the viewer."""
        self.leave()
        self._keys.close()
        self._desk.results.changed.disconnect(self._on_results)

    def _emit_changed(self) -> None:
        self.changed.emit()

    def _on_click(self, event: Event) -> None:
        layer, message = self._desk.stack.layer, self._desk.message
        if layer is None:
            message.error(UserError(self.why_not))
            return
        if len(event.dims_displayed) == 3:
            message.error(UserError("click: the image shows no depth in 3D; go back to 2D."))
            return
        voxel = triple(round(float(c)) for c in np.array(layer.world_to_data(event.position))[-3:])
        if not all(0 <= v < n for v, n in zip(voxel, volume_of(layer).shape, strict=True)):
            message.error(UserError(f'click: outside of "{layer.name}"; click on it.'))
        else:
            self.click(voxel)

    def _on_results(self) -> None:
        """Show the neuron clicked last, once the box round it has been segmented."""
        result, voxel = self._desk.results.current, self._wanted
        if result is not None and voxel is not None and self._is_inside(result, voxel):
            self._wanted = None
            self._show(result, voxel)
        self.changed.emit()

    def _is_inside(self, result: Result, voxel: Voxel) -> bool:
        ends = zip(result.box.start, voxel, result.box.stop, strict=True)
        return result.source is self._desk.stack.layer and all(a <= v < b for a, v, b in ends)

    def _show(self, result: Result, voxel: Voxel) -> None:
        """Show the neuron at a voxel of the stack and no other."""
        z, y, x = (v - a for v, a in zip(voxel, result.box.start, strict=True))
        layer = result.neuron_layer
        there = labelled_at(layer, result.view, (z, y, x))
        if there is None:
            self._desk.message.error(UserError("click: there is no neuron within 100 nm; click on one."))
            return
        neuron = int(result.view[there])
        layer.selected_label, layer.show_selected_label = neuron, True
        for affinities in result.affinity_layers:
            affinities.visible = False
        size = int(result.neurons.fragment_sizes[result.neurons.table == neuron].sum())
        self._desk.message.result(
            f"Neuron {neuron}: {size:,} voxels in a box of {count(result.box.shape[0], 'section')}. "
            "Click another one, or start proofreading."
        )
