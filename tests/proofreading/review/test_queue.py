"""Fragments stand in a row of voxels, ten each: 1111111111 2222222222 3333333333 ..."""

from dataclasses import replace

import numpy as np
import pytest
from graphs import LADDER, LINE, groups, random_edges, segmentation

from napari_emcad.core.fragment_boxes import find_fragment_boxes
from napari_emcad.core.progress import drive
from napari_emcad.core.region_graph import build_region_graph
from napari_emcad.core.scores import score
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.log import EditLog
from napari_emcad.proofreading.review.decisions import Decisions
from napari_emcad.proofreading.review.odds import fitted
from napari_emcad.proofreading.review.queue import ReviewQueue, both_sides
from napari_emcad.proofreading.review.suspects import (
    JOIN_ODDS,
    Suspects,
    between_sections,
    suspicious_merges,
    suspicious_splits,
    voi_change,
)
from napari_emcad.proofreading.session import Session

WEAK_LINE = [(1, 2, 0.9), (2, 3, 0.55), (3, 4, 0.9)]  # one segment at 0.5


def session(edges, folder, sizes=None) -> Session:
    """As in graphs.py, with the contact of neighbours in the row where they touch."""
    base = segmentation(edges, sizes)
    graph = base.graph
    x = np.where(graph.v == graph.u + 1, np.cumsum(base.sizes)[graph.u], 0)
    graph = replace(graph, contact=np.stack([0 * x, 0 * x, x], axis=1).astype(np.int32))
    return Session(replace(base, graph=graph), EditLog(folder / "edits.db"), 0.5)


def kinds(queue) -> list[tuple[str, int, int]]:
    return [(question.kind, question.a, question.b) for question in queue.questions()]


def asked(queue, kind):
    return next(question for question in queue.questions() if question.kind == kind)


def test_change_is_that_of_the_scores():
    truth = np.repeat([1, 2], [70, 30])[None, None]
    parts = np.repeat([1, 2, 3], [70, 12, 18])[None, None]
    assert voi_change(12, 18) / 100 == pytest.approx(score(parts, truth).voi)
    assert voi_change(70, 30) / 100 == pytest.approx(score(np.ones_like(truth), truth).voi)


@pytest.mark.parametrize("seed", range(5))
def test_cuts_against_brute_force(seed):
    edges = random_edges(seed)
    base = segmentation(edges, list(np.random.default_rng(seed).integers(1, 50, 30)))
    graph, sizes = base.graph, base.sizes
    found = suspicious_merges(graph, np.arange(len(graph)), sizes, np.empty(0, int))
    assert sorted(found.edge) == _kruskal(graph)
    for i in range(len(found)):
        sides = _sides(found.edge, i, graph)
        voxels = sorted(sum(int(sizes[f]) for f in side) for side in sides)
        crossing = [(u in sides[0]) != (v in sides[0]) for u, v in zip(graph.u, graph.v, strict=True)]
        faces = graph.area[crossing].sum()
        mean = (graph.mean[crossing] * graph.area[crossing]).sum() / faces
        assert found.change[i] == pytest.approx(voi_change(*voxels))
        assert found.features[i] == pytest.approx([mean, np.log(faces), *np.log(voxels)])


def _kruskal(graph) -> list[int]:
    group, tree = list(range(31)), []
    for e in np.argsort(-graph.mean * graph.area, kind="stable"):
        a, b = group[graph.u[e]], group[graph.v[e]]
        if a != b:
            group = [a if g == b else g for g in group]
            tree.append(int(e))
    return sorted(tree)


def _sides(tree, left_out, graph) -> list[set[int]]:
    reached = []
    for start in (graph.u[tree[left_out]], graph.v[tree[left_out]]):
        side = {int(start)}
        for _ in range(len(tree)):
            for e in np.delete(tree, left_out):
                ends = {int(graph.u[e]), int(graph.v[e])}
                side |= ends if ends & side else set()
        reached.append(side)
    return reached


