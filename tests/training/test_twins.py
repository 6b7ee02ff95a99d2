import numpy as np
import pytest
from drawings import uneven

from napari_emcad.training.twins import with_twins


def block(labelled, depth=4):
    """Grey values all unlike, labels 1 and 2 side by side in some sections, and the mask of these."""
    image = uneven((depth, 60, 72)).astype(np.float32) / 255
    known = np.zeros(image.shape, bool)
    known[labelled, 10:50, 8:64] = True
    halves = np.where(np.arange(72) < 36, 1, 2)
    return image, np.where(known, halves, 0), known


def test_a_copy_of_a_labelled_section_stands_for_its_neighbour():
    image, labels, known = arrays = block([1])
    before = [values.copy() for values in arrays]
    made = with_twins(np.random.default_rng(3), 1.0, *arrays)
    for values, kept in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(values, kept)
    for values, kept in zip(made, before, strict=True):
        np.testing.assert_array_equal(values[[1, 3]], kept[[1, 3]])
    (twin,) = (z for z in (0, 2) if made[2][z].any())
    np.testing.assert_array_equal(made[1][twin] > 0, made[2][twin])
    assert set(np.unique(made[1][twin])) == {0, 1, 2}
    overlap = (made[1][twin] == labels[1]) & known[1]
    assert 0.7 * known[1].sum() < overlap.sum() < known[1].sum(), "bent, but not into something else"
    assert np.corrcoef(made[0][twin].ravel(), image[twin].ravel())[0, 1] < 0.5, "another picture than before"


def test_a_section_that_knows_something_is_never_replaced():
    arrays = block([0, 1])
    made = with_twins(np.random.default_rng(0), 1.0, *arrays)
    for values, kept in zip(made, arrays, strict=True):
        np.testing.assert_array_equal(values[:2], kept[:2])
    assert made[2][2].any()
    assert not made[2][3].any(), "a copy has no copy"


@pytest.mark.parametrize(("labelled", "chance"), [([], 1.0), ([0, 1, 2, 3], 1.0), ([1], 0.0)])
def test_where_there_is_nothing_to_stand_for_all_stays(labelled, chance):
    arrays = block(labelled)
    for values, kept in zip(with_twins(np.random.default_rng(0), chance, *arrays), arrays, strict=True):
        np.testing.assert_array_equal(values, kept)
