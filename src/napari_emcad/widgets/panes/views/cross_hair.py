"""A cross over a canvas, where the planes of the others cut it, and a frame in the colour of its own plane."""

from napari.components import ViewerModel
from qtpy.QtCore import QLineF, QRectF
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QWidget

from napari_emcad.widgets.desk.canvases import COLOURS, Canvases
from napari_emcad.widgets.kit.over_canvas import OverCanvas
from napari_emcad.widgets.panes.cross import Cross, cross_of

GAP = 12.0
"""Pixels round the place that stay free, so that it can be seen."""

OPACITY = 0.75


class CrossHair(OverCanvas):
    """Draws the cross of a canvas and its frame."""

    def __init__(self, canvas: ViewerModel, native: QWidget, canvases: Canvases):
        super().__init__(canvas, native)
        self._canvases = canvases
        canvases.moved.connect(self.redraw)

    def release(self) -> None:
        """Let go of the canvas, and go."""
        self._canvases.moved.disconnect(self.redraw)
        super().release()

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """Draw lines and frame."""
        cross = cross_of(self._canvas, self._canvases)
        if cross is None:
            return
        painter = QPainter(self)
        painter.setPen(QPen(QColor(COLOURS[cross.cut]), 2))
        painter.drawRect(QRectF(self.rect()).adjusted(1, 1, -1, -1))
        painter.setOpacity(OPACITY)
        for colour, lines in self._lines(cross):
            painter.setPen(QPen(QColor(colour), 1))
            for line in lines:
                painter.drawLine(line)
        painter.end()

    def _lines(self, cross: Cross) -> list[tuple[str, list[QLineF]]]:
        x, y, width, height = cross.right, cross.down, float(self.width()), float(self.height())
        level = [QLineF(0, y, x - GAP, y), QLineF(x + GAP, y, width, y)]
        upright = [QLineF(x, 0, x, y - GAP), QLineF(x, y + GAP, x, height)]
        return [(COLOURS[cross.level], level), (COLOURS[cross.upright], upright)]
