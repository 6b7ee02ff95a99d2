"""Live curves of a training run: each loss, and the VOI on the held-out crops."""

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_emcad.finetuning.record import LOSSES, Record
from napari_emcad.widgets.finetune.curves import loss_series, score_series
from napari_emcad.widgets.finetune.views.chart import COLOURS, Chart
from napari_emcad.widgets.kit.forms import text


class LearningCurves(QWidget):
    """Losses at the left, the held-out VOI at the right, and the names of the colours below."""

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self.losses, self.scores = Chart("loss"), Chart("held-out VOI, bits")
        self.names = text()
        self.names.setTextFormat(Qt.TextFormat.RichText)
        row, column = QHBoxLayout(), QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        row.setSpacing(4)
        for chart in (self.losses, self.scores):
            row.addWidget(chart, 1)
        column.addLayout(row)
        column.addWidget(self.names)

    def put(self, record: Record) -> None:
        """Show a run as far as it has come."""
        losses = loss_series(record)
        self.losses.put(losses)
        self.scores.put(score_series(record))
        names = [f'<span style="color: {COLOURS[s.name]}">{LOSSES[s.name]}</span>' for s in losses]
        self.names.setText(f"Losses: {', '.join(names)}" if names else "")
        self.names.setVisible(bool(names))
