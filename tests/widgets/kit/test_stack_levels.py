"""Working on a level of a multiscale stack."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image
from pyramids import write_pyramid

from napari_emcad.core.geometry import Box, VoxelSize
from napari_emcad.pipeline import segment
from napari_emcad.reader import LEVELS, read_layers
from napari_emcad.widgets.desk.opening import facts_of
from napari_emcad.widgets.desk.region import BOX, SECTION
from napari_emcad.widgets.kit.layers import voxel_size_of
from napari_emcad.widgets.kit.stack_levels import layer_of_level, levels_of, on_grids_of, pyramid_of

PLACE = {"scale": (40, 5, 6), "translate": (400, 50, 60), "units": ("nm",) * 3}
VALUES = np.random.default_rng(4).integers(0, 255, (4, 25, 37), np.uint8)


def image(**more):
    """A stack of somebody else: nothing but the shapes says how large the voxels are."""
    return Image([VALUES, VALUES[:, ::2, ::2]], multiscale=True, name="em", **PLACE | more)


def fine(stack):
    """Return a stack of which this one is level 1."""
    return np.repeat(np.repeat(stack, 2, 1), 2, 2)


@pytest.fixture
def url(memory, stack):
    """A pyramid with the stack as its level 1; level 0 is twice as large on y and x."""
    write_pyramid(f"{memory}/em.zarr", fine(stack))
    return f"{memory}/em.zarr"


@pytest.fixture
def pyramid(desk, url):
    """The stack of the URL, open in a desk's viewer."""
    ((data, meta, _),) = read_layers(url)
    return desk.viewer.add_layer(Image(data, **meta))


def test_the_levels_of_a_stack_that_says_only_its_shapes():
    first, second = levels_of(image())
    np.testing.assert_allclose([first.factor, second.factor], [(1, 1, 1), (1, 25 / 13, 37 / 19)])
    np.testing.assert_array_equal([first.start, second.start], np.zeros((2, 3)))
    assert first.text(VoxelSize(40, 5, 6)) == "Level 0: 40 x 5 x 6 nm"
    assert second.text(None) == "Level 1: 4 x 13 x 19 voxels"
    assert levels_of(Image(VALUES)) == levels_of(None) == []


def test_the_levels_of_a_stack_whose_file_says_more():
    sizes = [{"voxel_size_nm": (40, 5, 6)}, {"voxel_size_nm": (40, 10, 12), "offset_nm": (0, 2.5, 3), "dataset": "s1"}]
    second = levels_of(image(metadata={LEVELS: sizes}))[1]
    np.testing.assert_array_equal([second.factor, second.start], [(1, 2, 2), (0, 0.5, 0.5)])
    assert second.dataset == "s1"
    assert second.text(VoxelSize(40, 5, 6)) == "Level 1: 40 x 10 x 12 nm"


def test_the_layer_of_a_level_lies_on_its_stack():
    viewer = ViewerModel()
    sizes = [{"voxel_size_nm": (40, 5, 6)}, {"voxel_size_nm": (40, 10, 12), "offset_nm": (0, 2.5, 3), "dataset": "s1"}]
    stack = viewer.add_layer(image(metadata={LEVELS: sizes, "source": "s3://bucket/em.zarr"}, rotate=(0, 0, 30)))
    viewer.add_points(ndim=3)
    layer = layer_of_level(viewer, stack, 1)
    assert layer_of_level(viewer, stack, 1) is layer and layer_of_level(viewer, stack, 0) is stack
    assert [other.name for other in viewer.layers] == ["em", "em level 1", "Points"]
    assert viewer.layers.selection.active.name == "Points"
    for coarse, there in (((0, 0, 0), (0, 0.5, 0.5)), ((3, 4, 5), (3, 8.5, 10.5))):
        np.testing.assert_allclose(layer.data_to_world(coarse), stack.data_to_world(there))
    assert (voxel_size_of(layer), layer.visible) == ((40, 10, 12), False)
    assert (layer.metadata["source"], layer.metadata["dataset"]) == ("s3://bucket/em.zarr", "s1")
    assert pyramid_of(viewer.layers, layer) is pyramid_of(viewer.layers, stack) is stack
    viewer.layers.remove(stack)
    assert pyramid_of(viewer.layers, layer) is None


def test_a_level_that_no_dataset_is_known_of_has_no_source():
    """Its source would open as level 0."""
    viewer = ViewerModel()
    stack = viewer.add_layer(image(metadata={"source": "s3://bucket/em.zarr"}))
    assert layer_of_level(viewer, stack, 1).metadata["source"] is None


