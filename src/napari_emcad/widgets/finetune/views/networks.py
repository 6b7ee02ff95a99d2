"""The rows that choose student, teacher and mode."""

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtGui import QStandardItemModel
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_emcad.training.params import MODES
from napari_emcad.widgets.choices.model import ModelChoice
from napari_emcad.widgets.finetune.networks import TrainingNetworks
from napari_emcad.widgets.kit.forms import NarrowCombo, form, text


class NetworkChoice(QWidget):
    """A choice of each network, and of the mode; modes that cannot be chosen now say why."""

    def __init__(self, networks: TrainingNetworks, parent: QWidget | None = None):
        super().__init__(parent)
        self._networks = networks
        self.student, self.teacher = ModelChoice(networks.student), ModelChoice(networks.teacher)
        self.mode, self._words = NarrowCombo(), text()
        for mode, words in MODES.items():
            self.mode.addItem(words.partition(":")[0], mode)
        fields = QWidget()
        rows = form(fields, margin=0)
        rows.add("Student", self.student)
        rows.add("Teacher", self.teacher)
        rows.add("", self._words)
        rows.add("Mode", self.mode)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(fields)
        self.mode.currentIndexChanged.connect(self._on_mode)
        networks.changed.connect(self._update)
        self._update()

    def _on_mode(self, _index: int) -> None:
        self._networks.mode = self.mode.currentData()

    def _update(self) -> None:
        networks, model = self._networks, self.mode.model()
        with QSignalBlocker(self.mode):
            self.mode.setCurrentIndex(self.mode.findData(networks.mode))
        for mode, why_not in networks.why_no_mode.items():
            i = self.mode.findData(mode)
            self.mode.setItemData(i, why_not or MODES[mode], Qt.ItemDataRole.ToolTipRole)
            if isinstance(model, QStandardItemModel) and (item := model.item(i)) is not None:
                item.setEnabled(not why_not)
        self.mode.setToolTip(MODES[networks.mode])
        self._words.setText(networks.words)