@pytest.mark.parametrize("seed", range(3))
def test_joins_against_brute_force(seed):
    rng = np.random.default_rng(seed)
    graph, sizes = segmentation(random_edges(seed)).graph, np.append(0, rng.integers(2, 50, 30))
    table, across = np.append(0, rng.integers(0, 5, 30)).astype(np.uint32), rng.random(len(graph)) < 0.4
    volume = np.bincount(table, sizes, 5)
    found = suspicious_splits(graph, np.arange(len(graph)), table, volume, across)
    ends = np.sort(table[np.stack([graph.u, graph.v])], axis=0)
    pairs = [(a, b) for a in range(1, 5) for b in range(a + 1, 5) if ((ends[0] == a) & (ends[1] == b)).any()]
    assert [tuple(ends[:, e]) for e in found.edge] == pairs
    for i, (a, b) in enumerate(pairs):
        between = (ends[0] == a) & (ends[1] == b)
        faces = [graph.area[between & kind].sum() for kind in (~across, across)]
        strength = [(graph.area * graph.mean)[between & kind].sum() for kind in (~across, across)]
        means = [s / max(f, 1) for s, f in zip(strength, faces, strict=True)]
        assert found.features[i] == pytest.approx([*means, *np.log1p(faces), np.log(min(volume[[a, b]]))])
        assert (graph.area * graph.mean)[found.edge[i]] == (graph.area * graph.mean)[between].max()


def test_edges_between_sections():
    fragments = np.array([[[1, 1, 1, 2, 2, 2]], [[3, 3, 4, 4, 4, 4]]], np.uint32)
    graph = drive(build_region_graph(np.full((3, 2, 1, 6), 100, np.uint8), fragments))
    across = between_sections(graph, fragments)
    pairs = zip(graph.u.tolist(), graph.v.tolist(), across.tolist(), strict=True)
    assert sorted(pairs) == [(1, 2, False), (1, 3, True), (1, 4, True), (2, 4, True), (3, 4, False)]


