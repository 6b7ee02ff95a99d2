"""The panel Evaluate: labels against a ground truth."""

from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_emcad.core.errors import UserError
from napari_emcad.core.scores import Scores, score
from napari_emcad.widgets.kit.forms import LayerCombo, enable, form, text
from napari_emcad.widgets.kit.jobs import Ended, JobRunner, one_step
from napari_emcad.widgets.kit.labels_view import FragmentLabels, part_of
from napari_emcad.widgets.kit.layers import MADE, is_labels, overlap, volume_of
from napari_emcad.widgets.kit.messages import MessageLine


class EvaluatePanel(QWidget):
    """Two Labels layers in, VOI and ARAND out."""

    def __init__(self, viewer, jobs: JobRunner, message: MessageLine):
        super().__init__()
        self._jobs, self._message = jobs, message
        self.labels, self.truth = LayerCombo(viewer, _is_made_or_labels), LayerCombo(viewer, _is_truth)
        self.labels.setToolTip("The Labels layer to judge.")
        self.truth.setToolTip("The Labels layer that is right; where it is 0, nothing is counted.")
        self.compare_button = QPushButton("Compare")
        self._scores = text("VOI and ARAND: 0 is perfect.")
        self._lay_out()
        self.compare_button.clicked.connect(self._on_compare)
        for combo in (self.labels, self.truth):
            combo.layer_changed.connect(self._update)
        jobs.running_changed.connect(self._update)
        self._update()

    @property
    def read_out(self) -> str:
        return self._scores.text()

    def compare(self) -> None:
        """Compare in a thread, on what both layers cover."""
        labels, truth = self.labels.layer, self.truth.layer
        try:
            mine, right = overlap(labels, truth)
        except UserError as error:
            self._message.error(error)
            return
        parts = part_of(_snapshot(volume_of(labels)), mine), part_of(volume_of(truth), right)
        self._scores.setText("comparing ...")
        self._jobs.start(one_step(score, *parts, stage="comparing"), self._on_ended)

    def reset_choices(self) -> None:
        """Follow the viewer's layers; neurons are judged, unless somebody chose otherwise."""
        self.labels.reset_choices()
        self.truth.reset_choices()
        self._update()

    def _lay_out(self) -> None:
        fields = QWidget()
        rows = form(fields, margin=0)
        rows.add("Labels", self.labels)
        rows.add("Truth", self.truth)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 2, 6, 4)
        column.addWidget(fields)
        column.addWidget(self.compare_button)
        column.addWidget(self._scores)

    def _on_compare(self) -> None:
        self.compare()

    def _on_ended(self, ended: Ended) -> None:
        if ended.result is not None:
            self._scores.setText(scores_text(ended.result))
            self._message.result(scores_text(ended.result).replace("\n", "; "))
        else:
            self._scores.setText("VOI and ARAND: 0 is perfect.")
            self._message.error(ended.error) if ended.error else self._message.result("Comparison stopped.")

    def _update(self) -> None:
        missing = "" if self.labels.layer and self.truth.layer else "Needs two Labels layers: neurons and a truth."
        same = "Choose two different layers." if self.labels.layer is self.truth.layer else ""
        busy = "A job is running." if self._jobs.running else ""
        enable(self.compare_button, missing or same or busy, "Variation of information and adapted Rand error.")


def scores_text(scores: Scores) -> str:
    """Such as "VOI 0.61 bits (split 0.40, merge 0.21)", then ARAND."""
    return (
        f"VOI {scores.voi:.3f} bits (split {scores.voi_split:.3f}, merge {scores.voi_merge:.3f})\n"
        f"ARAND {scores.arand:.3f}, {scores.segments:,} segments on labelled truth"
    )


def _snapshot(labels):
    """Neurons as they stand now, while the slider may move on."""
    return FragmentLabels(labels.fragments, labels.table) if isinstance(labels, FragmentLabels) else labels


def _is_made_or_labels(layer) -> bool:
    return is_labels(layer) and layer.metadata.get(MADE) != "fragments"


def _is_truth(layer) -> bool:
    return is_labels(layer) and MADE not in layer.metadata
