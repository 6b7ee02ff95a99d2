import pytest
from graphs import LINE, groups
from review_hands import WEAK_LINE, asked, kinds, session

from napari_emcad.proofreading.review.queue import ReviewQueue


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


def test_stale_questions_are_skipped(tmp_path):
    queue = ReviewQueue(at := session(LINE, tmp_path))
    at.merge(1, 4, confirmed=True)
    assert "join?" not in {kind for kind, *_ in kinds(queue)}
    at.undo()
    assert ("join?", 2, 3) in kinds(queue)


def test_locked_segments_are_skipped(tmp_path):
    queue = ReviewQueue(at := session(LINE, tmp_path))
    at.lock(int(at.state.table[1]))
    assert kinds(queue) == [("part?", 3, 4)]


def test_what_is_undone_is_open_again(tmp_path):
    at = session(WEAK_LINE, tmp_path)
    ReviewQueue(at).answer(ReviewQueue(at).next(), "join")
    queue = ReviewQueue(at)
    assert ("part?", 2, 3) not in kinds(queue)
    at.undo()
    assert ("part?", 2, 3) in kinds(queue)
