"""The bar, the curves and the scores of a run."""

from qtpy.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from napari_emcad.widgets.finetune.progress import RunProgress
from napari_emcad.widgets.finetune.views.learning_curves import LearningCurves
from napari_emcad.widgets.kit.forms import text

FINE = 1000
"""Steps of the bar."""


class ProgressView(QWidget):
    """Shows how a run goes, or how it went; hidden while there is none."""

    def __init__(self, progress: RunProgress, parent: QWidget | None = None):
        super().__init__(parent)
        self._progress = progress
        self.bar, self.curves, self._scores = QProgressBar(), LearningCurves(), text()
        self.bar.setRange(0, FINE)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        for widget in (self.bar, self.curves, self._scores):
            column.addWidget(widget)
        progress.changed.connect(self._update)
        self._update()

    def _update(self) -> None:
        progress = self._progress
        self.setVisible(progress.is_shown)
        self.bar.setVisible(progress.running)
        self.bar.setValue(round(FINE * progress.record.done))
        self.bar.setFormat(progress.words)
        self.curves.put(progress.record)
        scores = progress.record.scores_text
        self._scores.setText(scores)
        self._scores.setVisible(progress.running and bool(scores))
