"""The fields of the budget."""

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_emcad.training.params import TrainingParameters
from napari_emcad.widgets.finetune.budget import MINUTES, Budget
from napari_emcad.widgets.kit.fields import Affixes, Limits, integer_field, number_field
from napari_emcad.widgets.kit.forms import NarrowCombo, form, text
from napari_emcad.widgets.kit.section import Section

LOSSES = {"balanced MSE": "mse", "MSE and MALIS": "malis"}
NO_LIMIT, BY_MODE = "no limit", "by the mode"
SMALLEST_SIZE, SIZE_STEP = 32, 16
"""Pixels of the smallest crop, and between two sizes; a step below the smallest stands for BY_MODE."""


class BudgetForm(QWidget):
    """Minutes, and under Advanced steps, crops, loss, learning rate and seed.

    Attributes
    ----------
    takes : QLabel
        Words on what the run takes.
    """

    def __init__(self, budget: Budget, parent: QWidget | None = None):
        super().__init__(parent)
        self._budget = budget
        by_mode = Affixes("pixels", instead_of_smallest=BY_MODE)
        self.minutes = number_field(Limits(0.1, 6000), 1, "min")
        self.steps = integer_field(Limits(0, 10**7), Affixes("steps", instead_of_smallest=NO_LIMIT))
        self.batch = integer_field(Limits(0, 64), Affixes("crops", instead_of_smallest=BY_MODE))
        self.crop_size = integer_field(Limits(SMALLEST_SIZE - SIZE_STEP, 1024, SIZE_STEP), by_mode)
        self.learning_rate = number_field(Limits(1e-6, 0.1, 1e-4), 6)
        self.seed = integer_field(Limits(0, 10**6))
        self.loss, self.takes = NarrowCombo(), text()
        for words, name in LOSSES.items():
            self.loss.addItem(words, name)
        self._explain()
        self._lay_out()
        self._connect()
        self._update()

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

    def _connect(self) -> None:
        change = self._budget.change
        self.minutes.valueChanged.connect(lambda minutes: change(minutes=minutes))
        self.steps.valueChanged.connect(lambda steps: change(steps=steps or None))
        self.batch.valueChanged.connect(lambda batch: change(batch=batch or None))
        self.crop_size.valueChanged.connect(self._on_size)
        self.learning_rate.valueChanged.connect(lambda rate: change(learning_rate=rate))
        self.seed.valueChanged.connect(lambda seed: change(seed=seed))
        self.loss.currentIndexChanged.connect(lambda _: change(loss=self.loss.currentData()))
        self._budget.changed.connect(self._update)

    def _on_size(self, pixels: int) -> None:
        """Take a size down to a whole step."""
        size = pixels // SIZE_STEP * SIZE_STEP
        self._budget.change(size=size if size >= SMALLEST_SIZE else None)
        self._update()

    def _update(self) -> None:
        values = self._budget.values
        size = values.size or SMALLEST_SIZE - SIZE_STEP
        whole = {
            self.steps: values.steps or 0,
            self.batch: values.batch or 0,
            self.crop_size: size,
            self.seed: values.seed,
        }
        for field, number in whole.items():
            with QSignalBlocker(field):
                field.setValue(number)
        for spin, value in ((self.minutes, values.minutes or MINUTES), (self.learning_rate, values.learning_rate)):
            with QSignalBlocker(spin):
                spin.setValue(value)
        with QSignalBlocker(self.loss):
            self.loss.setCurrentIndex(self.loss.findData(values.loss))
