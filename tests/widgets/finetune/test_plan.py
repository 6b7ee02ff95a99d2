"""Crops before their pixels are read: who knows what, and what is held out."""

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.widgets.finetune.crop_places import Place, Role, check_place, free_name, shared
from napari_emcad.widgets.finetune.plan import Plan
from napari_emcad.widgets.finetune.truth import LayerTruth, NoTruth

BOX = Box((1, 8, 16), (7, 72, 144))


@pytest.fixture
def stack():
    return Image(np.zeros((8, 80, 160), np.uint8), name="stack")


@pytest.fixture
def labels():
    """Lies in the stack from voxel (1, 8, 16) on; half of it is 0."""
    data = np.zeros((6, 64, 128), np.int32)
    data[:, :, 64:] = np.arange(1, 7)[:, None, None]
    return LayerTruth(Labels(data, name="truth"), BOX)


def place(stack, truth, box=BOX, name="a", **more):
    return Place(name, stack, box, truth, **more)


def test_labels_of_a_part_and_where_they_are_known(stack, labels):
    part = Box((2, 8, 76), (5, 40, 108))
    assert labels.labels_in(part).shape == part.shape
    np.testing.assert_array_equal(labels.labels_in(part)[:, 0, -1], [2, 3, 4])
    np.testing.assert_array_equal(labels.known_in(part, False), labels.labels_in(Box((2, 8, 77), (5, 40, 109))) > 0)
    assert labels.known_in(part, True) is None
    assert place(stack, labels).share == 65 / 128, "the pixel beside what was painted is its boundary"
    assert place(stack, labels, all_checked=True).share == 1
    assert place(stack, NoTruth()).share == 0


def test_the_only_crop_is_parted_and_its_parts_know_where_they_lie(stack, labels):
    one = place(stack, labels, all_checked=True)
    plan = Plan.of([one], automatic=True)
    train, held_out = plan.train[0].box, plan.held_out[0].box
    assert plan.role_of(one) is Role.BOTH
    assert shared(train, held_out) is None
    assert sum(plan.voxels) == np.prod(BOX.shape)
    assert (train.start, held_out.stop) == (BOX.start, BOX.stop)
    assert plan.held_out[0].raw.shape == held_out.shape


def test_roles_by_hand(stack, labels):
    box = Box((1, 8, 80), (7, 72, 144))
    roles = {"a": Role.TRAIN, "b": Role.HOLD_OUT}
    places = [place(stack, labels, Box(box.start, (4, *box.stop[1:])), "a", role=roles["a"])]
    places += [place(stack, labels, Box((4, *box.start[1:]), box.stop), "b", role=roles["b"])]
    plan = Plan.of(places, automatic=False)
    assert [plan.role_of(p) for p in places] == [Role.TRAIN, Role.HOLD_OUT]
    both = Plan.of([place(stack, labels, role=Role.BOTH, all_checked=True)], automatic=False)
    assert len(both.train) == len(both.held_out) == 1


def test_what_is_scored_on_is_not_learnt_from(stack, labels):
    whole = place(stack, labels, all_checked=True)
    inner = Box((1, 8, 100), (7, 72, 144))
    part = place(stack, labels, inner, "b", role=Role.HOLD_OUT)
    plan = Plan.of([whole, part], automatic=False)
    expected = np.ones(BOX.shape, bool)
    expected[inner.within(BOX).slices] = False
    np.testing.assert_array_equal(plan.train[0].known, expected)
    assert Plan.of([place(stack, labels, inner, "c"), part], automatic=False).train == []
    unlabelled = place(stack, NoTruth())
    assert len(Plan.of([unlabelled, part], automatic=False).train) == 1
    elsewhere = place(Image(np.zeros((8, 80, 160), np.uint8)), labels, all_checked=True)
    assert Plan.of([elsewhere, part], automatic=False).train[0].known is None


def test_without_labels_nothing_is_held_out(stack):
    plan = Plan.of([place(stack, NoTruth())], automatic=True)
    assert plan.voxels == (0, 0)
    assert (len(plan.train), plan.held_out) == (1, [])


def test_too_small(stack, labels):
    small = Box((1, 8, 16), (2, 72, 144))
    with pytest.raises(UserError, match="at least 2 sections"):
        check_place(place(stack, labels, small))


def test_what_two_boxes_share():
    inner = Box((2, 10, 20), (4, 30, 40))
    assert shared(inner, BOX) == inner
    assert shared(inner, Box((4, 0, 0), (8, 80, 160))) is None


def test_names_that_are_free():
    assert free_name("box", []) == "box"
    assert free_name("box", ["box", "box 2"]) == "box 3"


def test_what_the_card_says(stack, labels):
    plan = Plan.of([place(stack, labels, all_checked=True)], automatic=True)
    about = plan.about("AC4.")
    assert about["title"] == ""
    assert about["data"].startswith("stack: a [1:7,8:72,16:")
    assert "Held out: a [1:7,8:72," in about["data"]
    assert about["data"].endswith("Before: AC4.")


def test_disk_is_counted_by_boxes(stack, labels):
    plan = Plan.of([place(stack, labels, all_checked=True)], automatic=True)
    assert plan.bytes_on_disk == 6 * np.prod(BOX.shape)
