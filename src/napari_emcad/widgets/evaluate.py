"""The panel Evaluate: labels against a ground truth."""

from typing import Any

from napari.layers import Layer
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_emcad.core.errors import UserError
from napari_emcad.core.scores import Scores, score
from napari_emcad.widgets.choices.layer import LayerChoice
from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.kit.forms import enable, form, text
from napari_emcad.widgets.kit.jobs import Ended, one_step
from napari_emcad.widgets.kit.labels_view import FragmentLabels
from napari_emcad.widgets.kit.layer_boxes import overlap
from napari_emcad.widgets.kit.layer_pick import LayerPick
from napari_emcad.widgets.kit.layers import LAYER_KIND, is_labels, volume_of
from napari_emcad.widgets.kit.part import part_of

NOTHING_YET = "VOI and ARAND: 0 is perfect."


class EvaluatePanel(QWidget):
    """Two Labels layers in, VOI and ARAND out."""

    def __init__(self, desk: Desk, parent: QWidget | None = None):
        super().__init__(parent)
        self._desk = desk
        self.labels, self.truth = LayerPick(desk.viewer, _can_be_judged), LayerPick(desk.viewer, _can_be_truth)
        self.compare_button = QPushButton("Compare")
        self.read_out = text(NOTHING_YET)
        self._lay_out()
        self.compare_button.clicked.connect(self.compare)
        for signal in (self.labels.changed, self.truth.changed, desk.jobs.running_changed):
            signal.connect(self._update)
        desk.layers_changed.connect(self._follow_layers)
        self._update()

    def compare(self) -> None:
        """Compare in a thread, on what both layers cover."""
        labels, truth = self.labels.layer, self.truth.layer
        try:
            inside_labels, inside_truth = overlap(labels, truth)
        except UserError as error:
            self._desk.message.error(error)
            return
        parts = part_of(_snapshot(volume_of(labels)), inside_labels), part_of(volume_of(truth), inside_truth)
        self.read_out.setText("comparing ...")
        self._desk.jobs.start(one_step(score, *parts, stage="comparing"), self._on_ended)

    def _lay_out(self) -> None:
        labels, truth = LayerChoice(self.labels), LayerChoice(self.truth)
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
        column.addWidget(self.read_out)

    def _follow_layers(self) -> None:
        self.labels.follow_layers()
        self.truth.follow_layers()
        self._update()

    def _on_ended(self, ended: Ended) -> None:
        message = self._desk.message
        if ended.result is not None:
            self.read_out.setText(scores_text(ended.result))
            message.result(scores_text(ended.result).replace("\n", "; "))
        else:
            self.read_out.setText(NOTHING_YET)
            message.error(ended.error) if ended.error else message.result("Comparison stopped.")

    def _update(self) -> None:
        missing = "" if self.labels.layer and self.truth.layer else "Needs two Labels layers: neurons and a truth."
        same = "Choose two different layers." if self.labels.layer is self.truth.layer else ""
        busy = "A job is running." if self._desk.jobs.running else ""
        enable(self.compare_button, missing or same or busy, "Variation of information and adapted Rand error.")


def scores_text(scores: Scores) -> str:
    """Return scores in two lines, such as "VOI 0.61 bits (split 0.40, merge 0.21)", then ARAND."""
    return (
        f"VOI {scores.voi:.3f} bits (split {scores.voi_split:.3f}, merge {scores.voi_merge:.3f})\n"
        f"ARAND {scores.arand:.3f}, {scores.segments:,} segments on labelled truth"
    )


def _snapshot(labels: Any) -> Any:
    """Return neurons as they stand now, while the slider may move on."""
    return FragmentLabels(labels.fragments, labels.table) if isinstance(labels, FragmentLabels) else labels


def _can_be_judged(layer: Layer) -> bool:
    return is_labels(layer) and layer.metadata.get(LAYER_KIND) != "fragments"


def _can_be_truth(layer: Layer) -> bool:
    return is_labels(layer) and LAYER_KIND not in layer.metadata
