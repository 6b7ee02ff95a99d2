from graphs import groups
from review_hands import kinds, session

from napari_emcad.proofreading.review.queue import ReviewQueue


def test_the_border_is_found_beside_the_question(tmp_path, monkeypatch):
    """3 is asked about with 4, but belongs with it: what is kept apart are the largest fragments, 1 and 4."""
    monkeypatch.setattr("napari_emcad.proofreading.review.question_cuts.CORE", 1)
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
