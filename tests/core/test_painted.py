import numpy as np
import pytest

from napari_emcad.core.painted import looks_painted, painted_known


def test_profiles_and_the_pixels_around_them_are_known():
    labels = np.zeros((3, 12, 14), np.uint64)
    labels[1, 3:6, 4:9] = 2**60
    labels[1, 6:8, 4:9] = 3
    labels[2, 0, 0] = 1
    known = painted_known(labels)
    expected = np.zeros(labels.shape, bool)
    expected[1, 2:9, 3:10] = expected[2, :2, :2] = True
    np.testing.assert_array_equal(known, expected)


@pytest.mark.parametrize(
    ("shares", "painted"), [((0.9, 0.8), False), ((0.9, 0.0), True), ((0.4, 0.9), True), ((0.0, 0.0), True)]
)
def test_labels_are_painted_where_a_section_is_mostly_0(shares, painted):
    labels = np.zeros((2, 10, 10), np.int32)
    for section, share in zip(labels, shares, strict=True):
        section.flat[: int(100 * share)] = 4
    assert looks_painted(labels) is painted
