"""A widget over a canvas that lets the mouse through; napari does not know of it, so that no extent changes."""

from collections.abc import Sequence

from napari.components import ViewerModel
from napari.utils.events import EventEmitter
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QWidget

from napari_emcad.widgets.kit.nets import netted


class OverCanvas(QWidget):
    """Stays as large as a canvas, and is drawn anew when that shows another place or way.

    Parameters
    ----------
    canvas : ViewerModel
    native : QWidget
        The widget on which the canvas is drawn.
    also : sequence of EventEmitter
        What else it is drawn anew at.
    """

    def __init__(self, canvas: ViewerModel, native: QWidget, also: Sequence[EventEmitter] = ()):
        super().__init__(native)
        self._canvas, self._native = canvas, native
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        camera, dims = canvas.scene.camera.events, canvas.dims.events
        self._events = (camera.zoom, camera.center, camera.orientation, dims.order, dims.ndisplay, *also)
        for event in self._events:
            event.connect(self._on_changed)
        native.installEventFilter(self)
        self.setGeometry(native.rect())
        self.show()
        self.raise_()

    def release(self) -> None:
        """Let go of the canvas, and go."""
        for event in self._events:
            event.disconnect(self._on_changed)
        self._native.removeEventFilter(self)
        self.hide()
        self.deleteLater()

    def redraw(self) -> None:
        """Draw it anew."""
        self.update()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Stay as large as the canvas."""
        if event is not None and event.type() == QEvent.Type.Resize:
            self.setGeometry(self._native.rect())
            self.redraw()
        return False

    @netted
    def _on_changed(self, _event: object = None) -> None:
        self.redraw()
