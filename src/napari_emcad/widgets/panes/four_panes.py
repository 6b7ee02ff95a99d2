"""Four panes: the main canvas, xz, yz and a corner for 3D, with one cursor and one zoom."""

import numpy as np
from napari.utils.events import Event

from napari_emcad.widgets.desk.canvases import Canvases
from napari_emcad.widgets.kit.jobs import Loop
from napari_emcad.widgets.kit.mouse import Clicks, Hover
from napari_emcad.widgets.panes.linked_views import LinkedViews
from napari_emcad.widgets.panes.pane import Pane

RIGHT = 2
"""The number of the button of the mouse whose click moves the cursor."""


class FourPanes:
    """The panes beside a main canvas, as long as they are open.

    Attributes
    ----------
    panes : (Pane, Pane)
        xz and yz.
    views : LinkedViews
    """

    def __init__(self, canvases: Canvases, loop: Loop):
        self._canvases = canvases
        self.panes = Pane(canvases, 1, loop), Pane(canvases, 2, loop)
        self._begin_where_main_looks()
        viewers = [canvases.main, *(pane.model for pane in self.panes)]
        self.views = LinkedViews(canvases, viewers, loop)
        hover = Hover(canvases.main, lambda _event: canvases.note_mouse(canvases.main))
        clicks = [Clicks(viewer, self._on_right_click, button=RIGHT) for viewer in viewers]
        self._ears: list[Clicks | Hover] = [hover, *clicks]
        canvases.put_beside(*(pane.model for pane in self.panes))

    @property
    def is_settled(self) -> bool:
        """True if all panes show everything as it is."""
        return all(pane.is_settled for pane in self.panes)

    def close(self) -> None:
        """Show the main canvas alone."""
        self._canvases.put_beside()
        for ear in self._ears:
            ear.close()
        self.views.close()
        for pane in self.panes:
            pane.close()

    # ---- inside ------------------------------------------------------------------------------------------------

    def _begin_where_main_looks(self) -> None:
        """Cut through the middle of the picture, as far as it shows voxels."""
        main = self._canvases.main
        if main.dims.ndisplay == 3 or main.dims.ndim < 3 or not main.layers:
            return
        first = main.dims.ndim - 3
        low, high = np.asarray(main.layers.extent.world)[:, -3:]
        values = {}
        for axis, value in zip(main.dims.order[-2:], main.scene.camera.center[-2:], strict=True):
            if axis >= first and low[axis - first] <= value <= high[axis - first]:
                values[axis - first] = float(value)
        self._canvases.move_to(values)

    def _on_right_click(self, event: Event) -> None:
        """Move the cursor to the place of a click, on the axes that its canvas shows."""
        if len(event.dims_displayed) == 2:
            first = len(event.position) - 3
            shown = [axis - first for axis in event.dims_displayed]
            self._canvases.move_to({axis: float(event.position[axis + first]) for axis in shown if axis >= 0})
