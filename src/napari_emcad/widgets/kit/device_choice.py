"""Which device; filled in once torch has said in a thread what there is."""

from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QWidget

from napari_emcad.core.errors import UserError
from napari_emcad.core.wishes import WISHES
from napari_emcad.widgets.kit.forms import NarrowCombo
from napari_emcad.widgets.kit.jobs import Ended, JobRunner, one_step


class DeviceChoice(NarrowCombo):
    """A choice of device, with what "auto" means and why others are missing."""

    known = Signal()

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self._found: dict[str, Any] = {}
        self._asker = JobRunner(self)
        for wish, words in WISHES.items():
            self.addItem(words, wish)
        self.setToolTip('"auto" takes the fastest device there is.')
        self.currentIndexChanged.connect(self._show_note)

    @property
    def wish(self) -> str:
        return self.currentData()

    @property
    def device(self):
        """The `Device` that the wish means; None while that is not known."""
        return self._found.get(self.wish)

    def ask(self) -> None:
        """Import torch in a thread and look what there is."""
        if not self._found and not self._asker.running:
            self._asker.start(one_step(_devices), self._on_devices)

    def close_asker(self) -> None:
        """Stop asking."""
        self._asker.close()

    def _on_devices(self, ended: Ended) -> None:
        if ended.result is None:
            return
        self._found, missing = ended.result
        self.setItemText(0, f"auto: {self._found['auto'].name}")
        for wish, why in missing.items():
            item = self.model().item(self.findData(wish))
            item.setEnabled(False)
            item.setToolTip(why)
        self._show_note()
        self.known.emit()

    def _show_note(self) -> None:
        if self.device is not None:
            self.setToolTip(self.device.note or f"Computes on {self.device.name}.")
            self.setItemData(0, self._found["auto"].note, Qt.ItemDataRole.ToolTipRole)


def _devices() -> tuple[dict[str, Any], dict[str, str]]:
    """Wish -> device, and for those that are not there wish -> why."""
    from napari_emcad.inference.choice import choose_device

    found, missing = {}, {}
    for wish in WISHES:
        try:
            found[wish] = choose_device(wish)
        except UserError as error:
            missing[wish] = str(error)
    return found, missing
