"""The scenarios a proofreader meets, by the number they have in the plan.

Of those that are not here, 11 and 19 to 21 are in test_part.py, 26 and 27 in test_log.py, 34 is in test_session.py and
22 in tests/widgets.
"""

import re
import time
from pathlib import Path

import numpy as np
import pytest
from drawings import drawn
from graphs import AREAS, LADDER, LINE, TRIANGLE, groups, segmentation, segments, session

from napari_emcad.core.errors import UserError
from napari_emcad.core.progress import drive
from napari_emcad.core.region_graph import build_region_graph
from napari_emcad.core.segmentation import label_dtype
from napari_emcad.proofreading.contacts import Contacts
from napari_emcad.proofreading.cut import SegmentGraph, propose_cuts
from napari_emcad.proofreading.edges import EditedGraph
from napari_emcad.proofreading.errors import Doubtful, Refused
from napari_emcad.proofreading.log import EditLog
from napari_emcad.proofreading.replay.outcomes import summary
from napari_emcad.proofreading.replay.replay import replay
from napari_emcad.proofreading.session import Session


def proposed(edges, near, far):
    """Proposals in a segment of all fragments."""
    base = segmentation(edges)
    nodes = np.arange(1, len(base.sizes), dtype=np.uint32)
    return propose_cuts(Contacts(EditedGraph.of(base.graph), len(base.sizes)).segment_graph(nodes, []), near, far)


def test_every_scenario_has_its_test():
    text = "\n".join(file.read_text("utf-8") for file in Path(__file__).parents[1].rglob("test_*.py"))
    numbers = {int(n) for found in re.findall(r"def test_(\d\d)_|Scenario (\d+)", text) for n in found if n}
    assert numbers >= set(range(1, 37)), sorted(set(range(1, 37)) - numbers)


def test_01_merge_two_with_an_edge(tmp_path):
    at = session(LINE, tmp_path)
    assert segments(at) == {1: [1, 2], 3: [3, 4]}
    at.merge(3, 2)
    assert segments(at) == {3: [1, 2, 3, 4]}
    assert [row.kind for row in at.log.rows] == ["merge"]
    assert at.state.base.sizes[at.state.members(3)].sum() == 40


def test_02_merge_within_one_segment(tmp_path):
    at = session(LINE, tmp_path)
    before = at.state.digest()
    for other in (1, 2):
        with pytest.raises(Refused, match=r"^merge: both points are in neuron 1 already"):
            at.merge(1, other)
    assert at.state.digest() == before and not at.log.rows


def test_03_a_cut_edge_with_another_path(tmp_path):
    at = session(TRIANGLE, tmp_path)
    at.detach(2)
    assert groups(at) == [[1, 3], [2]]  # 1 and 3 hang together without 2
    at.merge(1, 2)
    assert groups(at) == [[1, 2, 3]]


def test_04_merge_of_two_that_do_not_touch(tmp_path):
    at = session([(1, 2, 0.9), (3, 4, 0.9)], tmp_path)
    before = at.state.digest()
    with pytest.raises(Doubtful, match=r"^merge: neurons 1 and 3 do not touch; confirm"):
        at.merge(1, 4)
    assert at.state.digest() == before
    at.merge(1, 4, confirmed=True)
    assert groups(at) == [[1, 2, 3, 4]] and at.state.bridges == [(1, 4)]
    (cut,) = at.propose([2], [3])
    assert (cut.near.tolist(), cut.far.tolist()) == ([1, 2], [3, 4])  # the bridge is what parts again first
    at.undo()
    assert at.state.bridges == [] and at.state.digest() == before


def test_05_what_cannot_be_merged(tmp_path):
    at = session(LINE, tmp_path)
    at.lock(3)
    for other, sentence in ((0, "^background: there is no"), (99, "^outside: there is no"), (3, "^done: neuron 3")):
        with pytest.raises(Refused, match=sentence):
            at.merge(1, other)


def test_06_merge_undone_is_as_before(tmp_path):
    at = session([(1, 2, 0.9), (3, 4, 0.9), (1, 3, 0.1), (1, 4, 0.2), (2, 3, 0.3)], tmp_path)
    before, table = at.state.digest(), at.state.table.copy()
    at.merge(1, 3)
    assert groups(at) == [[1, 2, 3, 4]]
    at.undo()
    assert at.state.digest() == before
    np.testing.assert_array_equal(at.state.table, table)


def test_07_detach_the_middle(tmp_path):
    at = session([(1, 2, 0.9), (2, 3, 0.9)], tmp_path)
    at.detach(2)
    assert groups(at) == [[1], [2], [3]] and len(at.log.rows) == 1
    with pytest.raises(Refused, match="has no other fragment"):
        at.detach(2)


