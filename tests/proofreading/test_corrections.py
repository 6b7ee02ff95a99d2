import tempfile
from pathlib import Path

import numpy as np
import pytest
from any_edits import ANY_ORDER, EDITS, PART, THRESHOLDS, hold, on_voxels, quick, some_affinities, steps, unshrunk
from drawings import drawn
from graphs import LINE, session
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_emcad.core.fragment_boxes import FragmentBoxes, find_fragment_boxes
from napari_emcad.core.geometry import Box
from napari_emcad.core.merge_tree import merge_tree
from napari_emcad.core.progress import drive
from napari_emcad.core.region_graph import build_region_graph
from napari_emcad.core.segmentation import Segmentation, fragment_sizes
from napari_emcad.proofreading import corrections
from napari_emcad.proofreading.corrections import (
    CORRECTIONS,
    NamedBox,
    boxes_of_corrections,
    boxes_of_locked,
    share_verified,
    verified_fragments,
    verified_labels,
)
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.session import Session
from napari_emcad.proofreading.state import State

CHAIN = [*LINE, (4, 5, 0.6), (5, 6, 0.1)]
"""At 0.5: {1, 2}, {3, 4, 5}, 6; 6 joins last."""

SIX = """
    1122..33
    1142..33
    1442..33

    115566..
    115566..
    115566..
    """


def on(fragments, folder) -> Session:
    """A session in which each fragment is a segment until a person edits it."""
    fragments = np.ascontiguousarray(fragments)
    affinities = np.full((3, *fragments.shape), 128, np.uint8)
    sizes = fragment_sizes(fragments)
    graph = drive(build_region_graph(affinities, fragments))
    tree = merge_tree(graph, sizes)
    return Session(Segmentation(fragments, graph, tree, sizes), quick(folder), 0.0, 0, affinities)


def boxes_in(at: Session) -> FragmentBoxes:
    return drive(find_fragment_boxes(at.state.base.fragments))


def tiles(shape=(4, 60, 80), edge=10, section_edge=2) -> np.ndarray:
    """Fragments of 2 x 10 x 10 voxels, numbered along x, then y, then z."""
    z, y, x = np.indices(shape)
    across, down = -(-shape[2] // edge), -(-shape[1] // edge)
    return (1 + x // edge + across * (y // edge + down * (z // section_edge))).astype(np.uint32)


def tile(y: int, x: int, z: int = 0) -> int:
    return 1 + x + 8 * (y + 6 * z)


@pytest.fixture
def small(monkeypatch):
    """Crops of any size will do."""
    monkeypatch.setattr(corrections, "SMALLEST", (1, 1, 1))
    monkeypatch.setattr(corrections, "LEAST", (1, 1, 1))


def known_ids(at: Session) -> set[int]:
    return set(np.flatnonzero(verified_fragments(at)).tolist())


# ---- what is verified ------------------------------------------------------------------------------------------


def test_labels_and_what_is_known_of_a_box(tmp_path):
    at = on(drawn(SIX), tmp_path)
    at.merge(2, 4)
    at.lock(5)
    before = at.state.digest()
    labels, known = verified_labels(at, Box((0, 1, 1), (2, 3, 8)))
    assert labels.dtype == np.uint32 and known.dtype == bool
    np.testing.assert_array_equal(labels, drawn("122..33\n222..33\n\n15566..\n15566.."))
    np.testing.assert_array_equal(known, drawn("011..00\n111..00\n\n01100..\n01100..") == 1)
    assert at.state.digest() == before


def test_where_all_was_looked_at_all_is_known(tmp_path):
    at = on(drawn(SIX), tmp_path)
    labels, known = verified_labels(at, Box.whole((2, 3, 8)), all_checked=True)
    np.testing.assert_array_equal(labels, drawn(SIX))
    assert known.all() and known.shape == (2, 3, 8)


def test_nobody_has_verified_what_nobody_edited(tmp_path):
    at = session(CHAIN, tmp_path)
    at.set_threshold(0.3)
    at.decide(2, 3, "apart", voxels=[[0, 0, 15], [0, 0, 25]])
    at.note((0, 0, 3))
    assert not known_ids(at)


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        pytest.param(lambda at: at.merge(1, 6, confirmed=True), {1, 2, 6}, id="merge"),
        pytest.param(lambda at: at.merge_all(6, [1, 5]), {1, 2, 3, 4, 5, 6}, id="group"),
        pytest.param(lambda at: at.split(at.propose([3], [5])[0]), {3, 4, 5}, id="split"),
        pytest.param(lambda at: at.detach(4), {3, 4, 5}, id="detach"),
        pytest.param(lambda at: at.lock(int(at.state.table[1])), {1, 2}, id="done"),
    ],
)
def test_both_sides_of_an_edit_are_verified_until_it_is_undone(tmp_path, edit, expected):
    at = session(CHAIN, tmp_path)
    edit(at)
    assert known_ids(at) == expected
    at.set_threshold(0.95)
    assert known_ids(at) == expected
    at.undo()
    at.undo()
    assert not known_ids(at)
    at.redo()
    assert known_ids(at) == expected


