"""Crops to learn from in a session whose stack has a section that is left out, an inverted one, and a slip."""

import bridged
import numpy as np
import pytest
from bridged import GAP, GREY, HOLE, LARGE, SHIFT, SLIP, TIMES

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.finetuning.crops import CropPlaces, read_session_crops
from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.proofreading.corrections import boxes_of_corrections, share_verified, unbroken_boxes, verified_labels


@pytest.fixture
def folder(tmp_path):
    return bridged.write_session(tmp_path)


@pytest.fixture
def opened(folder):
    with open_session(folder) as opened:
        yield opened


def test_what_is_made_up_is_verified_by_nobody(opened):
    session, whole = opened.session, Box.whole(LARGE)
    session.lock(3)
    for all_checked in (False, True):
        labels, known = verified_labels(session, whole, all_checked)
        assert known[1].any() and not known[GAP].any() and not known[HOLE, :16, :16].any()
        assert labels[GAP].any(), "the labels are there all the same"
        assert share_verified(session, whole, all_checked) == pytest.approx(known.mean())
    assert known[HOLE, 16:].all()


def test_done_neurons_are_learnt_from_on_both_sides_of_the_gap(folder):
    with open_session(folder) as opened:
        opened.session.merge_all(1, [3, 5, 7])
        opened.session.lock(1)
    crops, _ = read_session_crops(folder, None, CropPlaces())
    assert [(crop.name, len(crop.raw)) for crop in crops] == [("neuron 1, part 1", 2), ("neuron 1, part 2", 2)]
    for crop in crops:
        assert crop.voxels_known and (crop.labels[crop.known] == 1).all()


def test_corrections_are_learnt_from_beside_the_gap_that_was_clicked(opened):
    session = opened.session
    session.merge(3, 5, voxels=[[GAP, 20, 20], [SLIP, 20, 20 + SHIFT * TIMES]])
    found = boxes_of_corrections(session, 1)
    assert [(one.box.start[0], one.box.stop[0]) for one in found] == [(0, 2), (3, 5)]
    assert [one.name for one in found] == ["edit 1, part 1", "edit 1, part 2"]
    assert all(0 < one.verified < 1 for one in found)


def test_named_boxes_are_parted_at_the_gap(folder):
    places = CropPlaces(["0:5,0:48,0:100"], ["0:5,0:48,100:192"], unlabelled=["1:5,0:40,0:40"])
    (one, other, *blank), held_out = read_session_crops(folder, None, places)
    np.testing.assert_array_equal(one.raw, np.stack([255 - GREY[0], GREY[1]])[:, :, :100])  # the first is inverted
    np.testing.assert_array_equal(other.raw, GREY[3:5, :, :100])
    assert one.known.all() and not other.known[1, :16, :16].any() and other.known[1, 16:].all()
    assert [len(crop.raw) for crop in held_out] == [2, 2]
    assert [(crop.name, crop.voxels_known) for crop in blank] == [("em[3:5,0:40,0:40], unlabelled", 0)]


def test_a_box_that_the_gap_leaves_nothing_of_is_refused(folder):
    with pytest.raises(UserError, match=r"at least 2 sections in a row that are not left out are needed"):
        read_session_crops(folder, None, CropPlaces(["1:4,0:48,0:100"]))


def test_no_part_of_a_box_goes_over_the_gap(opened):
    parts = unbroken_boxes(opened.session, Box((0, 3, 4), (5, 40, 50)))
    assert parts == [Box((0, 3, 4), (2, 40, 50)), Box((3, 3, 4), (5, 40, 50))]
