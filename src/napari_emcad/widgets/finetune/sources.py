"""Where crops come from: a drawn box, the whole stack, done neurons, the last edits, or a Labels layer."""

from collections.abc import Callable
from functools import partial

from napari.layers import Image, Labels
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QMenu, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.label_pieces import check_labels
from napari_emcad.proofreading.corrections import NamedBox, boxes_of_corrections, boxes_of_locked
from napari_emcad.widgets.choices.region import RegionChoice
from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.desk.on_screen import Proofreading
from napari_emcad.widgets.desk.region import BOX, Region
from napari_emcad.widgets.desk.stack import NO_STACK
from napari_emcad.widgets.finetune.crop_places import (
    LayerTruth,
    NoTruth,
    Place,
    SessionTruth,
    check_place,
    shared,
)
from napari_emcad.widgets.kit.fields import Limits, integer_field
from napari_emcad.widgets.kit.forms import enable, form
from napari_emcad.widgets.kit.labels_place import box_in_stack
from napari_emcad.widgets.kit.layers import LAYER_KIND, check_layer, is_labels, volume_of

UNCORRECTED_VOXELS, UNCORRECTED_SIDE = 1 << 27, 4096
"""Of the sections that teach without a correction, at most: some hundred of 1024 x 1024 pixels; and pixels a side."""

NO_SESSION = 'Press "Start proofreading" first: what is right is said there.'