def test_parts_of_a_fragment_are_verified_and_the_fragment_is_no_more(tmp_path):
    at = on(drawn("1112223\n1112223"), tmp_path)
    at.split_fragment([(0, 0, 3)], [(0, 1, 5)])
    assert known_ids(at) == {4, 5}
    at.undo()
    assert not known_ids(at)


def test_what_a_threshold_of_its_own_moved_is_not_verified_any_more(tmp_path):
    at = session(CHAIN, tmp_path, threshold=0.2)
    at.merge(1, 3)
    assert known_ids(at) == {1, 2, 3, 4}
    at.walk(1, upwards=True)
    assert at.state.members(1).tolist() == [1, 2, 3, 4, 5]
    assert not known_ids(at)
    at.undo()
    assert known_ids(at) == {1, 2, 3, 4}
    at.redo()
    at.lock(1)
    assert known_ids(at) == {1, 2, 3, 4, 5}


def test_what_is_open_again_is_not_verified_until_it_is_corrected(tmp_path):
    at = session(CHAIN, tmp_path)
    at.merge(1, 6, confirmed=True)
    at.lock(1)
    at.unlock(1)
    assert not known_ids(at)
    at.detach(6)
    assert known_ids(at) == {1, 2, 6}


def by_segments(at: Session) -> np.ndarray:
    """The same, kept by segments while the edits in force are made again on a copy of the state before them."""
    state = State(at.state.base, at.state.threshold)
    good = set()
    for row in (at.log.rows[seq - 1] for seq in at.in_force):
        state.apply(row.effect)
        touched = {m.after for m in row.effect.moves}
        if row.kind in CORRECTIONS:
            good |= touched
        elif row.kind in ("unlock", "segment_threshold"):
            good -= touched
        good &= set(state.table.tolist())
    table = at.state.table
    return np.array([s > 0 and (s in good or s in at.state.locked) for s in table.tolist()])


@given(st.integers(0, 9), steps(25, EDITS, THRESHOLDS, PART, ANY_ORDER))
@settings(unshrunk, max_examples=60)
def test_segments_are_verified_as_a_whole_or_not_at_all(seed, edits):
    def check(edits):
        with tempfile.TemporaryDirectory() as folder:
            at = on_voxels(some_affinities(seed), quick(Path(folder)))
            for step in edits:
                try:
                    step.do(at)
                except Refused:
                    continue
            found = verified_fragments(at)
            np.testing.assert_array_equal(found, _again(at))
            assert not set(at.state.table[found]) & set(at.state.table[~found & (at.state.sizes > 0)])
            at.log.close()

    hold(check, edits)


def _again(at: Session) -> np.ndarray:
    """`by_segments` on fragments as they were before any edit."""
    sizes, fragments = at.state.base.sizes, at.state.base.fragments
    rows = [at.log.rows[seq - 1] for seq in at.in_force]
    now = fragments.copy()
    for parting in reversed([p for row in rows for p in row.effect.partings]):
        fragments[parting.patch.box.slices][parting.patch.sides > 0] = parting.fragment
    np.testing.assert_array_equal(fragment_sizes(fragments), sizes[: fragments.max() + 1])
    found = by_segments(at)
    np.testing.assert_array_equal(fragments, now)
    return found


# ---- boxes around neurons that are done ------------------------------------------------------------------------


def check_boxes(at: Session, found: list[NamedBox]) -> None:
    """Shares are right, and no two boxes overlap."""
    times = np.zeros(at.state.base.fragments.shape, int)
    known = np.isin(at.state.base.fragments, list(known_ids(at)))
    for each in found:
        times[each.box.slices] += 1
        assert each.verified == pytest.approx(known[each.box.slices].mean())
        assert each.verified == share_verified(at, each.box) > 0
    assert times.max() <= 1
    assert len({each.name for each in found}) == len(found)


def test_of_nothing_there_are_no_boxes(tmp_path):
    at = on(tiles(), tmp_path)
    assert boxes_of_locked(at, boxes_in(at)) == [] == boxes_of_corrections(at, 9)


def test_a_neuron_with_its_surroundings(tmp_path, small):
    at = on(tiles(), tmp_path)
    at.lock(tile(3, 4))
    (found,) = boxes_of_locked(at, boxes_in(at), around=(1, 3, 5))
    assert found == NamedBox("neuron 29", Box((0, 27, 35), (3, 43, 55)), 200 / (3 * 16 * 20))
    check_boxes(at, [found])