def test_the_grids_of_all_levels():
    viewer = ViewerModel()
    stack = viewer.add_layer(image())
    level = layer_of_level(viewer, stack, 1)
    on_level = viewer.add_labels(np.zeros((2, 3, 4), int), scale=level.scale, units=level.units)
    viewer.add_labels(np.zeros((2, 3, 4), int), scale=(1, 2, 3), units=level.units)
    for layer in (stack, level):
        assert {o.name for o in on_grids_of(viewer.layers, layer)} == {"em", "em level 1", on_level.name}


def test_napari_opens_a_url_by_itself(make_napari_viewer, stack, tmp_path):
    """As `napari URL` does; any folder that it is given goes the same way."""
    viewer = make_napari_viewer()
    write_pyramid(tmp_path / "em.zarr", stack)
    for path in ((tmp_path / "em.zarr"), (tmp_path / "em.zarr").as_uri().replace("file:///", "file://localhost/")):
        (layer,) = viewer.open(str(path), plugin="napari-emcad")
        np.testing.assert_array_equal(np.asarray(layer.data), stack)


def test_the_level_is_chosen(desk, pyramid, stack):
    assert desk.stack.levels == ["Level 0: 40 x 5 x 4 nm", "Level 1: 40 x 10 x 8 nm"]
    before = desk.choices.planned(desk.region.box()).work
    desk.stack.level = 1
    layer = desk.stack.layer
    np.testing.assert_array_equal(np.asarray(layer.data), stack)
    assert (layer.name, desk.stack.level, pyramid.visible) == ("em level 1", 1, True)
    assert desk.region.box() == Box.whole(stack.shape)
    assert desk.stack.facts == "3 x 48 x 64 voxels, uint8, 40 x 10 x 8 nm (OME-Zarr metadata)"
    assert desk.choices.planned(desk.region.box()).work < before
    desk.stack.level = 0
    assert desk.stack.layer is pyramid


@pytest.fixture
def one_precision(monkeypatch):
    """Compute in fp32: what is faster is measured, and equal pixels side by side make ties that rounding breaks."""
    monkeypatch.setattr("napari_emcad.inference.engines.device._cpu_multiplies_bf16", lambda: False)


@pytest.mark.usefixtures("one_precision")
@pytest.mark.parametrize("number", [0, 1])
def test_all_follows_the_level(desk, loop, pyramid, stack, model, url, number):
    desk.stack.level = number
    desk.runs.run()
    loop.settle()
    assert "Done: 3 sections" in desk.message.text
    whole, result = (fine(stack), stack)[number], desk.results.current
    voxel_size = VoxelSize(*((40, 5, 4), (40, 10, 8))[number])
    expected = segment(whole, str(model), voxel_size=voxel_size).labels
    np.testing.assert_array_equal(np.asarray(result.neuron_layer.data), expected)
    for layer in result.layers:
        np.testing.assert_allclose(layer.scale, ((40, 5, 4), (40, 10, 8))[number])
        np.testing.assert_allclose(layer.translate, ((0, 0, 0), (0, 2.5, 2))[number])
    facts = facts_of(result)
    assert (facts.source, facts.dataset) == (url, ("s0", "s1")[number])
    np.testing.assert_allclose(facts.voxel_size, ((40, 5, 4), (40, 10, 8))[number])
    assert facts.box == ((0, 0, 0), whole.shape)


def test_regions_are_in_voxels_of_the_level(desk, pyramid):
    region = desk.region
    desk.stack.level = 1
    desk.viewer.dims.set_point(0, 80)
    region.kind = SECTION
    assert region.box() == Box((2, 0, 0), (3, 48, 64))
    region.kind = BOX
    region.draw()
    desk.viewer.layers["box"].add_rectangles([[[2, 5, 7], [2, 5, 22], [2, 33, 22], [2, 33, 7]]])
    assert region.box() == Box((0, 5, 7), (3, 34, 23))
    desk.stack.level = 0
    region.sections = (1, 1)
    assert region.box() == Box((1, 11, 15), (2, 67, 45))


def test_another_voxel_size_holds_for_all_levels(desk, pyramid):
    """Twice the size makes level 0 as large as level 1 was."""
    desk.stack.level = 1
    desk.stack.voxel_size = VoxelSize(60, 20, 16)
    level = desk.stack.layer
    np.testing.assert_array_equal([level.scale, pyramid.scale], [(60, 20, 16), (60, 10, 8)])
    np.testing.assert_array_equal(level.translate, (0, 5, 4))
    assert desk.stack.levels[1] == "Level 1: 60 x 20 x 16 nm"


def test_a_level_stays_when_its_stack_is_removed(desk, pyramid):
    desk.stack.level = 1
    desk.viewer.layers.remove(pyramid)
    assert desk.stack.layer.name == "em level 1" and desk.stack.levels == []
    assert not desk.choices.why_not
