from dataclasses import replace

import numpy as np
import pytest
from graphs import LINE, groups, segmentation, session

from napari_emcad.core.scores import score
from napari_emcad.proofreading.known_truth import KnownTruth
from napari_emcad.proofreading.log import EditLog
from napari_emcad.proofreading.review.clicks import SimulatedClicks
from napari_emcad.proofreading.review.simulated import SimulatedProofreader, operations_needed, proofread
from napari_emcad.proofreading.session import Session

EDGES = [(1, 2, 0.9), (2, 3, 0.55), (3, 4, 0.9), (4, 5, 0.4), (5, 6, 0.9), (6, 7, 0.1)]
NEURONS = [1, 1, 2, 2, 2, 2, 3]  # of fragments of ten voxels: 2-3 is wrongly joined, 4-5 wrongly apart


def drawn(neurons, size=10):
    return np.repeat(neurons, size)[None, None]


@pytest.mark.parametrize("order", ["gain", "random", "clicks", "gain, then clicks"])
def test_everything_gets_right(tmp_path, order):
    at = session(EDGES, tmp_path)
    course = list(proofread(at, drawn(NEURONS), 10, SimulatedProofreader(order)))
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
    known = KnownTruth(drawn([1, 2, 3, 4, 5]).astype(np.uint32), drawn([7, 7, 9, 9, 0]))
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
    course = list(proofread(at, truth, 10, SimulatedProofreader("clicks")))
    assert groups(at) == [[1, 3], [2]] and course[-1].kinds == {"bridge": 1}
    assert course[-1].scores.voi == pytest.approx(0)


def test_patience_ends_the_queue(tmp_path):
    at = session(EDGES, tmp_path)
    course = list(proofread(at, drawn([1, 1, 1, 1, 0, 0, 0]), 10, SimulatedProofreader("gain", patience=2)))
    assert len(course) == 1 and len(at.log.rows) == 2  # it is right as it is: two questions are enough to see that


def test_clicks_go_on_where_the_proposal_is_wrong(tmp_path):
    """The largest fragments are 2 and 5; between them the cheapest cut is 3-4, the right one 4-5."""
    at = session([(1, 2, 0.9), (2, 3, 0.8), (3, 4, 0.6), (4, 5, 0.7)], tmp_path, sizes=[10, 30, 10, 20, 40])
    truth = np.repeat([1, 2], [70, 40])[None, None]
    course = list(proofread(at, truth, 10, SimulatedProofreader("clicks")))
    assert groups(at) == [[1, 2, 3, 4], [5]] and course[-1].kinds == {"split": 1}


def drawn_fragment(folder, affinities) -> Session:
    """One fragment of 11 x 30 pixels in a section."""
    base = segmentation([], [330])
    return Session(
        replace(base, fragments=base.fragments.reshape(1, 11, 30)), EditLog(folder / "e.db"), 0.5, 0, affinities
    )


def test_clicks_part_a_fragment(tmp_path):
    affinities = np.full((3, 1, 11, 30), 255, np.uint8)
    affinities[..., 14:16] = 0
    truth = np.repeat([1, 2], [15, 15])[None, None].repeat(11, axis=1)
    at = drawn_fragment(tmp_path, affinities)
    course = list(proofread(at, truth, 10, SimulatedProofreader("clicks")))
    assert course[-1].kinds == {"part": 1} and course[-1].scores.voi < 0.3
    assert _near(course[-1].scores, score(at.state.table[at.state.base.fragments], truth))


def test_a_part_that_makes_it_worse_is_undone(tmp_path, monkeypatch):
    monkeypatch.setattr(SimulatedClicks, "_points", lambda *_: ([(0, 5, 1)], [(0, 5, 5)]))
    truth = np.repeat([1, 2], [15, 15])[None, None].repeat(11, axis=1)
    at = drawn_fragment(tmp_path, None)
    before = at.state.digest()
    course = list(proofread(at, truth, 10, SimulatedProofreader("clicks")))
    assert course[-1].kinds == {"part, undone": 1} and at.state.digest() == before
    assert _near(course[-1].scores, course[0].scores) and (at.state.base.fragments == 1).all()


def test_operations_needed(tmp_path):
    course = list(proofread(session(EDGES, tmp_path), drawn(NEURONS), 10))
    assert operations_needed(course, 1.0) == 0
    assert operations_needed(course, 1e-9) == 2
    assert operations_needed(course, -1.0) is None
