"""A chart of lines over steps, painted by Qt."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_emcad.finetuning.record import LOSSES
from napari_emcad.widgets.finetune.curves import ChartAxis, Series, smooth, values_at

COLOURS = {
    "student": "#4c9be8",
    "teacher": "#2fa36b",
    "cross": "#d07a10",
    "interaction": "#b968b2",
    "consistency": "#c05a5a",
    "restore": "#8a8f3c",
    "VOI": "#4c9be8",
}
"""Colours of lines, clear on dark and on light ground."""

HEIGHT = 140
"""Pixels."""

RIGHT_OF_TICK = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class Chart(QWidget):
    """Lines over steps, with axes from 0; the values under the mouse stand in the tooltip."""

    def __init__(self, title: str, parent: QWidget | None = None):
        super().__init__(parent)
        self.title = title
        self.series: list[Series] = []
        self.setMouseTracking(True)
        self.setMinimumWidth(120)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._explain({})

    def sizeHint(self) -> QSize:
        return QSize(160, HEIGHT)

    def put(self, series: Sequence[Series]) -> None:
        """Show these lines."""
        self.series = list(series)
        self._explain({})
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Show the values under the mouse in the tooltip."""
        if self.series and event is not None:
            area, across = self._area(), ChartAxis.across(self.series)
            share = (event.position().x() - area.left()) / area.width()
            self._explain(values_at(self.series, across.low + share * (across.high - across.low)))

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area, ink = self._area(), self.palette().windowText().color()
        across, upwards = ChartAxis.across(self.series), ChartAxis.upwards(self.series)
        self._paint_ticks(painter, area, upwards, ink)
        self._paint_steps(painter, area, across)
        for series in self.series:
            shares = across.at(series.points[:, 0]), upwards.at(series.points[:, 1])
            _paint_line(painter, series, _places(area, *shares))
        painter.setPen(ink)
        painter.drawText(QPointF(2.0, painter.fontMetrics().ascent()), self.title)
        if not self.series:
            painter.setPen(_faint(ink, 0.5))
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter, "-")
        painter.end()

    def _explain(self, values: Mapping[str, tuple[int, float]]) -> None:
        lines = [f"{LOSSES.get(n, n)}: {value:.4g} at step {step}" for n, (step, value) in values.items()]
        self.setToolTip("\n".join(lines) or f"{self.title} over the steps; point at a line to read it.")

    def _area(self) -> QRectF:
        """Return the area inside the axes."""
        metrics = self.fontMetrics()
        left, line = metrics.horizontalAdvance("0.00 "), metrics.height()
        return QRectF(left, 1.6 * line, max(1, self.width() - left - 6), max(1, self.height() - 2.8 * line))

    def _paint_ticks(self, painter: QPainter, area: QRectF, axis: ChartAxis, ink: QColor) -> None:
        line = painter.fontMetrics().height()
        for value, share in zip(axis.ticks, axis.at(np.array(axis.ticks)), strict=True):
            y = area.bottom() - share * area.height()
            painter.setPen(_faint(ink, 0.2))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(_faint(ink, 0.75))
            place = QRectF(0, y - line / 2, area.left() - 3, line)
            painter.drawText(place, RIGHT_OF_TICK, f"{value:g}")

    def _paint_steps(self, painter: QPainter, area: QRectF, axis: ChartAxis) -> None:
        below = QRectF(area.left(), area.bottom() + 2, area.width(), painter.fontMetrics().height())
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, "0")
        last = f"step {axis.high:.0f}" if self.series else "step"
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, last)


def _places(area: QRectF, across: NDArray[np.float64], upwards: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return pixels (n, 2) from shares of the axes, 0 to 1."""
    return np.stack([area.left() + across * area.width(), area.bottom() - upwards * area.height()], axis=1)


def _paint_line(painter: QPainter, series: Series, places: NDArray[np.float64]) -> None:
    """Draw a line through pixels (n, 2)."""
    colour = QColor(COLOURS[series.name])
    painter.setPen(QPen(_faint(colour, 0.35), 1) if series.is_noisy else QPen(colour, 2))
    painter.drawPolyline(_polygon(places))
    if series.is_noisy:
        painter.setPen(QPen(colour, 2))
        painter.drawPolyline(_polygon(np.stack([places[:, 0], smooth(places[:, 1])], axis=1)))
    if series.with_dots:
        painter.setBrush(colour)
        for x, y in places:
            painter.drawEllipse(QPointF(x, y), 2.5, 2.5)
        painter.setBrush(Qt.BrushStyle.NoBrush)


def _polygon(places: NDArray[np.float64]) -> QPolygonF:
    return QPolygonF([QPointF(float(x), float(y)) for x, y in places])


def _faint(colour: QColor, opacity: float) -> QColor:
    faint = QColor(colour)
    faint.setAlphaF(opacity)
    return faint
