"""Click a neuron on the image, before any run: the model runs on a box round the click."""

from typing import Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.wording import count, shape_text
from napari_emcad.widgets.desk.results import Result
from napari_emcad.widgets.kit.forms import enable, text
from napari_emcad.widgets.kit.layers import volume_of
from napari_emcad.widgets.kit.messages import MessageLine
from napari_emcad.widgets.kit.mouse import Clicks
from napari_emcad.widgets.kit.picking import Voxel, labelled_at
from napari_emcad.widgets.kit.stack_choice import StackChoice
from napari_emcad.widgets.proofread.key_binder import KeyBinder
from napari_emcad.widgets.proofread.modes import Banner
from napari_emcad.widgets.segment.panel import SegmentPanel
from napari_emcad.workers.estimates import is_teacher

SIZE = (9, 512, 512)
"""Voxels (z, y, x) of the box round a click: a neurite's surroundings, by a student in seconds on two CPU cores."""

BANNER = "CLICK (Esc leaves)\nclick a neuron on the image"


class ClickToSegment(QWidget):
    """A mode in which a click on the image shows the whole neuron under it.

    A click inside a box that is segmented already only looks it up; any other runs the model.
    """

    def __init__(self, viewer, stack: StackChoice, segment: SegmentPanel, message: MessageLine):
        super().__init__()
        self._viewer, self._stack, self._segment, self._message = viewer, stack, segment, message
        self._keys, self._banner = KeyBinder(viewer), Banner(viewer)
        self._clicks: Clicks | None = None
        self._wanted: Voxel | None = None
        self.button = QPushButton("Click a neuron on the image", checkable=True)
        self.button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._facts = text()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.button)
        column.addWidget(self._facts)
        self.button.toggled.connect(self._on_toggled)
        segment.results.changed.connect(self._on_results)
        stack.layer_changed.connect(self.update_facts)
        for known in (segment.device.known, segment.model.changed):
            known.connect(self.update_facts)
        self.update_facts()

    def click(self, voxel: Voxel) -> None:
        """A click on a voxel of the stack."""
        result = self._segment.results.current
        if result is not None and self._is_inside(result, voxel):
            self._show(result, voxel)
            return
        self._wanted = voxel
        self._segment.segment_box(self._box(voxel))

    def leave(self) -> None:
        """Leave the mode."""
        self.button.setChecked(False)

    def close_mode(self) -> None:
        """Let go of everything that is bound to the viewer."""
        self.leave()
        self._keys.close()
        self._segment.results.changed.disconnect(self._on_results)

    def update_facts(self) -> None:
        """Say what a click will cost."""
        layer, why_not = self._stack.layer, self._segment.why_not or self._segment.why_no_affinities
        enable(self.button, why_not, "No run is needed before.")
        self._facts.setVisible(not why_not)
        if not why_not:
            shape = volume_of(layer).shape
            box = Box.around((0, 0, 0), SIZE, shape)
            takes, which = self._segment.estimate(box, shape), self._segment.model.card
            network = "teacher" if is_teacher(which) else "student"
            took = f", {takes.text()}" if takes else ""
            self._facts.setText(f"A click runs the {network} on {shape_text(box.shape)} voxels round it{took}.")

    def _on_toggled(self, is_on: bool) -> None:
        if is_on:
            self._clicks = Clicks(self._viewer, self._on_click)
            self._keys.bind("leave", self.leave)
            self._banner.show(BANNER)
            self._viewer.cursor.style = "crosshair"
            self._message.say("Click a neuron on the image.")
        else:
            self._clicks.close()
            self._keys.release("leave")
            self._banner.hide()
            self._viewer.cursor.style = "standard"
            self._wanted = None

    def _on_click(self, event: Any) -> None:
        layer = self._stack.layer
        if self._viewer.dims.ndisplay == 3:
            self._message.error(UserError("click: the image shows no depth in 3D; go back to 2D."))
            return
        voxel = tuple(round(float(c)) for c in np.array(layer.world_to_data(event.position))[-3:])
        if not all(0 <= v < n for v, n in zip(voxel, volume_of(layer).shape, strict=True)):
            self._message.error(UserError(f'click: outside of "{layer.name}"; click on it.'))
            return
        self.click(voxel)

    def _on_results(self) -> None:
        """The box round the last click has been segmented."""
        result, voxel = self._segment.results.current, self._wanted
        if result is not None and voxel is not None and self._is_inside(result, voxel):
            self._wanted = None
            self._show(result, voxel)
        self.update_facts()

    def _box(self, voxel: Voxel) -> Box:
        return Box.around(voxel, SIZE, volume_of(self._stack.layer).shape)

    def _is_inside(self, result: Result, voxel: Voxel) -> bool:
        ends = zip(result.box.start, voxel, result.box.stop, strict=True)
        return result.source is self._stack.layer and all(a <= v < b for a, v, b in ends)

    def _show(self, result: Result, voxel: Voxel) -> None:
        """Show the neuron at a voxel of the stack and no other."""
        inside = tuple(v - a for v, a in zip(voxel, result.box.start, strict=True))
        layer = result.neuron_layer
        there = labelled_at(layer, result.view, inside)
        if there is None:
            self._message.error(UserError("click: there is no neuron within 100 nm; click on one."))
            return
        neuron = int(result.view[there])
        layer.selected_label, layer.show_selected_label = neuron, True
        for affinities in result.affinity_layers:
            affinities.visible = False
        size = int(result.neurons.fragment_sizes[result.neurons.table == neuron].sum())
        self._message.result(
            f"Neuron {neuron}: {size:,} voxels in a box of {count(result.box.shape[0], 'section')}. "
            "Click another one, or start proofreading."
        )