def test_08_split_a_line(tmp_path):
    at = session(LINE, tmp_path, threshold=1.0)
    (cut,) = at.propose([1], [4])
    at.split(cut)
    kept = int(at.state.table[1])
    assert segments(at) == {kept: [1, 2], 5: [3, 4]}  # the first points keep the id


def test_09_split_a_triangle(tmp_path):
    assert {tuple(proposed(TRIANGLE, [1], [3])[0].near) for _ in range(5)} == {(1,)}


def test_10_points_in_two_segments(tmp_path):
    with pytest.raises(Refused, match="in different neurons"):
        session(LINE, tmp_path).propose([1], [3])


def test_12_a_cut_that_isolates_one_fragment_is_told():
    cut = proposed(LADDER, [1], [5])[0]
    assert cut.near.tolist() == [1] and cut.cost == pytest.approx(1.0)
    assert "single fragment" in cut.warning


def test_13_paths_between_points_of_one_side():
    cut = proposed(LADDER, [1, 4], [5, 8])[0]
    assert (cut.near.tolist(), cut.far.tolist()) == ([1, 2, 3, 4], [5, 6, 7, 8])
    assert cut.cost == pytest.approx(1.1) and not cut.warning


def test_14_of_equal_cuts_always_the_same():
    rng = np.random.default_rng(0)
    for _ in range(100):
        edges = [LADDER[i] for i in rng.permutation(len(LADDER))]
        cut = proposed(edges, [2], [6])[0]
        assert cut.near.tolist() == [1, 2] and cut.cost == pytest.approx(1.1)


def test_15_the_plain_cut_would_part_one_side():
    star = [(1, 3, 2), (2, 3, 3), (3, 4, 10)]  # 0, 1, 2, 3 of the plan
    cut = proposed(star, [1, 2], [4])[0]
    assert cut.near.tolist() == [1, 2, 3] and cut.cost == pytest.approx(10)


def test_16_area_counts():
    cut = proposed(AREAS, [1], [4])[0]
    assert cut.near.tolist() == [1, 2] and cut.cost == pytest.approx(3.8)


def test_17_chain():
    cut = proposed([(i, i + 1, 0.25 if i == 5 else 0.5) for i in range(1, 10)], [1], [10])[0]
    assert (cut.near.tolist(), cut.far.tolist()) == ([1, 2, 3, 4, 5], [6, 7, 8, 9, 10])


def test_18_contacts_in_several_places_are_one_edge():
    fragments = drawn("""
        12
        13
        12
    """)
    affinities = np.zeros((3, *fragments.shape), np.uint8)
    affinities[2, 0, :, 1] = 51, 9, 204
    graph = drive(build_region_graph(affinities, fragments))
    (edge,) = np.flatnonzero((graph.u == 1) & (graph.v == 2))
    assert graph.area[edge] == 2 and graph.mean[edge] == pytest.approx((51 + 204) / 2 / 255)
    joined = Contacts(EditedGraph.of(graph), 4).segment_graph(np.array([1, 2], np.uint32), [])
    assert propose_cuts(joined, [1], [2])[0].cost == pytest.approx(1.0)


def test_18_parallel_edges_add_up_in_a_cut():
    nodes = np.array([1, 2, 3], np.uint32)
    parallel = SegmentGraph(nodes, np.array([0, 1, 1]), np.array([1, 0, 2]), np.array([0.3, 0.3, 0.5]))
    cut = propose_cuts(parallel, [1], [3])[0]
    assert cut.near.tolist() == [1, 2] and cut.cost == pytest.approx(0.5)
    parallel.capacity[2] = 0.7
    assert propose_cuts(parallel, [1], [3])[0].cost == pytest.approx(0.6)


def test_23_undo_redo_undo_redo(tmp_path):
    at = session(LINE, tmp_path)
    digests = [at.state.digest()]
    at.merge(1, 3)
    for step in (at.undo, at.redo, at.undo, at.redo):
        digests.append(at.state.digest())
        step()
    assert digests[0::2] == [digests[0]] * 3 and digests[1::2] == [digests[1]] * 2 != digests[0::2]


def test_24_a_new_edit_after_undo(tmp_path):
    at = session(LINE, tmp_path)
    at.merge(1, 3)
    at.undo()
    at.merge(3, 1)
    with pytest.raises(Refused, match=r"^redo: there is nothing"):
        at.redo()
    assert [row.kind for row in at.log.rows] == ["merge", "undo", "merge"]


