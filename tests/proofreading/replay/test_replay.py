"""Edits made on the fragments of one drawing and made again on those of another.

All affinities are equal: at threshold 0 every fragment is a segment, at 1 all that touch are one.
"""

import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from any_edits import (
    ANY_ORDER,
    EDITS,
    IN_ORDER,
    PART,
    THRESHOLDS,
    hold,
    on_voxels,
    quick,
    some_affinities,
    steps,
    unshrunk,
)
from drawings import drawn
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_emcad.core.errors import UserError
from napari_emcad.core.merge_tree import merge_tree
from napari_emcad.core.progress import drive
from napari_emcad.core.region_graph import build_region_graph
from napari_emcad.core.segmentation import Segmentation, fragment_sizes
from napari_emcad.proofreading.effects import Effect
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.log import EditLog
from napari_emcad.proofreading.replay.outcomes import Replayed, summary
from napari_emcad.proofreading.replay.replay import replay
from napari_emcad.proofreading.session import Session

OLD = """
    111122223333444455556666
    111122223333444455556666
    111122223333444455556666
"""
SHIFTED = """
    b11112222333344445555666
    b11112222333344445555666
    b11112222333344445555666
"""
"""By a pixel, with other ids in front of it: b = 11."""

FINER = """
    112233445566778899aabbcc
    112233445566778899aabbcc
    112233445566778899aabbcc
"""
COARSER = """
    111111112222222233333333
    111111112222222233333333
    111111112222222233333333
"""
HOLES = """
    1111....3333444455556666
    1111....3333444455556666
    1111....3333444455556666
"""


SIDES = ("near", "far", "voxels")


def session(folder, drawing: str, threshold: float = 0.0) -> Session:
    """Ids of the drawing are numbered anew from 1, in their order."""
    ids, fragments = np.unique(drawn(drawing), return_inverse=True)
    fragments = fragments.reshape(drawn(drawing).shape).astype(np.uint32) + np.uint32(ids[0] > 0)
    affinities = np.full((3, *fragments.shape), 204, np.uint8)
    sizes = fragment_sizes(fragments)
    graph = drive(build_region_graph(affinities, fragments))
    tree = merge_tree(graph, sizes)
    log = EditLog(folder / f"{len(list(folder.glob('*.db')))}.db")
    return Session(Segmentation(fragments, graph, tree, sizes), log, threshold, affinities=affinities)


def row_of(at: Session) -> list[int]:
    """Segments along the middle row, numbered as they come."""
    segments = at.state.table[at.state.base.fragments][0, 1].tolist()
    return [list(dict.fromkeys(segments)).index(s) for s in segments]


def text(at: Session) -> str:
    return "".join("abcdefghijkl"[i] for i in row_of(at))


def again(old: Session, new: Session) -> list[str]:
    return [found.outcome for found in drive(replay(old, new))]


def at_x(*xs: int) -> list[list[int]]:
    return [[0, 1, x] for x in xs]


def merged(at: Session, one: int, other: int):
    """As a click at both x does."""
    ends = [int(at.state.base.fragments[0, 1, x]) for x in (one, other)]
    return at.merge(*ends, confirmed=True, voxels=at_x(one, other))


def split(at: Session, near: list[int], far: list[int], *told: str):
    """With what the row tells of its points: "near", "far" and "voxels"."""
    sides = [[int(at.state.base.fragments[0, 1, x]) for x in xs] for xs in (near, far)]
    points = {"near": at_x(*near), "far": at_x(*far), "voxels": at_x(*near, *far)}
    return at.split(at.propose(*sides)[0], **{name: points[name] for name in told})


# ---- merges ----------------------------------------------------------------------------------------------------------


def test_a_merge_is_made_again(tmp_path):
    old, new = session(tmp_path, OLD), session(tmp_path, SHIFTED)
    merged(old, 5, 9)
    (found,) = drive(replay(old, new))
    assert found == Replayed(1, "merge", "applied", "", (0, 1, 5), ((0, 1, 5), (0, 1, 9)))
    assert text(new) == "abbbbccccccccddddeeeefff"
    assert new.log.rows[0].kind == "merge" and new.log.rows[0].input["replayed"] == 1
    assert new.log.rows[0].input["voxels"] == at_x(5, 9)


