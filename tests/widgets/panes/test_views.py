"""The four panes in a real window, with the mouse: six fragments drawn on paper, two neurons of three each."""

import numpy as np
import pytest
from proofreading_hands import column
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QDockWidget

from napari_emcad.widgets.panes.linked_views import shown_axes

pytestmark = pytest.mark.window


def pixel(pane, layer, voxel) -> QPoint:
    """Where a voxel of a layer is on the canvas of a pane."""
    place, camera = np.array(layer.data_to_world(voxel)), pane.model.scene.camera
    apart = (place[list(shown_axes(pane.model))] - camera.center[-2:]) * camera.zoom
    height, width = pane.model.canvas.size
    return QPoint(round(width / 2 + apart[1]), round(height / 2 + apart[0]))


def click(view, at: QPoint, button=Qt.MouseButton.LeftButton) -> None:
    QTest.mouseMove(view.canvas.canvas.native, at)
    QTest.mouseClick(view.canvas.canvas.native, button, pos=at)


def test_the_mouse_in_a_pane_and_what_is_left_of_it(proofreading):
    window, view = proofreading, proofreading.dock.panes.view
    at, docks = window.desk.sessions.current, len(window.viewer.window._qt_window.findChildren(QDockWidget))
    window.viewer.window._qt_window.show()
    window.dock.panes.button.click()
    window.wait(lambda: view.panes.is_settled and view._views[0].canvas.canvas.native.isValid())
    xz, yz = view.panes.panes
    window.wait(lambda: xz.model.canvas.size[0] > 50)
    window.viewer.scene.camera.zoom = 1.0
    window.idle()

    z, y, x = column(2)
    click(view._views[0], pixel(xz, at.layer, (z, y, column(6)[2])))
    assert at.selection.neurons == [at.neuron_at(column(6))]
    click(view._views[0], pixel(xz, at.layer, (2, y, x)), Qt.MouseButton.RightButton)
    place = np.round(at.layer.world_to_data(window.desk.canvases.place)).astype(int)
    assert place[0] == 2 and abs(place[2] - x) <= 1 and yz.model.dims.current_step[2] == place[2]
    assert window.dock.proofread._surfaces.parent() is view.corner  # the surfaces lie in the fourth

    window.desk.sessions.end()
    window.idle()
    assert view.is_open and window.dock.proofread._surfaces is None
    window.viewer.layers.clear()
    window.idle()
    assert not xz.model.layers
    window.dock.release()  # with the panes open
    assert not view.is_open and not window.dock.panes.button.isChecked()
    window.wait(lambda: len(window.viewer.window._qt_window.findChildren(QDockWidget)) == docks)
