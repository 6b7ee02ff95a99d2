"""Neurons as surfaces beside the canvas, in a real window: six fragments drawn on paper, two neurons of three each."""

import gc
import threading
import weakref

import numpy as np
import pytest
from napari.qt import QtViewer
from napari.settings import get_settings
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDockWidget

from napari_emcad.core.surfaces import neuron_surface
from napari_emcad.widgets.proofread import surfaces
from napari_emcad.widgets.proofread.views.surface_view import TITLE, SurfaceView, show_beside

pytestmark = pytest.mark.window

SCALE = np.array((40, 5, 6))


class Bench:
    """A window with a session, a view in a dock, and surfaces that wait where they are told to."""

    def __init__(self, window):
        self.desk, self.viewer, self.wait = window, window.viewer, window.wait
        self.made: list[list[int]] = []
        self.may_go = threading.Event()
        self.may_go.set()
        self.view = SurfaceView(self.at)
        self.dock = show_beside(self.viewer, self.view, window.dock)

    @property
    def at(self):
        return self.desk.desk.sessions.current

    @property
    def state(self):
        return self.at.session.state

    @property
    def layers(self):
        return self.view._canvas.layers

    @property
    def camera(self):
        camera = self.view._canvas.model.scene.camera
        return (*camera.center, camera.zoom, *camera.angles)

    def make(self, fragments, members, *rest):
        self.made.append(members.tolist())
        assert self.may_go.wait(60)
        return neuron_surface(fragments, members, *rest)

    def neuron(self, fragment: int) -> int:
        return int(self.state.table[fragment])

    def show(self, *neurons: int) -> None:
        self.view.scene.show_neurons(neurons)
        self.settle()

    def settle(self) -> None:
        self.wait(lambda: self.view.scene.is_settled)

    def merge(self, anchor: int = 1, other: int = 6) -> None:
        self.at.edit(lambda: self.at.session.merge(anchor, other, confirmed=True))

    def undo(self) -> None:
        self.at.edit(self.at.session.undo)

    def columns(self, neuron: int) -> tuple[float, float]:
        """Where the surface begins and ends on x, in voxels."""
        x = self.layers[neuron].vertices[:, 2] / SCALE[2]
        return float(x.min()), float(x.max())

    def end(self) -> None:
        self.may_go.set()
        self.view.release()


@pytest.fixture
def bench(proofreading, monkeypatch):
    made = Bench(proofreading)
    monkeypatch.setattr(surfaces, "neuron_surface", made.make)
    yield made
    made.end()


def test_the_dock_lies_between_canvas_and_panel(bench):
    window = bench.viewer.window._qt_window
    window.resize(1500, 900)
    window.show()
    bench.wait(lambda: bench.view.isVisible())
    assert isinstance(bench.dock, QDockWidget) and bench.dock.windowTitle() == TITLE
    canvas, panel = bench.viewer.window._qt_viewer, bench.desk.dock
    places = [widget.mapTo(window, QPoint(0, 0)).x() for widget in (canvas, bench.view, panel)]
    assert places == sorted(places) and len(set(places)) == 3
    assert min(bench.view._canvas.widget.width(), bench.view._canvas.widget.height()) >= 300


def test_the_dock_beside_it_keeps_its_width_when_it_goes(bench):
    window, panel = bench.viewer.window._qt_window, bench.desk.dock
    window.resize(1280, 720)
    window.show()
    bench.wait(lambda: bench.view.isVisible())
    before = panel.width()
    assert window.width() == 1280
    bench.viewer.window.remove_dock_widget(bench.view)
    bench.wait(lambda: TITLE not in [dock.windowTitle() for dock in window.findChildren(QDockWidget)])
    bench.wait(lambda: panel.width() == before)
    assert bench.viewer.window._qt_viewer.width() > before


def test_the_old_surfaces_stay_until_the_new_one_is_there(bench):
    one, other = bench.neuron(1), bench.neuron(4)
    bench.show(one, other)
    layer, camera = bench.layers[one], bench.camera
    bench.may_go.clear()
    bench.merge()
    bench.wait(lambda: len(bench.made) == 3)
    assert not bench.view.scene.is_settled and "making surface 1 of 1" in bench.view.words.text()
    assert bench.view.scene.shown == [one, other] and all(layer.visible for layer in bench.layers.values())
    assert bench.columns(one)[1] < 30 < bench.columns(other)[0] + 1
    bench.may_go.set()
    bench.settle()
    assert bench.view.scene.shown == [one] and bench.layers[one] is layer
    assert bench.columns(one)[0] < 0 and bench.columns(one)[1] > 59
    assert len(bench.view._canvas.model.layers) == 2, "the layer of the other one waits to be used again"
    bench.undo()
    assert bench.view.scene.shown == [one, other] and bench.columns(one)[1] < 30
    assert bench.camera == camera
    bench.show()
    assert not any(layer.visible for layer in bench.view._canvas.model.layers)


