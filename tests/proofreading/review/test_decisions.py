import numpy as np
import pytest
from graphs import random_edges
from review_hands import session

from napari_emcad.proofreading.review.decisions import Decisions
from napari_emcad.proofreading.review.queue import ReviewQueue


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
