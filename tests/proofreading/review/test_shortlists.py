from dataclasses import replace

import numpy as np
import pytest
from graphs import LINE, random_edges
from review_hands import kinds, session

from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.review.queue import ReviewQueue


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
    again = ReviewQueue(at)
    assert queue.next() == again.next()
    left_out = set(again.questions()) - set(queue.questions())  # by what this queue has settled on the way
    assert set(queue.questions()) <= set(again.questions()) and len(left_out) < len(again.questions())


def test_a_used_up_shortlist_is_filled_again(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_emcad.proofreading.review.shortlists.SHORTLIST", 2)
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
        mine, new = ({(t.kind, t.a, t.b, t.features) for t in one.questions()} for one in (queue, ReviewQueue(at)))
        assert mine <= new  # but for what this queue has settled on the way
    assert first is not None
