import dataclasses

import numpy as np
import pytest
from scipy import ndimage
from skimage.measure import label

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.synthetic import synthetic_stack
from napari_emcad.core.synthetic.curves import NeuriteCurves, grow
from napari_emcad.core.synthetic.organelles import furnish
from napari_emcad.core.synthetic.tissue import PITCH, Tissue, cut, pack
from napari_emcad.core.synthetic.truth import numbered_pieces


@pytest.fixture(scope="module")
def stack():
    return synthetic_stack((7, 200, 150), seed=3)


def neurites_of(labels):
    return np.unique(labels)[1:]


def flat_tissue(normal, at):
    """Two neurites, 1 below and 2 above a plane through `at` nm along `normal`, an axis or a diagonal."""
    where = np.moveaxis(np.indices((30, 30, 30)) - 5, 0, -1) * PITCH
    return Tissue(np.where(where @ (np.array(normal) / np.linalg.norm(normal)) > at, 2, 1).astype(np.int32))


def test_the_same_seed_makes_the_same_stack():
    first, again, other = (synthetic_stack((3, 90, 70), seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(first.raw, again.raw)
    assert np.array_equal(first.labels, again.labels)
    assert not np.array_equal(first.labels, other.labels)
    assert not np.array_equal(first.raw, other.raw)


def test_the_global_random_state_is_neither_used_nor_changed():
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    first = synthetic_stack((2, 40, 56))
    assert np.array_equal(before, np.random.get_state()[1])
    assert np.array_equal(first.raw, synthetic_stack((2, 40, 56)).raw)


def test_shapes_types_and_numbers(stack):
    assert stack.raw.shape == stack.labels.shape == (7, 200, 150)
    assert (stack.raw.dtype, stack.labels.dtype) == (np.uint8, np.uint16)
    assert stack.voxel_size == VoxelSize(30, 6, 6)
    assert np.array_equal(np.unique(stack.labels), np.arange(stack.labels.max() + 1))
    with pytest.raises(dataclasses.FrozenInstanceError):
        stack.raw = None


@pytest.mark.parametrize("shape", [(2, 40, 56), (1, 1, 1), (3, 17, 1), (1, 33, 47), (5, 61, 131)])
@pytest.mark.parametrize("seed", [0, 1])
def test_odd_and_tiny_sizes(shape, seed):
    stack = synthetic_stack(shape, seed=seed)
    assert stack.raw.shape == stack.labels.shape == shape


@pytest.mark.parametrize("voxel_size", [(8, 8, 8), (50, 4, 4), (30, 5, 10)])
def test_other_voxel_sizes(voxel_size):
    stack = synthetic_stack((3, 60, 52), VoxelSize(*voxel_size))
    assert stack.voxel_size == voxel_size
    assert stack.labels.max() >= 1


@pytest.mark.parametrize("shape", [(0, 40, 40), (40, 40), (4, -1, 40)])
def test_a_shape_without_voxels_is_refused(shape):
    with pytest.raises(UserError, match="sizes above 0"):
        synthetic_stack(shape)


def test_a_voxel_without_size_is_refused():
    with pytest.raises(UserError, match="0, 6, 6"):
        synthetic_stack((2, 40, 40), VoxelSize(0, 6, 6))


def test_membranes_are_darker_than_cytoplasm(stack):
    for raw, labels in zip(stack.raw.astype(float), stack.labels, strict=True):
        deep = ndimage.distance_transform_edt(labels > 0) > 5
        # medians: mitochondria are darker than membranes
        assert np.median(raw[labels == 0]) < np.median(raw[deep]) - 0.4 * raw.std()


def test_grey_levels_are_like_the_real_thing(stack):
    assert 95 < stack.raw.mean() < 170
    assert 28 < np.mean([section.std() for section in stack.raw]) < 60
    assert np.ptp([section.mean() for section in stack.raw]) > 5
    assert 0.06 < np.mean(stack.labels == 0) < 0.3


def test_neurites_touch_only_across_a_membrane_within_a_section(stack):
    for axis in (1, 2):
        a, b = np.swapaxes(stack.labels, 0, axis)[1:], np.swapaxes(stack.labels, 0, axis)[:-1]
        assert not np.any((a != b) & (a > 0) & (b > 0))


def test_every_neurite_is_one_piece(stack):
    pieces = label(stack.labels, background=0, connectivity=3)
    assert pieces.max() == len(neurites_of(stack.labels))


def test_neurites_go_on_from_section_to_section(stack):
    sections_of = [np.any(stack.labels == n, axis=(1, 2)).sum() for n in neurites_of(stack.labels)]
    sizes = np.bincount(stack.labels.ravel())[1:]
    assert np.median(np.array(sections_of)[sizes > 2000]) >= 5
    overlaps = [
        np.sum((a == n) & (b == n)) / min(np.sum(a == n), np.sum(b == n))
        for a, b in zip(stack.labels[:-1], stack.labels[1:], strict=True)
        for n in np.intersect1d(neurites_of(a), neurites_of(b))
    ]
    assert np.median(overlaps) > 0.8
    assert np.quantile(overlaps, 0.1) > 0.5


def test_many_neurites_of_unequal_size(stack):
    areas = np.bincount(stack.labels[3].ravel())[1:]
    areas = areas[areas > 0]
    assert len(areas) >= 5
    assert areas.max() > 4 * np.median(areas)


@pytest.mark.parametrize("normal", [(0, 1, 0), (0, 0, 1), (0, 1, 2)])
def test_a_cut_knows_the_distance_to_a_flat_membrane(normal):
    rows, columns = np.arange(50) * 6.0, np.arange(40) * 7.0
    flat = cut(flat_tissue(normal, 130), np.array([90.0, 100.0, 110.0]), rows, columns, np.ones(100, np.float32))
    y, x = np.meshgrid(rows, columns, indexing="ij")
    # the voxel grid holds the plane only to within a voxel: measure from where the cut puts it
    signed = (y * normal[1] + x * normal[2]) / np.linalg.norm(normal)
    middle = (signed[flat.neurites == 1].max() + signed[flat.neurites == 2].min()) / 2
    assert abs(middle - 130) < PITCH
    near = np.abs(signed - middle) < 50
    assert np.abs(flat.distance - np.abs(signed - middle))[near].max() < 8


def test_a_slanted_membrane_smears_over_the_section():
    rows = columns = np.arange(40) * 6.0
    depths = 100 + np.array([-12.0, -6, 0, 6, 12])
    profile = (np.arange(100) < 6).astype(np.float32)
    upright = cut(flat_tissue((0, 1, 0), 110), depths, rows, columns, profile).membrane
    slanted = cut(flat_tissue((1, 1, 0), 150), depths, rows, columns, profile).membrane
    assert upright.max() > slanted.max() > 0.05
    assert np.sum(slanted > 0.05) > 1.5 * np.sum(upright > 0.05)


def test_without_curves_there_is_one_cell():
    tissue = pack(NeuriteCurves.none(), np.array([60.0, 90, 120]))
    assert np.all(tissue.neurites == 1)
    furnished = furnish(np.random.default_rng(0), NeuriteCurves.none())
    assert len(furnished.vesicles.points) == len(furnished.mitochondria) == 0


def test_branches_hang_on_their_own_neurite():
    curves = grow(np.random.default_rng(1), np.array([300.0, 1500, 1200]))
    branches = np.flatnonzero(curves.back)
    assert len(branches)
    hubs = branches - curves.back[branches]
    assert np.array_equal(curves.neurite[branches], curves.neurite[hubs])
    assert np.allclose(curves.points[branches], curves.points[hubs])


def test_crumbs_of_the_truth_become_0_and_pieces_get_their_own_number():
    neurites = np.zeros((2, 12, 40), np.int32)
    neurites[:, :, :8] = neurites[:, :, 30:] = 7  # two pieces of one neurite
    neurites[0, 4:6, 15:17] = 9  # a crumb
    result = numbered_pieces(neurites)
    assert set(np.unique(result)) == {0, 1, 2}
    assert result[0, 0, 0] != result[0, 0, 39]
    assert result[0, 4, 15] == 0
