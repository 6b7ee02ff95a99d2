"""The threshold: a slider, a field and a read-out."""

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QDoubleSpinBox, QHBoxLayout, QSlider, QVBoxLayout, QWidget

from napari_emcad.core.agglomeration import DEFAULT_THRESHOLDS
from napari_emcad.widgets.kit.forms import text

STEPS = 100


class ThresholdBar(QWidget):
    """A threshold in [0, 1]; until a person moves it, it follows the model's recommendation.

    Signals
    -------
    moved : float
        By a person, or by code through `value`.
    """

    moved = Signal(float)

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self._touched = False
        self._recommended = DEFAULT_THRESHOLDS["waterz"]
        self._slider = QSlider(Qt.Orientation.Horizontal, minimum=0, maximum=STEPS)
        self._field = QDoubleSpinBox(minimum=0, maximum=1, decimals=2, singleStep=0.01, keyboardTracking=False)
        self._read_out = text("neurons appear here after a run")
        row = QHBoxLayout()
        row.addWidget(self._slider, 1)
        row.addWidget(self._field)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(row)
        column.addWidget(self._read_out)
        self._slider.valueChanged.connect(self._on_slider)
        self._field.valueChanged.connect(self._on_field)
        self.recommend(self._recommended)

    @property
    def value(self) -> float:
        return round(self._field.value(), 2)

    @value.setter
    def value(self, value: float) -> None:
        self._field.setValue(value)

    @property
    def touched(self) -> float | None:
        """The threshold where a person chose it, else None."""
        return self.value if self._touched else None

    @property
    def read_out(self) -> str:
        return self._read_out.text()

    @read_out.setter
    def read_out(self, words: str) -> None:
        self._read_out.setText(words)

    def forget(self) -> None:
        """What a person chose is of no use any more."""
        self._touched = False

    def recommend(self, threshold: float, effect: str = "Higher merges more, lower splits more.") -> None:
        """Take over a recommended threshold, where nobody has chosen another one, and say what it does."""
        self._recommended = threshold
        tip = f"{effect} Recommended here: {self._recommended:.2f}."
        self._slider.setToolTip(tip)
        self._field.setToolTip(tip)
        if not self._touched:
            self.put(self._recommended)

    def put(self, threshold: float) -> None:
        """Show a threshold without telling anybody."""
        with QSignalBlocker(self._slider), QSignalBlocker(self._field):
            self._field.setValue(threshold)
            self._slider.setValue(round(threshold * STEPS))

    def _on_slider(self, step: int) -> None:
        with QSignalBlocker(self._field):
            self._field.setValue(step / STEPS)
        self._tell()

    def _on_field(self, value: float) -> None:
        with QSignalBlocker(self._slider):
            self._slider.setValue(round(value * STEPS))
        self._tell()

    def _tell(self) -> None:
        self._touched = True
        self.moved.emit(self.value)
