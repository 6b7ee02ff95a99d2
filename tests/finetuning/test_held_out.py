from dataclasses import replace

import numpy as np
import pytest
from drawings import lively_student
from toy_crops import squares

from napari_emcad.core.crop import Crop
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.scores import score
from napari_emcad.finetuning.held_out import AS_GOOD, THRESHOLDS, _segment_crop, _table, score_network


@pytest.fixture(scope="module")
def network():
    return lively_student()


def test_the_score_is_that_of_the_labels_at_the_threshold(network):
    crop = squares()
    found, labels = score_network(network, [crop], "cpu")
    scores = score(labels[0], crop.labels)
    assert found.threshold in THRESHOLDS
    assert (found.voi, found.arand) == pytest.approx((scores.voi, scores.arand))
    assert found.voi == pytest.approx(found.voi_split + found.voi_merge)


def test_the_threshold_is_the_middle_of_those_that_are_as_good_as_the_best(network):
    crop = squares()
    found, _ = score_network(network, [crop], "cpu")
    one = _segment_crop(network, crop, "cpu")
    each = {t: score(one.labels(_table(one, t)), crop.labels).voi for t in THRESHOLDS}
    good = [t for t, voi in each.items() if voi <= AS_GOOD * min(each.values())]
    assert len([t for t in good if t < found.threshold]) == (len(good) - 1) // 2
    assert found.voi == pytest.approx(each[found.threshold])


def test_which_labels_the_others_have_does_not_count(network):
    crop = squares()
    known = np.ones(crop.raw.shape, bool)
    known[:, :, 40:] = False
    others = ~known & ~np.isin(crop.labels, np.unique(crop.labels[known]))
    renamed = np.where(others, 1000 + crop.labels // 2, crop.labels)
    one, _ = score_network(network, [Crop(crop.raw, crop.labels, known)], "cpu")
    other, _ = score_network(network, [Crop(crop.raw, renamed, known)], "cpu")
    assert one == other
    assert one != score_network(network, [Crop(crop.raw, renamed)], "cpu")[0]


def test_crops_weigh_by_their_verified_voxels(network):
    large, small = squares((4, 72, 84)), squares((2, 48, 48))
    both, labels = score_network(network, [large, small], "cpu")
    each = [score(found, crop.labels) for found, crop in zip(labels, (large, small), strict=True)]
    weights = large.labels.size, small.labels.size
    assert both.voi == pytest.approx(np.average([s.voi for s in each], weights=weights))
    assert both.arand == pytest.approx(np.average([s.arand for s in each], weights=weights))


def test_grey_levels_in_0_to_1_are_those_in_0_to_255(network):
    crop = squares()
    scaled = Crop((crop.raw / np.float32(255)).astype(np.float32), crop.labels)
    assert score_network(network, [crop], "cpu")[0] == score_network(network, [scaled], "cpu")[0]


def test_crumbs_are_joined_as_a_person_sees_them(network):
    one, told = _segment_crop(network, squares(), "cpu"), SegmentParameters()
    np.testing.assert_array_equal(_table(one, 0.3), one.table(0.3, told.min_size, told.crumbs))


def test_a_verified_neuron_that_is_joined_with_others_is_merged(monkeypatch, network):
    """One neuron is verified, and all of the crop is one segment."""
    crop = squares()
    known = crop.labels == np.unique(crop.labels)[1]
    one = _segment_crop(network, crop, "cpu")
    everything = np.ones(int(one.fragments.max()) + 1, np.uint32)
    everything[0] = 0
    monkeypatch.setattr("napari_emcad.finetuning.held_out._table", lambda *_: everything)
    found, _ = score_network(network, [replace(crop, known=known)], "cpu")
    assert found.voi_split == 0
    assert found.voi_merge == pytest.approx(-np.log2(known.sum() / np.count_nonzero(crop.labels)))
    alone = np.where(known, crop.labels, 0)
    found, _ = score_network(network, [replace(crop, labels=alone, known=known & (np.arange(84) % 2 == 0))], "cpu")
    assert found.voi_merge == 0  # the rest of it, and what has no label, are no other neurons
