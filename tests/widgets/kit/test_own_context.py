"""Layers that leave a window that has been drawn."""

import numpy as np
import pytest
from qtpy.QtGui import QOpenGLContext
from qtpy.QtWidgets import QApplication

from napari_emcad.widgets.dock import EMCADDock
from napari_emcad.widgets.proofread.views.surface_canvas import SurfaceCanvas

pytestmark = pytest.mark.window


def is_own(canvas) -> bool:
    return QOpenGLContext.currentContext() is canvas.context()


def draw_elsewhere(canvas, qtbot) -> None:
    """Have the canvas drawn, and the context of the window left as the current one."""
    qtbot.waitUntil(canvas.isValid)
    for _ in range(5):
        canvas.update()
        QApplication.processEvents()
    assert not is_own(canvas)


def test_layers_that_are_left_are_drawn_after_one_has_been_removed(make_napari_viewer, qtbot, stack):
    viewer = make_napari_viewer(show=True)
    canvas = viewer.window._qt_viewer.canvas.native
    dock = EMCADDock(viewer)
    raw, left = viewer.add_image(stack, name="raw"), viewer.add_image(stack[:, ::-1], name="left")
    draw_elsewhere(canvas, qtbot)
    viewer.layers.remove(raw)
    assert is_own(canvas)
    for _ in range(4):  # the driver crashed here
        left.refresh(extent=False)
        QApplication.processEvents()
    assert np.ptp(viewer.screenshot(flash=False)[..., :3]) > 0
    dock.release()
    draw_elsewhere(canvas, qtbot)
    viewer.layers.clear()
    assert not is_own(canvas)


def test_where_layers_of_two_canvases_go_together_each_goes_in_its_own(make_napari_viewer, qtbot, stack):
    viewer = make_napari_viewer(show=True)
    canvas = viewer.window._qt_viewer.canvas.native
    dock = EMCADDock(viewer)
    surfaces = SurfaceCanvas()
    viewer.window.add_dock_widget(surfaces.widget, name="surfaces")
    surfaces.model.add_points(np.zeros((1, 3)))
    raw, _ = viewer.add_image(stack), viewer.add_image(stack[:, ::-1], name="left")
    draw_elsewhere(canvas, qtbot)
    owners = []

    def clear(_event) -> None:
        surfaces.model.layers.clear()
        owners.append(is_own(canvas))

    viewer.layers.events.removed.connect(clear, position="first")
    viewer.layers.remove(raw)
    viewer.layers.events.removed.disconnect(clear)
    assert owners == [True]
    QApplication.processEvents()
    dock.release()
    surfaces.close()


def test_a_window_that_was_never_shown_has_no_context(make_napari_viewer, stack):
    viewer = make_napari_viewer(show=False)
    dock = EMCADDock(viewer)
    viewer.add_image(stack)
    viewer.layers.clear()
    dock.release()


def test_surfaces_are_deleted_in_the_context_of_their_own_canvas(qtbot):
    surfaces = SurfaceCanvas()
    qtbot.addWidget(surfaces.widget)
    surfaces.widget.show()
    canvas = surfaces.widget.canvas.native
    surfaces.model.add_points(np.zeros((1, 3)))
    draw_elsewhere(canvas, qtbot)
    surfaces.clear()
    assert is_own(canvas)
    surfaces.close()
