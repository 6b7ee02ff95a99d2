"""The switch between the main canvas alone and the four panes."""

import napari
from napari.components import ViewerModel
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QDockWidget, QMainWindow, QVBoxLayout, QWidget

from napari_emcad.widgets.desk.canvases import Canvases
from napari_emcad.widgets.kit.forms import text
from napari_emcad.widgets.kit.jobs import Loop
from napari_emcad.widgets.kit.signals import Signal
from napari_emcad.widgets.panes.four_panes import FourPanes
from napari_emcad.widgets.panes.views.cross_hair import CrossHair
from napari_emcad.widgets.panes.views.layout import Layout
from napari_emcad.widgets.panes.views.pane_view import PaneView

NOTHING = "3D: the neurons that you select while you proofread are shown here."


class Corner(QWidget):
    """The room of the fourth pane: words, or the widget that somebody puts there."""

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self._words = text(NOTHING)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(2, 2, 2, 2)
        self._column.addWidget(self._words)

    def put(self, widget: QWidget) -> None:
        """Show a widget; once it is taken away, the words are there again."""
        self._words.hide()
        self._column.addWidget(widget, 1)

    def clear(self) -> None:
        """Show the words."""
        self._words.show()


class FourPanesView:
    """Opens and closes the panes in the window of a viewer.

    Attributes
    ----------
    panes : FourPanes or None
        None while the main canvas is alone.
    corner : Corner or None

    Signals
    -------
    switched
    """

    switched = Signal()

    def __init__(self, viewer: napari.Viewer, canvases: Canvases, loop: Loop, owner: QWidget):
        """Let the panes be opened beside the dock in which `owner` lies."""
        self._viewer, self._canvases, self._loop, self._owner = viewer, canvases, loop, owner
        self.panes: FourPanes | None = None
        self.corner: Corner | None = None
        self._views: list[PaneView] = []
        self._cross: CrossHair | None = None
        self._layout: Layout | None = None

    @property
    def is_open(self) -> bool:
        """True while the four panes are shown."""
        return self.panes is not None

    @property
    def canvases(self) -> list[tuple[ViewerModel, QWidget]]:
        """The canvases beside the main one: what each shows, and its widget; none while that is alone."""
        return [(view.model, view.native) for view in self._views]

    def toggle(self) -> None:
        """Show the four panes, or the main canvas alone."""
        if self.is_open:
            self.close()
        else:
            self.open()

    def open(self) -> None:
        """Show the four panes."""
        window, dock = _window_of(self._owner)
        if self.is_open or window is None:
            return
        native = self._viewer.window._qt_viewer.canvas.native
        self.panes = FourPanes(self._canvases, self._loop)
        self.corner = Corner()
        self._views = [PaneView(pane, self._canvases, native) for pane in self.panes.panes]
        self._cross = CrossHair(self._viewer, native, self._canvases)
        below, right = self._views
        self._layout = Layout(window, dock, right, below, self.corner)
        self.switched.emit()

    def close(self) -> None:
        """Show the main canvas alone."""
        panes, self.panes = self.panes, None
        if panes is None or self._cross is None or self._layout is None:
            return
        views, self._views = self._views, []
        self.switched.emit()  # whatever is in the corner and over the canvases goes first
        panes.close()
        for view in views:
            view.release()
        self._cross.release()
        self._layout.close()
        self._cross, self._layout, self.corner = None, None, None


def _window_of(widget: QWidget) -> tuple[QMainWindow | None, QDockWidget | None]:
    """Return the window in which a widget lies, and the dock."""
    dock: QDockWidget | None = None
    one: QObject | None = widget
    while one is not None and not isinstance(one, QMainWindow):
        dock = one if isinstance(one, QDockWidget) else dock
        one = one.parent()
    return one, dock
