import numpy as np
import pytest
from graphs import random_edges
from review_hands import session

from napari_emcad.proofreading.review.queue import ReviewQueue
from napari_emcad.proofreading.review.suspects import JOIN_ODDS


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
    queue = ReviewQueue(session(chain, told), hears=False)
    first = queue.next()
    assert first.p == pytest.approx(float(JOIN_ODDS.p(np.array([first.features]))[0]))
    for _ in range(5):
        queue.answer(queue.next(), "apart")
    left = queue.questions()
    shipped = {(t.a, t.b): t.p for t in ReviewQueue(session(chain, untold), hears=False).questions()}
    assert left and all(t.kind == "join?" and t.p < shipped[t.a, t.b] for t in left)
    assert {t.p for t in ReviewQueue(queue._session, learns=False, hears=False).questions()} <= set(shipped.values())
