"""Edits made in a section that is left out, and made again on other fragments of the same stack."""

import bridged
import numpy as np
import pytest
from bridged import GAP, OTHERS, SLIP, UNFILLED

from napari_emcad.core.fragment_boxes import find_fragment_boxes
from napari_emcad.core.progress import drive
from napari_emcad.proofreading.replay.overlaps import Overlaps
from napari_emcad.proofreading.replay.replay import replay

LEFT, RIGHT = [GAP, 0, 1], [GAP, 0, 8]
BEYOND_LEFT, BEYOND_RIGHT = [SLIP, 0, 5], [SLIP, 0, 11]


@pytest.fixture
def old(tmp_path):
    return bridged.session(tmp_path, name="old.db")


@pytest.fixture(params=[OTHERS, UNFILLED], ids=["bridged", "with 0 in the gap"])
def new(tmp_path, request):
    return bridged.session(tmp_path, name="new.db", drawing=request.param)


def neuron(at, voxel) -> int:
    """The neuron at a place of the section before the gap, or after it."""
    z, y, x = voxel
    return int(at.state.table[at.state.base.fragments[GAP - 1 if z == GAP else z, y, x]])


def again(old, new) -> list[str]:
    return [found.outcome for found in drive(replay(old, new))]


def test_a_merge_over_the_gap(old, new):
    old.merge(3, 5, voxels=[LEFT, BEYOND_LEFT])
    assert again(old, new) == ["applied"]
    assert neuron(new, LEFT) == neuron(new, BEYOND_LEFT) != neuron(new, RIGHT)


def test_a_split_clicked_in_the_gap(tmp_path):
    old, new = (
        bridged.session(tmp_path, threshold=0.5, name=f"{i}.db", drawing=drawing)
        for i, drawing in enumerate((bridged.NEURONS, OTHERS))
    )
    old.merge(1, 2)
    new.merge(7, 8)
    split = old.propose([3], [4])[0]
    old.split(split, near=[LEFT], far=[RIGHT], voxels=[LEFT, RIGHT])
    assert again(old, new)[-1] in ("applied", "right")
    assert neuron(new, LEFT) == neuron(new, BEYOND_LEFT) != neuron(new, RIGHT) == neuron(new, BEYOND_RIGHT)


def test_a_fragment_divided_in_the_gap(old, new):
    old.split_fragment([tuple(LEFT)], [(GAP, 1, 4)])
    assert again(old, new) == ["applied"]
    fragments = new.state.base.fragments
    assert fragments[GAP - 1, 0, 1] != fragments[GAP - 1, 1, 4]
    if fragments[GAP].any():
        np.testing.assert_array_equal(fragments[GAP], fragments[GAP - 1])


def test_a_neuron_that_is_done_and_decisions(old, new):
    old.merge_all(1, [3, 5, 7])
    old.lock(1)
    old.decide(4, 6, "apart", voxels=[RIGHT, BEYOND_RIGHT])
    old.note(tuple(RIGHT), "look here")
    assert set(again(old, new)) <= {"applied", "right"}
    assert new.state.locked == {neuron(new, LEFT)}
    assert [row.input["words"] for row in new.to_do] == ["look here"]


def test_the_place_of_a_fragment_is_one_that_was_seen(old, new):
    boxes = drive(find_fragment_boxes(old.state.base.fragments))
    plans = old.state.planned, new.state.planned
    overlaps = Overlaps(old.state.base.fragments, new.state.base.fragments, boxes, plans)
    assert {overlaps.voxel_inside(f)[0] for f in (3, 4)} == {GAP - 1}
    shared = overlaps.shared_with(3)
    expected = np.bincount(new.state.base.fragments[old.state.base.fragments == 3])
    assert not len(overlaps.shared_with(0).new)
    assert shared.voxels.tolist() == expected[shared.new].tolist(), "all voxels are counted"
