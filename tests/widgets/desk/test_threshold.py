"""The threshold, without a window."""

import pytest
from hearing import heard

from napari_emcad.widgets.desk.threshold import Threshold


def test_it_follows_the_recommendation_until_somebody_moves_it():
    threshold = Threshold()
    threshold.recommend(0.3)
    assert threshold.value == 0.3 and threshold.touched is None and "0.30" in threshold.tip
    moves = heard(threshold.moved)
    threshold.move(0.4567)
    assert threshold.value == threshold.touched == 0.46 and moves == [(0.46,)]
    threshold.recommend(0.2)
    assert threshold.value == 0.46 and "0.20" in threshold.tip
    threshold.forget()
    threshold.recommend(0.2)
    assert threshold.value == 0.2 and threshold.touched is None


def test_what_is_put_moves_nothing():
    threshold = Threshold()
    moves, changes = heard(threshold.moved), heard(threshold.changed)
    threshold.put(0.61)
    threshold.move(0.61)
    assert moves == [] and len(changes) == 1 and threshold.touched is None


@pytest.mark.parametrize(("wanted", "value"), [(-1, 0.0), (7, 1.0)])
def test_it_stays_between_0_and_1(wanted, value):
    threshold = Threshold()
    threshold.move(wanted)
    assert threshold.value == value