def test_a_click_beside_a_border_that_moved_means_the_same_neuron(tmp_path):
    old, new = session(tmp_path, OLD), session(tmp_path, SHIFTED)
    merged(old, 4, 8)  # in the new session, the last pixels of the neighbours to the left
    assert again(old, new) == ["applied"]
    assert text(new) == "abbbbccccccccddddeeeefff"


@pytest.mark.parametrize(("drawing", "threshold"), [(SHIFTED, 1.0), (COARSER, 0.0)])
def test_what_is_one_neuron_already(tmp_path, drawing, threshold):
    old, new = session(tmp_path, OLD), session(tmp_path, drawing, threshold)
    merged(old, 2, 6)
    assert again(old, new) == ["right"] and not new.log.rows


def test_a_merge_without_voxels_is_found_by_its_fragments(tmp_path):
    old, new = session(tmp_path, OLD), session(tmp_path, FINER)
    old.merge(3, 4)
    (found,) = drive(replay(old, new))
    assert found.outcome == "applied" and found.voxel[2] in range(8, 16)
    assert [r.kind for r in new.log.rows] == ["merge"]


def test_a_merge_across_a_gap(tmp_path):
    old, new = session(tmp_path, OLD), session(tmp_path, SHIFTED)
    merged(old, 2, 22)
    assert again(old, new) == ["applied"] and new.state.bridges == [(1, 6)]


def test_several_at_once(tmp_path):
    old, new = session(tmp_path, OLD), session(tmp_path, SHIFTED)
    old.merge_all(2, [3, 5], voxels=at_x(6, 10, 18))
    old.merge_all(1, [4])
    assert again(old, new) == ["applied", "applied"]
    assert text(new) == "abbbbccccccccbbbbccccddd"
    assert [r.kind for r in new.log.rows] == ["group", "merge"]
    merged(before := session(tmp_path, SHIFTED), 6, 10)
    assert again(old, before)[0] == "applied" and before.log.rows[1].kind == "merge"  # only one is left to join


def test_a_merge_with_a_locked_neuron_is_a_conflict(tmp_path):
    old, new = session(tmp_path, OLD), session(tmp_path, SHIFTED)
    merged(old, 5, 9)
    new.lock(3)
    (found,) = drive(replay(old, new))
    assert found.outcome == "conflict" and found.why == "done: neuron 3 is done; take the tick off first."
    assert len(new.log.rows) == 1


def test_a_piece_that_is_in_another_neuron_here_is_a_conflict(tmp_path):
    old, new = session(tmp_path, OLD), session(tmp_path, OLD)
    merged(old, 2, 6)
    new.merge_all(3, [2, 4, 5])
    (found,) = drive(replay(old, new))
    assert found.outcome == "conflict" and len(new.log.rows) == 1
    assert found.why == "merge: most of the neuron at (0, 1, 6) was not of this one; look at it and merge by hand."
    merged(old, 10, 14)
    merged(old, 2, 10)
    assert again(old, new) == ["applied", "right", "right"]  # as all of them are one neuron at the end


def test_a_neuron_that_is_gone_is_lost(tmp_path):
    old, new = session(tmp_path, OLD), session(tmp_path, HOLES)
    merged(old, 5, 9)
    (found,) = drive(replay(old, new))
    assert found.outcome == "lost" and found.why == "lost: there is no neuron at (0, 1, 5) any more."


# ---- splits ----------------------------------------------------------------------------------------------------------


def test_a_split_is_made_again(tmp_path):
    old, new = session(tmp_path, OLD, 1.0), session(tmp_path, SHIFTED, 1.0)
    split(old, [2, 6], [10, 22], *SIDES)
    assert again(old, new) == ["applied"]
    assert text(new) == "a" * 9 + "b" * 15
    given = new.log.rows[0].input
    assert (given["near"], given["far"], given["replayed"]) == (at_x(2, 6), at_x(10, 22), 1)


