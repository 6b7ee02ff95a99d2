"""One pane: the layers of the main canvas, cut across y or x at the place of the canvases."""

import numpy as np
from napari.components import ViewerModel
from napari.settings import get_settings
from napari.utils.events import Event

from napari_emcad.widgets.desk.canvases import Canvases
from napari_emcad.widgets.kit.jobs import Loop
from napari_emcad.widgets.kit.mouse import Hover
from napari_emcad.widgets.kit.nets import netted
from napari_emcad.widgets.panes.loader import Loader
from napari_emcad.widgets.panes.twins import TwinLayers

ORDERS = {1: (1, 0, 2), 2: (2, 1, 0)}
"""Axes of a pane by the one that it cuts: that one, then those seen downwards and to the right."""

NAMES = {0: "xy", 1: "xz", 2: "yz"}
"""Names of planes by the axis that they cut."""


class Pane:
    """A plane across y or x.

    Attributes
    ----------
    axis : int
        The axis that it cuts: 1 = y, the pane shows xz; 2 = x, the pane shows yz, z to the right.
    model : ViewerModel
    loader : Loader
        Reads what the pane shows.
    """

    def __init__(self, canvases: Canvases, axis: int, loop: Loop):
        self.axis, self._canvases = axis, canvases
        self.model = ViewerModel(title=NAMES[axis], order=ORDERS[axis])
        # napari looks for what is under the cursor at each move of the mouse; the status bar is the main canvas's
        self.model.cursor.events.position.disconnect(self.model.update_status_from_cursor)
        self.loader = Loader(loop)
        self._pause = loop.pause(0, self._refresh)
        self.layers = TwinLayers(canvases.main, self.model, axis, self.loader, self._pause.start)
        self._hover = Hover(self.model, lambda _event: canvases.note_mouse(self.model))
        self.model.layers.events.inserted.connect(self._on_inserted, position="last")
        self.model.dims.events.point.connect(self._on_point)
        canvases.moved.connect(self.show_place)
        get_settings().appearance.events.theme.connect(self._follow_theme)
        self.model.theme = canvases.main.theme
        canvases.main.events.theme.connect(self._follow_theme)
        self._on_inserted()

    @property
    def is_settled(self) -> bool:
        """True if everything is shown as it is."""
        return self.loader.is_settled and not self._pause.is_active

    def show_place(self) -> None:
        """Cut at the place of the canvases."""
        if self.model.dims.ndim == 3:
            value = self._canvases.place[self.axis]
            if value != self.model.dims.point[self.axis]:
                self.model.dims.set_point(self.axis, value)

    def close(self) -> None:
        """Let go of everything."""
        get_settings().appearance.events.theme.disconnect(self._follow_theme)
        self._canvases.main.events.theme.disconnect(self._follow_theme)
        self._canvases.moved.disconnect(self.show_place)
        self.model.dims.events.point.disconnect(self._on_point)
        self.model.layers.events.inserted.disconnect(self._on_inserted)
        self._pause.stop()
        self._hover.close()
        self.layers.close()
        self.loader.close()
        self.model.layers.clear()

    # ---- inside ------------------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        self.layers.refresh()

    @netted
    def _on_inserted(self, _event: Event | None = None) -> None:
        """Cut the axis of the pane; the first layer of a viewer moves it to the middle."""
        dims = self.model.dims
        if dims.ndim == 3 and dims.order != ORDERS[self.axis]:
            dims.order = ORDERS[self.axis]
        self.show_place()

    @netted
    def _on_point(self, _event: Event) -> None:
        """Take the place along when a person scrolls in the pane."""
        point = self.model.dims.point
        if self.layers.is_changing:
            return
        if len(point) == 3 and not np.isclose(point[self.axis], self._canvases.place[self.axis]):
            self._canvases.move(self.axis, point[self.axis])

    @netted
    def _follow_theme(self, _event: Event | None = None) -> None:
        self.model.theme = self._canvases.main.theme
