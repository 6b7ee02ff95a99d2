"""The panel Evaluate: labels against a ground truth."""

from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_emcad.widgets.choices.layer import LayerChoice
from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.evaluate.evaluation import Evaluation
from napari_emcad.widgets.kit.forms import enable, form, text


class EvaluatePanel(QWidget):
    """Shows and chooses two Labels layers, and shows their VOI and ARAND.

    Attributes
    ----------
    evaluation : Evaluation
    """

    def __init__(self, desk: Desk, parent: QWidget | None = None):
        super().__init__(parent)
        self.evaluation = Evaluation(desk)
        self.compare_button, self._read_out = QPushButton("Compare"), text()
        self._lay_out()
        self._update()
        self.compare_button.clicked.connect(self._on_compare)
        self.evaluation.changed.connect(self._update)

    def _lay_out(self) -> None:
        labels, truth = LayerChoice(self.evaluation.labels), LayerChoice(self.evaluation.truth)
        labels.setToolTip("The Labels layer to judge.")
        truth.setToolTip("The Labels layer that is right; where it is 0, nothing is counted.")
        fields = QWidget()
        rows = form(fields, margin=0)
        rows.add("Labels", labels)
        rows.add("Truth", truth)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 2, 6, 4)
        column.addWidget(fields)
        column.addWidget(self.compare_button)
        column.addWidget(self._read_out)

    def _on_compare(self) -> None:
        self.evaluation.compare()

    def _update(self) -> None:
        self._read_out.setText(self.evaluation.read_out)
        enable(self.compare_button, self.evaluation.why_not, "Variation of information and adapted Rand error.")