def test_points_are_told_apart_by_what_came_of_them(tmp_path):
    old, new = session(tmp_path, OLD, 1.0), session(tmp_path, SHIFTED, 1.0)
    split(old, [2, 6], [10, 22], "voxels")
    assert again(old, new) == ["applied"]
    assert text(new) == "a" * 9 + "b" * 15


def test_a_split_without_points_falls_where_it_fell(tmp_path):
    old, new = session(tmp_path, OLD, 1.0), session(tmp_path, FINER, 1.0)
    split(old, [2, 6], [10, 22])
    assert again(old, new) == ["applied"]
    assert text(new) == "a" * 8 + "b" * 16


def test_where_points_cut_elsewhere_the_border_of_the_old_split_decides(tmp_path):
    old, new = session(tmp_path, OLD, 1.0), session(tmp_path, SHIFTED, 1.0)
    old.split(old.propose([1, 2, 3], [4])[0], near=at_x(2), far=at_x(22))
    assert new.propose([1], [6])[0].near.tolist() == [1, 7]  # what these points alone would give
    assert again(old, new) == ["applied"]
    assert text(new) == "a" * 13 + "b" * 11


def test_a_split_that_falls_elsewhere_is_a_conflict(tmp_path):
    old, new = session(tmp_path, FINER, 1.0), session(tmp_path, COARSER, 1.0)
    split(old, [1], [22], *SIDES)
    assert text(old) == "a" * 2 + "b" * 22
    (found,) = drive(replay(old, new))
    assert found.outcome == "conflict" and found.why.startswith("split: it falls elsewhere here, 25% of the smaller")
    assert not new.log.rows


def test_a_split_that_falls_nearby_is_told(tmp_path):
    old, new = session(tmp_path, OLD, 1.0), session(tmp_path, SHIFTED, 1.0)
    split(old, [2], [22], *SIDES)
    new.detach(7)  # the first pixel
    (found,) = drive(replay(old, new))
    assert found.outcome == "applied" and found.why == "75% of the voxels of the smaller side are the same."


def test_what_is_apart_already(tmp_path):
    old, new = session(tmp_path, OLD, 1.0), session(tmp_path, FINER)
    split(old, [2], [22], "voxels")
    assert again(old, new) == ["right"]


def test_both_sides_in_one_fragment_part_it(tmp_path):
    old, new = session(tmp_path, OLD, 1.0), session(tmp_path, COARSER, 1.0)
    split(old, [1], [6], *SIDES)
    assert again(old, new) == ["applied"]
    assert new.log.rows[0].effect.partings
    assert text(new)[1] != text(new)[6]


def test_no_fragment_is_parted_where_nobody_placed_points(tmp_path):
    old, new = session(tmp_path, OLD, 1.0), session(tmp_path, COARSER, 1.0)
    split(old, [1], [6])
    (found,) = drive(replay(old, new))
    assert found.outcome == "conflict" and "both sides are in one fragment" in found.why
    assert not new.log.rows


def test_a_parted_fragment_is_parted_again(tmp_path):
    old, new = session(tmp_path, COARSER), session(tmp_path, SHIFTED.replace("2", "1"))
    old.split_fragment([(0, 1, 1)], [(0, 1, 6)], voxels=at_x(1, 6))
    assert again(old, new) == ["applied"]
    assert text(new)[1] != text(new)[6]
    assert again(old, session(tmp_path, OLD)) == ["right"]
    assert again(old, session(tmp_path, OLD, 1.0)) == ["applied"]  # a split of the graph is enough


def test_a_split_in_several_segments(tmp_path):
    """The points of the old split are in two segments here, and both must be split."""
    old, new = session(tmp_path, OLD, 1.0), session(tmp_path, OLD)
    split(old, [2, 6], [10, 14], *SIDES)
    merged(new, 2, 10)
    merged(new, 6, 14)
    assert again(old, new) == ["applied"]
    assert text(new) == "aaaabbbbccccddddeeeeffff"
    assert [r.input.get("replayed") for r in new.log.rows] == [None, None, 1, 1]


