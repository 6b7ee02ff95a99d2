"""Before and after, side by side over the stack."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_emcad.widgets.finetune.before_after import BeforeAfter
from napari_emcad.widgets.finetune.held_out_crop import HeldOutCrop, match_labels
from napari_emcad.widgets.kit.layers import place_of

SHAPE = (3, 20, 50)


def test_a_neuron_keeps_its_id_in_both():
    rng = np.random.default_rng(0)
    truth, labels = rng.integers(0, 5, (2, 6, 7)), rng.integers(0, 9, (2, 6, 7))
    truth[0], labels[0] = np.arange(7) // 2 + 1, np.arange(7) // 2 + 4
    before = labels.copy()
    found = match_labels(labels, truth)
    np.testing.assert_array_equal(labels, before)
    np.testing.assert_array_equal(found == 0, labels == 0)
    old, new = labels.ravel(), found.ravel()
    assert len({*zip(old, new, strict=True)}) == len({*old}) == len({*new})
    voxels = np.array([[np.sum((labels == s) & (truth == n)) for n in range(1, 5)] for s in range(1, 9)])
    for neuron, segment in enumerate(voxels.argmax(axis=0) + 1, 1):
        rivals = np.flatnonzero(voxels.argmax(axis=0) + 1 == segment) + 1
        assert found[labels == segment].max() in rivals
        assert neuron in rivals


def test_labels_that_match_nothing():
    labels = np.full(SHAPE, 7)
    assert match_labels(labels, np.zeros(SHAPE, int)).min() > 0
    assert not match_labels(np.zeros(SHAPE, int), labels).any()


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def held_out():
    rng = np.random.default_rng(1)
    raw = rng.integers(0, 255, SHAPE, np.uint8)
    labels = {name: rng.integers(0, 9, SHAPE).astype(np.uint16) for name in ("before", "after", "truth")}
    return HeldOutCrop(raw, labels)


def test_side_by_side_in_the_stack(viewer, held_out):
    stack = viewer.add_image(np.zeros((9, 60, 90), np.uint8), scale=(40, 5, 6), translate=(400, 50, 60))
    hidden = viewer.add_image(np.zeros((9, 60, 90), np.uint8), visible=False)
    viewer.layers.selection.active = stack
    view, start = BeforeAfter(viewer), (4, 10, 20)
    view.show(held_out, {"before": "before, VOI 4.89 bits"}, place_of(stack, start))
    names = [layer.name for layer in view.layers]
    assert names == ["held out", "before, VOI 4.89 bits", "after", "truth", "held out: titles"]
    assert view.is_shown
    assert not stack.visible
    assert viewer.layers.selection.active is stack
    for layer, i in zip(view.layers[1:4], range(3), strict=True):
        first = np.array(stack.world_to_data(layer.data_to_world((0, 0, 0))))
        np.testing.assert_allclose(first, np.add(start, (0, 0, 52 * i)))
        np.testing.assert_array_equal(view.layers[0].data[:, :, 52 * i : 52 * i + 50], held_out.raw)
    view.hide()
    assert [stack.visible, hidden.visible] == [True, False]
    assert list(viewer.layers) == [stack, hidden]
    assert not view.is_shown


def test_afterwards_the_view_is_that_of_before(viewer, held_out):
    stack = viewer.add_image(np.zeros((9, 60, 90), np.uint8), scale=(40, 5, 6))
    viewer.dims.set_point(0, 240)
    viewer.scene.camera.zoom = 3.5
    viewer.scene.camera.center = (0, 100, 150)
    camera = viewer.scene.camera
    before = viewer.dims.point, tuple(camera.center), camera.zoom
    view = BeforeAfter(viewer)
    view.show(held_out, {}, place_of(stack, (1, 0, 0)))
    assert (viewer.dims.point, tuple(camera.center), camera.zoom) != before
    view.hide()
    assert (viewer.dims.point, tuple(camera.center), camera.zoom) == before


def test_without_a_stack_and_without_an_after(viewer, held_out):
    view = BeforeAfter(viewer)
    view.show(HeldOutCrop(held_out.raw / 255, {k: held_out.labels[k] for k in ("before", "truth")}), {}, {})
    assert isinstance(view.layers[0], Image)
    assert view.layers[0].data.shape == (3, 20, 102)
    viewer.layers.remove(view.layers[1])
    view.hide()
    assert len(viewer.layers) == 0
