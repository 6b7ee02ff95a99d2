from contextlib import suppress

import numpy as np
import pytest
from any_edits import ANY_ORDER, PART, Step, on_voxels, quick, some_affinities
from graphs import random_edges
from review_hands import session

from napari_emcad.core.errors import UserError
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


@pytest.mark.parametrize("seed", range(6))
def test_decisions_follow_fragments_that_are_parted_and_whole_again(tmp_path, seed):
    rng, at = np.random.default_rng(seed), on_voxels(some_affinities(seed), quick(tmp_path))
    kept = Decisions(at)
    kinds = ["merge", "group", "split", "decide", "decide", *PART, *ANY_ORDER, "undo", "redo"]
    for i in range(60):
        a, b = rng.integers(1 << 16, size=2).tolist()
        with suppress(UserError):
            Step(str(rng.choice(kinds)), a, b, float(rng.random())).do(at)
        if i % 3 == 0:
            anew = Decisions(at)
            for answer in ("join", "apart", "unknown"):
                assert kept.pairs(answer).tolist() == anew.pairs(answer).tolist()
