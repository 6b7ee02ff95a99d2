"""The mouse on the canvas, whatever layer is active; events that a tool does not want go to napari."""

from collections.abc import Callable, Iterator

import numpy as np
from napari.components import ViewerModel
from napari.utils.events import Event

from napari_emcad.widgets.kit.nets import netted

DRAG = 4
"""Pixels that the mouse may move in a click."""


LEFT = 1
"""The number of the button of the mouse that clicks."""


class Clicks:
    """Hears clicks of a button on the canvas whatever layer is active; drags go to napari."""

    def __init__(self, viewer: ViewerModel, then: Callable[[Event], None], button: int = LEFT):
        self._viewer, self._then, self._button = viewer, netted(then), button
        viewer.mouse_drag_callbacks.append(self._on_press)

    def close(self) -> None:
        """Hear no more."""
        if self._on_press in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._on_press)

    def _on_press(self, _viewer: ViewerModel, event: Event) -> Iterator[None]:
        if event.button != self._button:
            return
        start, moved = np.array(event.pos), 0.0
        yield
        while event.type == "mouse_move":
            moved = max(moved, float(np.abs(np.array(event.pos) - start).max()))
            yield
        if moved <= DRAG:
            self._then(event)


class Hover:
    """Hears the cursor move while no button is down."""

    def __init__(self, viewer: ViewerModel, then: Callable[[Event], None]):
        self._viewer, self._then = viewer, netted(then)
        viewer.mouse_move_callbacks.append(self._on_move)

    def close(self) -> None:
        """Hear no more."""
        if self._on_move in self._viewer.mouse_move_callbacks:
            self._viewer.mouse_move_callbacks.remove(self._on_move)

    def _on_move(self, _viewer: ViewerModel, event: Event) -> None:
        self._then(event)


class Wheel:
    """Hears the wheel turned with Ctrl down, before napari scrolls through the sections.

    napari asks all callbacks whatever the first one returns: the others are held back and called from here.

    Parameters
    ----------
    viewer : ViewerModel
    then : callable
        Takes the event, and True if the wheel went up; returns True to keep the event from napari.
    """

    def __init__(self, viewer: ViewerModel, then: Callable[[Event, bool], bool]):
        self._viewer, self._then = viewer, netted(then)
        self._others = list(viewer.mouse_wheel_callbacks)
        viewer.mouse_wheel_callbacks[:] = [self._on_wheel]

    def close(self) -> None:
        """Give the wheel back."""
        added = [heard for heard in self._viewer.mouse_wheel_callbacks if heard != self._on_wheel]
        self._viewer.mouse_wheel_callbacks[:] = [*self._others, *added]

    def _on_wheel(self, viewer: ViewerModel, event: Event) -> None:
        if "Control" in event.modifiers and self._then(event, bool(event.delta[1] > 0)):
            return
        for heard in self._others:
            heard(viewer, event)