def test_the_camera_moves_only_for_other_neurons(bench):
    one, other = bench.neuron(1), bench.neuron(4)
    bench.show(one)
    first = bench.camera
    bench.show(one, other)
    assert bench.camera == first
    bench.view.fit_button.click()
    assert bench.camera != first
    bench.show(one)
    before = bench.camera
    bench.show(other)
    assert bench.camera != before and bench.camera[4:] == first[4:], "the angles stay"


def press(bench, key=Qt.KeyboardModifier.NoModifier, to: int = 0) -> None:
    """A click in the middle of the canvas, or a drag from there."""
    native = bench.view._canvas.widget.canvas.native
    middle = native.rect().center()
    QTest.mousePress(native, Qt.MouseButton.LeftButton, key, middle)
    for there in [QPointF(middle.x() + step, middle.y()) for step in range(0, to, 10)]:
        held = (Qt.MouseButton.NoButton, Qt.MouseButton.LeftButton, key)
        QApplication.sendEvent(native, QMouseEvent(QEvent.Type.MouseMove, there, native.mapToGlobal(there), *held))
        QTest.qWait(20)  # faster ones are dropped
    QTest.mouseRelease(native, Qt.MouseButton.LeftButton, key, middle + QPoint(to, 0))


def test_a_click_on_a_surface(bench):
    bench.viewer.window._qt_window.show()
    bench.wait(lambda: bench.view.isVisible())
    got = []
    bench.view.picked.connect(got.append)
    one = bench.neuron(1)
    bench.show(one)
    press(bench)
    press(bench, Qt.KeyboardModifier.ShiftModifier)
    assert [click.is_shifted for click in got] == [False, True]
    z, y, x = got[0].voxel
    assert int(bench.state.base.fragments[z, y, x]) in (1, 2, 3) and z in (0, 2)
    assert abs(y - 24) < 12 and abs(x - 15) < 9, "near the middle of the neuron, which is in the middle of the canvas"
    angles = bench.camera[4:]
    press(bench, to=60)
    assert len(got) == 2 and bench.camera[4:] != angles, "a drag turns"
    bench.show()
    press(bench)
    assert len(got) == 2, "nothing is there"


def test_the_surface_in_front_is_picked(bench):
    bench.viewer.window._qt_window.show()
    bench.wait(lambda: bench.view.isVisible())
    got = []
    bench.view.picked.connect(got.append)
    one, other = bench.neuron(1), bench.neuron(4)
    bench.show(one, other)
    for looks, expected in (((0, 0, 1), one), ((0, 0, -1), other)):
        bench.view._canvas.model.scene.camera.set_view_direction(looks, (0, -1, 0))
        bench.view.fit_button.click()
        press(bench)
        assert bench.at.neuron_at(got[-1].voxel) == expected and got[-1].voxel[2] == (0 if expected == one else 59)


def test_keys_and_files_stay_with_the_canvas(bench):
    bench.viewer.window._qt_window.show()
    bench.wait(lambda: bench.view.isVisible())
    widget = bench.view._canvas.widget
    press(bench)
    assert not widget.canvas.native.hasFocus() and not widget.acceptDrops()


def test_it_follows_the_theme(bench):
    def brightness():
        return float(bench.view._canvas.model.canvas.background_color[:3].mean())

    dark = brightness()
    get_settings().appearance.theme = "light"
    assert brightness() > dark + 0.5


def is_gone(bench) -> bool:
    """Released, and nothing holds the canvas any more."""
    gc.collect()
    return bench.view.is_released and len(QtViewer._instances) == 1  # the viewer's own


def test_the_dock_is_closed_while_a_surface_is_made(bench):
    canvas = weakref.ref(bench.view._canvas.widget)
    bench.show(bench.neuron(1))
    bench.may_go.clear()
    bench.merge()
    bench.wait(lambda: len(bench.made) == 2)
    threading.Timer(0.1, bench.may_go.set).start()
    bench.dock.destroyOnClose()  # its button
    QTest.qWait(50)
    assert is_gone(bench) and canvas() is None
    bench.undo()  # the session goes on
    bench.view.scene.show_neurons([bench.neuron(1)])
    get_settings().appearance.theme = "light"
    bench.at.layer.new_colormap(seed=3)


def test_the_window_is_closed(bench):
    bench.show(bench.neuron(1))
    bench.viewer.close()
    assert bench.view.is_released


def test_another_view_after_the_first(bench):
    bench.show(bench.neuron(1))
    bench.viewer.window.remove_dock_widget(bench.view)
    QTest.qWait(50)
    assert is_gone(bench)
    bench.view = SurfaceView(bench.at)
    bench.dock = show_beside(bench.viewer, bench.view, bench.desk.dock)
    bench.show(bench.neuron(4))
    assert bench.view.scene.shown == [bench.neuron(4)]
