"""The buttons that add crops."""

from collections.abc import Callable, Sequence
from functools import partial

from napari.layers import Labels
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QHBoxLayout, QMenu, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_emcad.widgets.choices.region import RegionChoice
from napari_emcad.widgets.finetune.crop_places import Place
from napari_emcad.widgets.finetune.setup import RunSetup
from napari_emcad.widgets.kit.fields import Limits, integer_field
from napari_emcad.widgets.kit.forms import enable, form

LAST_TIP = "How many of the last merges, splits and detachings."


class SourceButtons(QWidget):
    """A button for each kind of place to learn from, disabled with the reason if there is none."""

    def __init__(self, setup: RunSetup, parent: QWidget | None = None):
        super().__init__(parent)
        self._setup, self._sources = setup, setup.sources
        self.region = RegionChoice(self._sources.region)
        self.box_button, self.stack_button = QPushButton("+ Box"), QPushButton("+ Whole stack")
        self.done_button, self.edits_button = QPushButton("+ Done neurons"), QPushButton("+ Last")
        self.labels_button = QPushButton("+ Labels layer...")
        self.last = integer_field(Limits(1, 9999), "edits")
        self.last.setValue(self._sources.last)
        self.menu = QMenu(self)
        self.labels_button.setMenu(self.menu)
        self._lay_out()
        self._connect()
        self._update()

    def _lay_out(self) -> None:
        fields = QWidget()
        form(fields, margin=0).add("Box", self.region)
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
        sources = self._sources
        self.box_button.clicked.connect(lambda: self._add(sources.box_places))
        self.stack_button.clicked.connect(lambda: self._add(sources.stack_places))
        self.done_button.clicked.connect(lambda: self._add(sources.done_places))
        self.edits_button.clicked.connect(lambda: self._add(sources.edits_places))
        self.last.valueChanged.connect(self._on_last)
        self.menu.aboutToShow.connect(self.fill_menu)
        sources.changed.connect(self._update)

    def _add(self, find: Callable[[], Sequence[Place]]) -> None:
        self._setup.add(find)

    def _on_last(self, number: int) -> None:
        self._sources.last = number

    def fill_menu(self) -> None:
        """Offer each Labels layer, whole or inside the drawn box."""
        self.menu.clear()
        has_box = self._sources.region.shapes.layer is not None
        for layer in self._sources.labels:
            self._offer(layer.name, layer, within_box=False)
            self._offer(f"{layer.name}, within the box", layer, within_box=True).setEnabled(has_box)

    def _offer(self, words: str, layer: Labels, within_box: bool) -> QAction:
        action = QAction(words, self.menu)
        action.triggered.connect(lambda: self._add(partial(self._sources.labels_places, layer, within_box)))
        self.menu.addAction(action)
        return action

    def _update(self) -> None:
        no_stack, no_session = self._sources.why_no_stack, self._sources.why_no_session
        enable(self.box_button, no_stack, "Learn from the box: the selected shape, or the last one drawn.")
        enable(self.stack_button, no_stack, "Learn from all of the stack, for example to distil a teacher in it.")
        enable(self.done_button, no_session, "Learn from the surroundings of all neurons that are done.")
        enable(self.edits_button, no_session, "Learn from the surroundings of the last edits.")
        enable(self.last, no_session, LAST_TIP)
        no_labels = self._sources.why_no_labels
        enable(self.labels_button, no_labels, "Learn from labels that lie over the stack; 0 is boundary.")
        enable(self.region.draw_button, no_stack, "Add a Shapes layer and draw a rectangle with the mouse.")
