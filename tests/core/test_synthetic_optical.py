import numpy as np
import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.core.neurites import neurites
from napari_emcad.core.synthetic.fibres import grow_trees
from napari_emcad.core.synthetic.optical import synthetic_optical


@pytest.fixture(scope="module")
def volume():
    return synthetic_optical((48, 90, 100), seed=1)


def test_the_same_seed_makes_the_same_volume():
    first, again, other = (synthetic_optical((20, 40, 30), seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(first.raw, again.raw)
    assert np.array_equal(first.labels, again.labels)
    assert not np.array_equal(first.raw, other.raw)


def test_few_bright_voxels_on_a_dark_ground(volume):
    inside = volume.labels > 0
    assert volume.raw.shape == volume.labels.shape == (48, 90, 100)
    assert volume.raw.dtype == volume.labels.dtype == np.uint16
    assert 0.0005 < inside.mean() < 0.03
    ground = volume.raw[~inside]
    assert 90 < np.median(ground) < 168.5, "black of the published normalisation lies above the ground"
    assert 8 < ground.std() < 40
    assert np.median(volume.raw[inside]) > np.percentile(ground, 99)
    assert volume.raw[inside].max() < 5000


def test_every_tree_is_labelled_in_long_pieces(volume):
    trees = np.unique(volume.labels)[1:]
    assert np.array_equal(trees, np.arange(1, len(trees) + 1))
    pieces = neurites((volume.labels > 0).astype(np.uint8) * 255, min_size=0)
    sizes = np.bincount(pieces.ravel())[1:]
    assert sizes[: len(trees)].sum() > 0.9 * sizes.sum(), "fibres hang together"


def test_radii_taper_and_trees_branch():
    fibres = grow_trees(np.random.default_rng(2), (80, 120, 120))
    first = fibres.tree == 1
    assert len(fibres.points) == len(fibres.radii) == len(fibres.light) == len(fibres.tree)
    assert fibres.radii.min() >= 1
    root = np.linalg.norm(fibres.points[first] - fibres.points[first][0], axis=1)
    near, far = root < np.quantile(root, 0.2), root > np.quantile(root, 0.8)
    assert fibres.radii[first][near].mean() > fibres.radii[first][far].mean()


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 30, 20), (3, 17, 1)])
def test_odd_and_tiny_sizes(shape):
    made = synthetic_optical(shape)
    assert made.raw.shape == made.labels.shape == shape


@pytest.mark.parametrize("shape", [(0, 40, 40), (40, 40)])
def test_a_shape_without_voxels_is_refused(shape):
    with pytest.raises(UserError, match="sizes above 0"):
        synthetic_optical(shape)
