"""How long to train, and the settings that a first run does not need."""

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_emcad.training.params import Consistency, Mode, TrainingParameters
from napari_emcad.widgets.kit.fields import Affixes, Limits, integer_field, number_field
from napari_emcad.widgets.kit.forms import NarrowCombo, form, text
from napari_emcad.widgets.kit.section import Section

MINUTES = 2.0
LOSSES = {"balanced MSE": "mse", "MSE and MALIS": "malis"}
NO_LIMIT, BY_MODE = "no limit", "by the mode"
LEAST_SIZE = 32 - 16
"""Pixels: the value of the crop's field that stands for BY_MODE, a step below the smallest crop."""


class Budget(QWidget):
    """Minutes, and under Advanced steps, crops, loss, learning rate and seed.

    Signals
    -------
    changed
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        defaults = TrainingParameters(minutes=MINUTES)
        self.minutes = number_field(Limits(0.1, 6000), 1, "min")
        self.minutes.setValue(MINUTES)
        self.steps = integer_field(Limits(0, 10**7), Affixes("steps", instead_of_smallest=NO_LIMIT))
        self.batch = integer_field(Limits(0, 64), Affixes("crops", instead_of_smallest=BY_MODE))
        self.crop_size = integer_field(Limits(LEAST_SIZE, 1024, 16), Affixes("pixels", instead_of_smallest=BY_MODE))
        self.learning_rate = number_field(Limits(1e-6, 0.1, 1e-4), 6)
        self.learning_rate.setValue(defaults.learning_rate)
        self.seed = integer_field(Limits(0, 10**6))
        self.loss = NarrowCombo()
        for words, name in LOSSES.items():
            self.loss.addItem(words, name)
        self.takes = text()
        self._explain()
        self._lay_out()
        for field in (self.minutes, self.steps, self.batch, self.crop_size, self.learning_rate, self.seed):
            field.valueChanged.connect(self._on_change)
        self.loss.currentIndexChanged.connect(self._on_change)

    def parameters(self, mode: Mode, consistency: Consistency = "off") -> TrainingParameters:
        """What the trainer is told.

        Raises
        ------
        UserError
            Where a value is out of range.
        """
        return TrainingParameters.of(
            mode=mode,
            consistency=consistency,
            minutes=self.minutes.value(),
            steps=self.steps.value() or None,
            batch=self.batch.value() or None,
            size=None if self.crop_size.value() == LEAST_SIZE else 16 * (self.crop_size.value() // 16),
            loss=self.loss.currentData(),
            learning_rate=self.learning_rate.value(),
            seed=self.seed.value(),
        )

    def extended(self, parameters: TrainingParameters, step: int, seconds: float) -> TrainingParameters:
        """The parameters of a run that is to go on for this budget from where it is."""
        steps = step + self.steps.value() if self.steps.value() else None
        return parameters.model_copy(update={"minutes": seconds / 60 + self.minutes.value(), "steps": steps})

    def _explain(self) -> None:
        words = {name: field.description for name, field in TrainingParameters.model_fields.items()}
        self.minutes.setToolTip("Time for all of it, scoring included; Stop ends it earlier and keeps the best.")
        self.steps.setToolTip("Ends the training after so many steps, if the minutes have not done so before.")
        self.batch.setToolTip("Parts of the crops that a step sees; fewer take less memory.")
        self.crop_size.setToolTip("Height and width of these parts, in steps of 16; smaller ones take less memory.")
        self.learning_rate.setToolTip(f"{words['learning_rate']} Lower it where the loss jumps.")
        self.seed.setToolTip(words["seed"])
        self.loss.setToolTip(f"{words['loss']} MALIS weighs an affinity by the pairs of voxels that depend on it.")

    def _lay_out(self) -> None:
        fields, advanced = QWidget(), QWidget()
        rows, more = form(fields, margin=0), form(advanced)
        rows.add("Budget", self.minutes)
        rows.add("Takes", self.takes)
        more.add("At most", self.steps)
        more.add("Batch", self.batch)
        more.add("Crop", self.crop_size)
        more.add("Loss", self.loss)
        more.add("Learning rate", self.learning_rate)
        more.add("Seed", self.seed)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addWidget(fields)
        column.addWidget(Section("Advanced", advanced, is_open=False))

    def _on_change(self, _value: object) -> None:
        self.changed.emit()