@pytest.mark.parametrize("depth", [1, 2])
def test_boxes_say_which_edges_lie_between_sections(depth):
    """Where they do not, voxels do."""
    flat = np.random.default_rng(depth).integers(1, 9, (6, 5, 7)).astype(np.uint32)
    fragments = flat + 8 * (np.arange(6, dtype=np.uint32) // depth)[:, None, None]
    graph = drive(build_region_graph(np.full((3, *fragments.shape), 100, np.uint8), fragments))
    boxes = drive(find_fragment_boxes(fragments))
    expected = between_sections(graph, fragments)
    np.testing.assert_array_equal(between_sections(graph, fragments, boxes), expected)
    nothing = np.zeros_like(fragments)
    assert np.array_equal(between_sections(graph, nothing, boxes), expected) == (depth == 1)


def joins(edges, table, sizes):
    graph, volume = segmentation(edges).graph, np.bincount(table, sizes)
    across = np.zeros(len(graph), bool)
    return graph, suspicious_splits(graph, np.arange(len(graph)), table, volume, across)


def test_one_join_a_pair_of_segments_at_its_strongest_edge():
    table = np.array([0, 1, 1, 1, 1, 5, 5, 5, 5], np.uint32)
    graph, found = joins(LADDER, table, np.array([0] + [10] * 8))
    assert [(graph.u[e], graph.v[e]) for e in found.edge] == [(3, 7)]
    np.testing.assert_allclose(found.change, [80])  # bits: 80 log2 80 - 2 x 40 log2 40


def test_a_stronger_contact_and_larger_parts_come_first():
    edges = [(1, 2, 0.3), (3, 4, 0.1), (5, 6, 0.3)]
    graph, found = joins(edges, np.arange(7, dtype=np.uint32), np.array([0, 10, 10, 10, 10, 90, 90]))
    change = Suspects(found.edge, found.features, found.change).best(3, JOIN_ODDS)
    p = JOIN_ODDS.p(found.features)
    assert p[0] > p[1]  # 1-2 is stronger than 3-4
    assert next((graph.u[e], graph.v[e]) for e in change.edge) == (5, 6)


def test_nothing_to_ask(tmp_path):
    queue = ReviewQueue(session([], tmp_path, sizes=[10]))
    assert queue.next() is None and queue.left == 0


def test_gain_of_a_task(tmp_path):
    at = session(LINE, tmp_path)
    question = asked(ReviewQueue(at), "join?")
    assert (question.a, question.b, question.voxel) == (2, 3, (0, 0, 20))
    assert question.gain == pytest.approx(question.p * 1.0)  # 20 and 20 of 40 voxels are one bit
    assert both_sides(at.state.base.fragments, question.a, question.b, question.voxel) == [[0, 0, 19], [0, 0, 20]]
    assert question.segments == (int(at.state.table[2]), int(at.state.table[3]))


def test_join(tmp_path):
    queue = ReviewQueue(at := session(LINE, tmp_path))
    row = queue.answer(asked(queue, "join?"), "join")
    assert (row.kind, groups(at)) == ("merge", [[1, 2, 3, 4]])
    assert row.input["voxels"] == [[0, 0, 19], [0, 0, 20]]
    for later in (queue, ReviewQueue(at)):  # what was joined is not asked about
        assert ("part?", 2, 3) not in kinds(later) and ("join?", 2, 3) not in kinds(later)


def test_apart(tmp_path):
    queue = ReviewQueue(at := session(WEAK_LINE, tmp_path))
    question = queue.next()
    assert (question.kind, question.a, question.b) == ("part?", 2, 3)
    cut = queue.cut(question)
    assert sorted([cut.near.tolist(), cut.far.tolist()]) == [[1, 2], [3, 4]]
    assert queue.answer(question, "apart").kind == "split"
    assert groups(at) == [[1, 2], [3, 4]]
    for later in (queue, ReviewQueue(at)):
        assert not [k for k in kinds(later) if k[1:] == (2, 3)]


def test_33_keep_apart_is_not_asked_again(tmp_path):
    at = session(LINE, tmp_path)
    queue = ReviewQueue(at)
    assert queue.answer(asked(queue, "join?"), "apart").kind == "decide"
    at.log.close()
    again = session(LINE, tmp_path)
    for later in (queue, ReviewQueue(at), ReviewQueue(again)):
        assert "join?" not in {kind for kind, *_ in kinds(later)}
    again.undo()
    assert ("join?", 2, 3) in kinds(ReviewQueue(again))


def test_decided_holds_for_the_segments_by_any_other_edge(tmp_path):
    at = session([*LINE, (1, 4, 0.15)], tmp_path)
    queue = ReviewQueue(at)
    queue.answer(asked(queue, "join?"), "apart")
    at.split(at.propose([3], [4])[0])  # 4 is a segment of its own, about which nobody decided
    assert ("join?", 1, 4) in kinds(ReviewQueue(at))
    assert ("join?", 2, 3) not in kinds(ReviewQueue(at))


@pytest.mark.parametrize("answer", ["join", "unknown"])
def test_a_part_that_stays_is_not_asked_again(tmp_path, answer):
    queue = ReviewQueue(at := session(WEAK_LINE, tmp_path))
    queue.answer(queue.next(), answer)
    assert groups(at) == [[1, 2, 3, 4]]
    for later in (queue, ReviewQueue(at)):
        assert ("part?", 2, 3) not in kinds(later)


@pytest.mark.parametrize("edges", [LINE, WEAK_LINE])
def test_later_comes_back_in_the_next_queue(tmp_path, edges):
    queue = ReviewQueue(at := session(edges, tmp_path))
    first = queue.next()
    queue.answer(first, "later")
    assert queue.next() != first
    assert ReviewQueue(at).next() == first


def test_stale_tasks_are_skipped(tmp_path):
    queue = ReviewQueue(at := session(LINE, tmp_path))
    at.merge(1, 4, confirmed=True)
    assert "join?" not in {kind for kind, *_ in kinds(queue)}
    at.undo()
    assert ("join?", 2, 3) in kinds(queue)


def test_locked_segments_are_skipped(tmp_path):
    queue = ReviewQueue(at := session(LINE, tmp_path))
    at.lock(int(at.state.table[1]))
    assert kinds(queue) == [("part?", 3, 4)]


def test_refused_is_put_off(tmp_path):
    queue = ReviewQueue(at := session(LINE, tmp_path))
    question = asked(queue, "join?")
    at.lock(int(at.state.table[1]))
    with pytest.raises(Refused, match="locked"):
        queue.answer(question, "join")
    assert queue.answered == 0 and (question.kind, question.a, question.b) not in kinds(queue)


def test_threshold_ranks_anew(tmp_path):
    queue = ReviewQueue(at := session(LINE, tmp_path))
    at.set_threshold(0.05)  # nothing is joined
    assert sorted(kinds(queue)) == [("join?", 1, 2), ("join?", 2, 3), ("join?", 3, 4)]


@pytest.mark.parametrize("seed", range(5))
def test_after_edits_questions_are_those_of_a_new_queue(tmp_path, seed):
    at = session(random_edges(seed), tmp_path, sizes=list(range(1, 31)))
    queue = ReviewQueue(at)
    for _ in range(8):
        question = queue.next()
        queue.answer(question, "join" if question.kind == "join?" else "apart")
    mine, new = (sorted(q.questions(), key=repr) for q in (queue, ReviewQueue(at)))
    assert new and mine == new


def test_counts(tmp_path):
    now = iter([100.0, 130.0])
    queue = ReviewQueue(session(LINE, tmp_path), clock=lambda: next(now))
    assert (queue.left, queue.answered) == (3, 0)
    queue.answer(queue.next(), "unknown")
    queue.answer(queue.next(), "later")
    assert (queue.left, queue.answered) == (1, 2)
    assert queue.per_minute == 4.0  # two in 30 seconds


def test_an_answer_that_is_none_is_refused(tmp_path):
    queue = ReviewQueue(at := session(LINE, tmp_path))
    with pytest.raises(Refused, match=r'^review: an answer is one of join, apart, later, unknown, got "maybe"'):
        queue.answer(queue.next(), "maybe")
    assert not at.log.rows and queue.answered == 0


def test_what_is_undone_is_open_again(tmp_path):
    at = session(WEAK_LINE, tmp_path)
    ReviewQueue(at).answer(ReviewQueue(at).next(), "join")
    queue = ReviewQueue(at)
    assert ("part?", 2, 3) not in kinds(queue)
    at.undo()
    assert ("part?", 2, 3) in kinds(queue)


def test_the_border_is_found_beside_the_question(tmp_path, monkeypatch):
    """3 is asked about with 4, but belongs with it: what is kept apart are the largest fragments, 1 and 4."""
    monkeypatch.setattr("napari_emcad.proofreading.review.queue.CORE", 1)
    at = session([(1, 2, 0.9), (2, 3, 0.55), (3, 4, 0.6)], tmp_path, sizes=[50, 5, 5, 50])
    queue = ReviewQueue(at)
    question = next(question for question in queue.questions() if (question.a, question.b) == (3, 4))
    row = queue.answer(question, "apart")
    assert groups(at) == [[1, 2], [3, 4]]
    assert (row.input["a"], row.input["b"], row.input["voxels"]) == (2, 3, [[0, 0, 54], [0, 0, 55]])
    assert ("join?", 2, 3) not in kinds(ReviewQueue(at))


def test_one_neurite_is_not_asked_about_all_along(tmp_path):
    at = session([(i, i + 1, 0.9) for i in range(1, 8)], tmp_path)
    queue = ReviewQueue(at)
    question = next(question for question in queue.questions() if question.a == 4)
    queue.answer(question, "join")
    assert sorted(question.a for question in queue.questions()) == [
        1,
        2,
        6,
        7,
    ]  # 3 | 5 has 3/4 and 4/5 in common with 4 | 4
    at.undo()
    assert sorted(question.a for question in queue.questions()) == [1, 2, 3, 4, 5, 6, 7]


def test_a_used_up_shortlist_is_filled_again(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_emcad.proofreading.review.queue.SHORTLIST", 2)
    queue, asked_about = ReviewQueue(session([(i, i + 1, 0.3) for i in range(1, 8)], tmp_path)), []
    while question := queue.next():
        asked_about.append(question.a)
        queue.answer(question, "apart")
    assert sorted(asked_about) == [1, 2, 3, 4, 5, 6, 7]


def test_a_fragment_that_was_parted_is_asked_about_anew(tmp_path):
    at = session(LINE, tmp_path)
    queue = ReviewQueue(at)
    before = queue.next()
    at.split_fragment([(0, 0, 1)], [(0, 0, 8)])
    assert {5, 6} & {fragment for question in queue.questions() for fragment in (question.a, question.b)}
    with pytest.raises(Refused, match="do not touch any more"):
        queue.answer(replace(before, a=1, b=2), "join")


@pytest.mark.parametrize("seed", range(6))
def test_questions_kept_up_are_those_found_anew(tmp_path, seed):
    rng = np.random.default_rng(seed)
    at = session(random_edges(seed), tmp_path, sizes=[10] * 30)
    queue = ReviewQueue(at)
    first = queue.next()
    for _ in range(15):
        act = rng.choice(["answer", "divide", "undo", "redo"])
        if act == "answer" and (question := queue.next()):
            others = ["join"] if question.kind == "join?" else []  # of a "part?" only this queue knows what it settles
            queue.answer(question, rng.choice(["apart", "unknown", *others]))
        elif act == "divide":
            fragment = int(rng.choice(np.flatnonzero(at.state.table)))
            there = np.argwhere(at.state.base.fragments == fragment)
            if len(there) > 1:
                at.split_fragment([tuple(there[0])], [tuple(there[-1])])
        elif act in ("undo", "redo") and (at.undoable if act == "undo" else at.redoable):
            getattr(at, act)()
        assert [(t.kind, t.a, t.b, t.features) for t in queue.questions()] == [
            (t.kind, t.a, t.b, t.features) for t in ReviewQueue(at).questions()
        ]
    assert first is not None


@pytest.mark.parametrize("seed", range(3))
def test_decisions_kept_up_are_those_read_anew(tmp_path, seed):
    rng = np.random.default_rng(seed)
    at = session(random_edges(seed), tmp_path, sizes=list(range(1, 31)))
    queue, kept = ReviewQueue(at), Decisions(at)
    for _ in range(25):
        act = rng.choice(["answer", "answer", "answer", "undo", "redo"])
        if act == "answer":
            queue.answer(queue.next(), rng.choice(["join", "apart", "unknown", "later"]))
        elif at.undoable if act == "undo" else at.redoable:
            getattr(at, act)()
        anew = Decisions(at)
        for answer in ("join", "apart", "unknown"):
            assert sorted(kept.pairs(answer).tolist()) == sorted(anew.pairs(answer).tolist())
        for kind in ("join?", "part?"):
            for mine, new in zip(kept.lessons(kind), anew.lessons(kind), strict=True):
                np.testing.assert_array_equal(mine.ravel(), new.ravel())


def test_a_session_opened_again_asks_the_same(tmp_path):
    at = session(random_edges(1), tmp_path)
    queue = ReviewQueue(at)
    for answer in ("apart", "join", "apart", "unknown"):
        queue.answer(queue.next(), answer)
    at.log.close()
    again = ReviewQueue(session(random_edges(1), tmp_path))
    assert {t.kind: t.p for t in again.questions()} and again.questions() == ReviewQueue(at).questions()


def test_probabilities_follow_the_answers(tmp_path):
    """Where two segments never were one neuron, the next are so less; where nothing was told, the shipped odds hold."""
    chain = [(i, i + 1, 0.3) for i in range(1, 12)]
    told, untold = tmp_path / "told", tmp_path / "untold"
    for folder in (told, untold):
        folder.mkdir()
    queue = ReviewQueue(session(chain, told))
    first = queue.next()
    assert first.p == pytest.approx(float(JOIN_ODDS.p(np.array([first.features]))[0]))
    for _ in range(5):
        queue.answer(queue.next(), "apart")
    left = queue.questions()
    shipped = {(t.a, t.b): t.p for t in ReviewQueue(session(chain, untold)).questions()}
    assert left and all(t.kind == "join?" and t.p < shipped[t.a, t.b] for t in left)
    assert {t.p for t in ReviewQueue(queue._session, learns=False).questions()} <= set(shipped.values())


def test_odds_learn_towards_what_was_told():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(400, 2))
    wrong = features[:, 0] + 0.3 * rng.normal(size=400) > 0
    odds = fitted(features, wrong)
    assert odds.p(np.array([[2.0, 0]]))[0] > 0.95 > 0.05 > odds.p(np.array([[-2.0, 0]]))[0]
    assert odds.learned(features[:0], wrong[:0]) is odds
    never = odds.learned(np.array([[2.0, 0.0]] * 20), np.zeros(20, bool))
    assert never.p(np.array([[2.0, 0]]))[0] < odds.p(np.array([[2.0, 0]]))[0]
