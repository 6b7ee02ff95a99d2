from dataclasses import astuple

import numpy as np
import pytest
from drawings import drawn
from skimage.metrics import adapted_rand_error, variation_of_information

from napari_emcad.core.errors import UserError
from napari_emcad.core.scores import Scores, contingency, score, scores_of


def random_labels(ids, shape=(3, 8, 9), seed=0):
    """Labels in blobs, out of a list of ids."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, len(ids), [-(-n // 2) for n in shape])
    return np.asarray(ids)[coarse.repeat(2, 0).repeat(2, 1).repeat(2, 2)[tuple(slice(n) for n in shape)]]


def published(labels, truth):
    """scikit-image, handed small ids: it needs as much memory as the largest one."""
    truth, labels = small(truth), small(labels)
    split, merge = variation_of_information(truth, labels, ignore_labels=(0,))
    return split, merge, adapted_rand_error(truth, labels, ignore_labels=(0,))[0]


def small(labels):
    number = {0: 0}
    return np.array([number.setdefault(int(i), len(number)) for i in labels.flat]).reshape(labels.shape)


IDS = {
    "small": range(9),
    "uint16": [0, 1, 77, 65_535],
    "negative": [0, -1, -2, 3],
    "above 31 bits": [0, 1, 2**31 + 1, 2**33, 2**33 + 1],
    "above 53 bits": [0, 2**60, 2**60 + 1, 2**62, 2**63 - 1],
}


@pytest.mark.parametrize("truth_ids", IDS.values(), ids=IDS)
@pytest.mark.parametrize("label_ids", IDS.values(), ids=IDS)
def test_scores_are_those_of_scikit_image(label_ids, truth_ids):
    labels = random_labels(label_ids, seed=1).astype(np.int64)
    truth = random_labels(truth_ids, seed=2).astype(np.int64)
    before = labels.copy(), truth.copy()
    found = score(labels, truth)
    assert (found.voi_split, found.voi_merge, found.arand) == pytest.approx(published(labels, truth), abs=1e-9)
    assert found.segments == len(np.unique(labels[truth != 0]))
    np.testing.assert_array_equal(labels, before[0])
    np.testing.assert_array_equal(truth, before[1])


@pytest.mark.parametrize("labels", [np.uint8, np.uint16, np.uint32, np.uint64, np.int32, np.int64])
@pytest.mark.parametrize("truth", [np.uint16, np.uint64, np.int32])
def test_scores_do_not_depend_on_dtypes(labels, truth):
    values = random_labels(range(7), seed=1), random_labels(range(5), seed=2)
    assert score(values[0].astype(labels), values[1].astype(truth)) == score(*values)


def test_big_unsigned_ids():
    ids = np.array([0, 2**64 - 1, 2**64 - 2, 5], np.uint64)
    values = random_labels(range(4), seed=1), random_labels(range(4), seed=2)
    found, expected = score(ids[values[0]], ids[values[1]]), score(*values)
    assert astuple(found) == pytest.approx(astuple(expected))


def test_the_same_but_for_names_is_perfect():
    truth = random_labels(range(5))
    assert score(np.array([9, 4, 3, 2, 8])[truth], truth) == Scores(0, 0, 0, 4)


def test_split_and_merge_are_not_mixed_up():
    truth = drawn("11112222")
    split, merged = score(drawn("11332222"), truth), score(drawn("55555555"), truth)
    assert (split.voi_split, split.voi_merge) == pytest.approx((0.5, 0))
    assert (merged.voi_split, merged.voi_merge) == pytest.approx((0, 1))
    assert split.voi == split.voi_split + split.voi_merge
    assert (split.segments, merged.segments) == (3, 1)


def test_truth_zero_is_ignored_and_label_zero_is_a_segment():
    assert score(drawn("1199"), drawn("11..")) == Scores(0, 0, 0, 1)
    assert score(drawn("..11"), drawn("2233")) == Scores(0, 0, 0, 2)


def test_single_voxels_have_no_pairs():
    assert score(drawn("123"), drawn("321")) == Scores(0, 0, 0.0, 3)


def test_one_table_serves_every_threshold():
    fragments, truth = random_labels(range(1, 9), seed=3), random_labels(range(4), seed=4)
    counts = contingency(fragments, truth)
    assert counts.sum() == (truth > 0).sum()
    assert scores_of(counts) == score(fragments, truth)


@pytest.mark.parametrize("shapes", [((2, 3, 4), (2, 3, 5)), ((2, 3, 4), (3, 3, 4)), ((2, 3, 4), (2, 12))])
def test_shapes_must_be_equal(shapes):
    with pytest.raises(UserError) as error:
        score(*(np.ones(shape, np.uint16) for shape in shapes))
    assert str(error.value) == (
        f"scores: labels and truth of equal shape are needed, got {shapes[0]} and {shapes[1]}; "
        "choose the same box of both."
    )


@pytest.mark.parametrize("shape", [(2, 3, 4), (0, 3, 4)])
def test_a_truth_without_labels_is_refused(shape):
    with pytest.raises(UserError, match=r"^scores: the truth has no labelled voxel \(all are 0\); choose another"):
        score(np.ones(shape, np.uint16), np.zeros(shape, np.uint16))


def test_sections_without_truth_count_nothing():
    labels, truth = random_labels(range(5), (3, 4, 6)), random_labels(range(1, 4), (3, 4, 6), seed=5)
    truth[1] = 0
    assert score(labels, truth) == score(labels[::2], truth[::2])


def test_volumes_are_read_by_sections():
    class Sections:
        def __init__(self, values):
            self.values, self.shape = values, values.shape

        def __getitem__(self, z):
            return list(self.values[z])  # an IndexError ends it, as with sequences

    labels, truth = random_labels(range(5)), random_labels(range(4), seed=2)
    assert score(Sections(labels), Sections(truth)) == score(labels, truth)


def test_what_is_joined_with_voxels_of_unknown_truth_is_merged():
    """The reference loops over the voxels whose truth is known."""
    rng = np.random.default_rng(0)
    labels, truth = rng.integers(1, 5, 300), rng.integers(0, 4, 300)  # 0 = of a neuron that nobody knows
    table = contingency(labels[None], truth[None])
    found = scores_of(table, np.bincount(labels[truth == 0], minlength=5)[1:])
    known = np.flatnonzero(truth)
    cost, right, in_segment, in_truth = 0.0, 0, 0, 0
    for v in known:
        same, mine = labels == labels[v], truth == truth[v]
        cost -= np.log2((same & mine).sum() / same.sum()) / len(known)
        right, in_segment, in_truth = right + (same & mine).sum(), in_segment + same.sum(), in_truth + mine.sum()
    right, in_segment, in_truth = (n - len(known) for n in (right, in_segment, in_truth))  # no pair with oneself
    assert found.voi_merge == pytest.approx(cost)
    assert found.arand == pytest.approx(1 - 2 * right / (in_segment + in_truth))
    assert found.voi_split == pytest.approx(scores_of(table).voi_split)
    assert scores_of(table, np.zeros(4)) == scores_of(table)
