"""Questions and answers, one after the other."""

import pytest
from graphs import LINE, groups
from review_hands import WEAK_LINE, asked, kinds, session

from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.review.queue import ReviewQueue, both_sides


def test_nothing_to_ask(tmp_path):
    queue = ReviewQueue(session([], tmp_path, sizes=[10]))
    assert queue.next() is None and queue.open_count == 0


def test_gain_of_a_question(tmp_path):
    at = session(LINE, tmp_path)
    question = asked(ReviewQueue(at), "join?")
    assert (question.a, question.b, question.voxel) == (2, 3, (0, 0, 20))
    assert question.gain == pytest.approx(question.p * 1.0)  # 20 and 20 of 40 voxels are one bit
    assert both_sides(at.state, question.a, question.b, question.voxel) == [[0, 0, 19], [0, 0, 20]]
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


def test_refused_is_put_off(tmp_path):
    queue = ReviewQueue(at := session(LINE, tmp_path))
    question = asked(queue, "join?")
    at.lock(int(at.state.table[1]))
    with pytest.raises(Refused, match="is done; take the tick off"):
        queue.answer(question, "join")
    assert queue.answered == 0 and (question.kind, question.a, question.b) not in kinds(queue)


def test_counts(tmp_path):
    now = iter([100.0, 130.0])
    queue = ReviewQueue(session(LINE, tmp_path), clock=lambda: next(now))
    assert (queue.open_count, queue.answered) == (3, 0)
    queue.answer(queue.next(), "unknown")
    queue.answer(queue.next(), "later")
    assert (queue.open_count, queue.answered) == (1, 2)
    assert queue.per_minute == 4.0  # two in 30 seconds


def test_an_answer_that_is_none_is_refused(tmp_path):
    queue = ReviewQueue(at := session(LINE, tmp_path))
    with pytest.raises(Refused, match=r'^review: an answer is one of join, apart, later, unknown, got "maybe"'):
        queue.answer(queue.next(), "maybe")
    assert not at.log.rows and queue.answered == 0
