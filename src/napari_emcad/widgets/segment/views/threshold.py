"""The threshold as a slider, a field and a read-out."""

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_emcad.widgets.desk.threshold import Threshold
from napari_emcad.widgets.kit.fields import Limits, number_field, slider
from napari_emcad.widgets.kit.forms import text

STEPS = 100


class ThresholdBar(QWidget):
    """Shows the threshold and moves it."""

    def __init__(self, threshold: Threshold, parent: QWidget | None = None):
        super().__init__(parent)
        self._threshold = threshold
        self.slider = slider(STEPS)
        self.field = number_field(Limits(0, 1, 0.01), 2)
        self.read_out = text()
        row = QHBoxLayout()
        row.addWidget(self.slider, 1)
        row.addWidget(self.field)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(row)
        column.addWidget(self.read_out)
        self.slider.valueChanged.connect(self._on_slider)
        self.field.valueChanged.connect(self._threshold.move)
        threshold.changed.connect(self._update)
        self._update()

    def _on_slider(self, step: int) -> None:
        self._threshold.move(step / STEPS)

    def _update(self) -> None:
        with QSignalBlocker(self.slider), QSignalBlocker(self.field):
            self.field.setValue(self._threshold.value)
            self.slider.setValue(round(self._threshold.value * STEPS))
        for widget in (self.slider, self.field):
            widget.setToolTip(self._threshold.tip)
        if self.read_out.text() != self._threshold.read_out:
            self.read_out.setText(self._threshold.read_out)
