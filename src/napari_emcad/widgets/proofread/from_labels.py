"""The start from labels: a Labels layer of the viewer becomes neurons to proofread, without a run."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import psutil
from napari.layers import Image, Labels
from numpy.typing import NDArray
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QPushButton, QVBoxLayout, QWidget

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.label_pieces import (
    LabelFragments,
    build_segmentation,
    check_labels,
    find_label_fragments,
)
from napari_emcad.core.progress import Job, Progress
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.core.wording import count, shape_text, size_text, voxel_size_text
from napari_emcad.io.stacks.locations import parse_location
from napari_emcad.networks.card import ModelCard
from napari_emcad.pipeline import SegmentParameters, resolve_parameters
from napari_emcad.session_of_labels import card_of_labels, parameters_of_labels
from napari_emcad.widgets.desk.results import Result
from napari_emcad.widgets.kit.forms import LayerCombo, enable, form, text
from napari_emcad.widgets.kit.jobs import Ended, JobRunner
from napari_emcad.widgets.kit.layers import MADE, check_layer, is_labels, origin_of, volume_of, voxel_size_of
from napari_emcad.widgets.kit.messages import MessageLine
from napari_emcad.widgets.kit.stack_choice import StackChoice
from napari_emcad.widgets.segment.panel import SegmentPanel
from napari_emcad.workers.estimates import check_memory
from napari_emcad.workers.prediction import Model, predict_beside
from napari_emcad.workers.segmentation import Cut, CutNeurons, cut_neurons

BYTES = 20
"""Peak memory of labels without a model, a voxel; measured on 20 x 1024 x 1024 voxels: 18."""

PRESS = "Proofread these labels"


@dataclass(frozen=True)
class Asked:
    """What the job is given; a model, and with it the stack, where it is to predict."""

    labels: Any
    name: str
    box: Box
    parameters: SegmentParameters
    stack: Any = None
    model: Path | None = None


@dataclass(frozen=True)
class FromLabels:
    """What it gives; affinities (3, z, y, x) uint8 or None."""

    pieces: LabelFragments
    segmentation: Segmentation
    neurons: CutNeurons
    affinities: NDArray[np.uint8] | None
    card: ModelCard
    parameters: SegmentParameters


def from_labels(asked: Asked) -> Job[FromLabels]:
    """Labels -> neurons; labels that cannot be used are told before the model begins."""
    pieces = yield from find_label_fragments(asked.labels)
    affinities, card, used = None, card_of_labels(asked.name), asked.parameters
    if asked.model is not None:
        affinities, card, used = yield from _predicted(asked)
    segmentation = yield from build_segmentation(pieces, affinities)
    parameters = parameters_of_labels(used)
    neurons = cut_neurons(segmentation, Cut(parameters.threshold))
    return FromLabels(pieces, segmentation, neurons, affinities, card, parameters)


def _predicted(asked: Asked) -> Job[tuple[NDArray[np.uint8], ModelCard, SegmentParameters]]:
    yield Progress("loading the model", 0, 1)
    from napari_emcad.networks.checkpoint import inspect

    card = inspect(asked.model)
    used = resolve_parameters(asked.parameters, asked.stack, card)
    affinities = np.zeros((3, *asked.box.shape), np.uint8)
    yield from predict_beside(asked.stack, Model(asked.model, card), affinities, asked.box, used)
    return affinities, card_of_labels(asked.name, f"of {card.title or asked.model.name}", card.sha256), used


@dataclass(frozen=True)
class Ground:
    """What the neurons will lie on: a box of the stack, or where that cannot be the labels themselves."""

    source: Image | Labels
    box: Box
    why_no_stack: str = ""

    @classmethod
    def of(cls, labels: Labels, stack: Image | None) -> Self:
        """For labels (z, y, x)."""
        whole = Box.whole(volume_of(labels).shape)
        if stack is None:
            return cls(labels, whole, "Open the stack of these labels first.")
        try:
            check_layer(stack)
            return cls(stack, box_in_stack(labels, stack))
        except UserError as error:
            return cls(labels, whole, str(error))


def box_in_stack(labels: Labels, stack: Image) -> Box:
    """Which voxels of a stack were labelled.

    Labels of the stack's shape that nobody gave a place (label files seldom have one) are all of it; labels of another
    shape have to lie at a place of their own.

    Raises
    ------
    UserError
        Where that cannot be told.
    """
    shape, whole = (tuple(map(int, volume_of(layer).shape)) for layer in (labels, stack))
    is_unplaced = np.all(labels.scale == 1) and not np.any(labels.translate)
    if shape == whole and is_unplaced:
        return Box.whole(whole)
    start = (0, 0, 0)
    if np.allclose(labels.scale, stack.scale, rtol=1e-3):
        start = tuple(map(round, stack.world_to_data(labels.data_to_world((0, 0, 0)))))
        box = Box.whole(shape).moved(start)
        if box.clipped(whole) == box and (shape == whole or any(start)):
            return box
    raise UserError(
        f'labels: voxels of "{stack.name}" ({_grid(stack)}) are needed for the model, "{labels.name}" is '
        f"{_grid(labels)} from voxel {start}; give both the same voxel size and the labels their place."
    )


class LabelsStart(QWidget):
    """Labels, whether the model is to look at their stack, and the button; empty while there are no labels.

    Signals
    -------
    ready : Result
        The neurons are the current result and on screen: a session can begin on them.
    """

    ready = Signal(object)

    def __init__(self, viewer, stack: StackChoice, segment: SegmentPanel, jobs: JobRunner, message: MessageLine):
        super().__init__()
        self._viewer, self._stack, self._segment = viewer, stack, segment
        self._jobs, self._message = jobs, message
        self._working = False
        self.ids_text = ""
        self.labels = LayerCombo(viewer, _is_from_elsewhere)
        self.labels.setToolTip("Neurons that you have already; the layer itself is not changed.")
        self.student = QCheckBox("affinities from the model (better splits)")
        self.button = QPushButton(PRESS)
        self._facts = text()
        self._lay_out()
        self._connect()
        self._update()

    def start(self) -> None:
        """Make neurons of the labels chosen, in a thread."""
        layer = self.labels.layer
        try:
            result, asked = self._asked(layer)
        except UserError as error:
            self._message.error(error)
            return
        self._working, data = True, layer.data
        self._message.say(f'Taking "{layer.name}" apart into its pieces.')
        self._jobs.start(from_labels(asked), lambda ended: self._on_ended(result, (layer, data), ended))

    def reset_choices(self) -> None:
        """Follow the viewer's layers."""
        self.labels.reset_choices()
        self._update()

    def release(self) -> None:
        """Let go of the layers, and hear of nothing any more."""
        for signal in self._heard():
            signal.disconnect(self._update)
        self.labels.forget()

    # ---- inside ------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        fields = QWidget()
        rows = form(fields, margin=0)
        rows.add("Labels", self.labels)
        rows.add("", self._facts)
        self._body = QWidget()
        body = QVBoxLayout(self._body)
        body.setContentsMargins(0, 0, 0, 0)
        for widget in (fields, self.student, self.button):
            body.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._body)

    def _connect(self) -> None:
        self.button.clicked.connect(self._on_button)
        for signal in self._heard():
            signal.connect(self._update)

    def _heard(self) -> tuple[Any, ...]:
        device, others = self._segment.device, (self._jobs.running_changed, self.labels.layer_changed)
        of_student = (self._segment.model.changed, device.known, device.currentIndexChanged)
        return (self._stack.layer_changed, *of_student, *others)

    def _on_button(self) -> None:
        self._jobs.stop() if self._working else self.start()

    def _asked(self, layer: Labels | None) -> tuple[Result, Asked]:
        """The result to be, and its job.

        Raises
        ------
        UserError
            Where something is missing, or memory does not suffice.
        """
        if why_not := self._why_not():
            raise UserError(why_not)
        ground = Ground.of(layer, self._stack.layer)
        _check_room(ground.box)
        asked = Asked(volume_of(layer), _name(layer), ground.box, SegmentParameters())
        if self.student.isChecked() and not self._why_no_student(ground):
            asked = self._with_student(asked, volume_of(ground.source))
        # people's from the start: neither threshold nor agglomeration touches them
        return Result(ground.source, ground.box, asked.parameters, None, is_edited=True), asked

    def _with_student(self, asked: Asked, stack) -> Asked:
        check_memory(self._segment.planned(asked.box, stack.shape))
        return replace(asked, stack=stack, model=self._segment.model.path, parameters=self._segment.parameters())

    def _on_ended(self, result: Result, given: tuple[Labels, Any], ended: Ended) -> None:
        self._working = False
        layer, data = given
        if ended.error is not None:
            self._message.error(ended.error)
        elif ended.result is None:
            self._message.result("Stopped: the labels are as they were.")
        elif layer.data is not data or not all(one in self._viewer.layers for one in (layer, result.source)):
            self._message.error(UserError(f'"{layer.name}" or its stack has changed: press "{PRESS}" again.'))
        else:
            self._show(result, layer, ended.result)
        self._update()

    def _show(self, result: Result, layer: Labels, made: FromLabels) -> None:
        results = self._segment.results
        for other in (layer, *(results.current.layers if results.current else ())):
            other.visible = False
        result.affinities, result.card, result.parameters = made.affinities, made.card, made.parameters
        results.show_segmentation(result, made.segmentation, made.neurons)
        self.ids_text = made.pieces.ids_text
        found = f"{count(len(made.pieces.labels), 'neuron')} in {count(len(made.segmentation.sizes) - 1, 'piece')}"
        self._message.result(f'"{layer.name}": {found}; {self.ids_text}.')
        self.ready.emit(result)

    def _update(self, _value: object = None) -> None:
        """Bring everything up to date."""
        layer, busy = self.labels.layer, self._jobs.running
        self._body.setVisible(layer is not None)
        self.button.setText("Stop" if self._working and busy else PRESS)
        stopping = "Stopping." if self._jobs.stopping else ""
        enable(self.button, stopping if self._working else self._why_not(), "Every edit is saved at once.")
        if layer is not None:
            self._show_facts(layer)

    def _show_facts(self, layer: Labels) -> None:
        self._facts.setText(f"{shape_text(volume_of(layer).shape)} voxels, {voxel_size_text(voxel_size_of(layer))}")
        if unusable := _unusable(layer):
            enable(self.student, unusable)
            return
        ground = Ground.of(layer, self._stack.layer)
        why = "Without them all contacts count the same, and splits follow the shape of the pieces only."
        enable(self.student, self._why_no_student(ground), f"{why} Takes {self._estimate(ground)}.")

    def _why_not(self) -> str:
        if self.labels.layer is None:
            return "Open labels first."
        return "A job is running." if self._jobs.running else _unusable(self.labels.layer)

    def _why_no_student(self, ground: Ground) -> str:
        return ground.why_no_stack or self._segment.why_no_affinities

    def _estimate(self, ground: Ground) -> str:
        takes = None if ground.why_no_stack else self._segment.estimate(ground.box, volume_of(ground.source).shape)
        return f"{takes.text()} of memory" if takes else "as long as a run"


def _is_from_elsewhere(layer) -> bool:
    return is_labels(layer) and MADE not in layer.metadata


def _unusable(layer: Labels) -> str:
    """Why these labels cannot be proofread; empty where they can."""
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
    """Of the file where there is one, else of the layer."""
    origin = origin_of(layer)["source"]
    return parse_location(origin).name if origin else layer.name


def _grid(layer: Image | Labels) -> str:
    scale = " x ".join(f"{n:g}" for n in layer.scale)
    return f"{shape_text(volume_of(layer).shape)} voxels of {scale}"
