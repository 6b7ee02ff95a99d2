"""The list of crops: where they lie, how much of them is verified, and what they are for."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from napari.layers import Shapes
from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_emcad.core.errors import UserError
from napari_emcad.core.wording import count, shape_text
from napari_emcad.widgets.finetune.crop_places import NoTruth, Place, Plan, Role, free_name
from napari_emcad.widgets.kit.forms import NarrowCombo, enable, text
from napari_emcad.widgets.kit.layers import LAYER_KIND, place_of, remove_layer

HEIGHT = 216
"""Pixels of the list, at most."""

OUTLINED = 200
"""Sections on which the outline of a crop is drawn; in a deeper one they are spread evenly."""

ROLE_TIPS = {
    Role.TRAIN: "The network learns from it.",
    Role.HOLD_OUT: "The network never sees it; it is scored on it.",
    Role.BOTH: "A strip of it is held out, the network learns from the rest.",
}
CHECKED_TIP = "Every voxel of it has been looked at: all of it is verified, and what belongs to no neuron is boundary."


class CropRow(QFrame):
    """One crop.

    Signals
    -------
    role_chosen : Role
    checked : bool
    shown, removed
    """

    role_chosen = Signal(object)
    checked = Signal(bool)
    shown = Signal()
    removed = Signal()

    def __init__(self, place: Place, parent: QWidget | None = None):
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.name, self.facts = QLabel(place.name), QLabel()
        self.role, self.all_checked = NarrowCombo(), QCheckBox("checked")
        self.show_button, self.remove_button = QPushButton("Show"), QPushButton("x")
        for role in Role:
            self.role.addItem(role.value, role)
            self.role.setItemData(self.role.count() - 1, ROLE_TIPS[role], Qt.ItemDataRole.ToolTipRole)
        self._lay_out()
        self._explain(place)
        self.role.currentIndexChanged.connect(self._on_role)
        self.all_checked.toggled.connect(self.checked)
        self.show_button.clicked.connect(self.shown)
        self.remove_button.clicked.connect(self.removed)

    def put(self, place: Place, role: Role) -> None:
        """Show it as it is now."""
        with QSignalBlocker(self.role), QSignalBlocker(self.all_checked):
            self.role.setCurrentIndex(self.role.findData(role))
            self.all_checked.setChecked(place.all_checked)
        self.role.setToolTip(ROLE_TIPS[role])
        self.facts.setText(f"{shape_text(place.box.shape)}, {percent(place.share)}")

    def mouseDoubleClickEvent(self, _event) -> None:
        """Go there."""
        self.shown.emit()

    def _lay_out(self) -> None:
        first, second = QHBoxLayout(), QHBoxLayout()
        self.name.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.facts.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        for row, parts in ((first, (self.name, self.role)), (second, (self.facts, self.all_checked))):
            row.addWidget(parts[0], 1)
            row.addWidget(parts[1])
        self.role.setSizeAdjustPolicy(self.role.SizeAdjustPolicy.AdjustToContents)
        self.role.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.remove_button.setFixedWidth(self.show_button.fontMetrics().height() + 8)
        first.addWidget(self.show_button)
        first.addWidget(self.remove_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 2, 4, 2)
        column.setSpacing(2)
        for row in (first, second):
            row.setSpacing(4)
            column.addLayout(row)

    def _explain(self, place: Place) -> None:
        start = ", ".join(map(str, place.box.start))
        self.name.setToolTip(f'{place.name}, in "{place.stack.name}" from voxel {start}')
        self.facts.setToolTip("Sections x height x width in voxels, and how much of it a person has verified.")
        self.show_button.setToolTip("Go there and show its outline; so does a double click.")
        self.remove_button.setToolTip("Take it off this list; nothing else is changed.")
        unsaid = "Nobody has said what is true here: only a teacher can teach in it."
        enable(self.all_checked, unsaid if isinstance(place.truth, NoTruth) else "", CHECKED_TIP)

    def _on_role(self, _index: int) -> None:
        self.role_chosen.emit(self.role.currentData())


class CropList(QWidget):
    """The crops, and who is held out.

    Signals
    -------
    changed
    """

    changed = Signal()

    def __init__(self, viewer, parent: QWidget | None = None):
        super().__init__(parent)
        self._viewer = viewer
        self._outline: Shapes | None = None
        self.places: list[Place] = []
        self.uncorrected: list[Place] = []  # that teach too, without being listed
        self.rows: list[CropRow] = []
        self.plan: Plan | None = None
        self.why_no_plan = ""
        self.automatic = QCheckBox("hold out automatically")
        self.automatic.setChecked(True)
        self.automatic.setToolTip("About a fifth of what is verified; a role chosen by hand takes the tick off.")
        self._facts = text()
        self._scroll = QScrollArea()
        self._lay_out()
        self.automatic.toggled.connect(self._on_automatic)
        self.refresh()

    def add(self, places: Iterable[Place]) -> int:
        """Add crops that are not there yet, and say how many."""
        there = {_identity(place) for place in self.places}
        new = [place for place in places if _identity(place) not in there]
        for place in new:
            self.places.append(replace(place, name=free_name(place.name, {p.name for p in self.places})))
        self.put(self.places)
        return len(new)

    def put(self, places: Iterable[Place]) -> None:
        """List these and no others."""
        self.places = list(places)
        for row in self.rows:
            row.setParent(None)
            row.deleteLater()
        self.rows = [self._row(i, place) for i, place in enumerate(self.places)]
        for row in self.rows:
            self._column.insertWidget(self._column.count() - 1, row)
        self.refresh()

    def refresh(self) -> None:
        """See anew what is verified, and plan with it."""
        self.plan, self.why_no_plan = None, ""
        try:
            self.plan = Plan.of([*self.places, *self.uncorrected], self.automatic.isChecked())
        except UserError as error:
            self.why_no_plan = str(error)
        for row, place in zip(self.rows, self.places, strict=True):
            role = self.plan.role_of(place) if self.plan and self.automatic.isChecked() else place.role
            row.put(place, role)
        self._fit()
        self._facts.setText(self._told())
        self.changed.emit()

    def show_place(self, place: Place) -> None:
        """Go to a crop and draw its outline."""
        self.hide_outline()
        self._outline = self._viewer.add_layer(outline(place))
        middle = [(a + b - 1) // 2 for a, b in zip(place.box.start, place.box.stop, strict=True)]
        world = np.array(place.stack.data_to_world(middle))[-3:]
        self._viewer.dims.set_point(range(self._viewer.dims.ndim - 3, self._viewer.dims.ndim), tuple(world))
        self._viewer.fit_to_view(layers=[self._outline], margin=0.3)
        self._viewer.layers.selection.active = place.stack

    def hide_outline(self) -> None:
        """Take the outline away."""
        remove_layer(self._viewer, self._outline)
        self._outline = None

    def _lay_out(self) -> None:
        inside = QWidget()
        self._column = QVBoxLayout(inside)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(2)
        self._column.addStretch(1)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(inside)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        for widget in (self._scroll, self.automatic, self._facts):
            column.addWidget(widget)

    def _row(self, i: int, place: Place) -> CropRow:
        row = CropRow(place)
        row.role_chosen.connect(lambda role: self._on_role(i, role))
        row.checked.connect(lambda checked: self._change(i, all_checked=checked))
        row.shown.connect(lambda: self.show_place(self.places[i]))
        row.removed.connect(lambda: self._on_removed(i))
        return row

    def _fit(self) -> None:
        """As high as the crops are, up to HEIGHT."""
        self._scroll.setVisible(bool(self.rows))
        self.automatic.setVisible(bool(self.rows))
        needed = sum(row.sizeHint().height() + 2 for row in self.rows)
        self._scroll.setFixedHeight(min(HEIGHT, needed))

    def _told(self) -> str:
        if not self.places:
            return "No crops yet: add places where the neurons are right."
        if self.plan is None:
            return self.why_no_plan
        learnt, scored = self.plan.voxels
        listed = len(self.plan.train) - len(self.uncorrected)
        parts = [f"{count(listed, 'crop')} to learn from with {voxels_text(learnt)} verified"]
        parts.append(f"{len(self.plan.held_out)} held out with {voxels_text(scored)}")
        also = "; uncorrected sections teach, too" if self.uncorrected else ""
        return f"{', '.join(parts)}{also}."

    def _on_automatic(self, automatic: bool) -> None:
        """Roles chosen automatically stay where a person takes over."""
        if not automatic and self.plan is not None:
            self.places = [replace(place, role=self.plan.role_of(place)) for place in self.places]
        self.refresh()

    def _on_role(self, i: int, role: Role) -> None:
        self.automatic.setChecked(False)
        self._change(i, role=role)

    def _change(self, i: int, **change) -> None:
        self.places[i] = replace(self.places[i], **change)
        self.refresh()

    def _on_removed(self, i: int) -> None:
        self.hide_outline()
        self.put([place for j, place in enumerate(self.places) if j != i])


def _identity(place: Place) -> tuple:
    """Of two places with one identity one is enough."""
    return id(place.stack), place.box, type(place.truth)


def outline(place: Place) -> Shapes:
    """The rim of a crop on its sections."""
    (_, y0, x0), (_, y1, x1) = place.box.start, place.box.stop
    rim = np.array([[y0, x0], [y0, x1 - 1], [y1 - 1, x1 - 1], [y1 - 1, x0]], float)
    ends = place.box.start[0], place.box.stop[0] - 1
    sections = np.linspace(*ends, min(place.box.shape[0], OUTLINED)).round().astype(int)
    data = [np.insert(rim, 0, z, axis=1) for z in sections]
    look = {"face_color": "transparent", "edge_color": "yellow", "edge_width": 2}
    name = f"crop {place.name}"
    return Shapes(data, shape_type="polygon", name=name, metadata={LAYER_KIND: "crop"}, **look, **place_of(place.stack))


def percent(share: float) -> str:
    """Such as "43 % verified"; what is not nothing is never 0 %."""
    shown = f"{100 * share:.0f}" if share >= 0.005 or share == 0 else "< 1"
    return f"{shown} % verified"


def voxels_text(voxels: int) -> str:
    """Such as "1.2 million voxels"."""
    return f"{voxels / 1e6:.1f} million voxels" if voxels >= 1e6 else count(voxels, "voxel")
