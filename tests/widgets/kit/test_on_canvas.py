"""Labels under pixels, and rims as wide on the screen at any zoom; without a window."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels

from napari_emcad.widgets.kit import labels_view
from napari_emcad.widgets.kit.labels_view import FragmentLabels, pyramid
from napari_emcad.widgets.kit.on_canvas import BRIGHT, DARK, neurons_on_canvas, pixel_of, rims_of

SHAPE = (4, 40, 60)


@pytest.fixture(params=["one level", "a pyramid"])
def layer(request, monkeypatch):
    """Voxels of 30 x 5 x 5 nm at some place; fragment 1 is y < 20, fragment 2 is x >= 30 below it, 3 the rest."""
    if request.param == "a pyramid":
        monkeypatch.setattr(labels_view, "OVERVIEW", 4 * 20 * 30)
    fragments = np.full(SHAPE, 3, np.uint32)
    fragments[:, 20:, 30:] = 2
    fragments[:, :20] = 1
    levels = pyramid(FragmentLabels(fragments, np.array([0, 11, 12, 0], np.uint32)))
    place = {"scale": (30, 5, 5), "translate": (300, 50, 25)}
    return Labels(levels if levels[1:] else levels[0], multiscale=bool(levels[1:]), **place)


def viewer_of(layer, zoom, order=(0, 1, 2), voxel=(2, 20, 30)):
    viewer = ViewerModel()
    viewer.add_layer(layer)
    viewer.dims.order = order
    viewer.canvas.size = (200, 300)
    viewer.dims.set_point(range(3), layer.data_to_world(voxel))
    viewer.scene.camera.center = tuple(np.array(layer.data_to_world(voxel))[list(order)])
    viewer.scene.camera.zoom = zoom
    return viewer


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 0, 1), (0, 2, 1)])
@pytest.mark.parametrize("zoom", [0.1, 0.4, 1.0, 3.0])
def test_each_pixel_shows_the_voxel_under_it(layer, zoom, order):
    viewer = viewer_of(layer, zoom, order)
    found = np.array([0, 12, 11])[neurons_on_canvas(viewer, layer, [12, 11])]
    assert found.shape == (200, 300)
    finest = layer.data if isinstance(layer.data, FragmentLabels) else layer.data[0]
    for voxel in [(2, 5, 8), (2, 33, 50), (1, 20, 44), (3, 36, 12), (2, 20, 30)]:
        row, column = pixel_of(viewer, layer, np.where(np.arange(3) == order[0], (2, 20, 30), voxel))
        if 0 <= row < 200 and 0 <= column < 300:
            here = tuple(int(n) for n in np.where(np.arange(3) == order[0], (2, 20, 30), voxel))
            assert found[int(row), int(column)] == finest.look_up(here)
    assert {11, 12} & set(np.unique(found).tolist())


def test_outside_the_volume_is_nothing(layer):
    viewer = viewer_of(layer, 1.0)
    viewer.add_image(np.zeros((90, 2, 2)), scale=(30, 5, 5))
    viewer.dims.set_point(0, 2000)
    assert not neurons_on_canvas(viewer, layer, [11]).any()
    viewer.dims.ndisplay = 3
    assert neurons_on_canvas(viewer, layer) is None


@pytest.mark.parametrize("zoom", [0.2, 1.0, 4.0])
def test_a_rim_is_two_pixels_wide_at_any_zoom(layer, zoom):
    viewer = viewer_of(layer, zoom, voxel=(2, 20, 10))
    rims = rims_of(neurons_on_canvas(viewer, layer, [11]))
    column = rims[:, 150]
    edge = round(pixel_of(viewer, layer, (2, 19.5, 10))[0])
    below = column[edge - 4 : edge + 4]
    assert np.count_nonzero(below == BRIGHT) == 2 and np.count_nonzero(below == DARK) == 1


def test_a_slanted_layer_is_cut_as_napari_cuts_it(layer):
    layer.rotate = [[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]]
    viewer = viewer_of(layer, 0.5)
    found = neurons_on_canvas(viewer, layer, [11, 12])
    for voxel, number in (((2, 10, 20), 1), ((2, 30, 45), 2), ((2, 30, 10), 0)):
        row, column = pixel_of(viewer, layer, voxel)
        assert found[int(row), int(column)] == number


def test_many_labels_are_numbered_as_they_are_given(layer):
    viewer = viewer_of(layer, 0.5)
    both = neurons_on_canvas(viewer, layer, [12, 11, 10**6])
    one, other = (neurons_on_canvas(viewer, layer, [label]) for label in (12, 11))
    np.testing.assert_array_equal(both, one + 2 * other)
    assert one.any() and other.any() and not neurons_on_canvas(viewer, layer, []).any()


def test_rims_of_two_labels_that_touch():
    labels = np.zeros((9, 12), np.uint8)
    labels[2:7, 2:6], labels[2:7, 6:10] = 5, 7
    both, one = rims_of(labels), rims_of(labels * (labels == 5))
    assert (both[4, 4:8] == BRIGHT).all() and (both[4, [1, 10]] == DARK).all()
    assert one[4, 6] == DARK and not one[:, 7:].any()
    assert not rims_of(np.zeros((4, 5), np.uint8)).any()
    assert not rims_of(np.full((5, 5), 3, np.uint8)).any()  # all of it on the canvas, and its rim beyond