def test_what_is_too_small_for_a_crop_gets_more_surroundings(tmp_path):
    at = on(tiles(), tmp_path)
    at.lock(tile(5, 7))
    (found,) = boxes_of_locked(at, boxes_in(at), around=(0, 0, 0))
    assert found.box == Box((0, 0, 16), (2, 60, 80))


def test_neurons_near_each_other_share_a_box_and_distant_ones_do_not(tmp_path, small):
    at = on(tiles(), tmp_path)
    for y, x in ((0, 0), (0, 1), (1, 0), (1, 1), (5, 6)):
        at.lock(tile(y, x))
    at.unlock(tile(1, 1))
    found = boxes_of_locked(at, boxes_in(at), around=(0, 1, 1))
    assert [(each.name, each.box) for each in found] == [
        ("neurons 1, 2, 9", Box((0, 0, 0), (2, 21, 21))),
        ("neuron 47", Box((0, 49, 59), (2, 60, 71))),
    ]
    check_boxes(at, found)


def test_the_largest_are_named_first_and_no_more_than_three(tmp_path, small):
    at = on(tiles(), tmp_path)
    at.merge(tile(0, 3), tile(0, 4), confirmed=True)
    for x in (0, 1, 2, 3):
        at.lock(tile(0, x))
    (found,) = boxes_of_locked(at, boxes_in(at))
    assert found.name == "neurons 4, 1, 2 and 1 more"


def test_a_neuron_across_the_volume_is_cut_and_follows_its_way(tmp_path, small):
    at = on(tiles(), tmp_path)
    way = [tile(0, x) for x in range(8)] + [tile(y, 7) for y in range(1, 6)]
    at.merge_all(way[0], way[1:])
    at.lock(way[0])
    found = boxes_of_locked(at, boxes_in(at), around=(0, 0, 0), largest=(2, 30, 40))
    assert [(each.name, each.box) for each in found] == [
        ("neuron 1, part 1", Box((0, 0, 0), (2, 10, 40))),
        ("neuron 1, part 2", Box((0, 0, 40), (2, 30, 80))),
        ("neuron 1, part 3", Box((0, 30, 70), (2, 60, 80))),
    ]
    check_boxes(at, found)
    covered = np.zeros(at.state.base.fragments.shape, bool)
    for each in found:
        covered[each.box.slices] = True
    assert covered[at.state.table[at.state.base.fragments] == 1].all()


def test_a_piece_that_holds_nothing_of_a_neuron_is_left_out(tmp_path, small):
    """The bounding box of the ring goes on in the middle, the ring does not."""
    ring = np.ones((1, 9, 9), np.uint32)
    ring[0, 1:8, 1:8] = 2
    at = on(ring, tmp_path)
    at.lock(1)
    found = boxes_of_locked(at, boxes_in(at), around=(0, 0, 0), largest=(1, 3, 3))
    assert len(found) == 8 and {each.box.shape for each in found} == {(1, 3, 3)}
    assert Box((0, 3, 3), (1, 6, 6)) not in [each.box for each in found]
    check_boxes(at, found)


def test_what_a_cut_leaves_too_thin_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(corrections, "LEAST", (1, 1, 1))
    at = on(tiles(), tmp_path)
    at.lock(tile(0, 0))
    assert boxes_of_locked(at, boxes_in(at), around=(0, 0, 0)) == []
    assert boxes_of_locked(at, boxes_in(at), around=(0, 22, 22))[0].box.shape == (2, 32, 32)


def test_parts_of_a_fragment_are_found_in_their_boxes(tmp_path, small):
    at = on(tiles(), tmp_path)
    row = at.split_fragment([(0, 5, 1)], [(0, 5, 8)])
    boxes = boxes_of_fragments_after(at, row)
    far = int(at.state.table[row.effect.partings[0].parts[1]])
    at.lock(far)
    (found,) = boxes_of_locked(at, boxes, around=(0, 0, 0))
    assert found.name == f"neuron {far}" and found.verified == 1
    assert found.box.start[2] > 1 and found.box.stop == (2, 10, 10)


def boxes_of_fragments_after(at: Session, row) -> FragmentBoxes:
    (parting,) = row.effect.partings
    return boxes_in(at).changed(dict(parting.boxes()))


