"""Bright rims of the selected neurons over a canvas, and a ring where one has just gone to."""

from napari.components import ViewerModel
from napari.layers import Labels
from qtpy.QtCore import QPointF, QTimer
from qtpy.QtGui import QColor, QImage, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QWidget

from napari_emcad.core.geometry import Voxel
from napari_emcad.widgets.kit.labels_view import LabelView
from napari_emcad.widgets.kit.nets import netted
from napari_emcad.widgets.kit.on_canvas import BRIGHT, DARK, neurons_on_canvas, pixel_of, rims_of
from napari_emcad.widgets.kit.over_canvas import OverCanvas
from napari_emcad.widgets.proofread.editor import Editor

COLOURS = {BRIGHT: "#ffffff", DARK: "#b0000000"}
"""White with a dark rim around it: it is seen on tissue and on all colours of neurons."""

FLASHES, FLASH = 10, 50
"""Steps of the ring, and milliseconds of each."""

RING = 12
"""Radius of the ring at last, in pixels."""


class Outline(OverCanvas):
    """Draws rims and ring; the rims are found once for what the canvas shows, however often the ring is drawn."""

    def __init__(self, canvas: ViewerModel, native: QWidget, editor: Editor):
        layer = editor.at.layer.events
        super().__init__(canvas, native, (canvas.dims.events.point, layer.set_data, layer.visible, layer.scale))
        self._editor = editor
        self._rims: QImage | None = None
        self._is_stale = True
        self._flash, self._place = 0, (0, 0, 0)
        editor.changed.connect(self.redraw)
        editor.camera.went.connect(self.flash)
        self._timer = QTimer(self)
        self._timer.setInterval(FLASH)
        self._timer.timeout.connect(self._next_flash)

    def release(self) -> None:
        """Let go of canvas and session, and go."""
        self._editor.changed.disconnect(self.redraw)
        self._editor.camera.went.disconnect(self.flash)
        self._timer.stop()
        super().release()

    def redraw(self) -> None:
        """Find the rims anew."""
        self._is_stale = True
        super().redraw()

    def flash(self, voxel: Voxel) -> None:
        """Draw a ring that closes in on a voxel."""
        self._flash, self._place = FLASHES, voxel
        self._timer.start()
        self.update()

    @netted
    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """Draw rims and ring."""
        if self._editor.at.is_gone or self._canvas.dims.ndisplay == 3:
            return
        painter = QPainter(self)
        try:
            self._draw_rims(painter)
            self._draw_ring(painter)
        finally:
            painter.end()

    def _draw_rims(self, painter: QPainter) -> None:
        if self._is_stale:
            self._rims, self._is_stale = self._find_rims(), False
        if self._rims is not None:
            painter.drawImage(self.rect(), self._rims)

    def _find_rims(self) -> QImage | None:
        layer, neurons = self._editor.at.marked
        if not layer.visible or neurons == []:
            return None
        labels = neurons_on_canvas(self._canvas, layer, neurons) if self._is_at_hand(layer) else None
        if labels is None:
            return None
        rims = rims_of(labels)
        height, width = rims.shape
        picture = QImage(rims.tobytes(), width, height, width, QImage.Format.Format_Indexed8).copy()
        picture.setColorTable([QColor(COLOURS.get(value, "#00000000")).rgba() for value in range(3)])
        return picture

    def _is_at_hand(self, layer: Labels) -> bool:
        """Return False if what the canvas cuts would have to be read from all over files."""
        cuts_z = self._canvas.dims.order[-3] == self._canvas.dims.ndim - 3
        levels = [layer.data] if isinstance(layer.data, LabelView) else layer.data
        return cuts_z or not any(level.lies_in_files for level in levels)

    def _draw_ring(self, painter: QPainter) -> None:
        if not self._flash:
            return
        down, right = pixel_of(self._canvas, self._editor.at.layer, self._place)
        middle, radius = QPointF(right, down), RING * (1 + self._flash / 2)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for colour, width in (("#000000", 5), ("#ffffff", 3)):
            painter.setPen(QPen(QColor(colour), width))
            painter.drawEllipse(middle, radius, radius)

    @netted
    def _next_flash(self) -> None:
        self._flash -= 1
        if not self._flash:
            self._timer.stop()
        self.update()
