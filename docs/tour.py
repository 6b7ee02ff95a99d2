"""A proofreading session by mouse and keys in a real window: python docs/tour.py [--data STACK] [--images FOLDER].

Clicks a neuron on the image, runs the student, merges, undoes, splits between points, grows, reviews, ticks, moves the
threshold, closes the window, opens the session again and compares; writes docs/images/{click,select,merge,split,grow,
review,surfaces,reopened}.png. Wants a screen, or a virtual one (xvfb-run).
"""

import os
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ.setdefault("NAPARI_CONFIG", "")  # pictures do not depend on whose settings are in use

import napari
import numpy as np
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent, QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from scipy.ndimage import distance_transform_edt
from screenshots import PART, Camera, parser
from window import open_part, open_window

from napari_emcad.core.synthetic import synthetic_stack
from napari_emcad.io.stacks.stack import open_stack
from napari_emcad.widgets.demo import finish, pause, wait
from napari_emcad.widgets.dock import EMCADDock

Voxel = tuple[int, int, int]
NO_KEY = Qt.KeyboardModifier.NoModifier


@dataclass
class Hand:
    """Mouse and keyboard on the canvas of a viewer."""

    viewer: napari.Viewer

    @property
    def canvas(self):
        return self.viewer.window._qt_viewer.canvas.native

    def click(self, layer, voxel: Voxel, modifier=NO_KEY) -> None:
        """Click on a voxel of a layer; its section is gone to first."""
        place = self._place(layer, voxel)
        QTest.mouseClick(self.canvas, Qt.MouseButton.LeftButton, modifier, place)
        pause(0.4)  # two clicks in a row would be a double click

    def hover(self, layer, voxel: Voxel) -> None:
        """Move the mouse to a voxel of a layer."""
        place = QPointF(self._place(layer, voxel))
        top = QPointF(self.canvas.mapToGlobal(place.toPoint()))
        event = QMouseEvent(QEvent.Type.MouseMove, place, top, Qt.MouseButton.NoButton, Qt.MouseButton.NoButton, NO_KEY)
        QApplication.sendEvent(self.canvas, event)
        pause(0.2)

    def wheel(self, layer, voxel: Voxel, up: bool) -> None:
        """Turn the wheel by a notch over a voxel, with Ctrl down."""
        place = QPointF(self._place(layer, voxel))
        turn, phase = QPoint(0, 120 if up else -120), Qt.ScrollPhase.NoScrollPhase
        top, control = QPointF(self.canvas.mapToGlobal(place.toPoint())), Qt.KeyboardModifier.ControlModifier
        event = QWheelEvent(place, top, QPoint(), turn, Qt.MouseButton.NoButton, control, phase, False)
        QApplication.sendEvent(self.canvas, event)
        pause(0.2)

    def press(self, key, modifier=NO_KEY) -> None:
        """Press a key while the canvas has the keyboard."""
        QTest.keyClick(self.canvas, key, modifier)
        pause(0.1)

    def _place(self, layer, voxel: Voxel) -> QPoint:
        """Where a voxel lies on the canvas, in its pixels."""
        world = np.array(layer.data_to_world(voxel))
        self.viewer.dims.set_point(0, world[0])
        camera, size = self.viewer.scene.camera, self.canvas.size()
        y, x = (world[1:] - np.array(camera.center)[-2:]) * camera.zoom
        return QPoint(round(size.width() / 2 + x), round(size.height() / 2 + y))


def main() -> None:
    options = parser("A proofreading session by mouse and keys.").parse_args()
    with TemporaryDirectory() as folder:
        tour(options, Path(folder))


def tour(options, folder: Path) -> None:
    """Go through a session that lies in a folder; everything is checked on the way."""
    viewer, dock = open_window(options.theme)
    take = Camera(viewer, options.images)
    source = _open_part(viewer, dock, options, folder)
    hand, panel = Hand(viewer), dock.proofread
    dock.sections["proofread"].open()
    wait(lambda: dock.desk.device.device is not None and dock.desk.model.card is not None)
    _click_on_the_image(hand, dock, source)
    take("click")
    hand.press(Qt.Key.Key_Escape)
    hand.viewer.layers.selection.active = source
    dock.desk.runs.run()
    finish(dock)
    panel.start_button.click()
    wait(lambda: panel.editor is not None)
    for affinities in dock.desk.results.current.affinity_layers:
        affinities.visible = False
    _go_through_the_modes(hand, panel, take)
    before, session = panel.editor.at.session.state.digest(), panel.editor.at.opened.folder
    viewer.close()
    _open_again(options, session, before)


def _open_part(viewer: napari.Viewer, dock: EMCADDock, options, folder: Path):
    """A part of the stack as a file of its own, beside which the session will lie; its layer."""
    with open_stack(options.data) if options.data else nullcontext() as volume:
        values = volume.array if volume else synthetic_stack(PART, seed=1).raw
        size = (volume and volume.voxel_size) or (30, 6, 6)
        part = values[tuple(slice(n) for n in PART)]
    path = folder / f"{options.data.parent.name if options.data else 'sample'}.tif"
    if options.model is not None:
        dock.desk.model.open_file(options.model)
    return open_part(viewer, path, part, size)