def test_a_refusal_halfway_takes_back_what_was_made(tmp_path):
    old, new = session(tmp_path, OLD, 1.0), session(tmp_path, OLD)
    split(old, [2, 6], [10, 14], *SIDES)
    merged(new, 2, 10)
    merged(new, 6, 14)
    new.lock(2)
    before = new.state.digest()
    (found,) = drive(replay(old, new))
    assert found.outcome == "conflict" and found.why.startswith("done: neuron 2")
    assert new.state.digest() == before and [r.kind for r in new.log.rows][-2:] == ["split", "undo"]


# ---- other kinds -----------------------------------------------------------------------------------------------------


def test_detach(tmp_path):
    old = session(tmp_path, OLD, 1.0)
    old.detach(3, voxels=at_x(10))
    for drawing, kind in ((SHIFTED, "detach"), (FINER, "split")):
        new = session(tmp_path, drawing, 1.0)
        assert again(old, new) == ["applied"] and new.log.rows[0].kind == kind
        assert len(set(row_of(new)[9:12])) == 1 and len(set(row_of(new)[9:14:4])) == 2
        assert row_of(new)[2] != row_of(new)[22]  # what hung together only by it
    assert again(old, session(tmp_path, FINER)) == ["right"]
    assert again(old, session(tmp_path, COARSER, 1.0)) == ["conflict"]


def test_done_neurons(tmp_path):
    old, new = session(tmp_path, OLD), session(tmp_path, FINER)
    old.lock(2)
    (found,) = drive(replay(old, new))
    assert found.outcome == "conflict" and "this is another neuron now, 50% of the voxels of both" in found.why
    new.merge(3, 4, confirmed=True)
    assert again(old, new) == ["applied"]
    assert new.state.locked == {3} and new.log.rows[-1].input["replayed"] == 1
    assert again(old, new) == ["right"]
    old.unlock(2)
    assert again(old, new) == ["right", "applied"] and not new.state.locked


def test_a_threshold_belongs_to_its_affinities(tmp_path):
    old, new, same = session(tmp_path, OLD), session(tmp_path, SHIFTED), session(tmp_path, OLD)
    old.set_threshold(0.5)
    old.set_threshold(0.75)
    first, last = drive(replay(old, new))
    assert (first.outcome, first.why) == ("right", "a later threshold took its place.")
    assert last.outcome == "lost" and "keeps its own" in last.why and new.state.threshold == 0
    assert again(old, same) == ["applied", "applied"] and same.state.threshold == 0.75


def test_a_neuron_that_was_grown_takes_in_the_same(tmp_path):
    old, new = session(tmp_path, OLD), session(tmp_path, FINER)
    old.set_segment_threshold(1, 1.0)
    assert again(old, new) == ["applied"]
    assert len(new.log.rows[0].effect.moves) == 6
    shrunk = session(tmp_path, OLD, 1.0)
    shrunk.set_segment_threshold(1, 0.0)
    assert again(shrunk, session(tmp_path, OLD)) == ["right"]
    new = session(tmp_path, SHIFTED, 1.0)
    assert again(shrunk, new) == ["applied"]
    assert text(new)[1:] == "aaaabbbbccccddddeeeefff"


def test_decisions_are_carried_over(tmp_path):
    old, new = session(tmp_path, OLD), session(tmp_path, SHIFTED)
    old.decide(2, 3, "apart", voxels=at_x(7, 8), question="join?", features=[0.5])
    old.decide(4, 5, "unknown")
    old.decide(5, 6, "join", voxels=at_x(19, 20))
    found = drive(replay(old, new))
    assert [f.outcome for f in found] == ["applied", "applied", "applied"]
    given = new.log.rows[0].input
    assert (given["a"], given["b"], given["answer"], given["question"]) == (2, 3, "apart", "join?")
    assert "features" not in given
    assert given["voxels"][0] == [0, 1, 7]
    assert again(old, new) == ["right"] * 3


def test_a_decision_that_is_not_so_here(tmp_path):
    old = session(tmp_path, OLD)
    old.decide(1, 2, "apart", voxels=at_x(2, 6))
    for new in (session(tmp_path, SHIFTED, 1.0), session(tmp_path, COARSER)):
        (found,) = drive(replay(old, new))
        assert found.outcome == "conflict" and found.why.startswith("decide: what was decided is not so here")


