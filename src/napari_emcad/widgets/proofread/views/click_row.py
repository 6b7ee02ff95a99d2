"""The row that turns clicks on the image on and off."""

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_emcad.widgets.kit.fields import toggle_button
from napari_emcad.widgets.kit.forms import enable, text
from napari_emcad.widgets.proofread.click_to_segment import ClickToSegment


class ClickRow(QWidget):
    """A button that stays down while clicks are taken, and the cost of a click."""

    def __init__(self, clicking: ClickToSegment, parent: QWidget | None = None):
        super().__init__(parent)
        self._clicking = clicking
        self.button = toggle_button("Click a neuron on the image")
        self.button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._facts = text()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.button)
        column.addWidget(self._facts)
        self.button.toggled.connect(self._on_toggled)
        clicking.changed.connect(self._update)
        self._update()

    def _on_toggled(self, is_on: bool) -> None:
        self._clicking.enter() if is_on else self._clicking.leave()

    def _update(self) -> None:
        with QSignalBlocker(self.button):
            self.button.setChecked(self._clicking.is_on)
        enable(self.button, self._clicking.why_not, "No run is needed before.")
        self._facts.setText(self._clicking.facts)
        self._facts.setVisible(bool(self._clicking.facts))
