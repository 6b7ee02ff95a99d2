"""The mouse on the canvas, whatever layer is active; what a tool does not want goes to napari."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

DRAG = 4
"""Pixels that the mouse may move while a button is down for it to be a click."""


class Clicks:
    """Hears clicks on the canvas whatever layer is active; drags go to napari."""

    def __init__(self, viewer, then: Callable[[Any], None]):
        self._viewer, self._then = viewer, then
        viewer.mouse_drag_callbacks.append(self._on_press)

    def close(self) -> None:
        """Hear no more."""
        if self._on_press in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._on_press)

    def _on_press(self, _viewer, event) -> Iterator[None]:
        if event.button != 1:
            return
        start, moved = np.array(event.pos), 0.0
        yield
        while event.type == "mouse_move":
            moved = max(moved, float(np.abs(np.array(event.pos) - start).max()))
            yield
        if moved <= DRAG:
            self._then(event)


class Hover:
    """Hears where the cursor is while no button is down."""

    def __init__(self, viewer, then: Callable[[Any], None]):
        self._viewer, self._then = viewer, then
        viewer.mouse_move_callbacks.append(self._on_move)

    def close(self) -> None:
        """Hear no more."""
        if self._on_move in self._viewer.mouse_move_callbacks:
            self._viewer.mouse_move_callbacks.remove(self._on_move)

    def _on_move(self, _viewer, event) -> None:
        self._then(event)


class Wheel:
    """Hears the wheel turned with Ctrl down, before napari scrolls through the sections.

    napari asks all callbacks whatever the first ones say, so that they are held back here and called from here.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    then : callable
        Gets the event and whether the wheel went up; True where napari is not to have it.
    """

    def __init__(self, viewer, then: Callable[[Any, bool], bool]):
        self._viewer, self._then = viewer, then
        self._others = list(viewer.mouse_wheel_callbacks)
        viewer.mouse_wheel_callbacks[:] = [self._on_wheel]

    def close(self) -> None:
        """Give the wheel back."""
        added = [heard for heard in self._viewer.mouse_wheel_callbacks if heard != self._on_wheel]
        self._viewer.mouse_wheel_callbacks[:] = [*self._others, *added]

    def _on_wheel(self, viewer, event) -> None:
        if "Control" in event.modifiers and self._then(event, bool(event.delta[1] > 0)):
            return
        for heard in self._others:
            heard(viewer, event)
