"""A pane on the screen: a canvas of napari without lists, its name, and what is being read."""

from napari.qt import QtViewer
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_emcad.widgets.desk.canvases import Canvases
from napari_emcad.widgets.kit.own_context import OwnContext
from napari_emcad.widgets.panes.pane import NAMES, Pane
from napari_emcad.widgets.panes.views.cross_hair import CrossHair

SIZE = 120
"""Pixels of the smallest width and height of a canvas."""


class PaneView(QWidget):
    """Shows a pane.

    Attributes
    ----------
    model : ViewerModel
    canvas : QtViewer
    native : QWidget
        The widget on which the canvas is drawn.
    words : QLabel
        The name of the plane, and what is being read.
    """

    def __init__(self, pane: Pane, canvases: Canvases, keys: QWidget, parent: QWidget | None = None):
        """Show a pane; `keys` is the widget that hears keys pressed over it: the main canvas."""
        super().__init__(parent)
        self._pane, self.model = pane, pane.model
        self.canvas = QtViewer(pane.model)
        native = self.canvas.canvas.native
        self.native: QWidget = native
        self._own_context = OwnContext(pane.model.layers, native)
        self.canvas.setAcceptDrops(False)  # files are opened in the main canvas
        native.setFocusProxy(keys)
        self.canvas.setMinimumSize(SIZE, SIZE)
        self._cross = CrossHair(pane.model, native, canvases)
        self.words = QLabel(native)
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.words.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.words.setStyleSheet("background: rgba(0, 0, 0, 140); color: white; padding: 2px 4px")
        self.words.move(6, 6)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.canvas)
        pane.loader.changed.connect(self._say)
        self._say()

    def sizeHint(self) -> QSize:
        """Return the size that the pane has at first."""
        return QSize(400, 400)

    def release(self) -> None:
        """Let go of the pane and of the graphics card; the pane closes its layers first."""
        self._pane.loader.changed.disconnect(self._say)
        self._cross.release()
        self._own_context.close()
        canvas = self.canvas
        del self.canvas
        canvas.close()

    def _say(self) -> None:
        words = self._pane.loader.words
        self.words.setText(NAMES[self._pane.axis] + (f"  {words}" if words else ""))
        self.words.adjustSize()
