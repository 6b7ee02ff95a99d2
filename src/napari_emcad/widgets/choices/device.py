"""The row that shows and chooses the device."""

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtGui import QStandardItemModel
from qtpy.QtWidgets import QWidget

from napari_emcad.core.choices import WISHES
from napari_emcad.widgets.desk.device import DevicePick
from napari_emcad.widgets.kit.forms import NarrowCombo


class DeviceChoice(NarrowCombo):
    """The devices, with the one that "auto" means, and the reasons why others are missing."""

    def __init__(self, pick: DevicePick, parent: QWidget | None = None):
        super().__init__(parent)
        self._pick = pick
        for wish, words in WISHES.items():
            self.addItem(words, wish)
        self.currentIndexChanged.connect(self._on_index)
        pick.changed.connect(self._update)
        self._update()

    def _on_index(self, _index: int) -> None:
        self._pick.wish = self.currentData()

    def _update(self) -> None:
        with QSignalBlocker(self):
            self.setCurrentIndex(self.findData(self._pick.wish))
        auto, device = self._pick.auto, self._pick.device
        if auto is not None:
            self.setItemText(0, f"auto: {auto.name}")
            self.setItemData(0, auto.note, Qt.ItemDataRole.ToolTipRole)
        self._disable_missing()
        tip = device.note or f"Computes on {device.name}." if device else '"auto" takes the fastest device there is.'
        self.setToolTip(tip)

    def _disable_missing(self) -> None:
        model = self.model()
        for wish, why_not in self._pick.missing.items():
            if isinstance(model, QStandardItemModel) and (item := model.item(self.findData(wish))) is not None:
                item.setEnabled(False)
                item.setToolTip(why_not)
