"""A cross over a canvas, where the planes of the others cut it, and a frame in the colour of its own plane."""

from napari.components import ViewerModel
from qtpy.QtCore import QEvent, QLineF, QObject, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QWidget

from napari_emcad.widgets.desk.canvases import COLOURS, Canvases
from napari_emcad.widgets.kit.nets import netted
from napari_emcad.widgets.panes.cross import Cross, cross_of

GAP = 12.0
"""Pixels round the place that stay free, so that it can be seen."""

OPACITY = 0.75


class CrossHair(QWidget):
    """Lies over a canvas and lets the mouse through; napari does not know of it, so that no extent changes."""

    def __init__(self, canvas: ViewerModel, native: QWidget, canvases: Canvases):
        super().__init__(native)
        self._canvas, self._native, self._canvases = canvas, native, canvases
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        camera = canvas.scene.camera.events
        self._events = (camera.zoom, camera.center, camera.orientation, canvas.dims.events.order)
        for event in (*self._events, canvas.dims.events.ndisplay):
            event.connect(self._on_changed)
        canvases.moved.connect(self._redraw)
        native.installEventFilter(self)
        self.setGeometry(native.rect())
        self.show()
        self.raise_()

    def release(self) -> None:
        """Let go of the canvas, and go."""
        for event in (*self._events, self._canvas.dims.events.ndisplay):
            event.disconnect(self._on_changed)
        self._canvases.moved.disconnect(self._redraw)
        self._native.removeEventFilter(self)
        self.hide()
        self.deleteLater()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Stay as large as the canvas."""
        if event is not None and event.type() == QEvent.Type.Resize:
            self.setGeometry(self._native.rect())
        return False

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

    def _redraw(self) -> None:
        self.update()

    @netted
    def _on_changed(self, _event: object = None) -> None:
        self.update()
