import numpy as np
import pytest
from drawings import drawn, membranes, uneven

from napari_emcad.core.from_labels import segmentation_of_labels
from napari_emcad.core.progress import drive

LABELS = """
    1122.
    1122.
    33.11

    1122.
    11.2.
    3...2
"""


def same_partition(one, other) -> bool:
    pairs = np.unique(np.stack([one.ravel(), other.ravel()]), axis=1)
    return len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == pairs.shape[1]


@pytest.mark.parametrize("threshold", [0.0, 0.3, 1.0])
def test_the_labels_are_there_at_every_threshold(threshold):
    labels = drawn(LABELS)
    before = labels.copy()
    made = drive(segmentation_of_labels(labels))
    assert same_partition(made.labels(made.table(threshold)), labels)
    np.testing.assert_array_equal(labels, before)


def test_fragments_are_connected_pieces_of_a_section():
    made = drive(segmentation_of_labels(drawn(LABELS)))
    expected = drawn("""
        1122.
        1122.
        33.44

        5566.
        55.6.
        7...8
    """)
    np.testing.assert_array_equal(made.fragments, expected)  # 6 and 8 touch at a corner only
    assert made.sizes.tolist() == [9, 4, 4, 2, 2, 4, 3, 1, 1]
    assert (made.graph.mean == np.float32(128 / 255)).all()


def test_affinities_are_used_where_there_are_any():
    labels = drawn(LABELS)
    made = drive(segmentation_of_labels(labels, membranes(labels)))
    edges = dict(zip(zip(made.graph.u.tolist(), made.graph.v.tolist(), strict=True), made.graph.mean, strict=True))
    assert edges[1, 2] == 0 and edges[1, 5] == 1


def test_wide_ids_and_empty_volumes():
    labels = uneven((2, 9, 8), np.uint64, seed=2) % 3 * np.uint64(2**40)
    assert same_partition(*(lambda m: (m.labels(m.table(0.5)), labels))(drive(segmentation_of_labels(labels))))
    empty = drive(segmentation_of_labels(np.zeros((2, 4, 4), np.uint16)))
    assert len(empty.graph) == 0 and empty.table(0.5).tolist() == [0]
