"""Neurons as surfaces, beside the sections."""

from weakref import ref

import napari
from qtpy.QtCore import QEvent, QObject, QSize, Qt, Signal
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QDockWidget, QHBoxLayout, QMainWindow, QPushButton, QVBoxLayout, QWidget

from napari_emcad.widgets.desk.canvases import Canvases
from napari_emcad.widgets.desk.on_screen import Proofreading
from napari_emcad.widgets.kit.dock_width import keep_width
from napari_emcad.widgets.kit.forms import enable, text
from napari_emcad.widgets.kit.threads import QtLoop
from napari_emcad.widgets.kit.window_watch import WindowWatch
from napari_emcad.widgets.proofread.surface_scene import NOTHING, Hit, SurfaceScene
from napari_emcad.widgets.proofread.views.place_lines import PlaceLines
from napari_emcad.widgets.proofread.views.surface_canvas import SurfaceCanvas

SMALLEST = 120
"""Pixels of the smallest width and height among several canvases."""

TITLE = "Neurons in 3D"
"""Title of the dock in which a window shows the view."""


def show_beside(viewer: napari.Viewer, view: "SurfaceView", panel: QWidget) -> QDockWidget:
    """Put a view into a dock of its own, between the canvas of a viewer and the dock in which a panel lies.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer itself; a proxy shows no docks.
    view : SurfaceView
    panel : QWidget
        If it lies in no dock, the view comes to the right of the canvas.
    """
    dock: QDockWidget = viewer.window.add_dock_widget(view, name=TITLE, area="right")
    other: QObject | None = panel
    while other is not None and not isinstance(other, QDockWidget):
        other = other.parent()
    window = dock.parent()
    if other is not None and not other.isFloating() and isinstance(window, QMainWindow):
        window.splitDockWidget(dock, other, Qt.Orientation.Horizontal)
        window.resizeDocks([dock, other], [view.sizeHint().width(), other.width()], Qt.Orientation.Horizontal)
        view.lies_beside(other)
    return dock


class SurfaceView(QWidget):
    """A canvas with the surfaces of a session's neurons; it lets go of them when it, its dock or its window goes.

    Attributes
    ----------
    scene : SurfaceScene
        The surfaces that are shown.

    Signals
    -------
    picked : Click
        A click on a surface, at the voxel of that neuron nearest to where the eye meets it.
    """

    picked = Signal(object)

    def __init__(self, proofreading: Proofreading, parent: QWidget | None = None):
        super().__init__(parent)
        self._at, self._canvas = proofreading, SurfaceCanvas(self)
        self._place: PlaceLines | None = None
        self.scene = SurfaceScene(proofreading, self._canvas, QtLoop(self))  # a loop of its own, to go with the view
        self._watch = WindowWatch(self, self.release)  # the canvas has to go before the window
        self._is_released = False
        self._beside: ref[QDockWidget] | None = None
        self.words, self.fit_button, self.stop_button = text(NOTHING), QPushButton("Fit"), QPushButton("Stop")
        self.stop_button.setToolTip("Make no more surfaces; those that are there stay.")
        self._lay_out()
        self._canvas.clicked.connect(self._on_clicked)
        self.fit_button.clicked.connect(self._canvas.fit)
        self.stop_button.clicked.connect(self.scene.stop)
        self.scene.changed.connect(self._update)
        self._update()

    def sizeHint(self) -> QSize:
        return QSize(420, 420)

    @property
    def is_released(self) -> bool:
        """True once the view or its window has been closed."""
        return self._is_released

    def release(self) -> None:
        """Stop the job, and let go of session, canvas and window."""
        if self._is_released:
            return
        self._is_released = True
        if self._place is not None:
            self._place.close()
        self.scene.close()
        self._canvas.close()
        self._watch.stop()
        beside = self._beside() if self._beside is not None else None
        keep_width(beside)

    def lie_among(self, canvases: Canvases) -> None:
        """Be one of several canvases: become as small as these may, and draw their place among the surfaces."""
        self._canvas.widget.setMinimumSize(SMALLEST, SMALLEST)
        self._place = PlaceLines(self._canvas.model, canvases, self._at.layer)

    def lies_beside(self, dock: QDockWidget) -> None:
        """Take note of the dock that it shares the room with, and that keeps its width when this one goes."""
        self._beside = ref(dock)

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Let go of everything."""
        self.release()
        super().closeEvent(event)

    def changeEvent(self, event: QEvent | None) -> None:
        """Let go of everything when the view is taken out of its dock: napari does not close it then."""
        super().changeEvent(event)
        self._watch.follow(event)

    # ---- inside ------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        for button in (self.fit_button, self.stop_button):
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        row = QHBoxLayout()
        row.addWidget(self.words, 1)
        row.addWidget(self.stop_button)
        row.addWidget(self.fit_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 4, 4, 4)
        column.addLayout(row)
        column.addWidget(self._canvas.widget, 1)

    def _update(self) -> None:
        self.words.setText(self.scene.words)
        self.stop_button.setVisible(self.scene.is_making)
        enable(self.fit_button, "" if self.scene.shown else NOTHING, "Bring all surfaces into the picture.")

    def _on_clicked(self, hit: Hit) -> None:
        click = self.scene.click_at(hit)
        if click is not None:
            self.picked.emit(click)