def test_25_undo_of_an_edit_that_a_later_one_touched(tmp_path):
    at = session([*LINE, (5, 6, 0.1)], tmp_path)
    at.merge(1, 3)
    at.merge(1, 5, confirmed=True)
    with pytest.raises(Refused, match=r"^undo: edit 2 \(merge\) changed the same"):
        at.undo(1)
    at.undo(2)
    at.merge(5, 6)
    at.undo(1)  # nothing later touched it
    assert groups(at) == [[1, 2], [3, 4], [5, 6]]
    at.redo()
    assert groups(at) == [[1, 2, 3, 4], [5, 6]]


def test_28_replay_on_a_fresh_base(tmp_path):
    at = session(LADDER, tmp_path, threshold=0.15)
    at.merge(1, 5)
    at.set_threshold(0.05)
    at.undo()
    at.detach(6)
    at.lock(int(at.state.table[1]))
    at.log.close()
    again = session(LADDER, tmp_path, threshold=0.15)
    assert again.state.digest() == at.state.digest()
    again.undo()
    again.undo()
    again.redo()
    assert again.state.next_id == at.state.next_id  # ids are not reused


def test_29_edits_on_a_changed_base_are_refused_or_told_one_by_one(tmp_path):
    at = session(LINE, tmp_path)
    at.merge(1, 4, confirmed=True)
    at.detach(2)
    at.undo()
    at.set_threshold(0.3)
    changed = segmentation([(1, 2, 0.9), (2, 3, 0.2)], sizes=[18, 10, 12])
    with pytest.raises(UserError, match="edits were made on other fragments"):
        Session(changed, EditLog(tmp_path / "edits.db", read_only=True), 0.5)
    new = Session(changed, EditLog(tmp_path / "new.db"), 0.5)
    found = drive(replay(at, new))
    assert [(f.seq, f.outcome) for f in found] == [(1, "applied"), (4, "lost")] and "keeps its own" in found[1].why
    assert summary(found) == "2 edits: 0 already right, 1 applied again, 0 in conflict, 1 lost"
    assert groups(new) == [[1, 2, 3]] and [row.input["replayed"] for row in new.log.rows] == [1]


def test_30_locked_segments(tmp_path):
    at = session(LINE, tmp_path)
    at.lock(3)
    for edit in (lambda: at.merge(1, 3), lambda: at.merge(3, 1), lambda: at.propose([3], [4]), lambda: at.detach(4)):
        with pytest.raises(Refused, match=r"^done: neuron 3 is done; take the tick off first"):
            edit()
    at.set_threshold(1.0)
    at.set_threshold(0.0)
    assert segments(at)[3] == [3, 4]
    at.unlock(3)
    at.detach(4)
    assert [row.kind for row in at.log.rows] == ["lock", "threshold", "threshold", "unlock", "detach"]


def test_30_what_was_edited_since_is_not_locked_by_undoing_the_unlock(tmp_path):
    at = session(LINE, tmp_path)
    at.lock(3)
    at.unlock(3)
    at.detach(4)
    with pytest.raises(Refused, match=r"^undo: edit 3 \(detach\) changed the same"):
        at.undo(2)
    at.undo()
    at.undo()
    assert at.state.locked == {3}


def test_a_segment_that_is_no_more(tmp_path):
    at = session(LINE, tmp_path)
    at.merge(1, 3)
    edits = (at.lock, lambda s: at.set_segment_threshold(s, 1.0), lambda s: at.walk(s, upwards=True))
    for edit in edits:
        with pytest.raises(Refused, match=r"^neuron: there is no neuron 3 any more"):
            edit(3)


def test_31_edits_hold_when_the_threshold_moves(tmp_path):
    at = session([*LINE, (4, 5, 0.6), (5, 6, 0.7)], tmp_path, threshold=0.2)
    assert groups(at) == [[1, 2], [3, 4], [5], [6]]
    before = at.state.digest()
    at.merge(1, 3)
    for threshold, free in ((0.35, [[5, 6]]), (0.0, [[5], [6]]), (1.0, [[5, 6]])):
        at.set_threshold(threshold)
        assert groups(at) == [[1, 2, 3, 4], *free]
    for _ in range(4):
        at.undo()
    assert at.state.digest() == before


def test_32_the_sides_of_a_split_stay_apart(tmp_path):
    at = session([*TRIANGLE, (3, 4, 0.5), (1, 4, 0.6)], tmp_path, threshold=0.2)
    at.split(at.propose([1], [3])[0])
    for threshold in (0.05, 0.45, 0.55, 1.0):
        at.set_threshold(threshold)
        assert at.state.table[1] != at.state.table[3] != at.state.table[4] != at.state.table[1]


