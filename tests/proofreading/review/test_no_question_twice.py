"""No question is asked twice, and none that an edit has answered: random sessions, the queue driven to its end.

The sides of all that was asked and decided are kept here as plain sets and compared by brute force.
"""

import numpy as np
import pytest
from any_edits import on_graph, quick
from graphs import LINE, groups, random_edges, segmentation
from review_hands import WEAK_LINE, asked, session

from napari_emcad.core.errors import UserError
from napari_emcad.core.progress import drive
from napari_emcad.proofreading.replay.replay import replay
from napari_emcad.proofreading.review.known_sides import ALIKE, STANDING_FOR
from napari_emcad.proofreading.review.queue import ReviewQueue
from napari_emcad.proofreading.session import Session

SEEDS = range(4)
SLACK = 2 / STANDING_FOR
"""What the fragments that are kept of a side may be wrong by."""


class Witness:
    """What was asked and decided, as sets of fragments."""

    def __init__(self, at: Session):
        self.at, self.asked, self.joined = at, [], []

    def see(self, question) -> None:
        """Check that a question is new, and keep it."""
        near, far = set(question.near.tolist()), set(question.far.tolist())
        assert near and far and not near & far
        for kind, *sides in self.asked:
            assert kind != question.kind or self.alike((near, far), sides) <= ALIKE + SLACK
        for a, b in self.joined:
            assert question.kind == "join?" or not ({a, b} & near and {a, b} & far)
        self.asked.append((question.kind, near, far))

    def alike(self, one, other) -> float:
        return max(min(self.share(a, b) for a, b in zip(one, two, strict=True)) for two in (other, other[::-1]))

    def share(self, one, other) -> float:
        sizes = self.at.state.sizes
        return sizes[[*one & other]].sum() / sizes[[*one | other]].sum()

    def merge(self, a: int, b: int) -> None:
        try:
            self.at.merge(a, b, confirmed=True)
            self.joined.append((a, b))
        except UserError:
            pass


@pytest.mark.parametrize(
    "answers", [("join", "apart"), ("unknown",), ("later",), ("join", "apart", "unknown", "later")]
)
@pytest.mark.parametrize("seed", SEEDS)
def test_in_all_questions_no_two_are_the_same(tmp_path, seed, answers):
    rng = np.random.default_rng(seed)
    at = Session(segmentation(random_edges(seed, 18, 45), list(range(11, 29))), quick(tmp_path), 0.5)
    queue, witness = ReviewQueue(at), Witness(at)
    while question := queue.next():
        witness.see(question)
        queue.answer(question, str(rng.choice(answers)))
        if "join" in answers and not rng.integers(5):
            witness.merge(*rng.integers(1, 19, 2).tolist())
        if not rng.integers(8):
            at.set_threshold(float(rng.choice([0.4, 0.5, 0.6])))
    assert len(witness.asked) > 3


@pytest.mark.parametrize("seed", SEEDS)
def test_nor_in_a_session_that_is_opened_again(tmp_path, seed):
    """Every third answer a new queue goes on, which knows the log and nothing else."""
    rng = np.random.default_rng(seed)
    at = Session(segmentation(random_edges(seed, 18, 45), list(range(11, 29))), quick(tmp_path), 0.5)
    queue, witness, number = ReviewQueue(at), Witness(at), 0
    while question := queue.next():
        witness.see(question)
        queue.answer(question, str(rng.choice(["join", "apart", "unknown"])))
        number += 1
        if number % 3 == 0:
            queue = ReviewQueue(at)
    assert number > 3


@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_edited_by_hand_is_not_asked(tmp_path, seed):
    """Merges, splits, detachings and walks; each leaves two sides, and no question has them."""
    rng = np.random.default_rng(seed)
    at = on_graph([(u, v, a) for u, v, a, _ in random_edges(seed, 14, 40)], quick(tmp_path))
    decided = []
    for _ in range(12):
        before, (a, b) = groups(at), rng.integers(1, 15, 2).tolist()
        try:
            match rng.integers(4):
                case 0:
                    at.merge(a, b, confirmed=True)
                case 1:
                    at.split(at.propose([a], [b])[0])
                case 2:
                    at.detach(a)
                case 3:
                    at.walk(int(at.state.table[a]), bool(rng.integers(2)))
        except UserError:
            continue
        decided += _changes(before, groups(at))
    queue, witness = ReviewQueue(at), Witness(at)
    while question := queue.next():
        sides = set(question.near.tolist()), set(question.far.tolist())
        for kind, *others in decided:
            assert kind != question.kind or sorted(map(sorted, sides)) != sorted(map(sorted, others))
        witness.see(question)
        queue.answer(question, "later")


def _both_ways(one, other):
    return (one, other), (other, one)


def _changes(before, after):
    """Pairs of segments that became one, and pairs that were one, where nothing else happened to them."""
    were, are = (
        [set(group) for group in some if group not in other] for some, other in ((before, after), (after, before))
    )
    if len(were) == 2 and len(are) == 1:
        return [("part?", *were)]
    return [("join?", *are)] if len(were) == 1 and len(are) == 2 else []


@pytest.mark.parametrize("edges", [LINE, WEAK_LINE])
def test_what_was_undone_is_asked_again(tmp_path, edges):
    queue = ReviewQueue(at := session(edges, tmp_path))
    first = queue.next()
    queue.answer(first, "join" if first.kind == "part?" else "apart")
    assert queue.next() != first
    at.undo()
    assert queue.next() == first
    at.redo()
    assert queue.next() != first


def test_an_answer_holds_at_another_threshold_and_back(tmp_path):
    queue = ReviewQueue(at := session(LINE, tmp_path))
    queue.answer(asked(queue, "join?"), "apart")
    for threshold in (0.05, 0.5):
        at.set_threshold(threshold)
    seen = []
    while question := queue.next():
        seen.append((question.kind, question.a, question.b))
        queue.answer(question, "later")
    assert ("join?", 2, 3) not in seen


def test_sides_stay_the_same_without_the_fragment_that_was_asked_about(tmp_path):
    """2 | 3 is answered; then 2, a crumb, is taken out: 1 | 3 4 is the same question by another contact."""
    at = session([*LINE, (1, 3, 0.15)], tmp_path, sizes=[50, 2, 50, 50])
    queue = ReviewQueue(at)
    queue.answer(asked(queue, "join?"), "unknown")
    at.detach(2)
    while question := queue.next():
        assert {frozenset(question.near.tolist()), frozenset(question.far.tolist())} != {
            frozenset([1]),
            frozenset([3, 4]),
        }
        queue.answer(question, "later")


def test_a_session_of_the_same_fragments_takes_the_sides_over(tmp_path):
    old = session(WEAK_LINE, tmp_path)
    queue = ReviewQueue(old)
    queue.answer(queue.next(), "join")
    (tmp_path / "new").mkdir()
    new = session(WEAK_LINE, tmp_path / "new")
    drive(replay(old, new))
    assert new.log.rows[-1].input["sides"] == old.log.rows[-1].input["sides"]
    again = ReviewQueue(new)
    while question := again.next():
        assert (question.kind, question.a, question.b) != ("part?", 2, 3)
        again.answer(question, "later")
