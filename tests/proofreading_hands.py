"""Hands for the tests of proofreading in a window: six fragments drawn as columns, clicked and pressed upon."""

from types import SimpleNamespace

import numpy as np
from napari.utils.interactions import (
    mouse_move_callbacks,
    mouse_press_callbacks,
    mouse_release_callbacks,
    mouse_wheel_callbacks,
)
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_emcad.widgets.kit.picking import Click
from napari_emcad.workers.segmentation import Cut

EDGES = [(1, 2, 0.9), (2, 3, 0.9), (3, 4, 0.2), (4, 5, 0.9), (5, 6, 0.9)]
"""At the threshold 0.5: neuron {1, 2, 3} and neuron {4, 5, 6}, side by side."""

WIDTH = 10
CUT = Cut(0.5)

PLACE = {"scale": (40, 5, 6), "translate": (400, 50, 60), "units": ("nm",) * 3}
"""Place of a stack that does not begin at 0."""


def column(fragment: int, z: int = 1) -> tuple[int, int, int]:
    """A voxel in the middle of a fragment."""
    return z, 20, (fragment - 1) * WIDTH + 5


def shown(window, fragment: int, z: int = 1) -> int:
    return int(window.result.neuron_layer.data[column(fragment, z)])


def sides(window):
    """The layer of the two sides, as it is seen."""
    layer = window.viewer.layers["sides"]
    return layer.data[:] * layer.visible


def groups(window) -> list[list[int]]:
    table = window.desk.sessions.current.session.state.table
    return sorted(np.flatnonzero(table == s).tolist() for s in np.unique(table[1:]) if s)


def click(window, fragment: int, shift: bool = False) -> None:
    window.dock.proofread.editor.click(Click(column(fragment), shift))


def canvas(window):
    return window.viewer.window._qt_viewer.canvas.native


def press(window, key, modifier=Qt.KeyboardModifier.NoModifier) -> None:
    QTest.keyClick(canvas(window), key, modifier)


def press_mouse(window, voxel, *modifiers: str) -> None:
    """A click on the canvas at a voxel, as napari hands it to what hears clicks."""
    event = SimpleNamespace(
        type="mouse_press",
        button=1,
        pos=(300, 200),
        position=tuple(window.result.neuron_layer.data_to_world(voxel)),
        view_direction=None,
        dims_displayed=[1, 2],
        modifiers=modifiers,
    )
    mouse_press_callbacks(window.viewer, event)
    event.type = "mouse_release"
    mouse_release_callbacks(window.viewer, event)


def turn_wheel(window, voxel, up: bool) -> None:
    """One notch of the wheel with Ctrl down, as napari hands it out."""
    event = SimpleNamespace(
        modifiers=("Control",),
        delta=(0, 1 if up else -1),
        native=SimpleNamespace(inverted=lambda: False),
        position=tuple(window.result.neuron_layer.data_to_world(voxel)),
        dims_displayed=[1, 2],
    )
    mouse_wheel_callbacks(window.viewer, event)


def hover(window, voxel) -> None:
    position = tuple(window.result.neuron_layer.data_to_world(voxel))
    event = SimpleNamespace(position=position, dims_displayed=[1, 2], type="mouse_move", is_dragging=False)
    mouse_move_callbacks(window.viewer, event)
