"""What in labels stands for "unlabelled"."""

import numpy as np
import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.core.label_contents import KnownLabels, highest_id, is_unlabelled


@pytest.mark.parametrize(
    ("values", "marked"),
    [
        (np.array([-3, -1, 0, 1], np.int64), [-3, -1]),
        (np.array([-1.0, 0, 2], np.float32), [-1]),
        (np.array([0, 1, 2**32 - 2, 2**32 - 1], np.uint32), [2**32 - 1]),
        (np.array([1, 2**64 - 5, 2**64 - 4, 2**64 - 1], np.uint64), [2**64 - 4, 2**64 - 1]),
        (np.array([0, 255], np.uint8), []),
        (np.array([0, 65535], np.uint16), []),
        (np.array([False, True]), []),
    ],
)
def test_the_marks_of_what_is_unlabelled(values, marked):
    assert [int(value) for value in values[is_unlabelled(values)]] == marked


def test_known_labels_are_0_where_a_mark_is_and_tell_it():
    labels = np.array([[[-1, 7, 7, 3]]], np.int64).repeat(2, 1)
    known = KnownLabels(labels, [3])
    assert known.note == "" and known.shape == (1, 2, 4) and len(known) == 1
    np.testing.assert_array_equal(known[0], [[0, 7, 7, 0]] * 2)
    assert known.note == "-1, 3 in the labels counts as unlabelled, as 0 does."
    assert labels.min() == -1


def test_only_whole_numbers_have_a_highest_one():
    assert highest_id(np.uint16) == 65535
    with pytest.raises(UserError, match="got float32; name the number"):
        highest_id(np.float32)