class CropSources(QWidget):
    """The buttons that add crops.

    Signals
    -------
    found : list of Place
    failed : UserError
    changed
        Another stack is chosen.
    """

    found = Signal(object)
    failed = Signal(object)
    changed = Signal()

    def __init__(self, desk: Desk):
        super().__init__()
        self._desk, self._viewer, self._stack = desk, desk.viewer, desk.stack
        self.region = Region(desk.viewer, kinds=(BOX,))
        self.region_choice = RegionChoice(self.region)
        self.box_button, self.stack_button = QPushButton("+ Box"), QPushButton("+ Whole stack")
        self.done_button, self.edits_button = QPushButton("+ Done neurons"), QPushButton("+ Last")
        self.labels_button = QPushButton("+ Labels layer...")
        self.last = integer_field(Limits(1, 9999), "edits")
        self.last.setValue(10)
        self.last.setToolTip("How many of the last merges, splits and detachings.")
        self._menu = QMenu(self)
        self.labels_button.setMenu(self._menu)
        self._lay_out()
        self._connect()
        self.update_buttons()

    @property
    def stack(self) -> Image | None:
        """The stack chosen."""
        return self._stack.layer

    @property
    def proofreading(self) -> Proofreading | None:
        """What is being proofread; None where nothing is."""
        return self._desk.sessions.current

    @property
    def session(self) -> Proofreading | None:
        """What is being proofread on the stack chosen; None where nothing is."""
        return None if self.why_no_session else self.proofreading

    @property
    def why_no_session(self) -> str:
        """Why nothing can be taken from a session; empty where it can."""
        if self.proofreading is None:
            return NO_SESSION
        source = self.proofreading.result.source
        if source is not self.stack:
            return f'Choose "{source.name}" as the stack: it is what is being proofread.'
        return ""

    def truth_in(self, stack: Image, box: Box) -> tuple[Box, SessionTruth | NoTruth]:
        """Who says what is true in a box, and the part of it of which that is said."""
        at = self.proofreading
        inside = shared(box, at.result.box) if at is not None and at.result.source is stack else None
        if inside is None:
            return box, NoTruth()
        return inside, SessionTruth(at.session, at.opened.folder, at.result.box)

    def box_place(self) -> Place:
        """The box that is drawn, as far as something is known of it."""
        return self._place("box", self.region.box())

    def stack_place(self) -> Place:
        """All of the stack."""
        return self._place("whole stack", Box.whole(volume_of(self._stack.layer).shape))

    def uncorrected_place(self) -> Place:
        """All of the stack, or the middle of a large one, as if nobody had said anything about it."""
        layer = self._stack.layer
        shape = volume_of(layer).shape
        plane = [min(n, UNCORRECTED_SIDE) for n in shape[1:]]
        seen = min(shape[0], max(2, UNCORRECTED_VOXELS // (plane[0] * plane[1]))), *plane
        start = tuple((n - m) // 2 for n, m in zip(shape, seen, strict=True))
        return check_place(Place("uncorrected sections", layer, Box.whole(seen).moved(start)))

    def done_places(self) -> list[Place]:
        """Around the neurons that are done."""
        at = self._begun()
        found = self._named(boxes_of_locked(at.session, at.boxes))
        if not found:
            raise UserError('crops: no neuron is done; select one in Proofread and press "Done".')
        return found

    def edits_places(self) -> list[Place]:
        """Around the last edits."""
        found = self._named(boxes_of_corrections(self._begun().session, self.last.value()))
        if not found:
            raise UserError("crops: nothing has been merged, split or detached yet; correct something first.")
        return found

    def labels_place(self, layer: Labels, within: bool = False) -> Place:
        """A Labels layer that lies over the stack, or the part of it that is within the drawn box."""
        stack = self._stack.layer
        check_labels(volume_of(layer))
        box = around = box_in_stack(layer, stack)
        if within:
            box = shared(around, self.region.box())
        if box is None:
            raise UserError(f'crops: "{layer.name}" has no voxel in the box; draw it over the labels.')
        return check_place(Place(layer.name, stack, box, LayerTruth(layer, around), all_checked=True))

    def update_buttons(self) -> None:
        """Enable what can be done, and say why the rest cannot."""
        self.region.follow(self._stack.layer)
        no_stack = self._why_no_stack()
        no_session = no_stack or self.why_no_session
        enable(self.box_button, no_stack, "Learn from the box: the selected shape, or the last one drawn.")
        enable(self.stack_button, no_stack, "Learn from all of the stack, for example to distil a teacher in it.")
        enable(self.done_button, no_session, "Learn from the surroundings of all neurons that are done.")
        enable(self.edits_button, no_session, "Learn from the surroundings of the last edits.")
        enable(self.last, no_session, "How many of the last merges, splits and detachings.")
        labels = "" if self._labels() else "There is no other Labels layer: open the truth of a part of the stack."
        enable(self.labels_button, no_stack or labels, "Learn from labels that lie over the stack; 0 is boundary.")
        enable(self.region_choice.draw_button, no_stack, "Add a Shapes layer and draw a rectangle with the mouse.")

    def reset_choices(self) -> None:
        """Follow the viewer's layers."""
        self.region.follow_layers()
        self.update_buttons()

    def release(self) -> None:
        """Let go of the layers."""
        self.region.close()
        self._stack.changed.disconnect(self._on_stack)

    def _lay_out(self) -> None:
        fields = QWidget()
        form(fields, margin=0).add("Box", self.region_choice)
        rows = [QHBoxLayout() for _ in range(3)]
        rows[0].addWidget(self.box_button)
        rows[0].addWidget(self.stack_button)
        rows[1].addWidget(self.done_button)
        rows[1].addWidget(self.labels_button)
        rows[2].addWidget(self.edits_button, 1)
        rows[2].addWidget(self.last, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addWidget(fields)
        for row in rows:
            row.setSpacing(4)
            column.addLayout(row)
        for widget in (self.box_button, self.stack_button, self.done_button, self.labels_button, self.edits_button):
            widget.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def _connect(self) -> None:
        self.box_button.clicked.connect(lambda: self._find(lambda: [self.box_place()]))
        self.stack_button.clicked.connect(lambda: self._find(lambda: [self.stack_place()]))
        self.done_button.clicked.connect(lambda: self._find(self.done_places))
        self.edits_button.clicked.connect(lambda: self._find(self.edits_places))
        self._menu.aboutToShow.connect(self._fill_menu)
        self._stack.changed.connect(self._on_stack)

    def _on_stack(self) -> None:
        self.update_buttons()
        self.changed.emit()

    def _find(self, make: Callable[[], list[Place]]) -> None:
        try:
            found = make()
        except UserError as error:
            self.failed.emit(error)
        else:
            self.found.emit(found)
        self.update_buttons()

    def _begun(self) -> Proofreading:
        """The session, which may just have been ended."""
        if why_not := self.why_no_session:
            raise UserError(why_not)
        return self.proofreading

    def _fill_menu(self) -> None:
        self._menu.clear()
        for layer in self._labels():
            for within, words in ((False, layer.name), (True, f"{layer.name}, within the box")):
                action = self._menu.addAction(words)
                action.setEnabled(not within or self.region.shapes.layer is not None)
                action.triggered.connect(partial(self._on_labels, layer, within))

    def _on_labels(self, layer: Labels, within: bool, _checked: bool = False) -> None:
        self._find(lambda: [self.labels_place(layer, within)])

    def _labels(self) -> list[Labels]:
        return [layer for layer in self._viewer.layers if is_labels(layer) and LAYER_KIND not in layer.metadata]

    def _place(self, name: str, box: Box) -> Place:
        stack = self._stack.layer
        return check_place(Place(name, stack, *self.truth_in(stack, box)))

    def _named(self, found: list[NamedBox]) -> list[Place]:
        at, stack = self.session, self._stack.layer
        truth = SessionTruth(at.session, at.opened.folder, at.result.box)
        return [Place(one.name, stack, one.box.moved(at.result.box.start), truth) for one in found]

    def _why_no_stack(self) -> str:
        if self._stack.layer is None:
            return NO_STACK
        try:
            check_layer(self._stack.layer)
        except UserError as error:
            return str(error)
        return ""
