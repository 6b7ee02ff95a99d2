"""From a click to a labelled voxel: a section that is thicker than pixels are wide, and one neuron a direction."""

from types import SimpleNamespace

import numpy as np
import pytest
from napari.layers import Labels

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.widgets.kit.labels_view import FragmentLabels
from napari_emcad.widgets.kit.picking import labelled_at, nearest_labelled, voxel_under

SIZE = VoxelSize(40, 4, 5)


@pytest.fixture
def fragments():
    """Three single voxels around (4, 30, 30): 1 on the next section, 2 and 3 on the same one."""
    values = np.zeros((9, 60, 60), np.uint32)
    values[5, 30, 30], values[4, 42, 30], values[4, 30, 41] = 1, 2, 3
    return values


@pytest.mark.parametrize(
    ("voxel", "nearest"),
    [
        ((4, 30, 30), (5, 30, 30)),  # 40 nm off; the others are 48 and 55
        ((4, 36, 30), (4, 42, 30)),
        ((4, 30, 36), (4, 30, 41)),
        ((1, 30, 30), None),  # beyond REACH
        ((4, 2, 2), None),
        ((-1, 30, 30), None),
    ],
)
def test_the_nearest_one_in_nanometres(fragments, voxel, nearest):
    """Scenario 22: the next section is 40 nm away, and 12 voxels on y are 48 nm."""
    assert nearest_labelled(fragments, voxel, SIZE) == nearest


def test_the_nearest_one_by_brute_force(fragments):
    rng = np.random.default_rng(3)
    labelled = np.argwhere(fragments)
    for voxel in rng.integers((3, 20, 20), (7, 50, 50), (50, 3)):
        apart = np.sqrt((((labelled - voxel) * np.array(SIZE)) ** 2).sum(axis=1))
        found = nearest_labelled(fragments, tuple(voxel), SIZE)
        if found is None:
            assert apart.min() > 60
        else:
            assert np.sqrt((((np.array(found) - voxel) * np.array(SIZE)) ** 2).sum()) == pytest.approx(apart.min())


def test_a_labelled_voxel_is_itself(fragments):
    layer = Labels(fragments, scale=SIZE, units=("nm",) * 3)
    assert labelled_at(layer, fragments, (4, 42, 30)) == (4, 42, 30)
    assert labelled_at(layer, fragments, (4, 43, 31)) == (4, 42, 30)


def test_where_no_voxel_size_is_known_the_scale_counts(fragments):
    layer = Labels(fragments, scale=(10, 1, 1))
    assert labelled_at(layer, fragments, (4, 30, 36)) == (4, 30, 41)  # taken for 100 x 10 x 10 nm


@pytest.fixture
def shown(fragments):
    """The layer of some neurons, and the neurons."""
    view = FragmentLabels(fragments, np.array([0, 7, 8, 9], np.uint32))
    return Labels(view, scale=SIZE, translate=(400, 50, 60), units=("nm",) * 3), view


def test_a_click_on_a_section(shown):
    layer, view = shown
    event = SimpleNamespace(position=layer.data_to_world((4, 42.3, 29.8)), dims_displayed=[1, 2])
    assert voxel_under(layer, view, event) == (4, 42, 30)


@pytest.mark.parametrize(("place", "found"), [((30, 30), (5, 30, 30)), ((42, 30), (4, 42, 30)), ((2, 2), None)])
def test_a_click_in_3d_goes_through_the_volume(shown, place, found):
    layer, view = shown
    position = np.asarray(layer.data_to_world((0, *place))) - (1000, 0, 0)
    event = SimpleNamespace(position=position, view_direction=np.array([1.0, 0, 0]), dims_displayed=[0, 1, 2])
    assert voxel_under(layer, view, event) == found


def test_the_hidden_are_looked_through(shown, fragments):
    layer, view = shown
    fragments[6, 30, 30] = 2
    view.show(np.array([0, 0, 8, 9], np.uint32))
    position = np.asarray(layer.data_to_world((0, 30, 30))) - (1000, 0, 0)
    event = SimpleNamespace(position=position, view_direction=np.array([1.0, 0, 0]), dims_displayed=[0, 1, 2])
    assert voxel_under(layer, view, event) == (6, 30, 30)
