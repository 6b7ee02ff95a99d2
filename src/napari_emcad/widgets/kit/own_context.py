"""Deleting a removed layer on the graphics card, in the OpenGL context of the canvas that drew it."""

from typing import ClassVar

from napari.components import LayerList
from qtpy.QtWidgets import QOpenGLWidget

from napari_emcad.widgets.kit.nets import netted


class OwnContext:
    """Makes the context of a canvas the current one before a layer leaves it.

    napari deletes what it drew of the layer in whichever context is current. Once a window has been drawn that is
    Qt's own: buffers that the canvas still has bound are gone then, and the driver crashes when it draws the layers
    that are left. Where layers of other canvases go because one goes here, the context comes back when they have gone.
    """

    _in_use: ClassVar[list[QOpenGLWidget]] = []

    def __init__(self, layers: LayerList, canvas: QOpenGLWidget):
        self._layers, self._canvas = layers, canvas
        layers.events.removing.connect(self._on_removing)
        layers.events.removed.connect(self._on_removed, position="last")

    def close(self) -> None:
        """Let go of the layers and the canvas."""
        self._layers.events.removing.disconnect(self._on_removing)
        self._layers.events.removed.disconnect(self._on_removed)

    @netted
    def _on_removing(self, _event: object = None) -> None:
        if self._canvas.isValid():  # it has been shown
            self._canvas.makeCurrent()
            self._in_use.append(self._canvas)

    @netted
    def _on_removed(self, _event: object = None) -> None:
        if self._canvas in self._in_use:
            del self._in_use[self._in_use.index(self._canvas) :]
            if self._in_use and self._in_use[-1].isValid():
                self._in_use[-1].makeCurrent()
