"""Two sides in two colours over neurons, without a window."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_emcad.widgets.desk.sides import FAR_SIDE, NEAR_SIDE, SidesView

PLACE = {"scale": (40, 5, 6), "translate": (400, 50, 60), "units": ("nm",) * 3}
FRAGMENTS = np.array([[[1, 1, 2, 2], [3, 3, 4, 0], [3, 5, 5, 0]]], np.uint32)
NEAR, FAR = NEAR_SIDE, FAR_SIDE


@pytest.fixture
def viewer():
    viewer = ViewerModel()
    viewer.add_labels(FRAGMENTS.copy(), name="neurons", **PLACE)
    viewer.add_points(ndim=3, name="marks")
    return viewer


@pytest.fixture
def sides(viewer):
    return SidesView(viewer)


def show(viewer, sides, near, far, fragments=FRAGMENTS) -> None:
    sides.show(viewer.layers["neurons"], fragments, np.array(near), np.array(far), int(fragments.max()) + 1)


def seen(viewer) -> np.ndarray:
    layer = viewer.layers["sides"]
    return np.asarray(layer.data) * layer.visible


def test_a_layer_that_was_made_ready_is_the_one_that_is_shown(viewer, sides):
    sides.prepare(viewer.layers["neurons"], FRAGMENTS, int(FRAGMENTS.max()) + 1)
    layer, data = viewer.layers["sides"], viewer.layers["sides"].data
    assert not layer.visible and sides.layer is None
    show(viewer, sides, [1], [2])
    assert viewer.layers["sides"] is layer is sides.layer and layer.data is data
    np.testing.assert_array_equal(seen(viewer)[0, 0], [NEAR, NEAR, FAR, FAR])


def test_two_groups_of_fragments_lie_over_the_neurons(viewer, sides):
    show(viewer, sides, [1, 3], [4])
    assert [layer.name for layer in viewer.layers] == ["neurons", "sides", "marks"]
    assert viewer.layers.selection.active.name == "marks"
    np.testing.assert_array_equal(seen(viewer), [[[NEAR, NEAR, 0, 0], [NEAR, NEAR, FAR, 0], [NEAR, 0, 0, 0]]])
    layer, neurons = viewer.layers["sides"], viewer.layers["neurons"]
    np.testing.assert_allclose(layer.data_to_world((0, 1, 2)), neurons.data_to_world((0, 1, 2)))
    assert not layer.editable


def test_a_fragment_of_both_sides_is_near(viewer, sides):
    show(viewer, sides, [1], [1, 2])
    np.testing.assert_array_equal(seen(viewer)[0, 0], [NEAR, NEAR, FAR, FAR])


def test_between_two_uses_the_layer_is_hidden(viewer, sides):
    show(viewer, sides, [1], [2])
    layer = viewer.layers["sides"]
    sides.hide()
    assert not seen(viewer).any()
    show(viewer, sides, [5], [4])
    assert viewer.layers["sides"] is layer
    np.testing.assert_array_equal(seen(viewer), [[[0, 0, 0, 0], [0, 0, FAR, 0], [0, NEAR, NEAR, 0]]])


def test_other_fragments_are_shown_on_the_same_layer(viewer, sides):
    show(viewer, sides, [1], [2])
    layer = viewer.layers["sides"]
    sides.hide()
    others = np.where(FRAGMENTS == 5, 6, FRAGMENTS)
    show(viewer, sides, [6], [3], others)
    assert viewer.layers["sides"] is layer and not layer.editable
    np.testing.assert_array_equal(seen(viewer)[0, 2], [FAR, NEAR, NEAR, 0])


def test_a_layer_that_a_person_removed_comes_back(viewer, sides):
    show(viewer, sides, [1], [2])
    viewer.layers.remove("sides")
    show(viewer, sides, [1], [2])
    assert "sides" in viewer.layers


def test_closing_takes_the_layer_away(viewer, sides):
    sides.hide()  # nothing was shown: nothing breaks
    show(viewer, sides, [1], [2])
    viewer.layers.selection.active = viewer.layers["sides"]
    sides.close()
    assert "sides" not in viewer.layers
    sides.close()
