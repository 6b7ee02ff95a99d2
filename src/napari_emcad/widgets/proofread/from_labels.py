"""The start from labels: a Labels layer of the viewer becomes neurons to proofread, without a run."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import psutil
from napari.layers import Image, Labels, Layer

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.label_pieces import check_labels
from napari_emcad.core.progress import Job
from napari_emcad.core.wording import count, shape_text, size_text, voxel_size_text
from napari_emcad.io.stacks.locations import parse_location
from napari_emcad.pipeline import SegmentParameters
from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.desk.result import Result
from napari_emcad.widgets.desk.runs import sections_note
from napari_emcad.widgets.kit.jobs import Ended
from napari_emcad.widgets.kit.labels_place import box_in_stack
from napari_emcad.widgets.kit.layer_pick import LayerPick
from napari_emcad.widgets.kit.layers import LAYER_KIND, check_layer, is_labels, origin_of, volume_of, voxel_size_of
from napari_emcad.widgets.kit.signals import Signal
from napari_emcad.widgets.proofread.labels_job import LabelsOrder, LabelsResult, planned_labels_job, segment_labels_job
from napari_emcad.workers.estimates import check_memory

BYTES = 20
"""Peak memory of labels without a model, in bytes a voxel; measured on 20 x 1024 x 1024 voxels: 18."""

PRESS = "Proofread these labels"


@dataclass(frozen=True)
class Ground:
    """The layer that the neurons will lie on: a box of the stack, or the labels themselves if they fit none."""

    source: Image | Labels
    box: Box
    why_no_stack: str = ""

    @classmethod
    def of(cls, labels: Labels, stack: Image | None) -> Self:
        """Return the ground of labels (z, y, x)."""
        whole = Box.whole(volume_of(labels).shape)
        if stack is None:
            return cls(labels, whole, "Open the stack of these labels first.")
        try:
            check_layer(stack)
            return cls(stack, box_in_stack(labels, stack))
        except UserError as error:
            return cls(labels, whole, str(error))


class FromLabels:
    """Makes the current result of labels, and begins a session on it.

    Attributes
    ----------
    pick : LayerPick
        Labels that came from elsewhere, and those chosen.
    wants_model : bool
        True if a model is to look at their stack, for better splits.
    is_working : bool

    Signals
    -------
    changed
    """

    changed = Signal()

    def __init__(self, desk: Desk):
        self._desk, self._message = desk, desk.message
        self.pick = LayerPick(desk.viewer, is_from_elsewhere)
        self.wants_model = self.is_working = False
        for signal in (desk.stack.changed, desk.model.changed, desk.device.changed, desk.jobs.running_changed):
            signal.connect(self._emit_changed)
        self.pick.changed.connect(self._emit_changed)
        desk.layers_changed.connect(self._follow_layers)

    @property
    def facts(self) -> str:
        """Shape and voxel size of the labels chosen; empty without any."""
        layer = self.pick.layer
        if layer is None:
            return ""
        return f"{shape_text(volume_of(layer).shape)} voxels, {voxel_size_text(voxel_size_of(layer))}"

    @property
    def why_not(self) -> str:
        """The reason why the labels cannot be proofread now; empty if they can."""
        if self.pick.layer is None:
            return "Open labels first."
        return "A job is running." if self._desk.jobs.running else why_unusable(self.pick.layer)

    def why_not_in_stack(self, layer: Labels) -> str:
        """Return why labels do not lie in the stack that is open; empty if they do, or none is open."""
        return self._ground(layer).why_no_stack if self._desk.stack.layer is not None else ""

    @property
    def why_no_model(self) -> str:
        """The reason why no model can look at their stack; empty if one can."""
        if self.pick.layer is None:
            return "Open labels first."
        return why_unusable(self.pick.layer) or self._why_no_model(self._ground(self.pick.layer))

    @property
    def cost_of_model(self) -> str:
        """The memory and time that a model takes to look at their stack, in words; empty without labels."""
        if self.pick.layer is None:
            return ""
        ground = self._ground(self.pick.layer)
        if ground.why_no_stack:
            return "as long as a run"
        estimate = self._desk.choices.estimate(ground.box, volume_of(ground.source).shape)
        return f"{estimate.text()} of memory" if estimate else "as long as a run"

    def start(self) -> None:
        """Make neurons of the labels chosen, in a thread."""
        layer = self.pick.layer
        try:
            if layer is None or self.why_not:
                raise UserError(self.why_not)
            result, order = self._order(layer)
        except UserError as error:
            self._message.error(error)
            return
        self.is_working, data = True, layer.data
        self._message.say(f'Taking "{layer.name}" apart into its pieces.')
        self._desk.jobs.start(self._job(order), lambda ended: self._on_ended(result, (layer, data), ended))

    def stop(self) -> None:
        """Stop the job."""
        self._desk.jobs.stop()

    # ---- inside ------------------------------------------------------------------------------------------------

    def _emit_changed(self) -> None:
        self.changed.emit()

    def _follow_layers(self) -> None:
        self.pick.follow_layers()
        self.changed.emit()

    def _ground(self, layer: Labels) -> Ground:
        return Ground.of(layer, self._desk.stack.layer)

    def _why_no_model(self, ground: Ground) -> str:
        return ground.why_no_stack or self._desk.choices.why_no_affinities

    def _order(self, layer: Labels) -> tuple[Result, LabelsOrder]:
        """Return the future result of labels, and the order for its job.

        Raises
        ------
        UserError
            If memory does not suffice.
        """
        ground = self._ground(layer)
        _check_room(ground.box)
        order = LabelsOrder(volume_of(layer), _name(layer), ground.box, SegmentParameters())
        if self.wants_model and not self._why_no_model(ground):
            order = self._with_model(order, volume_of(ground.source))
        # people's from the start: neither threshold nor agglomeration touches them
        return Result(ground.source, ground.box, order.parameters, None, is_edited=True), order

    def _job(self, order: LabelsOrder) -> Job[LabelsResult]:
        """Return the job that makes neurons; where a model looks at the stack, by the plan for its sections."""
        if order.model is None:
            return segment_labels_job(order)
        return planned_labels_job(self._desk.choices.inspection.plan_job(order.box), order)

    def _with_model(self, order: LabelsOrder, stack: Any) -> LabelsOrder:
        choices = self._desk.choices
        check_memory(choices.planned(order.box, stack.shape))
        size = choices.stack.voxel_size
        return replace(order, stack=stack, model=choices.model.path, parameters=choices.parameters(), voxel_size=size)

    def _on_ended(self, result: Result, given: tuple[Labels, Any], ended: Ended) -> None:
        self.is_working = False
        layer, data = given
        if ended.error is not None:
            self._message.error(ended.error)
        elif ended.result is None:
            self._message.result("Stopped: the labels are as they were.")
        elif layer.data is not data or not all(one in self._desk.viewer.layers for one in (layer, result.source)):
            self._message.error(UserError(f'"{layer.name}" or its stack has changed: press "{PRESS}" again.'))
        else:
            self._show(result, layer, ended.result)
        self.changed.emit()

    def _show(self, result: Result, layer: Labels, found: LabelsResult) -> None:
        current = self._desk.results.current
        for other in (layer, *(current.layers if current else ())):
            other.visible = False
        result.affinities, result.card, result.parameters = found.affinities, found.card, found.parameters
        result.plan = found.plan
        self._desk.results.show_segmentation(result, found.segmentation, found.neurons)
        pieces = count(len(found.segmentation.sizes) - 1, "piece")
        neurons = count(len(found.pieces.labels), "neuron")
        self._message.result(f'"{layer.name}": {neurons} in {pieces}; {found.pieces.ids_text}.')
        note = "" if found.affinities is None else sections_note(found.plan, result.box).rstrip()
        alone = result.source is layer and self.why_not_in_stack(layer)
        note += f"They are shown without the stack: {alone}" if alone else ""
        self._desk.sessions.start(remark=f"; {found.pieces.ids_text}" + (note and f". {note}"))


def is_from_elsewhere(layer: Layer) -> bool:
    """True for labels that the dock did not make."""
    return is_labels(layer) and LAYER_KIND not in layer.metadata


def why_unusable(layer: Labels) -> str:
    """Return why these labels cannot be proofread; empty where they can."""
    try:
        check_labels(volume_of(layer))
    except UserError as error:
        return str(error)
    return ""


def _check_room(box: Box) -> None:
    needed, free = BYTES * int(np.prod(box.shape, dtype=np.int64)), psutil.virtual_memory().available
    if needed > free:
        raise UserError(
            f"memory: {size_text(needed)} are needed for labels of {shape_text(box.shape)} voxels and "
            f"{size_text(free)} are free; crop the labels."
        )


def _name(layer: Labels) -> str:
    """Return the name of the labels' file where there is one, else that of the layer."""
    origin = origin_of(layer)["source"]
    return parse_location(origin).name if origin else layer.name
