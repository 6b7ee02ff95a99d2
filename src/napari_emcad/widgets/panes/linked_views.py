"""Canvases that show one place at one zoom: what moves one of them moves the others."""

from collections.abc import Sequence
from typing import Any

from napari.components import ViewerModel
from napari.utils.events import Event

from napari_emcad.widgets.desk.canvases import Canvases
from napari_emcad.widgets.kit.jobs import Loop
from napari_emcad.widgets.kit.nets import netted


class LinkedViews:
    """Keeps zoom and middle of 2D canvases the same, in units of the world for a pixel of the screen.

    A canvas that shows 3D goes its own ways. Where the place of the canvases leaves the picture, the picture follows.

    Attributes
    ----------
    zoom : float
        Pixels of the screen for a unit of the world.
    middle : [z, y, x]
        In the world.
    """

    def __init__(self, canvases: Canvases, viewers: Sequence[ViewerModel], loop: Loop):
        self._canvases, self._viewers = canvases, list(viewers)
        main = canvases.main
        self.zoom = float(main.scene.camera.zoom)
        self.middle = list(canvases.place)
        self._place = canvases.place
        self._is_putting = False
        self._resized = loop.pause(0, self.put)
        self._take_middle(main)
        self._connections: list[tuple[Any, Any]] = [(canvases.moved, self._on_moved)]
        for viewer in self._viewers:
            camera = viewer.scene.camera.events
            self._connections += [
                (camera.zoom, self._on_zoom),
                (camera.center, self._on_center),
                (viewer.canvas.events.size, self._on_size),
                (viewer.dims.events.order, self._on_size),
                (viewer.dims.events.ndisplay, self._on_size),
            ]
        for event, callback in self._connections:
            event.connect(callback)
        self.put()

    def put(self) -> None:
        """Show the middle at the zoom in all canvases."""
        self._is_putting = True
        try:
            for viewer in self._viewers:
                if viewer.dims.ndisplay == 2:
                    self._put_into(viewer)
        finally:
            self._is_putting = False

    def close(self) -> None:
        """Let every canvas go its own ways."""
        self._resized.stop()
        for event, callback in self._connections:
            event.disconnect(callback)

    # ---- inside ------------------------------------------------------------------------------------------------

    def _put_into(self, viewer: ViewerModel) -> None:
        camera = viewer.scene.camera
        down, right = shown_axes(viewer)
        center = (*camera.center[:-2], self.middle[down], self.middle[right])
        if tuple(camera.center) != center:
            camera.center = center
        if camera.zoom != self.zoom:
            camera.zoom = self.zoom

    def _take_middle(self, viewer: ViewerModel) -> None:
        if viewer.dims.ndisplay == 2:
            for axis, value in zip(shown_axes(viewer), viewer.scene.camera.center[-2:], strict=True):
                self.middle[axis] = float(value)

    def _keep_place(self, zoom_before: float, others: Sequence[int]) -> None:
        """Zoom round the place, if it was seen, along the axes that the canvas which was zoomed does not show."""
        for axis in {0, 1, 2} - set(others):
            place = self._canvases.place[axis]
            if self._is_seen(axis, zoom_before):
                self.middle[axis] = place + (self.middle[axis] - place) * zoom_before / self.zoom

    def _source(self, event: Event) -> ViewerModel | None:
        """Return the 2D canvas whose camera a person has moved; None if it moved by itself."""
        if self._is_putting or self._resized.is_active:
            return None
        found = (viewer for viewer in self._viewers if viewer.scene.camera is event.source)
        return next((viewer for viewer in found if viewer.dims.ndisplay == 2), None)

    @netted
    def _on_zoom(self, event: Event) -> None:
        viewer = self._source(event)
        if viewer is not None:
            before, self.zoom = self.zoom, float(viewer.scene.camera.zoom)
            self._keep_place(before, shown_axes(viewer))
            self._take_middle(viewer)
            self.put()

    @netted
    def _on_center(self, event: Event) -> None:
        viewer = self._source(event)
        if viewer is not None:
            self._take_middle(viewer)
            self.put()

    @netted
    def _on_size(self, _event: Event) -> None:
        """Keep zoom and middle where a canvas gets another size: it would zoom by itself."""
        self._resized.start()

    def _on_moved(self) -> None:
        """Follow the place on the axes on which it has left a picture."""
        now, before, self._place = self._canvases.place, self._place, self._canvases.place
        left = [axis for axis in range(3) if now[axis] != before[axis] and not self._is_seen(axis, self.zoom)]
        for axis in left:
            self.middle[axis] = now[axis]
        if left:
            self.put()

    def _is_seen(self, axis: int, zoom: float) -> bool:
        """Return True if the place lies in the picture of all canvases that show an axis."""
        apart = abs(self._canvases.place[axis] - self.middle[axis]) * zoom
        lengths = [
            viewer.canvas.size[shown_axes(viewer).index(axis)]
            for viewer in self._viewers
            if viewer.dims.ndisplay == 2 and axis in shown_axes(viewer)
        ]
        return all(apart <= length / 2 for length in lengths)


def shown_axes(viewer: ViewerModel) -> tuple[int, int]:
    """Return the axes that a 2D canvas shows downwards and to the right, 0 = z, 1 = y, 2 = x."""
    first = viewer.dims.ndim - 3
    down, right = viewer.dims.order[-2:]
    return max(0, down - first), max(0, right - first)
