"""Panes round the main canvas of a window: yz at its right, xz below it, and 3D in the corner."""

from qtpy.QtCore import QEvent, QObject, QSignalBlocker, Qt, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow, QSplitter, QWidget

from napari_emcad.widgets.kit.dock_width import keep_width

RIGHT_SIDE, BELOW = "EM CAD yz and 3D", "EM CAD xz"
"""Names of the docks, for Qt."""


class Layout(QObject):
    """Two docks of a window: one below the main canvas, one at its right that is parted at the same height.

    Parameters
    ----------
    window : QMainWindow
    beside : QDockWidget or None
        A dock at the right that stays outside of the four.
    right, below, corner : QWidget
        yz, xz and 3D.
    """

    def __init__(
        self, window: QMainWindow, beside: QDockWidget | None, right: QWidget, below: QWidget, corner: QWidget
    ):
        super().__init__(window)
        self._window, self._beside = window, beside
        self._corners = {one: window.corner(one) for one in (_LEFT, _RIGHT)}
        window.setCorner(_LEFT, Qt.DockWidgetArea.LeftDockWidgetArea)
        window.setCorner(_RIGHT, Qt.DockWidgetArea.RightDockWidgetArea)
        self._splitter = QSplitter(Qt.Orientation.Vertical)
        self._splitter.setChildrenCollapsible(False)
        self._splitter.addWidget(right)
        self._splitter.addWidget(corner)
        self._below = below
        self._docks = [_dock(RIGHT_SIDE, self._splitter, window), _dock(BELOW, below, window)]
        self._put_into(window, beside)
        below.installEventFilter(self)
        self._splitter.splitterMoved.connect(self._on_splitter)
        QTimer.singleShot(0, self.share)

    @property
    def is_open(self) -> bool:
        """True until it has been closed."""
        return bool(self._docks)

    def share(self) -> None:
        """Give all four the same room."""
        if not self._docks:
            return
        middle = self._window.centralWidget()
        if middle is None:
            return
        right, below = self._docks
        width, height = middle.width() + right.width(), middle.height() + below.height()
        self._window.resizeDocks([right], [width // 2], Qt.Orientation.Horizontal)
        self._window.resizeDocks([below], [height // 2], Qt.Orientation.Vertical)

    def close(self) -> None:
        """Give the main canvas its room back; the widgets stay with whoever made them."""
        self._below.removeEventFilter(self)
        docks, self._docks = self._docks, []
        keep_width(self._beside)
        for dock in docks:
            self._window.removeDockWidget(dock)
            dock.deleteLater()
        for corner, area in self._corners.items():
            self._window.setCorner(corner, area)
        self.deleteLater()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Part the right side where the main canvas and the pane below it are parted."""
        if event is not None and event.type() == QEvent.Type.Resize and self._docks:
            height = self._below.height()
            with QSignalBlocker(self._splitter):
                self._splitter.setSizes([max(1, self._splitter.height() - height), height])
        return False

    def _on_splitter(self) -> None:
        if self._docks:
            self._window.resizeDocks([self._docks[1]], [self._splitter.sizes()[1]], Qt.Orientation.Vertical)

    def _put_into(self, window: QMainWindow, beside: QDockWidget | None) -> None:
        right, below = self._docks
        window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, below)
        window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, right)
        if beside is not None and not beside.isFloating():
            width = beside.width()
            window.splitDockWidget(right, beside, Qt.Orientation.Horizontal)
            window.resizeDocks([beside], [width], Qt.Orientation.Horizontal)


_LEFT, _RIGHT = Qt.Corner.BottomLeftCorner, Qt.Corner.BottomRightCorner


def _dock(name: str, widget: QWidget, window: QMainWindow) -> QDockWidget:
    """Return a dock without a title that stays where it is."""
    dock = QDockWidget(window)
    dock.setObjectName(name)
    dock.setTitleBarWidget(QWidget())
    dock.setFeatures(QDockWidget.DockWidgetFeature.NoDockWidgetFeatures)
    dock.setWidget(widget)
    return dock