def test_places_to_do(tmp_path):
    old, new = session(tmp_path, OLD), session(tmp_path, SHIFTED)
    old.note((0, 1, 3), "done")
    old.note((0, 1, 9), "an axon?")
    old.tick(1)
    assert again(old, new) == ["right", "applied", "right"]
    assert [(r.input["voxels"], r.input["words"]) for r in new.to_do] == [(at_x(9), "an axon?")]
    assert again(old, new) == ["right"] * 3


def test_what_nobody_knows_is_told(tmp_path):
    old, new = session(tmp_path, OLD), session(tmp_path, SHIFTED)
    old._make("mirror", {}, Effect())
    (found,) = drive(replay(old, new))
    assert (found.outcome, found.why) == ("lost", "mirror: edits of this kind cannot be made again.")


# ---- all together ----------------------------------------------------------------------------------------------------


def test_later_edits_win(tmp_path):
    old, new = session(tmp_path, OLD), session(tmp_path, SHIFTED, 1.0)
    merged(old, 2, 6)
    merged(old, 2, 10)
    split(old, [2], [10], "voxels")  # parts 2 from 6 again, as both cost the same
    assert text(old) == "aaaabbbbbbbbccccddddeeee"
    assert again(old, new) == ["right", "right", "applied"]
    assert text(new)[2] != text(new)[6] == text(new)[10]


def test_what_a_later_edit_undoes_only_here_is_a_conflict(tmp_path):
    """1 was parted from 2, then joined with 3: in the new session 2 and 3 are one fragment."""
    old, new = session(tmp_path, OLD), session(tmp_path, OLD.replace("3", "2"))
    merged(old, 2, 6)
    split(old, [2], [6], "voxels")
    merged(old, 2, 10)
    found = drive(replay(old, new))
    assert [f.outcome for f in found] == ["applied", "conflict", "applied"]  # the first is undone in both
    assert found[1].why == "split: a later edit undid it here; look at both neurons."


def test_edits_made_again_are_undone_one_by_one(tmp_path):
    old, new = session(tmp_path, OLD), session(tmp_path, SHIFTED)
    merged(old, 2, 6)
    merged(old, 14, 18)
    merged(old, 10, 14)
    old.undo()
    assert again(old, new) == ["applied", "applied"]  # what was undone is not made again
    new.undo(1)
    assert text(new) == "abbbbccccddddeeeeeeeefff"
    new.undo()
    assert text(new) == "abbbbccccddddeeeeffffggg"


def test_a_log_made_again_can_be_made_again(tmp_path):
    first, second, third = session(tmp_path, OLD, 1.0), session(tmp_path, FINER, 1.0), session(tmp_path, SHIFTED, 1.0)
    split(first, [2, 6], [10, 22], *SIDES)
    first.detach(5)
    merged(first, 2, 10)
    assert again(first, second) == ["applied"] * 3
    assert set(again(second, third)) == {"applied"}
    assert text(third)[2] == text(third)[10] != text(third)[18]


def test_the_old_session_stays_as_it_is(tmp_path):
    old, new = session(tmp_path, COARSER), session(tmp_path, SHIFTED)
    old.split_fragment([(0, 1, 1)], [(0, 1, 6)])
    merged(old, 1, 10)
    digest, fragments, rows = old.state.digest(), old.state.base.fragments.copy(), list(old.log.rows)
    again(old, new)
    assert old.state.digest() == digest and old.log.rows == rows
    np.testing.assert_array_equal(old.state.base.fragments, fragments)


def test_another_shape_is_refused(tmp_path):
    old, new = session(tmp_path, OLD), session(tmp_path, OLD.replace("6", ""))
    with pytest.raises(UserError, match="of the same region, 1 x 3 x 24 voxels, got 1 x 3 x 20"):
        drive(replay(old, new))