def test_reading_changes_nothing(tmp_path):
    at = on(tiles(), tmp_path)
    merged(at, 1, 2)
    at.lock(1)
    boxes, state, fragments = boxes_in(at), at.state.digest(), at.state.base.fragments.copy()
    starts, stops = boxes.start.copy(), boxes.stop.copy()
    boxes_of_locked(at, boxes)
    boxes_of_corrections(at, 3)
    assert at.state.digest() == state and len(at.log.rows) == 2
    np.testing.assert_array_equal(at.state.base.fragments, fragments)
    np.testing.assert_array_equal(boxes.start, starts)
    np.testing.assert_array_equal(boxes.stop, stops)


# ---- boxes around corrections ----------------------------------------------------------------------------------


def middle(fragment: int) -> list[int]:
    """A voxel in a tile of the first layer."""
    return [1, 10 * ((fragment - 1) // 8) + 5, 10 * ((fragment - 1) % 8) + 5]


def merged(at: Session, a: int, b: int) -> int:
    return at.merge(a, b, confirmed=True, voxels=[middle(a), middle(b)]).seq


def names_and_boxes(found: list[NamedBox]) -> list[tuple[str, Box]]:
    return [(each.name, each.box) for each in found]


def test_corrections_near_each_other_share_a_box(tmp_path, small):
    at = on(tiles(), tmp_path)
    merged(at, tile(0, 0), tile(0, 1))
    merged(at, tile(1, 0), tile(1, 1))
    merged(at, tile(5, 6), tile(5, 7))
    found = boxes_of_corrections(at, 3, size=(2, 12, 12))
    assert names_and_boxes(found) == [
        ("edits 1-2", Box((0, 0, 0), (2, 21, 21))),
        ("edit 3", Box((0, 48, 59), (2, 60, 80))),
    ]
    check_boxes(at, found)
    assert names_and_boxes(boxes_of_corrections(at, 2, size=(2, 12, 12))) == [
        ("edit 2", Box((0, 9, 0), (2, 21, 21))),
        ("edit 3", Box((0, 48, 59), (2, 60, 80))),
    ]
    assert boxes_of_corrections(at, 0) == []


def test_one_edit_in_two_places_has_two_boxes(tmp_path, small):
    at = on(tiles(), tmp_path)
    merged(at, tile(0, 0), tile(5, 7))
    found = boxes_of_corrections(at, 1, size=(1, 9, 9))
    assert names_and_boxes(found) == [
        ("edit 1, part 1", Box((1, 1, 1), (2, 10, 10))),
        ("edit 1, part 2", Box((1, 51, 71), (2, 60, 80))),
    ]
    check_boxes(at, found)


def test_only_corrections_in_force_count(tmp_path, small):
    at = on(tiles(), tmp_path)
    first = merged(at, tile(0, 0), tile(0, 1))
    merged(at, tile(5, 6), tile(5, 7))
    at.undo()
    at.lock(tile(3, 3), voxels=[middle(tile(3, 3))])
    at.note(middle(tile(3, 0)))
    at.decide(tile(3, 0), tile(3, 1), "apart", voxels=[middle(tile(3, 0)), middle(tile(3, 1))])
    at.merge(tile(2, 5), tile(2, 6), confirmed=True)  # nobody told where
    found = boxes_of_corrections(at, 9, size=(1, 12, 12))
    assert names_and_boxes(found) == [(f"edit {first}", Box((1, 0, 0), (2, 12, 21)))]


def test_a_divided_fragment_counts_by_its_points(tmp_path, small):
    at = on(tiles(), tmp_path)
    at.split_fragment([(0, 33, 44)], [(1, 36, 46)])
    (found,) = boxes_of_corrections(at, 1, size=(2, 10, 10))
    assert found.name == "edit 1" and found.box == Box((0, 28, 39), (2, 41, 51))
    check_boxes(at, [found])


def test_where_nothing_is_verified_any_more_there_is_no_box(tmp_path, small):
    at = on(tiles(), tmp_path)
    merged(at, tile(0, 0), tile(0, 1))
    at.lock(tile(0, 0))
    at.unlock(tile(0, 0))
    assert boxes_of_corrections(at, 1, size=(1, 12, 12)) == []
    at.undo()
    assert len(boxes_of_corrections(at, 1, size=(1, 12, 12))) == 1


def test_many_corrections_all_over_are_cut_into_boxes(tmp_path, small):
    at = on(tiles(), tmp_path)
    for y in range(6):
        for x in range(0, 8, 2):
            merged(at, tile(y, x), tile(y, x + 1))
    found = boxes_of_corrections(at, 99, size=(2, 14, 14), largest=(2, 45, 41))
    assert [each.box for each in found] == [
        Box((0, 0, 0), (2, 30, 40)),
        Box((0, 0, 40), (2, 30, 80)),
        Box((0, 30, 0), (2, 60, 40)),
        Box((0, 30, 40), (2, 60, 80)),
    ]
    assert found[0].name == "edits 1-10"
    check_boxes(at, found)
