"""Live curves of a training run: each loss, and the VOI on the held-out crops."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from napari_emcad.finetuning.record import LOSSES, Record
from napari_emcad.widgets.kit.forms import text

COLOURS = {
    "student": "#4c9be8",
    "teacher": "#2fa36b",
    "cross": "#d07a10",
    "interaction": "#b968b2",
    "consistency": "#c05a5a",
    "restore": "#8a8f3c",
    "VOI": "#4c9be8",
}
"""Clear on dark and on light ground."""

HEIGHT = 140
SMOOTHING = 0.1
"""Of the steps shown, over which a loss is averaged: single steps see other parts of the crops."""

TICKS = 4
"""On the vertical axis, about."""


@dataclass(frozen=True)
class Series:
    """A line: points (n, 2) of step and value; with `is_noisy` the running mean lies over them."""

    name: str
    points: NDArray[np.float64]
    is_noisy: bool = False
    with_dots: bool = False


@dataclass(frozen=True)
class Axis:
    """What a side of a chart spans, with its ticks."""

    low: float
    high: float
    ticks: list[float] = field(default_factory=list)

    def at(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """0 to 1 along the side."""
        return (values - self.low) / (self.high - self.low)


class Curves(QWidget):
    """Losses at the left, the held-out VOI at the right, and what the colours mean below."""

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
        names = [name for name in LOSSES if name in record.losses]
        self.losses.put([Series(name, _points(record.losses[name]), True) for name in names])
        told = (f'<span style="color: {COLOURS[name]}">{LOSSES[name]}</span>' for name in names)
        self.names.setText(f"Losses: {', '.join(told)}" if names else "")
        self.names.setVisible(bool(names))
        scores = sorted(record.scores.values(), key=lambda score: score.step)
        voi = _points([(score.step, score.voi) for score in scores])
        self.scores.put([Series("VOI", voi, with_dots=True)] if scores else [])


class Chart(QWidget):
    """Lines over steps, with axes from 0; the values under the mouse stand in the tooltip."""

    def __init__(self, title: str, parent: QWidget | None = None):
        super().__init__(parent)
        self.title = title
        self.series: list[Series] = []
        self.setMouseTracking(True)
        self.setMinimumWidth(120)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._explain()

    def sizeHint(self) -> QSize:
        return QSize(160, HEIGHT)

    def put(self, series: Sequence[Series]) -> None:
        """Show these lines."""
        self.series = list(series)
        self._explain()
        self.update()

    def values_at(self, step: float) -> dict[str, tuple[int, float]]:
        """Name -> the point of each line that is nearest to a step."""
        nearest = {s.name: s.points[np.argmin(np.abs(s.points[:, 0] - step))] for s in self.series if len(s.points)}
        return {name: (int(at), float(value)) for name, (at, value) in nearest.items()}

    def mouseMoveEvent(self, event) -> None:
        """Tell the values under the mouse."""
        if self.series:
            area, across = self._area(), self._axes()[0]
            share = (event.position().x() - area.left()) / area.width()
            self._explain(self.values_at(across.low + share * (across.high - across.low)))

    def paintEvent(self, _event) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area, axes, ink = self._area(), self._axes(), self.palette().windowText().color()
        self._paint_axes(painter, area, axes, ink)
        for series in self.series:
            self._paint_line(painter, series, area, axes)
        painter.setPen(ink)
        painter.drawText(QPointF(2.0, painter.fontMetrics().ascent()), self.title)
        if not self.series:
            painter.setPen(_faint(ink, 0.5))
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter, "-")
        painter.end()

    def _explain(self, values: dict[str, tuple[int, float]] | None = None) -> None:
        told = [f"{LOSSES.get(n, n)}: {value:.4g} at step {step}" for n, (step, value) in (values or {}).items()]
        self.setToolTip("\n".join(told) or f"{self.title} over the steps; point at a line to read it.")

    def _area(self) -> QRectF:
        """Inside the axes."""
        metrics = self.fontMetrics()
        left, line = metrics.horizontalAdvance("0.00 "), metrics.height()
        return QRectF(left, 1.6 * line, max(1, self.width() - left - 6), max(1, self.height() - 2.8 * line))

    def _axes(self) -> tuple[Axis, Axis]:
        """Across and up."""
        points = np.concatenate([s.points for s in self.series if len(s.points)] or [np.array([[1.0, 1.0]])])
        last, most = max(1.0, points[:, 0].max()), points[:, 1].max()
        up = ticks(0.0, float(most) if most > 0 else 1.0)
        return Axis(0.0, float(last), [0.0, float(last)]), Axis(0.0, max(up[-1], float(most)), up)

    def _paint_axes(self, painter: QPainter, area: QRectF, axes: tuple[Axis, Axis], ink: QColor) -> None:
        line = painter.fontMetrics().height()
        for value, share in zip(axes[1].ticks, axes[1].at(np.array(axes[1].ticks)), strict=True):
            y = area.bottom() - share * area.height()
            painter.setPen(_faint(ink, 0.2))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(_faint(ink, 0.75))
            place = QRectF(0, y - line / 2, area.left() - 3, line)
            painter.drawText(place, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{value:g}")
        below = QRectF(area.left(), area.bottom() + 2, area.width(), line)
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, "0")
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, f"step {axes[0].high:.0f}" if self.series else "step")

    def _paint_line(self, painter: QPainter, series: Series, area: QRectF, axes: tuple[Axis, Axis]) -> None:
        colour = QColor(COLOURS[series.name])
        across, up = (axis.at(series.points[:, i]) for i, axis in enumerate(axes))
        places = np.stack([area.left() + across * area.width(), area.bottom() - up * area.height()], axis=1)
        painter.setPen(QPen(_faint(colour, 0.35) if series.is_noisy else colour, 1 if series.is_noisy else 2))
        painter.drawPolyline(_polygon(places))
        if series.is_noisy:
            painter.setPen(QPen(colour, 2))
            painter.drawPolyline(_polygon(np.stack([places[:, 0], smooth(places[:, 1])], axis=1)))
        if series.with_dots:
            painter.setBrush(colour)
            for x, y in places:
                painter.drawEllipse(QPointF(x, y), 2.5, 2.5)
            painter.setBrush(Qt.BrushStyle.NoBrush)


def ticks(low: float, high: float, about: int = TICKS) -> list[float]:
    """Round numbers from `low` to `high` or just above: 1, 2 or 5 times a power of ten apart."""
    rough = (high - low) / about
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(s * power for s in (1, 2, 5, 10) if s * power >= rough * 0.999)
    return [float(f"{low + i * step:.10g}") for i in range(int(np.ceil((high - low) / step - 1e-9)) + 1)]


def smooth(values: NDArray[np.float64], share: float = SMOOTHING) -> NDArray[np.float64]:
    """The mean of each value and those before it, over a share of them all."""
    width = max(1, round(share * len(values)))
    sums = np.concatenate([[0.0], np.cumsum(values)])
    stop = np.arange(1, len(values) + 1)
    start = np.maximum(0, stop - width)
    return (sums[stop] - sums[start]) / (stop - start)


def _points(pairs: Sequence[tuple[float, float]]) -> NDArray[np.float64]:
    return np.array(pairs, float).reshape(-1, 2)


def _polygon(places: NDArray[np.float64]) -> QPolygonF:
    return QPolygonF([QPointF(float(x), float(y)) for x, y in places])


def _faint(colour: QColor, opacity: float) -> QColor:
    faint = QColor(colour)
    faint.setAlphaF(opacity)
    return faint