def test_progress_and_what_is_left_when_it_stops(tmp_path):
    old, new = session(tmp_path, OLD), session(tmp_path, SHIFTED)
    merged(old, 2, 6)
    merged(old, 14, 18)
    job = replay(old, new)
    seen = [next(job) for _ in range(2)]
    assert [(p.stage, p.done, p.total) for p in seen] == [("fragments", 1, 1), ("edits", 1, 2)]
    job.close()
    assert len(new.log.rows) == 1


def test_counts_in_words(tmp_path):
    found = [Replayed(i, "merge", o, "", None) for i, o in enumerate(["right", "applied", "applied", "lost"])]
    assert summary(found) == "4 edits: 1 already right, 2 applied again, 0 in conflict, 1 lost"


# ---- any edits -------------------------------------------------------------------------------------------------------


def partition(at: Session) -> np.ndarray:
    """Of the voxels: segments by their first voxel, whether they are free, and whether they are locked."""
    fragments, state = at.state.base.fragments, at.state
    segments = state.table[fragments].ravel()
    _, first, number = np.unique(segments, return_index=True, return_inverse=True)
    locked = np.isin(segments, list(state.locked))
    return np.stack([first[number], state.free[fragments].ravel(), locked])


def edited(edits, log, affinities) -> Session:
    at = on_voxels(affinities, log)
    for step in edits:
        with suppress(Refused):
            step.do(at)
    return at


def on_the_same(edits, seed: int, allowed: set[tuple[str, str]] = frozenset()) -> None:
    """Edits made again on the same fragments give the same partition, and all is well but what is allowed."""
    affinities = some_affinities(seed)
    with tempfile.TemporaryDirectory() as folder:
        old = edited(edits, quick(Path(folder), "old.db"), affinities)
        new = on_voxels(affinities, quick(Path(folder), "new.db"))
        found = drive(replay(old, new))
        old.log.close()
        new.log.close()
    np.testing.assert_array_equal(partition(new), partition(old))
    assert [f.seq for f in found] == old.in_force and new.state.threshold == old.state.threshold
    assert {(f.kind, f.outcome) for f in found if f.outcome not in ("applied", "right")} <= allowed


def on_others(edits, seed: int) -> None:
    """Made again on other fragments, every edit has its report, and rows where they are said to be."""
    affinities = some_affinities(seed + 1)
    with tempfile.TemporaryDirectory() as folder:
        old = edited(edits, quick(Path(folder), "old.db"), some_affinities(seed))
        new = on_voxels(affinities, quick(Path(folder), "new.db"), 0.4, 3 + seed % 5)
        found = drive(replay(old, new))
        old.log.close()
        new.log.close()
        reopened = on_voxels(affinities, EditLog(Path(folder) / "new.db", read_only=True), 0.4, 3 + seed % 5)
    assert [f.seq for f in found] == old.in_force and reopened.state.digest() == new.state.digest()
    made = {new.log.rows[seq - 1].input["replayed"] for seq in new.in_force}
    for one in found:
        assert (one.seq in made) >= (one.outcome == "applied")
        assert not (one.seq in made and one.outcome in ("right", "lost"))
        assert bool(one.why) or one.outcome in ("right", "applied")


@settings(unshrunk, max_examples=40)
@given(st.integers(0, 2**16), steps(40, EDITS, THRESHOLDS, IN_ORDER, PART))
def test_on_the_same_fragments_everything_is_as_it_was(seed, edits):
    hold(lambda edits: on_the_same(edits, seed), edits)


@settings(unshrunk, max_examples=40)
@given(st.integers(0, 2**16), steps(40, EDITS, ANY_ORDER, PART))
def test_also_where_edits_were_undone_out_of_order(seed, edits):
    """All but thresholds: what they moved depends on what was undone later. A decision may have lost its fragments."""
    hold(lambda edits: on_the_same(edits, seed, {("decide", "lost")}), edits)


@settings(unshrunk, max_examples=40)
@given(st.integers(0, 2**16), steps(40, EDITS, THRESHOLDS, ANY_ORDER, PART))
def test_on_other_fragments_every_edit_has_its_report(seed, edits):
    hold(lambda edits: on_others(edits, seed), edits)
