"""Bright rims of the selected neurons over a canvas, and a ring where one has just gone to."""

from napari.components import ViewerModel
from napari.layers import Labels
from qtpy.QtCore import QEvent, QObject, QPointF, Qt, QTimer
from qtpy.QtGui import QColor, QImage, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QWidget

from napari_emcad.core.geometry import Voxel
from napari_emcad.widgets.kit.labels_view import LabelView
from napari_emcad.widgets.kit.nets import netted
from napari_emcad.widgets.kit.on_canvas import BRIGHT, DARK, neurons_on_canvas, pixel_of, rims_of
from napari_emcad.widgets.proofread.editor import Editor

COLOURS = {BRIGHT: "#ffffff", DARK: "#b0000000"}
"""White with a dark rim around it: it is seen on tissue and on all colours of neurons."""

FLASHES, FLASH = 10, 50
"""Steps of the ring, and milliseconds of each."""

RING = 12
"""Radius of the ring at last, in pixels."""


class Outline(QWidget):
    """Lies over a canvas and lets the mouse through; napari does not know of it, so that no extent changes."""

    def __init__(self, canvas: ViewerModel, native: QWidget, editor: Editor):
        super().__init__(native)
        self._canvas, self._native, self._editor = canvas, native, editor
        self._flash, self._place = 0, (0, 0, 0)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        camera, dims = canvas.scene.camera.events, canvas.dims.events
        layer = editor.at.layer.events
        shown = dims.point, dims.order, dims.ndisplay, layer.set_data, layer.visible, layer.scale
        self._events = (camera.zoom, camera.center, camera.orientation, *shown)
        for event in self._events:
            event.connect(self._on_changed)
        editor.changed.connect(self._redraw)
        editor.camera.went.connect(self.flash)
        self._timer = QTimer(self)
        self._timer.setInterval(FLASH)
        self._timer.timeout.connect(self._next_flash)
        native.installEventFilter(self)
        self.setGeometry(native.rect())
        self.show()
        self.raise_()

    def release(self) -> None:
        """Let go of canvas and session, and go."""
        for event in self._events:
            event.disconnect(self._on_changed)
        self._editor.changed.disconnect(self._redraw)
        self._editor.camera.went.disconnect(self.flash)
        self._native.removeEventFilter(self)
        self._timer.stop()
        self.hide()
        self.deleteLater()

    def flash(self, voxel: Voxel) -> None:
        """Draw a ring that closes in on a voxel."""
        self._flash, self._place = FLASHES, voxel
        self._timer.start()
        self.update()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Stay as large as the canvas."""
        if event is not None and event.type() == QEvent.Type.Resize:
            self.setGeometry(self._native.rect())
        return False

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
        layer, neurons = self._editor.at.marked
        if not layer.visible or neurons == []:
            return
        labels = neurons_on_canvas(self._canvas, layer, neurons) if self._is_at_hand(layer) else None
        if labels is None:
            return
        rims = rims_of(labels)
        height, width = rims.shape
        picture = QImage(rims.tobytes(), width, height, width, QImage.Format.Format_Indexed8)
        picture.setColorTable([QColor(COLOURS.get(value, "#00000000")).rgba() for value in range(3)])
        painter.drawImage(self.rect(), picture)

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

    def _redraw(self) -> None:
        self.update()

    @netted
    def _on_changed(self, _event: object = None) -> None:
        self.update()
