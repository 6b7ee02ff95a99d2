"""Two planes beside the main canvas, without a window: layers, cursor, zoom, clicks."""

from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.interactions import mouse_move_callbacks, mouse_press_callbacks, mouse_release_callbacks

from napari_emcad.io.stacks.lazy_array import LazyArray
from napari_emcad.widgets.desk.canvases import Canvases, MouseOfAll
from napari_emcad.widgets.kit.labels_view import FragmentLabels, replace_data
from napari_emcad.widgets.panes.cross import cross_of
from napari_emcad.widgets.panes.four_panes import FourPanes

SCALE, PLACE = (40, 5, 6), (400, 50, 60)
NM = ("nm",) * 3
VOXELS = np.arange(20 * 30 * 50, dtype=np.uint16).reshape(20, 30, 50)


def at(z, y, x):
    """The place of a voxel."""
    return tuple(float(a + n * s) for a, n, s in zip(PLACE, (z, y, x), SCALE, strict=True))


@pytest.fixture
def main():
    viewer = ViewerModel()
    viewer.canvas.size = (300, 400)
    viewer.add_image(VOXELS, name="stack", scale=SCALE, translate=PLACE, units=NM, contrast_limits=(0, 30_000))
    viewer.add_labels(VOXELS // 1000, name="neurons", scale=SCALE, translate=PLACE, units=NM)
    return viewer


@pytest.fixture
def canvases(main):
    canvases = Canvases(main)
    yield canvases
    canvases.close()


@pytest.fixture
def four(canvases, loop):
    four = FourPanes(canvases, loop)
    loop.settle()
    yield four
    four.close()


def shown(pane, name):
    """The voxels of a layer that a pane draws."""
    return np.asarray(pane.model.layers[name]._slice.image.raw)


def click(viewer, position, button=1, modifiers=()):
    event = SimpleNamespace(
        type="mouse_press",
        button=button,
        pos=(3, 4),
        position=position,
        modifiers=modifiers,
        dims_displayed=list(viewer.dims.displayed),
        view_direction=None,
        is_dragging=True,
    )
    mouse_press_callbacks(viewer, event)
    event.type = "mouse_release"
    mouse_release_callbacks(viewer, event)


def test_planes_are_those_of_the_volume_at_the_place(four, canvases, main):
    xz, yz = four.panes
    canvases.move_to(dict(enumerate(at(3, 7, 11))))
    assert main.dims.current_step[0] == 3
    assert np.array_equal(shown(xz, "stack"), VOXELS[:, 7, :])
    assert np.array_equal(shown(yz, "stack"), VOXELS[:, :, 11].T)  # y downwards as in xy, z to the right
    assert np.array_equal(shown(yz, "neurons"), VOXELS[:, :, 11].T // 1000)


def test_data_are_shared_and_no_layer_of_the_main_canvas_is_new(four, main):
    assert [layer.name for layer in main.layers] == ["stack", "neurons"]
    for pane in four.panes:
        twins = pane.layers.twins
        assert all(twin.planes.levels[0] is twin.of.data for twin in twins)
        assert all(twin.planes.nbytes == 0 for twin in twins)


def test_scrolling_in_a_pane_moves_the_place_of_all(four, canvases, main):
    xz, yz = four.panes
    steps = main.dims.current_step
    xz.model.dims.set_current_step(1, 9)
    assert canvases.place[1] == at(0, 9, 0)[1]
    assert main.dims.current_step[0] == steps[0]
    main.dims.set_current_step(0, 4)
    assert canvases.place[0] == at(4, 0, 0)[0]
    assert cross_of(yz.model, canvases).level == 1 and cross_of(xz.model, canvases).level == 0


def test_a_right_click_moves_the_cursor_and_nothing_else_does(four, canvases, main):
    xz, _ = four.panes
    click(xz.model, at(5, 9, 13), button=2)
    assert canvases.place[0] == at(5, 9, 13)[0] and canvases.place[2] == at(5, 9, 13)[2]
    assert main.dims.current_step[0] == 5
    before = canvases.place
    click(xz.model, at(8, 9, 1))
    assert canvases.place == before


def test_zoom_and_middle_are_the_same_everywhere(four, main):
    xz, yz = (pane.model.scene.camera for pane in four.panes)
    main.scene.camera.zoom = 0.7
    main.scene.camera.center = (0, 111, 222)
    assert xz.zoom == yz.zoom == 0.7
    assert xz.center[-1] == 222 and yz.center[-2] == 111
    yz.center = (0, 90, 700)
    assert main.scene.camera.center[-2] == 90 and xz.center[-2] == 700
    main.dims.ndisplay = 3
    main.scene.camera.zoom = 5
    assert xz.zoom == 0.7


def test_zooming_keeps_the_place_where_it_is_in_the_other_panes(four, canvases, main):
    xz, _ = four.panes
    main.scene.camera.zoom = 0.2
    canvases.move(0, at(12, 0, 0)[0])

    def apart() -> float:
        camera = xz.model.scene.camera
        return (canvases.place[0] - camera.center[-2]) * camera.zoom

    before = apart()
    assert before
    main.scene.camera.zoom = 5.0
    assert apart() == pytest.approx(before)


def test_another_size_of_a_canvas_is_no_other_zoom(four, main, loop):
    xz, _ = four.panes
    zoom = main.scene.camera.zoom
    xz.model.canvas.size = (500, 900)
    xz.model.scene.camera.zoom = 3 * zoom  # as napari does when it draws the first time
    loop.rest()
    assert main.scene.camera.zoom == zoom == xz.model.scene.camera.zoom


def test_the_picture_follows_a_place_outside_of_it(four, canvases, main):
    xz, _ = four.panes
    main.scene.camera.zoom = 2.0
    canvases.move(0, at(19, 0, 0)[0])
    assert xz.model.scene.camera.center[-2] == at(19, 0, 0)[0]


def test_looks_follow_the_main_canvas(four, main):
    xz, _ = four.panes
    image, neurons = main.layers
    image.contrast_limits, image.opacity, image.gamma = (5, 900), 0.3, 1.5
    neurons.visible, neurons.selected_label, neurons.show_selected_label, neurons.contour = False, 7, True, 2
    twin, labels = xz.model.layers
    assert tuple(twin.contrast_limits) == (5, 900) and twin.opacity == 0.3 and twin.gamma == 1.5
    assert not labels.visible and labels.selected_label == 7 and labels.show_selected_label and labels.contour == 2
    image.scale = (20, 5, 6)
    assert tuple(twin.scale) == (20, 5, 6)


def test_layers_come_and_go_in_order(four, main, loop):
    xz, yz = four.panes
    main.add_points([[3, 7, 11]], name="marks", scale=SCALE, translate=PLACE, units=NM)
    main.layers.insert(1, type(main.layers["neurons"])(VOXELS // 500, name="sides", scale=SCALE, units=NM))
    names = ["stack", "sides", "neurons", "marks"]
    assert [layer.name for layer in xz.model.layers] == [layer.name for layer in yz.model.layers] == names
    main.layers.move(0, 4)
    assert [layer.name for layer in xz.model.layers] == ["sides", "neurons", "marks", "stack"]
    main.layers["marks"].data = [[1, 2, 3], [4, 5, 6]]
    assert len(xz.model.layers["marks"].data) == 2
    main.layers.clear()
    assert not xz.model.layers
    main.add_image(VOXELS, name="another")
    loop.settle()
    assert xz.model.dims.order == (1, 0, 2) and shown(xz, "another").shape == (20, 50)


def test_voxels_that_change_are_drawn_anew_and_scrolling_draws_nothing(four, canvases, main, loop):
    xz, _ = four.panes
    canvases.move_to(dict(enumerate(at(3, 7, 11))))
    neurons = main.layers["neurons"]
    neurons.data[:, 7, :] = 99
    neurons.refresh()
    loop.settle()
    assert (shown(xz, "neurons") == 99).all()
    drawn = []
    xz.model.layers["neurons"].events.set_data.connect(lambda _: drawn.append(1))
    main.dims.set_current_step(0, 9)
    loop.settle()
    assert not drawn


def test_other_data_are_taken_over(four, canvases, main, loop):
    xz, _ = four.panes
    canvases.move_to(dict(enumerate(at(3, 7, 11))))
    main.layers["neurons"].data = VOXELS // 3
    loop.settle()
    assert np.array_equal(shown(xz, "neurons"), VOXELS[:, 7] // 3)


def test_fragments_that_were_parted_under_the_same_view_are_read_anew(four, main, canvases, loop):
    xz, _ = four.panes
    in_file = LazyArray("file", VOXELS.shape, np.uint32, lambda slices: fragments[slices])
    fragments = np.where(VOXELS % 2, 1, 2).astype(np.uint32)
    view = FragmentLabels(in_file, np.array([0, 7, 8], np.uint32))
    layer = main.add_labels(view, name="ours", scale=SCALE, translate=PLACE, units=NM)
    canvases.move_to(dict(enumerate(at(3, 7, 11))))
    loop.settle()
    assert np.array_equal(shown(xz, "ours"), fragments[:, 7] + 6)
    view.show(np.array([0, 9, 9], np.uint32))
    layer.refresh()
    loop.rest()  # no job: the fragments are known
    assert (shown(xz, "ours") == 9).all()
    fragments[5:, 7] = 3
    replace_data(layer, FragmentLabels(in_file, np.array([0, 9, 9, 4], np.uint32)))
    loop.settle()
    assert (shown(xz, "ours")[5:] == 4).all() and (shown(xz, "ours")[:5] == 9).all()


def test_layers_that_are_no_stacks_are_left_out(four, main):
    xz, _ = four.panes
    main.add_image(VOXELS[0], name="one section")
    assert "one section" not in xz.model.layers


def test_tools_hear_the_mouse_in_all_canvases_as_long_as_they_are_there(canvases, main, loop):
    heard, hovered = [], []
    mouse = MouseOfAll(canvases, lambda event: heard.append(event.position), lambda event: hovered.append(1))
    four = FourPanes(canvases, loop)
    xz, _ = four.panes
    click(xz.model, at(3, 7, 11))
    click(main, at(4, 7, 11))
    assert heard == [at(3, 7, 11), at(4, 7, 11)]
    moved = SimpleNamespace(type="mouse_move", is_dragging=False, pos=(1, 2), modifiers=(), position=at(3, 7, 11))
    mouse_move_callbacks(xz.model, moved)
    assert hovered and canvases.under_mouse is xz.model
    four.close()
    assert canvases.under_mouse is main
    click(xz.model, at(3, 7, 11))
    assert len(heard) == 2
    mouse.close()
    click(main, at(4, 7, 11))
    assert len(heard) == 2


def test_nothing_is_left_when_they_are_closed(canvases, main, loop):
    counts = [len(event.callbacks) for event in (*main.layers[0].events.emitters.values(), main.layers.events.inserted)]
    drag = len(main.mouse_drag_callbacks)
    four = FourPanes(canvases, loop)
    loop.settle()
    four.close()
    after = [len(event.callbacks) for event in (*main.layers[0].events.emitters.values(), main.layers.events.inserted)]
    assert after == counts and len(main.mouse_drag_callbacks) == drag and not canvases.beside


def test_a_viewer_without_layers_and_with_3d(loop):
    viewer = ViewerModel(ndisplay=3)
    canvases = Canvases(viewer)
    four = FourPanes(canvases, loop)
    viewer.add_image(VOXELS, scale=SCALE, units=NM)
    assert cross_of(viewer, canvases) is None
    assert shown(four.panes[0], "VOXELS").shape == (20, 50)
    viewer.dims.ndisplay = 2
    viewer.dims.order = (1, 0, 2)
    assert cross_of(viewer, canvases).cut == 1
    four.close()