def test_35_ids_beyond_16_and_31_bits(tmp_path):
    from napari_emcad.proofreading.effect_text import from_runs, runs

    ids = np.array([1, 2, 70_000, 2**31, 2**31 + 1, 2**32 - 1], np.uint32)
    assert runs(ids) == [1, 2, 70_000, 1, 2**31, 2, 2**32 - 1, 1]
    np.testing.assert_array_equal(from_runs(runs(ids)), ids)
    assert from_runs(runs(ids)).dtype == np.uint32


def test_35_more_fragments_than_16_bits_count(tmp_path):
    n = 70_000
    at = session([(1, 2, 0.9), (n - 1, n, 0.9)], tmp_path, sizes=[1] * n)
    at.merge(1, n - 1, confirmed=True)
    row = at.detach(n)
    assert at.state.table[n] == n + 1 == row.effect.moves[1].after and at.state.table[n - 1] == 1
    at.log.close()
    again = session([(1, 2, 0.9), (n - 1, n, 0.9)], tmp_path, sizes=[1] * n)
    assert again.state.digest() == at.state.digest()
    labels = again.state.base.labels(again.state.table)
    assert labels.dtype == label_dtype(n + 1) == np.uint32 and labels.ravel()[-1] == n + 1


def test_a_log_that_cannot_be_written_changes_nothing(tmp_path):
    session(LINE, tmp_path).log.close()
    at = Session(segmentation(LINE), EditLog(tmp_path / "edits.db", read_only=True), 0.5)
    before = at.state.digest()
    with pytest.raises(Exception, match="open for reading only; nothing was changed"):
        at.merge(1, 3)
    assert at.state.digest() == before


def test_33_kept_apart_is_remembered(tmp_path):
    at = session(LINE, tmp_path)
    row = at.decide(2, 3, "apart", voxel=[0, 0, 2])
    assert row.input == {"a": 2, "b": 3, "answer": "apart", "voxel": [0, 0, 2]}
    assert groups(at) == [[1, 2], [3, 4]] and at.in_force == [1]
    at.undo()
    assert at.in_force == [] and at.redoable == row and at.undoable is None


def test_one_segment_is_walked_along_the_tree(tmp_path):
    at = session([*LINE, (4, 5, 0.6), (5, 6, 0.1)], tmp_path, threshold=0.2)
    assert groups(at) == [[1, 2], [3, 4], [5], [6]]
    at.set_segment_threshold(3, 0.45)
    assert groups(at) == [[1, 2], [3, 4, 5], [6]] and at.state.threshold == 0.2
    with pytest.raises(Refused, match=r"^grow: neuron 3 is the same at 0\.50"):
        at.set_segment_threshold(3, 0.5)
    at.merge(4, 6)
    at.set_segment_threshold(3, 0.05)  # what was joined by hand stays joined
    assert groups(at) == [[1, 2], [3], [4, 6], [5]]
    at.undo()
    at.set_segment_threshold(3, 1.0)
    assert groups(at) == [[1, 2, 3, 4, 5, 6]]


def test_36_a_large_segment_is_split(tmp_path):
    """100,000 fragments in a tube five by five wide, thinner in one place."""
    length = 4000
    place = np.arange(1, 25 * length + 1).reshape(length, 5, 5)
    edges = []
    for axis in range(3):
        low, high = (
            np.take(place, range(*ends), axis).ravel() for ends in ((0, -1 + place.shape[axis]), (1, place.shape[axis]))
        )
        edges.append(np.stack([low, high], axis=1))
    edges = np.concatenate(edges)
    crossing = (edges[:, 0] <= 25 * 2000) & (edges[:, 1] > 25 * 2000)
    rng = np.random.default_rng(0)
    graph = SegmentGraph(
        np.arange(1, 25 * length + 1, dtype=np.uint32),
        edges[:, 0] - 1,
        edges[:, 1] - 1,
        np.where(crossing, 0.5, rng.lognormal(3, 1, len(edges))),
    )
    start = time.process_time()
    cut = propose_cuts(graph, [place[1990, 2, 2]], [place[2010, 2, 2]])[0]
    assert time.process_time() - start < 1
    assert len(cut.near) == len(cut.far) == 50_000 and cut.cost == pytest.approx(12.5)


def test_a_session_says_what_undo_and_redo_are_about(tmp_path):
    at = session([*LINE, (5, 6, 0.9)], tmp_path)
    assert at.undoable is at.redoable is None
    first, second = at.merge(1, 3), at.merge(1, 5, confirmed=True)
    assert (at.undoable, at.redoable) == (second, None)
    at.undo()
    assert (at.undoable, at.redoable) == (first, second)
    at.undo()
    assert (at.undoable, at.redoable) == (None, first)
    at.redo()
    assert (at.undoable, at.redoable) == (first, second)