def _click_on_the_image(hand: Hand, dock: EMCADDock, source) -> None:
    """Before any run."""
    dock.proofread.click_row.button.click()
    hand.click(source, tuple(n // 2 for n in source.data.shape))
    finish(dock)
    assert dock.desk.results.current.neuron_layer.show_selected_label, dock.desk.message.text


def _go_through_the_modes(hand: Hand, panel, take: Camera) -> None:
    layer, state = panel.editor.at.layer, panel.editor.at.session.state
    _select(hand, panel, take)
    _merge_and_undo(hand, panel, take)
    _split(hand, panel, take)
    _grow(hand, panel, take)
    _review(hand, panel, take)
    neuron = panel.editor.at.selection.last
    hand.press(Qt.Key.Key_T)
    assert neuron in state.locked, panel._desk.message.text
    panel._desk.threshold.move(0.3)
    wait(lambda: panel.editor.at.session.state.threshold == 0.3)
    _see_surfaces(panel, take)
    assert layer in hand.viewer.layers


def _select(hand: Hand, panel, take: Camera) -> None:
    fragment = _largest(panel, panel.editor.at.session.state.sizes)
    hand.click(panel.editor.at.layer, _inside(panel, fragment))
    assert panel.editor.at.selection.last == panel.editor.at.session.state.table[fragment]
    take("select")


def _merge_and_undo(hand: Hand, panel, take: Camera) -> None:
    state, layer = panel.editor.at.session.state, panel.editor.at.layer
    apart = state.table[state.graph.u] != state.table[state.graph.v]
    edge = int(np.argmax(np.where(apart, state.graph.area, 0)))
    one, other = (_inside(panel, int(ends[edge])) for ends in (state.graph.u, state.graph.v))
    before = state.digest()
    hand.press(Qt.Key.Key_A)
    hand.click(layer, one)
    hand.hover(layer, other)
    take("merge")
    hand.click(layer, other)
    if panel.body.question.words:
        panel.body.question.yes_button.click()
    assert panel.editor.at.neuron_at(one) == panel.editor.at.neuron_at(other), panel._desk.message.text
    hand.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert state.digest() == before
    hand.press(Qt.Key.Key_Escape)


def _split(hand: Hand, panel, take: Camera) -> None:
    layer = panel.editor.at.layer
    one, other = _two_of_one_neuron(panel)
    hand.press(Qt.Key.Key_D)
    hand.click(layer, one)
    hand.click(layer, other, Qt.KeyboardModifier.ShiftModifier)
    first = panel.editor.tool.proposal
    assert first is not None, panel._desk.message.text
    panel._next_key.activated.emit()  # a key press reaches shortcuts only in a window that has the focus
    take("split")
    hand.press(Qt.Key.Key_Return)
    assert panel.editor.at.neuron_at(one) != panel.editor.at.neuron_at(other)
    hand.press(Qt.Key.Key_Escape)


def _grow(hand: Hand, panel, take: Camera) -> None:
    state, layer = panel.editor.at.session.state, panel.editor.at.layer
    place = _inside(panel, _largest(panel, np.where(state.free, state.sizes, 0)))
    fragments = len(state.members(panel.editor.at.neuron_at(place)))
    hand.press(Qt.Key.Key_G)
    hand.wheel(layer, place, up=True)
    assert len(state.members(panel.editor.at.neuron_at(place))) > fragments, panel._desk.message.text
    take("grow")
    hand.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    hand.press(Qt.Key.Key_Escape)


def _review(hand: Hand, panel, take: Camera) -> None:
    hand.press(Qt.Key.Key_R)
    rows = len(panel.editor.at.session.log.rows)
    take("review")
    for key in (Qt.Key.Key_K, Qt.Key.Key_J, Qt.Key.Key_N):
        hand.press(key)
    assert len(panel.editor.at.session.log.rows) == rows + 3, panel._desk.message.text
    hand.press(Qt.Key.Key_Escape)


def _see_surfaces(panel, take: Camera) -> None:
    sizes = np.bincount(panel.editor.at.session.state.table, panel.editor.at.session.state.sizes)[1:]
    panel.editor.at.selection.select(*(np.argsort(-sizes)[:4] + 1).tolist())
    panel.body.view_button.click()
    wait(lambda: panel._surfaces.scene.is_settled and len(panel._surfaces.scene.shown) == 4)
    take("surfaces")


def _open_again(options, session: Path, before: str) -> None:
    viewer, dock = open_window(options.theme)
    dock.sections["proofread"].open()
    dock.desk.sessions.open(session)
    finish(dock)
    assert dock.desk.sessions.current.session.state.digest() == before
    Camera(viewer, options.images)("reopened")
    viewer.close()


def _two_of_one_neuron(panel) -> tuple[Voxel, Voxel]:
    """Voxels in two fragments of one neuron on one section: of all such pairs that with the largest smaller one."""
    state, best = panel.editor.at.session.state, {}
    for fragment in np.argsort(-state.sizes[1:]) + 1:
        voxel = _inside(panel, int(fragment))
        place = (int(state.table[fragment]), voxel[0])
        if place in best:
            return best[place], voxel
        best[place] = voxel
    raise AssertionError("no neuron has two fragments on one section")


def _largest(panel, sizes) -> int:
    """The fragment with most voxels on sections in the middle of the stack."""
    return int(np.argmax(sizes[1:])) + 1


def _inside(panel, fragment: int) -> Voxel:
    """The voxel of a fragment that is deepest inside it."""
    fragments = panel.editor.at.session.state.base.fragments
    box = panel.editor.at.boxes.box_of(np.array([fragment]))
    depth = distance_transform_edt(np.pad(fragments[box.slices] == fragment, 1), sampling=(5, 1, 1))[1:-1, 1:-1, 1:-1]
    place = np.unravel_index(np.argmax(depth), depth.shape)
    return tuple(int(a + b) for a, b in zip(place, box.start, strict=True))


if __name__ == "__main__":
    main()
