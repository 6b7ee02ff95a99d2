"""The rows that start from labels; empty while there are no labels."""

from qtpy.QtWidgets import QCheckBox, QPushButton, QVBoxLayout, QWidget

from napari_emcad.widgets.choices.layer import LayerChoice
from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.kit.forms import enable, form, text
from napari_emcad.widgets.proofread.from_labels import PRESS, FromLabels

WITHOUT = "Without them all contacts count the same, and splits follow the shape of the pieces only."


class LabelsRow(QWidget):
    """The choice of labels, the tick that lets the model look at their stack, and the button."""

    def __init__(self, desk: Desk, starting: FromLabels, parent: QWidget | None = None):
        super().__init__(parent)
        self._jobs, self._starting = desk.jobs, starting
        self.combo = LayerChoice(starting.pick)
        self.combo.setToolTip("Neurons that you have already; the layer itself is not changed.")
        self.model_box = QCheckBox("affinities from the model (better splits)")
        self.button = QPushButton(PRESS)
        self._facts = text()
        self._lay_out()
        self.button.clicked.connect(self._on_button)
        self.model_box.toggled.connect(self._on_model_box)
        starting.changed.connect(self._update)
        self._update()

    def _lay_out(self) -> None:
        fields = QWidget()
        rows = form(fields, margin=0)
        rows.add("Labels", self.combo)
        rows.add("", self._facts)
        self._body = QWidget()
        body = QVBoxLayout(self._body)
        body.setContentsMargins(0, 0, 0, 0)
        for widget in (fields, self.model_box, self.button):
            body.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._body)

    def _on_button(self) -> None:
        self._starting.stop() if self._starting.is_working else self._starting.start()

    def _on_model_box(self, wants: bool) -> None:
        self._starting.wants_model = wants

    def _update(self) -> None:
        starting = self._starting
        has_labels, is_working = starting.pick.layer is not None, starting.is_working and self._jobs.running
        self._body.setVisible(has_labels)
        self.button.setText("Stop" if is_working else PRESS)
        stopping = "Stopping." if self._jobs.stopping else ""
        enable(self.button, stopping if is_working else starting.why_not, "Every edit is saved at once.")
        if has_labels:
            self._facts.setText(starting.facts)
            why_not = starting.why_no_model
            enable(self.model_box, why_not, "" if why_not else f"{WITHOUT} Takes {starting.cost_of_model}.")
