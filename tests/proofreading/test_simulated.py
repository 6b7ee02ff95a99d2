import numpy as np
import pytest
from graphs import LINE, groups, session

from napari_emcad.core.scores import score
from napari_emcad.proofreading.simulated import Manner, operations_needed, proofread
from napari_emcad.proofreading.truth import Truth

EDGES = [(1, 2, 0.9), (2, 3, 0.55), (3, 4, 0.9), (4, 5, 0.4), (5, 6, 0.9), (6, 7, 0.1)]
NEURONS = [1, 1, 2, 2, 2, 2, 3]  # of fragments of ten voxels: 2-3 is wrongly joined, 4-5 wrongly apart


def drawn(neurons, size=10):
    return np.repeat(neurons, size)[None, None]


@pytest.mark.parametrize("order", ["gain", "random", "clicks", "gain, then clicks"])
def test_everything_gets_right(tmp_path, order):
    at = session(EDGES, tmp_path)
    course = list(proofread(at, drawn(NEURONS), 10, Manner(order)))
    assert groups(at) == [[1, 2], [3, 4, 5, 6], [7]]
    assert [p.operations for p in course] == [0, 1, 2]
    assert course[-1].scores.voi == pytest.approx(0) and course[-1].scores.arand == pytest.approx(0)
    assert sorted(row.kind for row in at.log.rows if row.kind != "decide") == ["merge", "split"]


def test_stops_after_the_operations_asked_for(tmp_path):
    at = session(EDGES, tmp_path)
    course = list(proofread(at, drawn(NEURONS), 1))
    assert [p.operations for p in course] == [0, 1]
    assert course[1].answers >= 1


def test_scores_are_those_of_the_voxels(tmp_path):
    at = session(EDGES, tmp_path)
    truth = np.roll(drawn(NEURONS), 3)  # neurons that end inside fragments
    truth[..., :5] = 0
    for progress in proofread(at, truth, 10):
        voxels = score(at.state.table[at.state.base.fragments], truth)
        assert _near(progress.scores, voxels)


def _near(one, other) -> bool:
    return np.allclose([one.voi_split, one.voi_merge, one.arand], [other.voi_split, other.voi_merge, other.arand])


def test_the_segments_count_and_not_the_fragments_that_touch(tmp_path):
    """Fragment 3 is of the left neuron, but the segment it is in is not: joining would make one of both."""
    at = session(LINE, tmp_path, sizes=[40, 40, 5, 80])
    truth = np.repeat([1, 1, 1, 2], [40, 40, 5, 80])[None, None]
    list(proofread(at, truth, 1))
    assert [1, 2, 3, 4] not in groups(at)


def test_unlabelled_is_not_touched(tmp_path):
    at = session(LINE, tmp_path)
    before = groups(at)
    course = list(proofread(at, drawn([1, 1, 0, 0]), 10))
    assert groups(at) == before and len(course) == 1
    assert {row.input["answer"] for row in at.log.rows} == {"join", "unknown"}


def test_what_joining_gains():
    known = Truth(drawn([1, 2, 3, 4, 5]).astype(np.uint32), drawn([7, 7, 9, 9, 0]))
    before, after = np.array([0, 1, 2, 3, 3, 5]), np.array([0, 1, 1, 3, 3, 5])
    gained = known.scores(before).voi - known.scores(after).voi
    assert known.gain_of_joining([1], [2]) == pytest.approx(gained) and gained > 0
    assert known.gain_of_joining([1, 2], [3]) < 0
    assert known.gain_of_joining([1], [5]) is None


def test_clicks_bridge_gaps(tmp_path):
    """Fragments 1 and 3 are one neuron that 2 keeps apart: the queue cannot ask about them, a click joins them."""
    at = session([(1, 2, 0.1), (2, 3, 0.1)], tmp_path)
    truth = drawn([1, 2, 1])
    assert list(proofread(at, truth, 10))[-1].scores.voi > 0
    course = list(proofread(at, truth, 10, Manner("clicks")))
    assert groups(at) == [[1, 3], [2]] and course[-1].kinds == {"bridge": 1}
    assert course[-1].scores.voi == pytest.approx(0)


def test_patience_ends_the_queue(tmp_path):
    at = session(EDGES, tmp_path)
    course = list(proofread(at, drawn([1] * 7), 10, Manner("gain", patience=1)))
    rows = len(at.log.rows)
    assert rows <= 1 + sum(p.operations > 0 for p in course) + 1


def test_operations_needed(tmp_path):
    course = list(proofread(session(EDGES, tmp_path), drawn(NEURONS), 10))
    assert operations_needed(course, 1.0) == 0
    assert operations_needed(course, 1e-9) == 2
    assert operations_needed(course, -1.0) is None
