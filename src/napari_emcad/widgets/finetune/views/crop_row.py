"""The row of one crop."""

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QCheckBox, QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_emcad.widgets.finetune.crop_places import Place, Role
from napari_emcad.widgets.finetune.crops import facts_of
from napari_emcad.widgets.finetune.truth import NoTruth
from napari_emcad.widgets.kit.forms import NarrowCombo, enable
from napari_emcad.widgets.kit.plain_text import plain

ROLE_TIPS = {
    Role.TRAIN: "The network learns from it.",
    Role.HOLD_OUT: "The network never sees it; it is scored on it.",
    Role.BOTH: "A strip of it is held out, the network learns from the rest.",
}
CHECKED_TIP = "Every voxel of it has been looked at: all of it is verified, and what belongs to no neuron is boundary."
NOBODY = "Nobody has said what is true here: only a teacher can teach in it."


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

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.name, self.facts = QLabel(), QLabel()
        self.name.setTextFormat(Qt.TextFormat.PlainText)
        self.role, self.all_checked = NarrowCombo(), QCheckBox("checked")
        self.show_button, self.remove_button = QPushButton("Show"), QPushButton("x")
        for role in Role:
            self.role.addItem(role.value, role)
            self.role.setItemData(self.role.count() - 1, ROLE_TIPS[role], Qt.ItemDataRole.ToolTipRole)
        self.facts.setToolTip("Sections x height x width in voxels, and how much of it a person has verified.")
        self.show_button.setToolTip("Go there and show its outline; so does a double click.")
        self.remove_button.setToolTip("Take it off this list; nothing else is changed.")
        self._lay_out()
        self.role.currentIndexChanged.connect(self._on_role)
        self.all_checked.toggled.connect(self.checked)
        self.show_button.clicked.connect(self.shown)
        self.remove_button.clicked.connect(self.removed)

    def put(self, place: Place, role: Role) -> None:
        """Show a crop as it is now."""
        with QSignalBlocker(self.role), QSignalBlocker(self.all_checked):
            self.role.setCurrentIndex(self.role.findData(role))
            self.all_checked.setChecked(place.all_checked)
        self.role.setToolTip(ROLE_TIPS[role])
        self.facts.setText(facts_of(place))
        start = ", ".join(map(str, place.box.start))
        self.name.setText(place.name)
        self.name.setToolTip(plain(f'{place.name}, in "{place.stack.name}" from voxel {start}'))
        enable(self.all_checked, NOBODY if isinstance(place.truth, NoTruth) else "", CHECKED_TIP)

    def mouseDoubleClickEvent(self, _event: QMouseEvent | None) -> None:
        """Go there."""
        self.shown.emit()

    def _lay_out(self) -> None:
        first, second = QHBoxLayout(), QHBoxLayout()
        self.name.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.facts.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        first.addWidget(self.name, 1)
        first.addWidget(self.role)
        second.addWidget(self.facts, 1)
        second.addWidget(self.all_checked)
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

    def _on_role(self, _index: int) -> None:
        self.role_chosen.emit(self.role.currentData())
