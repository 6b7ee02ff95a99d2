import json

import numpy as np
import pytest
from scipy.special import expit

from napari_emcad.core.progress import drive
from napari_emcad.proofreading.review.second_opinion.cut_features import NAMES as CUT_NAMES
from napari_emcad.proofreading.review.second_opinion.join_features import NAMES as JOIN_NAMES
from napari_emcad.proofreading.review.second_opinion.join_features import find_gaps
from napari_emcad.proofreading.review.second_opinion.opinion import MOST_STRANGE, WEIGHTS, _heard, shipped
from napari_emcad.proofreading.review.second_opinion.shapes import (
    SegmentShapes,
    centre,
    find_fragment_shapes,
    slope,
    spread,
)
from napari_emcad.proofreading.review.second_opinion.trees import Trees
from napari_emcad.proofreading.review.suspects import JOIN_ODDS, gap_suspects

STUMP = Trees(
    feature=np.array([[0, -1, -1]], np.int16),
    threshold=np.array([[1.5, 0, 0]], np.float32),
    following=np.array([[1, 0, 0]], np.int16),
    other=np.array([[2, 0, 0]], np.int16),
    value=np.array([[0, -2, 3]], np.float32),
    slope=2.0,
    constant=1.0,
    low=np.array([0], np.float32),
    high=np.array([10], np.float32),
)


@pytest.fixture(scope="module")
def stack():
    """One neurite that moves 3 pixels a section and is not seen in section 3, beside another one."""
    fragments = np.zeros((8, 40, 60), np.uint32)
    for z in range(8):
        if z != 3:
            fragments[z, 5:15, 5 + 3 * z : 20 + 3 * z] = z + 1
    fragments[:, 25:35] = 9
    return fragments


def test_moments_tell_where_and_how_large_segments_are(stack):
    shapes = drive(find_fragment_shapes(stack, 9))
    table = np.array([0, 1, 1, 1, 0, 5, 5, 5, 5, 9])
    segments = SegmentShapes.of(shapes, table)
    inside = np.isin(stack, (1, 2, 3))
    assert segments.moments[1, 0] == inside.sum() and (segments.start[1], segments.stop[1]) == (0, 3)
    assert centre(segments.moments)[1] == pytest.approx(np.argwhere(inside).mean(0))
    assert spread(segments.moments)[1] == pytest.approx(np.argwhere(inside).std(0))
    assert slope(segments.moments)[1] == pytest.approx((0, 3))
    assert segments.high_end[1, 0] == (stack == 3).sum()


def test_ends_that_face_each_other_are_gaps_and_others_are_none(stack):
    shapes = drive(find_fragment_shapes(stack, 9))
    table = np.array([0, 1, 1, 1, 0, 5, 5, 5, 5, 9])
    rows = find_gaps(shapes, SegmentShapes.of(shapes, table), table)
    assert shapes.over[rows, :2].tolist() == [[3, 5]]
    z, y, x = shapes.over_at[rows[0]]
    assert stack[z, y, x] == 3 and stack[z + 2, y, x] == 5
    whole = np.array([0, 1, 1, 1, 0, 1, 1, 1, 1, 9])
    assert not len(find_gaps(shapes, SegmentShapes.of(shapes, whole), whole))


def test_trees_go_down_by_thresholds_and_are_calibrated():
    assert STUMP.log_odds(np.array([[1.5], [2.0]])).tolist() == [-3.0, 7.0]
    assert len(STUMP.log_odds(np.empty((0, 1)))) == 0


def test_the_odds_serve_where_features_are_strange():
    heard = _heard(STUMP, np.array([[1.0], [11.0]]))
    assert heard[0] == -3 and np.isnan(heard[1])
    gaps = gap_suspects(np.array([-1, -2]), np.array([5.0, 50]), np.array([7.0, 3]))
    told = gaps.heard(heard)
    assert told.p(JOIN_ODDS) == pytest.approx([expit(-3.0), JOIN_ODDS.p(gaps.features)[1]])


def test_the_shipped_trees_know_the_features_and_have_a_card():
    trees, card = shipped(), json.loads(WEIGHTS.with_suffix(".json").read_text())
    assert [len(trees[name].low) for name in ("join", "cut")] == [len(JOIN_NAMES), len(CUT_NAMES)]
    assert set(card["kinds"]) == {"join?", "part?"} and card["trained_on"] and MOST_STRANGE > 0
    assert WEIGHTS.stat().st_size < 1e6
